"""The parts that words play, against gold links and against sentences read by hand."""

from itertools import permutations

import pytest

from hf_attn_model.textbook import load_textbook
from hf_attn_model.textbook.roles import pairs_of_words

NAMED = {
    "en-es": (["", "subject.adjective", "subject", "verb", "", "object"], "El gato negro bebió la leche"),
    "en-zh": (["", "", "subject.adjective", "", "subject", "verb", "", "object"], "那隻黑色的貓喝了牛奶"),
}


@pytest.fixture(scope="module", params=["en-es", "en-zh"])
def rows(request):
    return load_textbook(request.param, "dev", size=307, roles=True)


def test_the_other_columns_stay_as_they_are(rows):
    plain = load_textbook("en-" + ("zh" if "zh" in rows[0]["translation"] else "es"), "dev", size=307)
    assert set(rows.column_names) - set(plain.column_names) == {"source_roles", "target_roles"}
    assert rows.select_columns(plain.column_names)[:] == plain[:]


@pytest.mark.parametrize("pair", NAMED)
def test_the_black_cat(pair):
    row = load_textbook(pair, "test", size=2, roles=True)[1]
    assert row["source_roles"] == ["", "subject.adjective", "subject", "verb", "", "object"]
    roles, text = NAMED[pair]
    if pair == "en-es":
        roles = [roles[0], roles[2], roles[1], *roles[3:]]
    assert row["translation"][pair.removeprefix("en-")] == text
    assert row["target_roles"] == roles


def test_translations_play_the_part_of_their_original(rows):
    """Sure links join words of one role, or of none: *brother's* says what *hermano* and *de* say."""
    linked = 0
    for row in rows:
        for i, j in row["sure"]:
            roles = {row["source_roles"][i], row["target_roles"][j]} - {""}
            assert len(roles) <= 1, row
            linked += len(roles)
    assert linked > 2.5 * len(rows)


def test_sentences_have_their_parts(rows):
    seen = {role for roles in rows["source_roles"] for role in roles}
    assert {"verb", "quality", "adverb", "recipient.adjective", "place", "subject.owner", "object.whole"} <= seen
    for row in rows:
        roles = row["source_roles"]
        assert len(roles) == len(row["source_words"])
        assert roles.count("subject") == 1
        assert roles.count("verb") <= 1
        assert roles.count("verb") + roles.count("quality") + roles.count("place") >= 1
        for role in roles:
            phrase = role.rpartition(".")[0]
            assert not phrase or phrase in roles, f"{role} without its noun"


def test_kinds_of_pairs_of_a_sentence_read_by_hand():
    """My brother's black dog often gave the small child two red apples."""
    roles = ["", "subject.owner", "subject.adjective", "subject", "adverb", "verb"]
    roles += ["", "recipient.adjective", "recipient", "", "object.adjective", "object"]
    pairs = pairs_of_words(roles)
    assert pairs["verb-object"] == [(5, 11)]
    assert pairs["subject-verb"] == [(3, 5)]
    assert pairs["adjective-noun"] == [(2, 3), (7, 8), (10, 11)]
    assert pairs["subject-object"] == [(3, 11)]
    assert pairs["adjective-object"] == [(2, 11)]
    free = set(pairs["free"])
    assert {(1, 2), (1, 4), (2, 5), (3, 4), (3, 8), (8, 11), (5, 10), (7, 10), (4, 11)} <= free
    assert not free & {(1, 3), (5, 8), (4, 5), (3, 5), (2, 3), (5, 11), (3, 11), (2, 11)}
    assert not any(0 in pair or 6 in pair or 9 in pair for pair in free)


def test_a_quality_describes_the_subject():
    assert pairs_of_words(["", "subject", "", "quality"])["adjective-noun"] == [(3, 1)]


def test_a_pair_of_words_is_of_one_kind_at_most(rows):
    for roles in rows["source_roles"]:
        found = [frozenset(pair) for pairs in pairs_of_words(roles).values() for pair in pairs]
        assert len(set(found)) == len(found)
        assert set(found) <= {frozenset(pair) for pair in permutations(range(len(roles)), 2)}
