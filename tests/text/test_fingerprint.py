"""The fingerprint of sentence pairs: of their texts and order, and of nothing else."""

import hashlib
import json
import struct

import pytest
from datasets import Dataset, Features, Value, concatenate_datasets

from hf_attn_model.text import fingerprint as module
from hf_attn_model.text.corpora import load_corpus
from hf_attn_model.text.fingerprint import fingerprint

PAIRS = [(f"one {i} ñ", f"uno {i * i} 我") for i in range(11)] + [("", "nada"), ("nothing", "")]


def make(pairs):
    return Dataset.from_dict({"source": [source for source, _ in pairs], "target": [target for _, target in pairs]})


def by_hand(pairs):
    digests = b""
    for side in zip(*pairs, strict=True):
        texts = [text.encode() for text in side]
        digests += hashlib.sha256(b"".join(struct.pack("<q", len(text)) for text in texts)).digest()
        digests += hashlib.sha256(b"".join(texts)).digest()
    return hashlib.sha256(digests).hexdigest()


@pytest.mark.parametrize("rows_at_once", [5, 1000])
def test_is_what_the_docstring_says(rows_at_once, monkeypatch):
    monkeypatch.setattr(module, "ROWS_AT_ONCE", rows_at_once)
    assert fingerprint(make(PAIRS)) == by_hand(PAIRS)


def test_the_layout_in_memory_does_not_count():
    whole, expected = make(PAIRS), fingerprint(make(PAIRS))
    chunks = concatenate_datasets([whole.select(range(2)), whole.select(range(2, 13))])
    shuffled_back = whole.select(list(reversed(range(13)))).select(list(reversed(range(13))))
    large = whole.cast(Features(source=Value("large_string"), target=Value("large_string")))
    for other in (chunks, shuffled_back, large):
        assert fingerprint(other) == expected
    assert fingerprint(large.select(range(3, 11))) == by_hand(PAIRS[3:11])
    assert fingerprint(whole.filter(lambda row: row["source"] != "")) == by_hand([pair for pair in PAIRS if pair[0]])


def test_the_format_of_files_does_not_count(tmp_path):
    rows = [{"en": source, "de": target} for source, target in PAIRS if source and target]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    lines = ["en\tde", *(f"{row['en']}\t{row['de']}" for row in rows)]
    (tmp_path / "b.tsv").write_text("\n".join(lines), encoding="utf-8")
    first, second = (load_corpus(str(tmp_path / name), "en", "de").dataset for name in ("a.jsonl", "b.tsv"))
    assert fingerprint(first) == fingerprint(second) == by_hand([(row["en"], row["de"]) for row in rows])


@pytest.mark.parametrize(
    "other",
    [
        [("ab", "x"), ("c", "y")],
        [("c", "y"), ("a", "x")],
        [("x", "a"), ("y", "c")],
        [("a", "x"), ("c", "z")],
        [("a", "x")],
    ],
)
def test_texts_their_borders_their_order_and_their_sides_count(other):
    assert fingerprint(make(other)) != fingerprint(make([("a", "x"), ("c", "y")]))
