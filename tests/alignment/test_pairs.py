"""Pairs from corpora, from pre-tokenised files and from gold sets."""

import gzip
import json

import pytest

from hf_attn_model.alignment.gold import read_gold
from hf_attn_model.alignment.pairs import GoldPair, Pair, read_pairs
from hf_attn_model.errors import UserError
from hf_attn_model.text.corpora import load_corpus

ROW = {
    "source": ["the", "black", "cat"],
    "target": ["el", "gato", "negro"],
    "sure": [[1, 2], [2, 1]],
    "possible": [[0, 1]],
}


@pytest.fixture
def write(tmp_path):
    def write(*rows, name="gold.jsonl"):
        path = tmp_path / name
        with (gzip.open if name.endswith(".gz") else open)(path, "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        return str(path)

    return write


def test_a_gold_file_has_words_and_links(write):
    words = ["the", "black", "cat"], ["el", "gato", "negro"]
    for name in ("gold.jsonl", "gold.jsonl.gz"):
        (pair,) = read_gold(write(ROW, name=name), None, None, "dev")
        assert pair == GoldPair("the black cat", "el gato negro", *words, [(1, 2), (2, 1)], [(0, 1)])
    back = pair.swapped()
    assert back == GoldPair("el gato negro", "the black cat", *reversed(words), [(2, 1), (1, 2)], [(1, 0)])
    assert back.swapped() == pair


def test_possible_links_may_be_missing(write):
    row = {name: ROW[name] for name in ("source", "target", "sure")}
    assert read_gold(write(row), None, None, "dev")[0].possible == []


def test_the_textbook_is_a_gold_set_in_both_directions():
    forward, backward = read_gold("textbook:en-es", "en", "es", "dev"), read_gold("textbook:en-es", "es", "en", "dev")
    rows = load_corpus("textbook:en-es", "en", "es", "dev").dataset
    assert [pair.sure for pair in forward[:7]] == rows["sure"][:7]
    assert (forward[0].source, forward[0].target_words) == (rows[0]["source"], rows[0]["target_words"])
    assert {(t, s) for s, t in forward[3].sure} == {tuple(link) for link in backward[3].sure}
    with pytest.raises(UserError, match="name its languages with --source-lang and --target-lang"):
        read_gold("textbook:en-es", "en", None, "dev")


def test_pairs_have_the_words_of_their_data(write, corpus):
    words = ["the", "black", "cat"], ["el", "gato", "negro"]
    assert read_pairs(write(ROW), None, None, "") == [Pair("the black cat", "el gato negro", *words)]
    plain = read_pairs(str(corpus), "en", "de", "dev")
    assert plain[0] == Pair("one one one", "eins eins eins")
    spaced = read_pairs(str(corpus), "en", "de", "dev", words_are_spaced=True)
    assert spaced[0] == Pair("one one one", "eins eins eins", ["one"] * 3, ["eins"] * 3)
    textbook = read_pairs("textbook:en-es", "en", "es", "test")
    assert textbook[0] == Pair(
        "The ball is blue", "La bola es azul", *map(str.split, ("The ball is blue", "La bola es azul"))
    )
    with pytest.raises(UserError, match="name its languages"):
        read_pairs(str(corpus), "en", None, "test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "el gato"}, "line 2: `target` must be a list of words, none of them blank"),
        ({"source": ["the", " "]}, "line 2: `source` must be a list of words"),
        ({"source": []}, "line 2: `source` must be a list of words"),
        ({"sure": [[3, 0]]}, r"line 2: `sure` must be pairs \[source word, target word\]"),
        ({"sure": [[0, -1]]}, "line 2: `sure` must be pairs"),
        ({"possible": [[0]]}, "line 2: `possible` must be pairs"),
        ({"possible": None}, "line 2: `possible` must be pairs"),
    ],
)
def test_bad_rows_are_named(write, change, message):
    with pytest.raises(UserError, match=message):
        read_gold(write(ROW, ROW | change), None, None, "dev")


def test_what_is_no_gold_set_is_refused(write, corpus):
    with pytest.raises(UserError, match="no row has a sure link"):
        read_gold(write(ROW | {"sure": []}), None, None, "dev")
    for data in (str(corpus / "dev.jsonl"), "nowhere.jsonl", str(corpus)):
        with pytest.raises(UserError, match=r"no gold set: .*a \.jsonl file of words and links"):
            read_gold(data, "en", "de", "dev")
