"""`hf-attn evaluate` beside a user's files: a row for each row, other systems, other test sets, other references."""

import json
import stat

import pytest

LONG = "one two three four five six seven " * 5
ROWS = [("two seven one", "eins sieben zwei"), ("", "solo"), ("six", "sechs"), ("seven", ""), (LONG, "sieben")]


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("en\tde\n" + "".join(f"{source}\t{target}\n" for source, target in ROWS))
    return path


def scores_of(out):
    """The JSON objects among the lines of an output."""
    return [json.loads("{" + part.partition("\n}")[0] + "\n}") for part in out.split("\n{")[1:]]


def test_translations_have_the_rows_of_the_corpus(translator, pairs, tmp_path, hf_attn):
    out = tmp_path / "out.txt"
    status, said, error = hf_attn("evaluate", translator, "--corpus", pairs, "--translations", out)
    lines = out.read_text().splitlines()
    assert (status, [bool(line) for line in lines]) == (0, [True, False, True, False, True])
    assert scores_of(said)[0]["sentences"] == 3
    assert error.splitlines()[-1] == f"sources: 1 too long, split ({pairs}, line 6)"
    alone = hf_attn("translate", translator, ROWS[0][0], ROWS[2][0])[1].splitlines()
    assert [lines[0], lines[2]] == alone
    for on_long, is_there in (("truncate", True), ("skip", False)):
        other = tmp_path / f"{on_long}.txt"
        status, said, _ = hf_attn(
            "evaluate", translator, "--corpus", pairs, "--translations", other, "--on-long", on_long
        )
        assert bool(other.read_text().splitlines()[4]) == is_there
        assert scores_of(said)[0]["sentences"] == (3 if is_there else 2), "what is left out is not scored"


def test_against_a_file_and_against_a_model(translator, pairs, tmp_path, hf_attn, refused):
    theirs, rows = tmp_path / "theirs.txt", tmp_path / "rows.jsonl"
    theirs.write_text("eins zwei\n\nsechs\n\nsieben\n")
    typed = ["evaluate", translator, "--corpus", pairs]
    (alone,) = scores_of(hf_attn(*typed)[1])
    (found,) = scores_of(hf_attn(*typed, "--against", theirs, "--per-sentence", rows)[1])
    for name in alone.keys() - {"command", "seconds"}:
        assert found[name] == alone[name]
    assert list(found)[-2:] == ["against", "comparison"]
    assert set(found["comparison"]) == {"bleu", "chrf++", "ter"}
    assert found["comparison"]["bleu"]["ours"] == alone["bleu"]
    records = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [record["place"] for record in records] == [f"{pairs}, line {i}" for i in range(2, 7)]
    assert [record["theirs"]["translation"] for record in records] == theirs.read_text().splitlines()
    (itself,) = scores_of(hf_attn(*typed, "--against", translator)[1])
    assert {facts["difference"] for facts in itself["comparison"].values()} == {0}

    theirs.write_text("eins\nsechs\nsieben\n")
    message = refused(*typed, "--against", theirs)
    assert f"{theirs} has 3 lines, but" in message
    assert "5 rows: write one for each" in message


def test_several_test_sets_and_several_references(translator, pairs, corpus, tmp_path, hf_attn, refused):
    more = tmp_path / "more.txt"
    translated = tmp_path / "out.txt"
    assert hf_attn("evaluate", translator, "--corpus", pairs, "--translations", translated)[0] == 0
    more.write_text(translated.read_text())
    (found,) = scores_of(hf_attn("evaluate", translator, "--corpus", pairs, "--references", more)[1])
    assert found["exact_match"] == 100
    assert "nrefs:2" in found["bleu_signature"]
    both = scores_of(hf_attn("evaluate", translator, "--corpus", pairs, "--corpus", corpus)[1])
    assert [each["sentences"] for each in both] == [3, 7]
    assert not (translator / "evaluation.json").exists(), "the own test set alone counts"
    for option in (["--translations", tmp_path / "x"], ["--references", more], ["--against", more]):
        message = refused("evaluate", "nowhere", "--corpus", pairs, "--corpus", corpus, *option)
        assert "is of one test set: give --corpus once" in message


def test_comet_of_another_interpreter(translator, pairs, tmp_path, hf_attn, refused):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho \'{"version": "2.2", "scores": [0.5, 0.5, 0.25], "system_score": 0.4}\'\n')
    assert "Permission denied" in refused("evaluate", "nowhere", "--comet-python", python)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    typed = ["evaluate", translator, "--corpus", pairs, "--comet-python", python, "--comet-model", "some/model"]
    rows = tmp_path / "rows.jsonl"
    status, out, error = hf_attn(*typed, "--per-sentence", rows)
    assert (status, error.splitlines()[0]) == (0, f"COMET 2.2 in {python}")
    (found,) = scores_of(out)
    assert (found["comet"], found["comet_model"], found["comet_version"]) == (0.4, "some/model", "2.2")
    records = [json.loads(line)["ours"].get("comet") for line in rows.read_text().splitlines()]
    assert records == [0.5, None, 0.5, None, 0.25]
    assert "--comet-model needs --comet-python" in refused("evaluate", "nowhere", "--comet-model", "x")


def test_a_row_that_cannot_be_read_is_refused_or_left_out(translator, pairs, hf_attn, refused):
    with pairs.open("a") as file:
        file.write("a\tb\tc\n")
    assert f"{pairs}, line 7: 3 fields" in refused("evaluate", translator, "--corpus", pairs)
    status, out, _ = hf_attn("evaluate", translator, "--corpus", pairs, "--on-bad-row", "skip")
    assert status == 0
    assert "left out: 2 one-sided, 1 unreadable" in out
