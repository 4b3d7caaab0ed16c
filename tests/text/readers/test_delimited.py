"""Tables of text, with names of columns, with numbers, and of known layouts; the oracle for CSV is the module `csv`."""

import csv
import io
import logging

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text.corpora import load_corpus, stream_corpus

PAIRS = [("Hi; you, there", "Hola, tú"), ('He said\n"hi"', "Dijo | eso"), ("1\t2", "uno\tdos")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_file_has_the_delimiter_of_its_first_line(write, pairs, delimiter):
    table = io.StringIO()
    csv.writer(table, delimiter=delimiter).writerows([("English", "Spanish"), *PAIRS])
    assert pairs(write("a.CSV", table.getvalue())) == PAIRS


@pytest.mark.parametrize(
    ("names", "languages"),
    [
        ("English\tSpanish", ("en", "es")),
        ("english\tCASTILIAN", ("eng", "spa")),
        ("eng_Latn\tspa_Latn", ("en", "es-MX")),
        (">>eng<<\tes-419", ("en_US", "es")),
        ("Chinese\tModern Greek (1453-)", ("zh", "ell")),
        ("Chinese\tNorwegian", ("cmn", "no")),
    ],
)
def test_columns_are_called_by_codes_of_any_standard_or_by_english_names(write, pairs, names, languages):
    assert pairs(write("a.tsv", f"{names}\na\tb\n"), *languages) == [("a", "b")]


def test_columns_are_named_or_numbered(write, pairs):
    named = write("named.tsv", "id\tsrc\ttgt\n7\ta\tb\n")
    with pytest.raises(UserError, match=r"nothing for language 'en'; there is 'id', 'src', 'tgt'; name its"):
        pairs(named)
    assert pairs(named, source_column="src", target_column="tgt") == [("a", "b")]
    assert pairs(named, source_column="3", target_column="2") == [("b", "a")], "the names are no pair"
    with pytest.raises(UserError, match=r"no column 'text'; there is 'id', 'src', 'tgt'$"):
        pairs(named, source_column="src", target_column="text")
    for name in ("bare.tsv", "bare.txt"):
        bare = write(name, "a\tb\tc\nd\te\tf\n")
        assert pairs(bare, source_column="3", target_column="1") == [("c", "a"), ("f", "d")]
        assert pairs(bare, "en", None, source_column="2") == [("b",), ("e",)]
    with pytest.raises(UserError, match="both column '2'"):
        pairs(named, source_column="2", target_column="2")


MANYTHINGS = "Go.\tVe.\tCC-BY 2.0 (France) Attribution: 1\nHi.\tHola.\tCC-BY 2.0\n"
TATOEBA = "1276\tLet's try\t2481\tIntentemos\n1277\tHi\t5\tHola\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("spa.txt", MANYTHINGS, "as of manythings.org, column 1 is en, column 2 spa"),
        ("test.txt", MANYTHINGS, "as of manythings.org, column 1 is en, column 2 es"),
        ("Sentence pairs in English-Spanish - 2024-01-01.tsv", TATOEBA, "column 2 is en, column 4 es"),
        ("pairs.txt", "the dog ||| el perro\nhi  ||| hola\n", "before ||| is en, behind it es"),
    ],
)
def test_known_layouts_are_read_and_said_once(write, pairs, caplog, name, content, said):
    path = write(name, content)
    with caplog.at_level(logging.WARNING):
        found = pairs(path)
        stream = stream_corpus(str(path), "en", "es")
        assert list(stream) == list(stream) == found
    assert len(found) == 2
    assert all(source[0] in "GHLht" and target[0] in "VHIeh" for source, target in found)
    assert sum(said in record.getMessage() for record in caplog.records) == 2, "once for each corpus that is opened"


def test_a_layout_knows_its_languages(write, pairs):
    path = write("spa.txt", MANYTHINGS)
    assert pairs(path, "es", "en") == [("Ve.", "Go."), ("Hola.", "Hi.")]
    assert pairs(path, "es", None) == [("Ve.",), ("Hola.",)]
    with pytest.raises(UserError, match=r"spa\.txt: there is nothing for de; its columns are English and spa"):
        pairs(path, "en", "de")
    tatoeba = write("Sentence pairs in English-Spanish - 2024-01-01.tsv", TATOEBA)
    assert pairs(tatoeba, "es", "en") == [("Intentemos", "Let's try"), ("Hola", "Hi")]


OBJECTS = '{"en": "a"}\n[]\n{"en": 1, "es": "a"}\n{"en": "b", "es": "B"}\n{'
BAD = [
    ("a.tsv", "en\tes\na\tA\nb\nc\tC\td\n\ne\tE\n", [3, 4], [("a", "A"), ("e", "E")], 5),
    ("a.tsv", b"en\tes\na\t\xff\nb\tB\n", [2], [("b", "B")], 2),
    ("a.csv", 'en,es\n"b,B\nc,C\nd,"D\nmore"\n', [2], [("c", "C"), ("d", "D\nmore")], 3),
    ("a.csv", f"en,es\n{'x' * 140_000},y\ne,E\n", [2], [("e", "E")], 2),
    ("a.jsonl", OBJECTS, [1, 2, 3, 5], [("b", "B")], 5),
]


@pytest.mark.parametrize(("name", "content", "bad", "good", "count"), BAD)
def test_a_bad_row_stops_or_is_counted_in_its_place(write, pairs, name, content, bad, good, count):
    path = write(name, content)
    with pytest.raises(UserError, match=rf"{name}, line {bad[0]}: "):
        pairs(path)
    assert pairs(path, on_bad_row="skip") == good
    stream = stream_corpus(str(path), "en", "es", on_bad_row="skip")
    rows = list(stream.rows())
    assert len(rows) == count, "one row in, one row out"
    empty = [int(row.place.rpartition(" ")[2]) for row in rows if row.texts == ("", "")]
    assert set(bad) <= set(empty)
    assert stream.tally.counts["unreadable"] == len(bad)
    assert [row.texts for row in rows if row.texts[0]] == good
    kept = load_corpus(str(path), "en", "es", on_bad_row="skip", keep_rows=True)
    assert kept.places == [row.place for row in rows]
    assert kept.full == len(good)


def test_a_field_without_quotes_may_be_as_long_as_it_likes(write, pairs):
    text = "x" * 140_000
    assert pairs(write("a.tsv", f"en\tes\n{text}\ty\n")) == [(text, "y")]


def test_when_no_row_can_be_read_that_is_an_error_even_where_bad_rows_are_skipped(write, pairs):
    path = write("a.jsonl", '{"src": "a", "tgt": "b"}\n' * 3)
    with pytest.raises(UserError, match=r"none of the 3 rows has text in en and es; .*line 1: nothing for"):
        pairs(path, on_bad_row="skip")
