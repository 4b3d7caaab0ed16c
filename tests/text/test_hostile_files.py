"""Corpora that somebody has spoilt: what is read is text, and all else is one line that names the file."""

import gzip
import io
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile import few, read_or_refused, spoilt, spoilt_gzip
from hypothesis import example, given
from hypothesis import strategies as st

from hf_attn_model.errors import UserError
from hf_attn_model.text.corpora import load_corpus, stream_corpus

JSON = (
    b'{"en": "The ball", "es": "La bola", "id": 7}\n\n{"es": "El gato", "en": "The cat"}\n',
    b'{"translation": {"en": "The ball", "es": "La \\u00f1"}}\n',
)
CSV = b'en,es\r\nThe ball,La bola\r\n"The ""black"" cat\nsat",El gato\r\n'
TSV = b'\xef\xbb\xbfen\tes\nThe "ball\tLa bola\nThe cat\tEl gato\n'
ARRAY = b'[{"en": "The ball", "es": "La bola"},\n {"translation": {"en": "The cat", "es": "El gato"}}]\n'
TMX = (
    b'<?xml version="1.0"?><tmx><body><tu><tuv xml:lang="en"><seg>The <hi>ball</hi></seg></tuv><tuv xml:lang="es">'
    b"<seg>La bola</seg></tuv></tu></body></tmx>"
)
XLIFF = (
    b'<xliff version="1.2"><file source-language="en" target-language="es"><body><trans-unit id="1"><source>The ball'
    b"</source><target>La bola</target></trans-unit></body></file></xliff>"
)
TEXT = b"The ball\r\n\nThe cat\n"


def parquet(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


PARQUET = (
    parquet(en=["The ball", None], es=["La bola", "El gato"], id=[1, 2]),
    parquet(translation=[{"en": "The ball", "es": "La bola"}]),
    parquet(en=pa.array([b"\xff"]), es=["a"]),
    parquet(en=[1.5], es=[["a"]]),
)


def read(path, target="es"):
    """All that reads a corpus, one after the other: they find the same."""
    streamed = read_or_refused(lambda: list(stream_corpus(str(path), "en", target)), path.name)
    held = read_or_refused(lambda: load_corpus(str(path), "en", target), path.name)
    if held is not None:
        columns = [held.dataset[name] for name in held.dataset.column_names]
        assert list(zip(*columns, strict=True)) == streamed
        assert all(text.strip() for texts in streamed for text in texts)
    return held


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("spoilt")


@few
@given(st.sampled_from([".jsonl", ".csv", ".tsv"]), spoilt(*JSON, CSV, TSV))
@example(".jsonl", b'{"en": "a", "es": "b", "n": ' + b"[" * 10**5)
@example(".jsonl", b'{"en": "a", "es": ' + b"9" * 5000 + b"}")
@example(".csv", b'"e\nn",es\na\n')
@example(".csv", b"en,es\n" + b"x" * 200_000 + b",b\n")
@example(".csv", b"en,es\nThe \0ball,b\n")
@example(".tsv", b"\n")
def test_rows(folder, suffix, content):
    path = folder / f"rows{suffix}"
    path.write_bytes(content)
    read(path)


@few
@given(st.sampled_from([".json", ".tmx", ".xlf", ".txt"]), spoilt(ARRAY, TMX, XLIFF, b"the ball ||| la bola\n"))
@example(".json", b"[" * 10**5)
@example(".tmx", b"<tmx>" + b"<tu>" * 10**4)
@example(".tmx", TMX.replace(b"<seg>", b"<seg>" + b"<hi>" * 10**4))
def test_trees_and_bars(folder, suffix, content):
    path = folder / f"trees{suffix}"
    path.write_bytes(content)
    read(path)


@few
@given(st.sampled_from([".jsonl.gz", ".csv.gz", ".tsv.gz"]), spoilt_gzip(*JSON, CSV, TSV))
@example(".jsonl.gz", gzip.compress(JSON[0])[:-3])
def test_packed_rows(folder, suffix, content):
    path = folder / f"packed{suffix}"
    path.write_bytes(content)
    read(path)


@few
@given(spoilt(*PARQUET))
def test_parquet(folder, content):
    path = folder / "rows.parquet"
    path.write_bytes(content)
    read(path)


@few
@given(st.booleans(), spoilt(TEXT), spoilt_gzip(TEXT))
def test_plain_text(folder, packed, content, packed_content):
    path = folder / ("lines.txt.gz" if packed else "lines.txt")
    path.write_bytes(packed_content if packed else content)
    read(path, target=None)


@pytest.mark.parametrize("kind", ["pipe", "device", "folder in a folder"])
def test_what_is_no_file_is_not_read(kind, tmp_path):
    path = tmp_path / "train.jsonl"
    make = {"pipe": lambda: os.mkfifo(path), "device": lambda: path.symlink_to("/dev/zero")}
    make.get(kind, path.mkdir)()
    for corpus in (path, tmp_path):
        with pytest.raises(UserError, match=r"neither a file nor a folder|no split 'train'"):
            load_corpus(str(corpus), "en", "es")


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-of-this-name/corpus.jsonl", "a\0b.jsonl", "a\nb.jsonl"])
def test_a_name_that_no_file_can_have_is_one_line(name):
    with pytest.raises(UserError) as caught:
        load_corpus(name, "en", "es")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_bytes(CSV)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UserError, match=r"cannot read .*rows\.csv: Permission denied"):
        load_corpus(str(path), "en", "es")


SECRETS = ["https://user:word@host/x.jsonl", "https://host/x.jsonl?token=word", "hf_" + "aB3" * 12]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_the_name_of_a_corpus_is_refused_and_not_shown(name):
    with pytest.raises(UserError, match=r"\[redacted\].*: the name of a corpus is kept") as caught:
        load_corpus(name, "en", "es")
    assert "word" not in str(caught.value).replace("password", "")
