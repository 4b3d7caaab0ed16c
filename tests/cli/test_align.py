"""`hf-attn align` and `hf-attn heads`, from what is typed to the files."""

import json
from itertools import product

import pytest
from matplotlib.image import imread

from hf_attn_model.alignment.corpus import LiveModel
from hf_attn_model.alignment.formats import read_links
from hf_attn_model.alignment.links import symmetrise, to_matrix, to_pairs
from hf_attn_model.alignment.pairs import read_pairs
from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.checkpoint.alignment_config import ALIGNMENT_FILE, AlignmentConfig, save_alignment
from hf_attn_model.cli import main


@pytest.fixture
def align(hf_attn):
    def run(*typed):
        status, out, error = hf_attn("align", *typed)
        assert status == 0, error
        return out, error

    return run


@pytest.fixture
def heads(hf_attn):
    def run(*typed):
        status, out, error = hf_attn("heads", *typed)
        assert status == 0, error
        return out

    return run


@pytest.fixture(scope="module")
def maps(translator_folder, corpus, tmp_path_factory):
    """An export, which nothing changes."""
    folder = tmp_path_factory.mktemp("exports") / "maps"
    typed = ["export", translator_folder, "--data", corpus / "dev.jsonl", "--out", folder, "--forced"]
    assert main([str(word) for word in typed]) == 0
    return folder


def links_by_hand(folder, data, config):
    model = LiveModel(Checkpoint(folder))
    pairs = read_pairs(str(data), "en", "de", "test")
    return [to_pairs(one.links(config)) for one in model.attend(pairs, config.measure)]


def test_two_commands_lead_from_a_model_to_pharaoh(translator, corpus, tmp_path, align):
    """What the export knows and what the model says are the same links."""
    test = corpus / "dev.jsonl"
    assert main(["export", str(translator), "--data", str(test), "--out", str(tmp_path / "maps"), "--forced"]) == 0
    said, _ = align(tmp_path / "maps", "--out", tmp_path / "links.pharaoh")
    assert "all heads, unshifted, weights, grow-diag-final-and (the default; hf-attn heads finds better ones)" in said
    assert "links of 12 sentences" in said
    expected = links_by_hand(translator, test, AlignmentConfig())
    assert list(read_links(tmp_path / "links.pharaoh")) == expected
    align(translator, "--data", test, "--out", tmp_path / "links.jsonl")
    assert list(read_links(tmp_path / "links.jsonl")) == expected
    first = json.loads((tmp_path / "links.jsonl").read_text("utf-8").splitlines()[0])
    assert (first["id"], first["source"], first["target"]) == ("0", ["one"] * 3, ["eins"] * 3)
    assert len(align(translator, "--data", test)[0].splitlines()) == len(expected)


@pytest.mark.parametrize(
    ("typed", "shift", "notices"),
    [
        (["--shift", "--threshold", "0.4"], True, 0),
        (["--no-shift", "--threshold=0.4"], False, 0),
        (["--step", "input", "--least", "0.4"], True, 2),
        (["--step=output", "--least=0.4"], False, 2),
    ],
)
def test_what_is_typed_is_read_in_old_spellings_too(translator_folder, corpus, tmp_path, align, typed, shift, notices):
    test = corpus / "dev.jsonl"
    typed = ["--heads", "1:0,0", "--norms", "--rule", "threshold", *typed]
    _, error = align(translator_folder, "--data", test, "--out", tmp_path / "links.pharaoh", *typed)
    config = AlignmentConfig(((1, 0), (0, None)), shift, "norms", "threshold", 0.4)
    assert list(read_links(tmp_path / "links.pharaoh")) == links_by_hand(translator_folder, test, config)
    said = [line for line in error.splitlines() if line.startswith("hf-attn: --")]
    assert len(said) == notices
    if notices:
        assert "--least is now --threshold; the old spelling goes" in said[1]


def test_heads_are_chosen_on_gold_and_used(translator, gold, tmp_path, heads, align):
    said = heads(translator, "--gold", gold, "--test", gold, "--picture", tmp_path / "heads.png")
    saved = json.loads((translator / ALIGNMENT_FILE).read_text("utf-8"))
    assert {(head["layer"], head["head"]) for head in saved["profiles"]} <= {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert {"role", "aer", "shift"} <= saved["profiles"][0].keys()
    config = Checkpoint(translator).alignment
    assert f"chosen on dev: {config}" in said
    assert saved["dev"]["sentences"] == saved["test"]["sentences"] == 12
    assert saved["dev"]["gold"] == str(gold)
    assert saved["dev"]["aer"] <= 0.5  # it has learned to count backwards
    assert imread(tmp_path / "heads.png").ndim == 3
    said, _ = align(translator, "--data", gold, "--out", tmp_path / "links.pharaoh")
    assert f"{config} (chosen in alignment.json)" in said
    assert list(read_links(tmp_path / "links.pharaoh")) == links_by_hand(translator, gold, config)


def test_tables_come_in_three_styles(translator, gold, heads):
    tables = {style: heads(translator, "--gold", gold, "--format", style) for style in ("text", "markdown", "tsv")}
    assert "| layer | head | shift |" in tables["markdown"]
    rows = [line.split("\t") for line in tables["tsv"].splitlines() if "\t" in line]
    assert rows[0][:4] == ["layer", "head", "shift", "AER"]
    assert ["all", "all", "no"] in [row[:3] for row in rows]
    assert sum(row[0] in "01" for row in rows) == 2 * (2 * 2 + 2)  # two steps; two layers of two heads, and each whole
    for row in rows[1:-3]:
        assert all(cell in tables["text"] for cell in row)


def test_gold_links_can_be_turned_round(translator, gold, tmp_path, heads):
    rows = [json.loads(line) for line in gold.read_text("utf-8").splitlines()]
    turned = [{"source": row["target"], "target": row["source"], "sure": row["sure"]} for row in rows]
    (tmp_path / "turned.jsonl").write_text("".join(json.dumps(row) + "\n" for row in turned), encoding="utf-8")
    found = []
    for typed in (["--gold", gold], ["--gold", tmp_path / "turned.jsonl", "--swap"]):
        heads(translator, *typed)
        saved = json.loads((translator / ALIGNMENT_FILE).read_text("utf-8"))
        del saved["dev"]["gold"]
        found.append(saved)
    assert found[0] == found[1]


def test_two_directions_are_united(translator, corpus, tmp_path, align, refused):
    """The model of the other direction is the same one, whatever it makes of German; models and exports agree."""
    test, turned = corpus / "dev.jsonl", tmp_path / "turned.jsonl"
    pairs = read_pairs(str(test), "en", "de", "test")
    rows = [{"en": pair.target, "de": pair.source} for pair in pairs]
    turned.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for name, data in (("maps", test), ("back", turned)):
        command = ["export", translator, "--data", data, "--out", tmp_path / name, "--forced"]
        assert main([str(word) for word in command]) == 0
    save_alignment(translator, AlignmentConfig(((0, 1), (1, 0)), rule="source"), [], {})
    there = links_by_hand(translator, test, AlignmentConfig(((0, 0),), rule="source"))
    back = links_by_hand(translator, turned, Checkpoint(translator).alignment)
    expected = []
    for ahead, again in zip(there, back, strict=True):
        both = to_matrix(ahead, 3, 3), to_matrix(again, 3, 3).T
        expected.append(to_pairs(symmetrise(*both, "grow-diag")))
    assert expected != there
    out = tmp_path / "links.pharaoh"
    for first, second in product(("translator", "maps"), ("translator", "back")):
        data = ["--data", test] if first == "translator" else []
        typed = ["--heads", "0:0", "--rule", "grow-diag", "--out", out]
        align(tmp_path / first, *data, "--reverse", tmp_path / second, *typed)
        assert list(read_links(out)) == expected
    said = refused("align", tmp_path / "back", "--reverse", tmp_path / "back", "--out", out)
    assert "sentence 0 is not the pair of the other direction" in said


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["{model}"], "is a model: name the sentence pairs with --data"),
        (["{maps}", "--data", "x"], "is an export, which has its own sentences: leave out --data"),
        (["{maps}", "--norms"], "norms need the model itself"),
        (["{maps}", "--rule", "best"], '--rule: "best" is not one of target, source, threshold, intersection'),
        (["{maps}", "--threshold", "much"], '--threshold: "much" is not a number'),
        (["{maps}", "--step", "sideways"], "knows no option --step"),
        (["{maps}", "--heads", "2:0"], "there is no head 2:0"),
        (["{maps}", "--reverse", "{maps}", "--rule", "target"], "--rule target does not unite two directions"),
        (["{maps}", "--out", "{maps}/metadata.json/links"], "cannot write"),
    ],
)
def test_mistakes_are_told(translator_folder, maps, typed, message, refused):
    assert message in refused("align", *(word.format(model=translator_folder, maps=maps) for word in typed))


def test_mistakes_before_long_work_are_told(translator, gold, refused):
    said = refused("heads", translator, "--gold", gold, "--format", "html")
    assert '--format: "html" is not one of text, markdown, tsv' in said
    assert "pictures end in .png" in refused("heads", translator, "--gold", gold, "--picture", "heads.txt")
    assert not (translator / ALIGNMENT_FILE).exists()
