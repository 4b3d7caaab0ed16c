"""A cleaned corpus as files."""

import json

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text.cleaned import write_cleaned
from hf_attn_model.text.cleaning import Cleaner
from hf_attn_model.text.corpora import TextRow, load_corpus

PAIRS = [(f"ball {i % 89}", f"bola {i % 89}") for i in range(101)] + [("Madrid", "Madrid")]


def rows(file):
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def write(folder, **options):
    rows = (TextRow(f"row {number}", pair) for number, pair in enumerate(PAIRS))
    return write_cleaned(rows, Cleaner(["copies", "duplicates"], "en", "es"), ("en", "es"), folder, **options)


def test_what_is_kept_and_what_is_rejected_is_the_corpus(tmp_path):
    counts = write(tmp_path / "out", rejected=tmp_path / "bad.jsonl")
    kept, bad = rows(tmp_path / "out" / "train.jsonl"), rows(tmp_path / "bad.jsonl")
    assert counts == {"train": 89} == {"train": len(kept)}
    assert [(row["en"], row["es"]) for row in kept] == PAIRS[:89]
    assert [row["reason"] for row in bad] == ["duplicates"] * 12 + ["copies"]
    assert [(row["en"], row["es"]) for row in bad] == PAIRS[89:]
    assert [row["place"] for row in bad] == [f"row {number}" for number in range(89, 102)]


def test_splits_are_read_as_a_corpus(tmp_path):
    counts = write(tmp_path / "out", held_out=7, seed=3)
    assert counts == {"train": 75, "dev": 7, "test": 7}
    read = {split: load_corpus(str(tmp_path / "out"), "en", "es", split).dataset["source"] for split in counts}
    assert {split: len(texts) for split, texts in read.items()} == counts
    assert sorted(text for texts in read.values() for text in texts) == sorted({source for source, _ in PAIRS[:-1]})
    assert list(read["train"]) == [source for source, _ in PAIRS[:89] if source in set(read["train"])]


def test_nothing_is_left_where_it_cannot_be(tmp_path):
    with pytest.raises(UserError, match="cannot hold out 23"):
        write(tmp_path / "out", held_out=23, rejected=tmp_path / "bad.jsonl")
    assert not list(tmp_path.iterdir())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    with pytest.raises(UserError, match="not empty"):
        write(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
