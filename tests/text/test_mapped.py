"""Mapped pairs and token ids are those of the plain way: read into memory, tokenized by transformers, one by one."""

import json
import os
from itertools import pairwise
from pathlib import Path

import datasets
import numpy as np
import pytest
from datasets import Dataset
from transformers import PreTrainedTokenizerFast

from hf_attn_model.errors import UserError
from hf_attn_model.files import stamps
from hf_attn_model.text import corpora, mapped
from hf_attn_model.text.cache import Cache
from hf_attn_model.text.corpora import load_corpus
from hf_attn_model.text.fingerprint import PairsDigest, fingerprint
from hf_attn_model.text.mapped import SampledSentences, map_corpus, map_tokenizer, map_tokens
from hf_attn_model.text.tokenizer import as_pretrained, train_tokenizer

PAIRS = [(f"The ball {i} is blue" + " indeed" * (i % 7), f"La bola {i}… 我" * (1 + i % 3)) for i in range(211)]
PAIRS[5], PAIRS[8] = ("", " "), ("alone", "")
FULL = [pair for pair in PAIRS if all(text.strip() for text in pair)]


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps({"en": en, "es": es}) + "\n" for en, es in PAIRS), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(corpora, "ROWS_AT_ONCE", 13)
    monkeypatch.setattr(mapped, "ROWS_AT_ONCE", 17)
    monkeypatch.setattr(mapped, "SENTENCES_AT_ONCE", 5)


@pytest.fixture(scope="module")
def pairs():
    return Dataset.from_dict(dict(zip(("source", "target"), map(list, zip(*FULL, strict=True)), strict=True)))


@pytest.fixture(scope="module")
def tokenizer(pairs):
    return train_tokenizer([*pairs["source"], *pairs["target"]], 331)


def mapped_files(dataset):
    return [file["filename"] for file in dataset.cache_files]


def read(corpus, cache, languages=("en", "es")):
    return map_corpus(str(corpus), *languages, config=None, cache=cache)


def test_pairs_are_those_that_load_corpus_reads(corpus, cache):
    expected, found = load_corpus(str(corpus), "en", "es"), read(corpus, cache)
    assert found.dataset[:] == expected.dataset[:]
    assert found.summary() == expected.summary()
    assert fingerprint(found.dataset) == fingerprint(expected.dataset)
    (file,) = mapped_files(found.dataset)
    assert Path(file).is_relative_to(cache.folder)


def test_a_second_start_reads_nothing(corpus, cache, monkeypatch):
    first = read(corpus, cache)
    monkeypatch.setattr(corpora, "read_rows", lambda path: map(pytest.fail, ["a row is read"]))
    monkeypatch.setattr(PairsDigest, "update", lambda self, pairs: pytest.fail("the texts are read"))
    again = read(corpus, Cache(cache.folder))
    assert again.dataset[:] == first.dataset[:]
    assert again.summary() == first.summary()
    assert fingerprint(again.dataset) == fingerprint(first.dataset)


def test_what_decides_over_the_pairs_makes_others(corpus, cache, tmp_path, monkeypatch):
    first = read(corpus, cache)
    back = read(corpus, cache, ("es", "en"))
    assert list(back.dataset["source"]) == list(first.dataset["target"])
    monkeypatch.setattr(stamps, "TICK", 0)  # what was written just now counts as old
    corpus.write_text(corpus.read_text("utf-8").replace("blue", "grey"), encoding="utf-8")
    assert list(read(corpus, cache).dataset["source"]) == [en.replace("blue", "grey") for en, _ in FULL]
    moved = corpus.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl"))  # no UTF-8
    assert read(moved, cache).name.endswith("/caf\udce9.jsonl")


def test_a_bad_line_is_named_and_nothing_kept(corpus, cache):
    with corpus.open("a") as file:
        file.write("{\n")
    with pytest.raises(UserError, match=rf"train.jsonl, line {len(PAIRS) + 1}: not JSON"):
        read(corpus, cache)
    assert [*cache.folder.glob("pairs/*/*")] == []


def test_an_empty_corpus_is_refused_as_ever(cache, tmp_path):
    path = tmp_path / "empty.jsonl"
    path.write_text('{"en": "", "es": "x"}\n')
    with pytest.raises(UserError, match="none of the 1 rows has text in en and es"):
        read(path, cache)


def test_a_file_that_is_written_to_meanwhile_is_refused(corpus, cache, monkeypatch):
    read_rows = corpora.read_rows

    def rows(path, sides):
        yield from read_rows(path, sides)
        path.write_text("{}\n")

    monkeypatch.setattr(corpora, "read_rows", rows)
    with pytest.raises(UserError, match=r"train\.jsonl was written to while it was read"):
        read(corpus, cache)


def test_data_of_the_hub_are_known_by_their_fingerprint(cache, monkeypatch):
    rows = Dataset.from_list([{"translation": {"en": en, "es": es}} for en, es in FULL[:23]])
    monkeypatch.setattr(datasets, "load_dataset", lambda *args, **kwargs: rows)
    first = map_corpus("owner/name", "en", "es", config=None, cache=cache)
    assert list(first.dataset["target"]) == [es for _, es in FULL[:23]]
    rows = rows.select(range(7))
    assert len(map_corpus("owner/name", "en", "es", config=None, cache=cache).dataset) == 7
    assert len([*cache.folder.glob("pairs/*/facts.json")]) == 2


def test_the_textbook_stays_in_memory(cache, monkeypatch):
    monkeypatch.setattr(mapped, "load_corpus", lambda *args, **options: args)
    assert read("textbook:en-es", cache) == ("textbook:en-es", "en", "es", "train")
    assert not cache.folder.exists()


@pytest.mark.parametrize("place", [len(FULL) // 2, -1])
def test_token_ids_are_those_of_the_tokenizer(pairs, tokenizer, cache, place):
    sides = [tokenizer(pairs["source"][:])["input_ids"], tokenizer(text_target=pairs["target"][:])["input_ids"]]
    most = sorted(max(map(len, both)) for both in zip(*sides, strict=True))[place]  # a length that pairs have
    expected = [sides for sides in zip(*sides, strict=True) if max(map(len, sides)) <= most]
    tokens, left_out = map_tokens(pairs, tokenizer, most, cache)
    assert [(row["input_ids"], row["labels"]) for row in tokens] == expected
    assert left_out == len(FULL) - len(expected)
    assert tokens.features["labels"].feature.dtype == "uint16"
    assert len(mapped_files(tokens)) == 1


def test_token_ids_of_a_large_vocabulary_and_of_another_kind_of_tokenizer(pairs, cache):
    class Marking(PreTrainedTokenizerFast):
        """Marks the language of a side, as NLLB's does."""

        def _switch_to_target_mode(self):
            self.mark = 70_001

        def _switch_to_input_mode(self):
            self.mark = 70_000

        def _encode_plus(self, *args, **kwargs):
            encoded = super()._encode_plus(*args, **kwargs)
            encoded["input_ids"] = [[self.mark, *ids] for ids in encoded["input_ids"]]
            return encoded

        def __len__(self):
            return 70_002

    plain = train_tokenizer(["a b"], 300)
    marking = Marking(tokenizer_object=plain.backend_tokenizer, eos_token="</s>")
    tokens, _ = map_tokens(pairs, marking, 1000, cache)
    assert tokens[31] == {
        "input_ids": [70_000, *plain(FULL[31][0])["input_ids"]],
        "labels": [70_001, *plain(FULL[31][1])["input_ids"]],
    }


def test_tokenized_once_for_each_tokenizer_and_limit(pairs, tokenizer, cache, monkeypatch):
    for most in (6, 1000):
        map_tokens(pairs, tokenizer, most, cache)
    map_tokens(pairs, train_tokenizer(["a b"], 300), 1000, cache)
    monkeypatch.setattr(mapped, "_tokenized", lambda *args: pytest.fail("tokenized again"))
    same = as_pretrained(tokenizer.backend_tokenizer, 1000)
    same(["a", "b c"], padding=True, truncation=True, max_length=2)
    assert map_tokens(pairs, same, 6, cache)[1] > 0
    assert map_tokens(pairs, same, 1000, cache)[1] == 0


@pytest.mark.parametrize("lowercase", [False, True])
def test_a_vocabulary_is_learnt_once_and_is_that_of_all_sentences(pairs, cache, lowercase, tmp_path, monkeypatch):
    settings = {"vocab_size": 347, "max_length": 29, "lowercase": lowercase}
    plain = train_tokenizer([*pairs["source"], *pairs["target"]], **settings)
    learnt = map_tokenizer(pairs, 1000, cache, **settings)
    monkeypatch.setattr(mapped, "train_tokenizer", lambda *args: pytest.fail("learnt again"))
    for number, tokenizer in enumerate((learnt, map_tokenizer(pairs, 1000, cache, **settings))):
        for name, one in (("plain", plain), (str(number), tokenizer)):
            one.save_pretrained(tmp_path / name)
        files = [path.name for path in (tmp_path / "plain").iterdir()]
        assert len(files) == 2
        for name in files:
            assert (tmp_path / str(number) / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


@pytest.mark.parametrize("most", [1, 7, 53, 208, 209, 1000])
def test_a_sample_is_spaced_evenly_and_all_where_there_are_no_more(pairs, most):
    sample = SampledSentences(pairs, most)
    chosen = [*sample]
    assert chosen == [*sample]  # it can be read again
    sources, targets = chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]
    assert len(sources) == len(targets) == min(most, len(FULL))
    places = [[en for en, _ in FULL].index(source) for source in sources]
    assert targets == [FULL[place][1] for place in places]
    assert len({after - before for before, after in pairwise(places)} - {1}) <= 2
    assert places[0] == 0
    assert np.all(np.diff(places) - (len(FULL) / len(places)) <= 1)
