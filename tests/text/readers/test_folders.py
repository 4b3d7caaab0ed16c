"""Two files side by side, folders as libraries and people lay them out, downloads of Tatoeba, data in memory."""

import gzip
import json

import datasets
import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text.corpora import load_corpus, local_path

TABLE = datasets.Dataset.from_list([{"translation": {"en": f"word {n}", "es": f"palabra {n}"}} for n in range(5)])
PAIRS = [(f"word {n}", f"palabra {n}") for n in range(5)]


def test_files_side_by_side(write, pairs):
    source = write("data/train.en", "a\n\nc\u2028\nd")
    write("data/train.es.GZ", gzip.compress(b"A\nB\nC\n\n"))
    write("data/train.en-es.en", "other files of that name\n")
    expected = [("a", "A"), ("c\u2028", "C")]
    prefix = source.with_suffix("")
    for corpus in (prefix, source, source.parent):
        assert pairs(corpus) == expected
    assert pairs(prefix, "spa", "eng") == [(es, en) for en, es in expected]
    assert pairs(source, "en", None) == [("a",), ("c\u2028",), ("d",)]
    assert local_path(str(prefix)) == prefix
    with pytest.raises(UserError, match=r"expected the files .*train\.en and .*train\.de; there .*: en, es"):
        pairs(prefix, "en", "de")
    with pytest.raises(UserError, match="no split 'dev'; splits there: train"):
        pairs(source.parent, split="dev")
    write("data/train.es", "A\nB\nC\n")
    with pytest.raises(UserError, match=r"train\.es and .*train\.es\.GZ are the same side"):
        pairs(prefix)


def test_files_of_other_lengths_are_refused_with_both_counts(write, pairs):
    source = write("a.en", "a\nb\nc\n")
    write("a.es", "A\nB")
    with pytest.raises(UserError, match=r"a\.en has 3 lines and \S*a\.es has 2 lines"):
        pairs(source)


def test_shards_of_a_split_as_on_the_hub(tmp_path, pairs):
    (tmp_path / "data").mkdir()
    for number, rows in enumerate([range(3), range(3, 5)]):
        TABLE.select(rows).to_parquet(tmp_path / f"data/train-{number:05d}-of-00002.parquet")
    assert pairs(tmp_path) == PAIRS
    with pytest.raises(UserError, match=r"no split 'test'; splits there: train$"):
        pairs(tmp_path, split="test")
    (tmp_path / "data/train-00000-of-00002.parquet").unlink()
    with pytest.raises(UserError, match="split 'train' lacks shard 0 of 2"):
        pairs(tmp_path)
    assert pairs(tmp_path / "data/train-00001-of-00002.parquet") == PAIRS[3:]


def test_what_datasets_has_saved(tmp_path, pairs):
    TABLE.save_to_disk(str(tmp_path / "one"), num_shards=2)
    datasets.DatasetDict(train=TABLE, last=TABLE.select([3])).save_to_disk(str(tmp_path / "splits"))
    assert pairs(tmp_path / "one") == pairs(tmp_path / "splits") == PAIRS
    assert pairs(tmp_path / "splits", split="last") == [PAIRS[3]]
    with pytest.raises(UserError, match="no split 'dev'; splits there: train, last"):
        pairs(tmp_path / "splits", split="dev")


def test_saved_data_lead_to_no_file_elsewhere(tmp_path, pairs):
    TABLE.save_to_disk(str(tmp_path / "one"))
    state = json.loads((tmp_path / "one/state.json").read_text())
    for name in ("../other.arrow", "/etc/passwd"):
        (tmp_path / "one/state.json").write_text(json.dumps(state | {"_data_files": [{"filename": name}]}))
        with pytest.raises(UserError, match="names a file that does not lie in it"):
            pairs(tmp_path / "one")
    (tmp_path / "one/state.json").write_text("{}")
    with pytest.raises(UserError, match=r"state\.json is damaged"):
        pairs(tmp_path / "one")


@pytest.mark.parametrize("data", [TABLE, TABLE.to_iterable_dataset(), datasets.DatasetDict(train=TABLE)])
def test_data_in_memory(data):
    corpus = load_corpus(data, "en", "es")
    assert list(zip(corpus.dataset["source"], corpus.dataset["target"], strict=True)) == PAIRS
    with pytest.raises(UserError, match="data in memory/train, row 1: nothing for language 'de'"):
        load_corpus(data, "en", "de")


def test_what_is_no_data_in_memory_is_refused():
    with pytest.raises(UserError, match="not list"):
        load_corpus(PAIRS, "en", "es")
    with pytest.raises(UserError, match="no split 'dev'; splits there: train"):
        load_corpus(datasets.DatasetDict(train=TABLE), "en", "es", "dev")


def test_links_of_tatoeba(write, pairs):
    write("t/sentences.csv", "1\teng\tHi\n2\tspa\tHola\n3\teng\tBye\n4\tspa\tAdiós\n9\tfra\tSalut\n")
    folder = write("t/links.csv", "1\t2\n2\t1\n3\t4\n1\t9\n3\t2\n").parent
    assert pairs(folder) == [("Hi", "Hola"), ("Bye", "Adiós"), ("Bye", "Hola")]
    assert pairs(folder, "es", "en") == [("Hola", "Hi")]
    assert pairs(folder, "fr", None) == [("Salut",)]
    with pytest.raises(UserError, match=r"sentences\.csv: there is no sentence of language 'de'"):
        pairs(folder, "en", "de")
    write("t/sentences.csv", "1\teng\n")
    with pytest.raises(UserError, match=r"sentences\.csv, line 1: expected a number, a language and a sentence"):
        pairs(folder)
