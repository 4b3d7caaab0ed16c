"""What the verbs that translate say of single sentences: limits that were reached, and numbers that are none."""

import json

import pytest
from safetensors.torch import load_file, save_file

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


def test_translate_counts_and_names_the_lines_that_were_cut(verbose, tmp_path, hf_attn, monkeypatch):
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{line}\n" for line in [LONG, "", SHORT, LONG, SHORT, SHORT]))
    for at_once, expected in (
        (2048, ["hf-attn: 3 translations reached their limit (line 3, line 5, line 6)"]),
        (
            3,
            [
                "hf-attn: 1 translation reached its limit (line 3)",
                "hf-attn: 2 translations reached their limit (line 5, line 6)",
            ],
        ),
    ):
        monkeypatch.setattr("hf_attn_model.cli.translate.TRANSLATE_AT_ONCE", at_once)
        status, out, error = hf_attn("translate", verbose, "--file", text)
        assert (status, len(out.splitlines())) == (0, 6)
        assert warnings(error) == expected
    assert not warnings(hf_attn("translate", verbose, LONG, "")[2])


def test_evaluate_and_export_too(verbose, tmp_path, hf_attn):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("en\tde\n" + "".join(f"{line}\teins\n" for line in [SHORT, LONG, SHORT]))
    expected = f"hf-attn: 2 translations reached their limit ({pairs}, line 2, {pairs}, line 4)"
    status, _, error = hf_attn("evaluate", verbose, "--corpus", pairs)
    assert (status, warnings(error)) == (0, [expected])
    status, _, error = hf_attn("export", verbose, "--data", pairs, "--out", tmp_path / "maps")
    assert (status, warnings(error)) == (0, [expected])
    lengths = [len(record.target_tokens) for record in open_maps(tmp_path / "maps")]
    assert lengths[0] == lengths[2] < lengths[1], "each has its own limit, and nothing stands behind it"


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
    no_numbers = f'("{LONG}"): the model computes NaN or infinity: its weights are damaged'
    width = ["--num-beams", num_beams]
    assert refused("translate", overflowing, SHORT, LONG, *width).endswith(f"line 2 {no_numbers}")
    assert refused("evaluate", overflowing, "--corpus", pairs, *width).endswith(f"{pairs}, line 2 {no_numbers}")
    refusal = refused("export", overflowing, "--data", pairs, "--out", out, *width)
    assert refusal.endswith(f"{pairs}, line 2 {no_numbers}")
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
