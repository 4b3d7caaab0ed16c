import csv
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import httpx

from hf_attn_model.errors import UserError
from hf_attn_model.text import corpora
from hf_attn_model.text.corpora import load_corpus, stream_corpus
from hf_attn_model.textbook import dataset, load_textbook

DATA = Path(__file__).parents[2] / "../shared/data"

PAIRS = [
    ("The ball is blue.", "La bola es azul."),
    ('He said "hi",\tthen left. ', "Dijo «hola»\u2028 y se fue."),
    ("I love my dog.", "Amo a mi perro. 🐕"),
]


def write(path: Path, text: str | bytes) -> Path:
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_pairs(path: Path, pairs: list[tuple[str, str]]) -> Path:
    """A file with a column for each language, in the format its name tells, written by a library."""
    if path.suffix == ".parquet":
        datasets.Dataset.from_list([{"en": en, "es": es, "id": 7} for en, es in pairs]).to_parquet(path)
    elif ".jsonl" in path.suffixes:
        write(path, "".join(json.dumps({"en": en, "es": es, "id": 7}) + "\n" for en, es in pairs))
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("en", "es"), *pairs])
    return path


def rows(corpus) -> list[tuple[str, str]]:
    return list(zip(corpus.dataset["source"], corpus.dataset["target"], strict=True))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.parquet"])
def test_every_format_gives_the_same_pairs_in_either_direction(tmp_path, name):
    path = write_pairs(tmp_path / name, PAIRS)
    corpus = load_corpus(str(path), "en", "es")
    assert rows(corpus) == PAIRS
    assert corpus.dataset.column_names == ["source", "target"]
    assert rows(load_corpus(str(path), "es", "en")) == [(es, en) for en, es in PAIRS]


def test_tsv_has_no_quoting(tmp_path):
    path = write(tmp_path / "a.tsv", '\ufeffen\tes\r\n"Hi," he said.\tHola\r\nIt\'s 5" long\tMide 5"\n')
    assert rows(load_corpus(str(path), "en", "es")) == [('"Hi," he said.', "Hola"), ("It's 5\" long", 'Mide 5"')]


def test_translation_column(tmp_path):
    lines = [json.dumps({"translation": {"en": en, "es": es}}, ensure_ascii=False) for en, es in PAIRS]
    path = write(tmp_path / "a.jsonl", "\n".join(lines))
    assert rows(load_corpus(str(path), "es", "en")) == [(es, en) for en, es in PAIRS]


def test_more_rows_than_are_read_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("hf_attn_model.text.corpora.ROWS_AT_ONCE", 7)
    pairs = [(f"word {number}", f"palabra {number}") for number in range(23)]
    assert rows(load_corpus(str(write_pairs(tmp_path / "a.csv", pairs)), "en", "es")) == pairs


def test_blank_and_one_sided_pairs_are_counted_not_kept(tmp_path):
    pairs = [PAIRS[0], ("", " \t"), ("lonely", "\u3000"), PAIRS[2], ("", "solo"), (" ", "sola")]
    corpus = load_corpus(str(write_pairs(tmp_path / "a.csv", pairs)), "en", "es")
    assert rows(corpus) == [PAIRS[0], PAIRS[2]]
    assert (corpus.blank, corpus.one_sided) == (1, 3)
    assert corpus.summary() == f"2 pairs from {tmp_path.name}/a.csv; left out: 1 blank, 3 one-sided"


def test_a_text_of_nothing_visible_is_blank(tmp_path):
    (tmp_path / "a.tsv").write_text("en\tde\na\tb\n\u200b\t\ufeff \nc\t\u00ad\n", encoding="utf-8")
    corpus = load_corpus(str(tmp_path / "a.tsv"), "en", "de")
    assert (rows(corpus), corpus.blank, corpus.one_sided) == ([("a", "b")], 1, 1)


def test_null_is_empty_and_an_empty_line_is_blank(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"en": null, "es": "a"}\n\n{"en": "b", "es": "c"}\n  \n')
    corpus = load_corpus(str(path), "en", "es")
    assert (rows(corpus), corpus.blank, corpus.one_sided) == ([("b", "c")], 2, 1)


def test_sources_alone(tmp_path):
    corpus = load_corpus(str(write_pairs(tmp_path / "a.csv", [*PAIRS, ("", "solo")])), "en", None)
    assert corpus.dataset.column_names == ["source"]
    assert list(corpus.dataset["source"]) == [en for en, _ in PAIRS]
    assert corpus.summary() == f"3 sentences from {tmp_path.name}/a.csv; left out: 1 blank"


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_plain_text_is_one_source_a_line(tmp_path, name):
    path = write(tmp_path / name, "  The ball\u2028is blue. \r\n\n\nI love my dog.")
    corpus = load_corpus(str(path), "en", None)
    assert list(corpus.dataset["source"]) == ["  The ball\u2028is blue. ", "I love my dog."]
    assert corpus.blank == 2
    with pytest.raises(UserError, match=r"plain text has one language"):
        load_corpus(str(path), "en", "es")


def test_an_edited_file_is_read_anew(tmp_path):
    path = write_pairs(tmp_path / "a.parquet", PAIRS[:1])
    assert rows(load_corpus(str(path), "en", "es")) == PAIRS[:1]
    write_pairs(path, PAIRS[1:])
    assert rows(load_corpus(str(path), "en", "es")) == PAIRS[1:]


def test_a_directory_holds_one_file_for_each_split(tmp_path):
    write_pairs(tmp_path / "train.jsonl.gz", PAIRS[:2])
    write_pairs(tmp_path / "test_2016.csv", PAIRS[2:])
    write(tmp_path / "README.md", "not a split")
    assert rows(load_corpus(str(tmp_path), "en", "es")) == PAIRS[:2]
    assert rows(load_corpus(str(tmp_path), "en", "es", "test_2016")) == PAIRS[2:]
    with pytest.raises(UserError, match=r"no split 'dev'; splits there: test_2016, train$"):
        load_corpus(str(tmp_path), "en", "es", "dev")
    write_pairs(tmp_path / "train.csv", PAIRS)
    with pytest.raises(UserError, match=r"split 'train' is in train.csv and train.jsonl.gz: name the file"):
        load_corpus(str(tmp_path), "en", "es")


GOOD = '{"en": "a", "es": "b"}\n'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", GOOD + '{"en": "a", \n', r"a.jsonl, line 2: not JSON \(.*\); expected one object a line"),
        ("a.jsonl", GOOD + '["a", "b"]\n', r"a.jsonl, line 2: a JSON list; expected one object a line"),
        ("a.jsonl.gz", GOOD + '{"en": "a", "es": 5}\n', r"a.jsonl.gz, line 2: 'es' is 5; expected text"),
        ("a.jsonl", GOOD + '{"en": "a", "fr": "b"}', r"line 2: nothing for language 'es'; there is 'en', 'fr'"),
        ("a.jsonl", '{"translation": "a"}', r"line 1: `translation` is 'a'; expected a text for each language"),
        ("a.jsonl", '{"translation": {"en": "a"}}', r"line 1: nothing for language 'es'; there is 'en'"),
        ("a.jsonl", '{"en": "\\ud83d", "es": "b"}', r"line 1: 'en' has half a surrogate pair at character 0"),
        ("a.jsonl", GOOD.encode() + b'{"en": "\xff"}', r"line 2: not UTF-8 \(invalid start byte at byte 8\)"),
        ("a.csv", "en,es\na,b\n\nc\n", r"a.csv, line 4: 1 fields; expected 2: en, es"),
        ("a.csv", 'en,es\na,"b"c\n', r"a.csv, line 2: ',' expected after '\"'"),
        ("a.csv", 'en,es\na,"b\n', r"a.csv, line 2: unexpected end of data"),
        ("a.csv", "en,en\na,b\n", r"a.csv, line 1: there are two columns 'en'"),
        ("a.csv", "en,fr\na,b\n", r"a.csv, line 2: nothing for language 'es'; there is 'en', 'fr'"),
        ("a.tsv", "en\tes\na\tb\tc\n", r"a.tsv, line 2: 3 fields; expected 2: en, es"),
        ("a.csv", b"en,es\na,b\n\xf1,c\n", r"a.csv, line 3: not UTF-8"),
        ("a.csv", "en,es\n", r"a.csv: an empty corpus \(no rows\)"),
        ("a.jsonl", "", r"a.jsonl: an empty corpus \(no rows\)"),
        ("a.jsonl", '{"en": "a", "es": ""}\n\n', r"an empty corpus \(none of the 2 rows has text in en and es\)"),
        ("a.parquet", "PAR1", r"a.parquet is damaged: Parquet file size is 4 bytes"),
        ("a.docx", "", r"a.docx: cannot read this kind of file; known are .jsonl, "),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_what_was_expected(tmp_path, name, content, message):
    path = write(tmp_path / name, content)
    with pytest.raises(UserError, match=message) as caught:
        load_corpus(str(path), "en", "es")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spoil", [lambda data: data[:-9], lambda data: b"plain text"], ids=["cut", "not gzip"])
def test_a_spoilt_gzip_file_is_named(tmp_path, spoil):
    path = write_pairs(tmp_path / "a.jsonl.gz", PAIRS)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UserError, match=r"a.jsonl.gz: not a whole gzip file"):
        load_corpus(str(path), "en", "es")


def test_a_cell_of_a_parquet_file_that_is_no_text_is_named(tmp_path):
    path = write_pairs(tmp_path / "a.parquet", PAIRS)
    with pytest.raises(UserError, match=r"a.parquet, row 1: 'id' is 7; expected text"):
        load_corpus(str(path), "en", "id")


@pytest.mark.parametrize("corpus", ["./nowhere", "nowhere/train.jsonl"])
def test_a_missing_file_is_not_sought_on_the_hub(corpus):
    with pytest.raises(UserError, match=rf"^{re.escape(corpus)}: no such file or directory$"):
        load_corpus(corpus, "en", "es")


def test_one_language_for_both_sides_is_refused():
    with pytest.raises(UserError, match="both 'en'"):
        load_corpus("textbook:en-es", "en", "en")


def test_hub(monkeypatch):
    """The library call is the only thing replaced: what it returns is a real data set of the Hub's usual kind."""
    pairs = [*PAIRS, ("", "solo")]
    features = datasets.Features({"id": datasets.Value("int64"), "translation": datasets.Translation(["en", "es"])})
    table = [{"id": number, "translation": {"en": en, "es": es}} for number, (en, es) in enumerate(pairs)]
    asked = []

    def load_dataset(*args, **kwargs):
        asked.append((args, kwargs))
        return datasets.Dataset.from_list(table, features=features)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    corpus = load_corpus("owner/name", "es", "en", "validation", config="en-es")
    assert asked == [(("owner/name", "en-es"), {"split": "validation", "streaming": False})]
    assert rows(corpus) == [(es, en) for en, es in PAIRS]
    assert corpus.summary() == "3 pairs from owner/name/en-es/validation; left out: 1 one-sided"
    with pytest.raises(UserError, match=r"owner/name, row 1: nothing for language 'fr'; there is 'en', 'es'"):
        load_corpus("owner/name", "en", "fr")
    asked.clear()
    stream = stream_corpus("owner/name", "es", "en", "validation", config="en-es")
    assert list(stream) == [(es, en) for en, es in PAIRS]
    assert all(kwargs == {"split": "validation", "streaming": True} for _, kwargs in asked)


@pytest.mark.parametrize("target_lang", ["es", None])
@pytest.mark.parametrize("corpus", ["file", "textbook:en-es"])
def test_a_stream_is_the_corpus_as_often_as_it_is_read(tmp_path, corpus, target_lang):
    if corpus == "file":
        lines = [{"en": en, "es": es} for en, es in [*PAIRS, ("", "solo"), ("", "")]]
        corpus = str(tmp_path / "pairs.jsonl")
        (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    held = load_corpus(corpus, "en", target_lang, "dev")
    stream = stream_corpus(corpus, "en", target_lang, "dev")
    columns = [list(held.dataset[name]) for name in ("source", "target")[: 1 if target_lang is None else 2]]
    for _ in range(2):
        assert list(stream) == list(zip(*columns, strict=True))
        assert stream.summary() == held.summary().replace(" pairs ", " sentences ")


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' doesn't exist"), "a/b: cannot be loaded.*exist"),
        (ValueError('Unknown split "dev".\nShould be one of [...]'), 'split "dev". Should be one of'),
        (ConnectionError("Couldn't reach 'a/b'"), "no such file here, and the Hub cannot be reached"),
    ],
)
def test_what_the_hub_refuses_is_one_line(monkeypatch, problem, message):
    def load_dataset(*args, **kwargs):
        raise problem

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(UserError, match=message) as caught:
        load_corpus("a/b", "en", "es")
    assert "\n" not in str(caught.value)


def test_hub_that_does_not_answer_is_asked_once(monkeypatch):
    def get_hf_file_metadata(*args, **kwargs):
        asked.append(kwargs)
        raise httpx.ConnectError("Name or service not known")

    def load_dataset(*args, **kwargs):
        assert constants.HF_HUB_OFFLINE
        assert datasets.config.HF_HUB_OFFLINE
        raise ConnectionError

    asked = []
    monkeypatch.setattr(corpora, "get_hf_file_metadata", get_hf_file_metadata)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(UserError, match="a/b: no such file here, and the Hub cannot be reached: check the name"):
        load_corpus("a/b", "en", "es")
    assert len(asked) == 1
    assert not constants.HF_HUB_OFFLINE


@pytest.mark.hub
def test_without_a_network_the_hub_is_one_line():
    script = (
        "from hf_attn_model.errors import UserError\n"
        "from hf_attn_model.text.corpora import load_corpus\n"
        "try:\n    load_corpus('owner/name', 'en', 'es')\n"
        "except UserError as error:\n    print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith("owner/name: no such file here, and the Hub cannot be reached")
    assert run.stdout.count("\n") == 1


def test_real_pairs_equal_those_of_the_library_reader(tmp_path):
    path = DATA / "tatoeba_en-zh/dev.jsonl.gz"
    if not path.exists():
        pytest.skip("needs ../shared/data")
    corpus = load_corpus(str(path.parent), "zh", "en", "dev")
    expected = datasets.load_dataset("json", data_files=str(path), cache_dir=str(tmp_path), split="train")
    assert rows(corpus) == [(pair["zh"], pair["en"]) for pair in expected["translation"]]


def test_textbook_in_both_directions(monkeypatch):
    monkeypatch.setattr(dataset, "SIZES", {"test": 307})
    original = load_textbook("en-es", "test")
    forth = load_corpus("textbook:en-es", "en", "es", "test")
    back = load_corpus("textbook:en-es", "es", "en", "test")
    assert rows(forth) == [(pair["en"], pair["es"]) for pair in original["translation"]]
    assert rows(back) == [(pair["es"], pair["en"]) for pair in original["translation"]]
    for kind in ("sure", "possible"):
        assert forth.dataset[:][kind] == original[:][kind]
        flipped = [{(target, source) for source, target in links} for links in original[kind]]
        assert [set(map(tuple, links)) for links in back.dataset[kind]] == flipped
    assert back.dataset[:]["source_words"] == forth.dataset[:]["target_words"] == original[:]["target_words"]
    assert back.dataset[:]["target_words"] == forth.dataset[:]["source_words"] == original[:]["source_words"]
    with pytest.raises(UserError, match="nothing for language 'fr'; there is en, es"):
        load_corpus("textbook:en-es", "en", "fr", "test")
    alone = load_corpus("textbook:en-es", "es", None, "test")
    assert list(alone.dataset["source"]) == list(back.dataset["source"])
