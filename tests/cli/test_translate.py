"""What the verbs that translate say of single sentences: limits that were reached, and numbers that are none."""

import json

import pytest
from safetensors.torch import load_file, save_file

from hf_attn_model import load_translator
from hf_attn_model.checkpoint.digests import renew_digests
from hf_attn_model.cli.options import MOST_BEAMS
from hf_attn_model.export.store import open_maps

SHORT, LONG = "six", "one two three four five six seven"


@pytest.fixture
def verbose(translator):
    """A translator that comes to the limits of short sentences."""
    settings = json.loads((translator / "generation_config.json").read_text())
    (translator / "generation_config.json").write_text(json.dumps(settings | {"min_length": 21}))
    return translator


def warnings(error):
    return [line for line in error.splitlines() if line.startswith("hf-attn: ")]


def test_translate_counts_and_names_the_lines_that_were_cut(verbose, tmp_path, hf_attn):
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{line}\n" for line in [LONG, "", SHORT, LONG, SHORT, SHORT]))
    expected = ["hf-attn: 3 translations reached their limit (line 3, line 5, line 6)"]
    for tokens in (8192, 10):
        status, out, error = hf_attn("translate", verbose, "--file", text, "--batch-tokens", tokens)
        assert (status, len(out.splitlines())) == (0, 6)
        assert warnings(error) == expected
    assert not warnings(hf_attn("translate", verbose, LONG, "")[2])


def test_evaluate_and_export_too(verbose, tmp_path, hf_attn):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("en\tde\n" + "".join(f"{line}\teins\n" for line in [SHORT, LONG, SHORT]))
    status, _, error = hf_attn("evaluate", verbose, "--corpus", pairs)
    places = f"{pairs}, line 2, {pairs}, line 4"
    assert (status, warnings(error)) == (0, [f"hf-attn: 2 translations reached their limit ({places})"])
    status, _, error = hf_attn("export", verbose, "--data", pairs, "--out", tmp_path / "maps")
    assert (status, warnings(error)) == (0, [f"hf-attn: 2 translations reached their limit ({places})"])
    lengths = [len(record.target_tokens) for record in open_maps(tmp_path / "maps")]
    assert lengths[0] == lengths[2] < lengths[1], "each has its own limit, and nothing stands behind it"


def test_translate_says_once_that_an_old_tokenizer_reads_what_nobody_sees(translator, hf_attn):
    from hf_attn_model.text.seen import unseen_in

    plain, odd = ["one two", " one\u2003two ", "\u200b"], ["one two", "one\u00a0two", "one\u00adtwo"]
    assert not warnings(hf_attn("translate", translator, *plain, *odd)[2]), "a new one does not"
    status, out, error = hf_attn("translate", "textbook", "The ball", "The\u00a0ball is blue", "\ufeffThe ball")
    assert (status, len(out.splitlines())) == (0, 3)
    (line,) = warnings(error)
    assert line.startswith("hf-attn: line 2: textbook reads what nobody sees, here U+00A0 NO-BREAK SPACE, and")
    old = load_translator("textbook")[1]
    names = ["U+FEFF ZERO WIDTH NO-BREAK SPACE", "U+0009", "U+0020 SPACE", None, None]
    texts = ["\ufeffThe ball", "The\tball", "The  ball", "The ball ", "\u200b"]
    assert [unseen_in(old, text) for text in texts] == names


@pytest.fixture
def overflowing(translator):
    """A translator whose weights are numbers, and what it computes with them are none."""
    weights = load_file(translator / "model.safetensors")
    weights["model.decoder.layers.1.fc2.weight"].fill_(3e38)
    save_file(weights, translator / "model.safetensors", {"format": "pt"})
    renew_digests(translator)
    return translator


@pytest.mark.parametrize("num_beams", [1, 2])
def test_a_sentence_without_numbers_ends_a_verb_in_a_line_that_names_it(overflowing, tmp_path, refused, num_beams):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("en\tde\n" + "".join(f"{line}\teins\n" for line in [LONG, SHORT]))
    out = tmp_path / "maps"
    no_numbers = f'line 2 ("{LONG}"): the model computes NaN or infinity: its weights are damaged'
    width = ["--num-beams", num_beams]
    assert refused("translate", overflowing, "", LONG, *width).endswith(no_numbers)
    assert refused("evaluate", overflowing, "--corpus", pairs, *width).endswith(f"pairs.tsv, {no_numbers}")
    assert refused("export", overflowing, "--data", pairs, "--out", out, *width).endswith(f"pairs.tsv, {no_numbers}")
    assert not (out / "metadata.json").exists(), "and no error of 0.0 is stated"


def test_neither_are_there_numbers_over_references(overflowing, tmp_path, refused):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("en\tde\n" + "".join(f"{line}\teins\n" for line in [SHORT, LONG]))
    out = tmp_path / "maps"
    for verb in (["export", "--forced", "--out", out], ["align"]):
        line = refused(verb[0], overflowing, "--data", pairs, *verb[1:])
        assert line.endswith(f'sentence 0 ("{SHORT}"): the model computes NaN or infinity: its weights are damaged')
    assert not (out / "metadata.json").exists()
    assert "computes NaN or infinity" in refused(
        "view", overflowing, SHORT, "--target", "eins", "--out", tmp_path / "x.png"
    )


def test_a_beam_is_refused_before_anything_is_loaded(translator, tmp_path, refused):
    for verb in (
        ["translate", "nowhere", SHORT],
        ["evaluate", "nowhere"],
        ["export", "nowhere", "--data", "nothing", "--out", tmp_path / "maps"],
        ["explain", "nowhere", SHORT],
        ["view", "nowhere", SHORT],
        ["app", "nowhere"],
    ):
        for width in (MOST_BEAMS + 1, 1_000_000):
            message = f"hf-attn: --num-beams must be at most 1000, got {width}"
            assert refused(*verb, "--num-beams", width) == message
    (translator / "recipe.yaml").unlink()
    settings = json.loads((translator / "generation_config.json").read_text())
    (translator / "generation_config.json").write_text(json.dumps(settings | {"num_beams": 1_000_000}))
    assert refused("translate", translator, SHORT) == "hf-attn: a beam must be 1 to 1000 wide, got 1000000"


def test_no_line_is_lost(translator, tmp_path, hf_attn):
    text = tmp_path / "text.txt"
    text.write_bytes(f"six\n{LONG * 6}\n\nh\xfc\n{SHORT} / {SHORT}\n".encode("latin-1"))
    alone = hf_attn("translate", translator, SHORT)[1].strip()
    for options, said in (
        ([], "split (line 2), 1 unreadable (line 4)"),
        (["--on-long", "truncate"], "cut (line 2), 1 unreadable (line 4)"),
        (["--on-long", "skip", "--alignments", tmp_path / "links.txt"], "left out (line 2), 1 unreadable (line 4)"),
    ):
        status, out, error = hf_attn("translate", translator, "--file", text, *options)
        lines = out.splitlines()
        assert (status, len(lines), lines[0], lines[2:4]) == (0, 5, alone, ["", ""])
        assert bool(lines[1]) == ("--on-long" not in options or "truncate" in options)
        assert error.splitlines()[-1] == f"lines: 1 too long, {said}"
    links = (tmp_path / "links.txt").read_text().splitlines()
    assert [bool(line) for line in links] == [True, False, False, False, True]


def test_every_form_of_the_output_has_the_same_translations(translator, tmp_path, hf_attn):
    typed = ["translate", translator, SHORT, LONG]
    best = hf_attn(*typed, "--num-beams", 3)[1].splitlines()
    several = hf_attn(*typed, "--num-beams", 3, "--n-best", 2, "--scores")[1].splitlines()
    assert [line.split(" ||| ")[:2] for line in several[::2]] == [["0", best[0]], ["1", best[1]]]
    table = [line.split("\t") for line in hf_attn(*typed, "--num-beams", 3, "--tsv", "--scores")[1].splitlines()]
    assert table[0] == ["line", "score", "source", "translation"]
    assert [row[3] for row in table[1:]] == best
    assert [row[1] for row in table[1:]] == [line.split(" ||| ")[2] for line in several[::2]]
    objects = [json.loads(line) for line in hf_attn(*typed, "--num-beams", 3, "--jsonl", "--scores")[1].splitlines()]
    assert [each["translations"][0]["text"] for each in objects] == best
    assert [f"{each['translations'][0]['score']:.6f}" for each in objects] == [row[1] for row in table[1:]]
    assert [line.split("\t") for line in hf_attn(*typed, "--num-beams", 3, "--scores")[1].splitlines()] == [
        [row[1], row[3]] for row in table[1:]
    ]


def test_the_search_is_steered(translator, hf_attn):
    def translated(*options):
        return hf_attn("translate", translator, LONG, *options)[1].strip()

    assert translated("--prefix", "sieben").startswith("sieben")
    drawn = ["--sample", "--temperature", 50]
    assert len(translated(*drawn, "--max-length-ratio", 0)) < len(translated(*drawn))
    assert translated("--sample", "--temperature", 0.01) == translated("--num-beams", 1)
    assert translated("--sample", "--temperature", 5, "--seed", 1) == translated(
        "--sample", "--temperature", 5, "--seed", 1
    )
    assert translated("--mbr", 4, "--temperature", 9, "--seed", 3) != translated()


def test_sentences_of_a_line_are_put_together_again(translator, tmp_path, hf_attn):
    pytest.importorskip("sentencex")
    text = tmp_path / "text.txt"
    text.write_text("six. Seven one. Two!\n\nfive\n")
    alone = hf_attn("translate", translator, "six.", "Seven one.", "Two!", "five")[1].splitlines()
    _, out, _ = hf_attn("translate", translator, "--file", text, "--sentence-split")
    assert out.splitlines() == [" ".join(alone[:3]), "", alone[3]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--temperature", 2], "leave out --temperature: it is for --sample and --mbr"),
        (["--sample", "--num-beams", 2], "leave out --num-beams: it is for a search, not for --sample"),
        (["--mbr", 4, "--length-penalty", 2], "leave out --length-penalty: it is for a search, not for --mbr"),
        (["--num-beams", 1, "--length-penalty", 2], "greedy search (--num-beams 1) has one"),
        (["--num-beams", 2, "--n-best", 3], "--n-best 3 needs a beam as wide"),
        (["--tsv", "--jsonl"], "two forms of the output"),
        (["--sample", "--top-p", 3], "top p must lie in 0.001 to 1, got 3.0"),
        (["--n-best", 0], "n best must lie in 1 to"),
        (["--n-best", 2, "--alignments", "z"], "leave out --alignments"),
        (["--n-best", 2, "--on-long", "split"], "--n-best is of whole lines, and --on-long split cuts them"),
        (["--prefix", "a", "--sentence-split"], "--prefix is of whole lines, and --sentence-split cuts them"),
        (["--mbr", 4, "--n-best", 2], "leave out --n-best: --mbr draws, and keeps one translation"),
        (["--mbr", 4, "--sample"], "leave out --sample"),
        (["--batch-tokens", 0], "--batch-tokens must be at least 1"),
        (["--alignments", "{model}"], "exists: choose another name"),
        (["--file", "x"], "give sentences or --file, not both"),
    ],
    ids=str,
)
def test_what_contradicts_is_refused_before_a_model_is_loaded(options, message, translator, refused):
    options = [translator if option == "{model}" else option for option in options]
    assert message in refused("translate", "nowhere", SHORT, *options)


def test_a_length_penalty_of_a_model_that_searches_greedily_is_refused(translator, refused):
    recipe = translator / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("num_beams: 2", "num_beams: 1"))
    assert "leave out --length-penalty" in refused("translate", translator, SHORT, "--length-penalty", 2)
