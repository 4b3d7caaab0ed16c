"""`hf-attn align` and `hf-attn heads`, from what is typed to the files."""

import argparse
import json
import shutil
from itertools import product

import pytest
from matplotlib.image import imread

from hf_attn_model.alignment import verbs
from hf_attn_model.alignment.arguments import add_align_arguments, add_heads_arguments
from hf_attn_model.alignment.corpus import LiveModel
from hf_attn_model.alignment.formats import read_links
from hf_attn_model.alignment.links import symmetrise, to_matrix, to_pairs
from hf_attn_model.alignment.pairs import read_pairs
from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.checkpoint.alignment_config import ALIGNMENT_FILE, AlignmentConfig, save_alignment
from hf_attn_model.cli import main
from hf_attn_model.errors import UserError


def align(*typed):
    parser = argparse.ArgumentParser()
    add_align_arguments(parser)
    verbs.align(parser.parse_args([str(word) for word in typed]))


def heads(*typed):
    parser = argparse.ArgumentParser()
    add_heads_arguments(parser)
    verbs.heads(parser.parse_args([str(word) for word in typed]))


@pytest.fixture
def translator(translator_folder, tmp_path):
    """A copy, to write an alignment.json into."""
    shutil.copytree(translator_folder, tmp_path / "translator", ignore=shutil.ignore_patterns("checkpoint-*"))
    return tmp_path / "translator"


@pytest.fixture
def gold(corpus, tmp_path):
    """The test split of the counting corpus, whose words stand in the opposite order."""
    rows = [json.loads(line) for line in (corpus / "test.jsonl").read_text("utf-8").splitlines()]
    gold = [
        {"source": row["en"].split(), "target": row["de"].split(), "sure": [[0, 2], [1, 1], [2, 0]]} for row in rows
    ]
    path = tmp_path / "gold.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in gold), encoding="utf-8")
    return path


def links_by_hand(folder, data, config):
    model = LiveModel(Checkpoint(folder))
    pairs = read_pairs(str(data), "en", "de", "test")
    return [to_pairs(one.links(config)) for one in model.attend(pairs, config.measure)]


def test_two_commands_lead_from_a_model_to_pharaoh(translator, corpus, tmp_path, capsys):
    """What the export knows and what the model says are the same links."""
    test = corpus / "test.jsonl"
    assert main(["export", str(translator), "--data", str(test), "--out", str(tmp_path / "maps"), "--forced"]) == 0
    align(tmp_path / "maps", "--out", tmp_path / "links.pharaoh")
    said = capsys.readouterr().out
    assert "all heads, unshifted, weights, grow-diag-final-and (the default; hf-attn heads finds better ones)" in said
    assert "links of 7 sentences" in said
    expected = links_by_hand(translator, test, AlignmentConfig())
    assert list(read_links(tmp_path / "links.pharaoh")) == expected
    align(translator, "--data", test, "--out", tmp_path / "links.jsonl")
    assert list(read_links(tmp_path / "links.jsonl")) == expected
    first = json.loads((tmp_path / "links.jsonl").read_text("utf-8").splitlines()[0])
    assert (first["id"], first["source"], first["target"]) == ("0", ["one"] * 3, ["eins"] * 3)
    capsys.readouterr()
    align(translator, "--data", test)
    assert len(capsys.readouterr().out.splitlines()) == len(expected)


def test_what_is_typed_is_read(translator, corpus, tmp_path):
    test = corpus / "test.jsonl"
    typed = ["--heads", "1:0,0", "--step", "input", "--norms", "--rule", "threshold", "--least", "0.4"]
    align(translator, "--data", test, "--out", tmp_path / "links.pharaoh", *typed)
    config = AlignmentConfig(((1, 0), (0, None)), True, "norms", "threshold", 0.4)
    assert list(read_links(tmp_path / "links.pharaoh")) == links_by_hand(translator, test, config)


def test_heads_are_chosen_on_gold_and_used(translator, gold, tmp_path, capsys):
    heads(translator, "--gold", gold, "--test", gold, "--picture", tmp_path / "heads.png")
    said = capsys.readouterr().out
    saved = json.loads((translator / ALIGNMENT_FILE).read_text("utf-8"))
    assert {(head["layer"], head["head"]) for head in saved["profiles"]} <= {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert {"role", "aer", "shift"} <= saved["profiles"][0].keys()
    config = Checkpoint(translator).alignment
    assert f"chosen on dev: {config}" in said
    assert saved["dev"]["sentences"] == saved["test"]["sentences"] == 7
    assert saved["dev"]["gold"] == str(gold)
    assert saved["dev"]["aer"] <= 0.5  # it has learned to count backwards
    assert imread(tmp_path / "heads.png").ndim == 3
    align(translator, "--data", gold, "--out", tmp_path / "links.pharaoh")
    assert f"{config} (chosen in alignment.json)" in capsys.readouterr().out
    assert list(read_links(tmp_path / "links.pharaoh")) == links_by_hand(translator, gold, config)


def test_tables_come_in_three_styles(translator, gold, capsys):
    tables = {}
    for style in ("text", "markdown", "tsv"):
        heads(translator, "--gold", gold, "--format", style)
        tables[style] = capsys.readouterr().out
    assert "| layer | head | shift |" in tables["markdown"]
    rows = [line.split("\t") for line in tables["tsv"].splitlines() if "\t" in line]
    assert rows[0][:4] == ["layer", "head", "shift", "AER"]
    assert ["all", "all", "no"] in [row[:3] for row in rows]
    assert sum(row[0] in "01" for row in rows) == 2 * (2 * 2 + 2)  # two steps; two layers of two heads, and each whole
    for row in rows[1:-3]:
        assert all(cell in tables["text"] for cell in row)


def test_gold_links_can_be_turned_round(translator, gold, tmp_path):
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


def test_two_directions_are_united(translator, corpus, tmp_path):
    """The model of the other direction is the same one, whatever it makes of German; models and exports agree."""
    test, turned = corpus / "test.jsonl", tmp_path / "turned.jsonl"
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
    with pytest.raises(UserError, match="sentence 0 is not the pair of the other direction"):
        align(tmp_path / "back", "--reverse", tmp_path / "back", "--out", out)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["{model}"], "is a model: name the sentence pairs with --data"),
        (["{maps}", "--data", "x"], "is an export, which has its own sentences: leave out --data"),
        (["{maps}", "--norms"], "norms need the model itself"),
        (["{maps}", "--rule", "best"], "no rule is called 'best'"),
        (["{maps}", "--heads", "2:0"], "there is no head 2:0"),
        (["{maps}", "--reverse", "{maps}", "--rule", "target"], "--rule target does not unite two directions"),
        (["{maps}", "--out", "{maps}/no/links"], "cannot write"),
    ],
)
def test_mistakes_are_told(translator, corpus, tmp_path, typed, message):
    maps = tmp_path / "maps"
    main(["export", str(translator), "--data", str(corpus / "test.jsonl"), "--out", str(maps), "--forced"])
    with pytest.raises(UserError, match=message):
        align(*(word.format(model=translator, maps=maps) for word in typed))


def test_mistakes_before_long_work_are_told(translator, gold):
    with pytest.raises(UserError, match="no table is called 'html'; choose from text, markdown, tsv"):
        heads(translator, "--gold", gold, "--format", "html")
    with pytest.raises(UserError, match=r"pictures end in \.png"):
        heads(translator, "--gold", gold, "--picture", "heads.txt")
    assert not (translator / ALIGNMENT_FILE).exists()
