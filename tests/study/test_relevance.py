"""Related words against free ones: planted effects are found, and distance or length alone make none."""

import numpy as np
import pytest

from hf_attn_model.study.relevance import WordMap, looks_of, relevance
from hf_attn_model.textbook import load_textbook
from hf_attn_model.textbook.roles import pairs_of_words

L, H, N = 2, 3, 101


@pytest.fixture(scope="module")
def roles():
    return load_textbook("en-es", "dev", size=N, roles=True)["source_roles"][:]


def make_maps(roles, weight, causal=False):
    """Maps whose weights are `weight(i, j, words)` times an even look."""
    maps = []
    for each in roles:
        words = len(each)
        visible = np.tri(words) if causal else np.ones((words, words))
        even = visible / visible.sum(axis=1, keepdims=True)
        lifts = np.array([[weight(i, j, words) for j in range(words)] for i in range(words)])
        maps.append(WordMap(np.tile(lifts * even, (L, H, 1, 1)), even, each))
    return maps


def test_an_even_look_counts_as_one_in_sentences_of_any_length(roles):
    found = relevance(make_maps(roles, lambda i, j, words: 1.0), samples=101)
    assert {"verb-object", "subject-verb", "adjective-noun", "subject-object"} <= found.keys()
    for comparison in found.values():
        assert comparison["related"] == pytest.approx(1)
        assert comparison["control"] == pytest.approx(1)
        assert comparison["difference_interval"] == pytest.approx([0, 0], abs=1e-12)


def test_distance_and_direction_alone_make_no_difference(roles):
    maps = make_maps(roles, lambda i, j, words: np.exp(-abs(i - j)) + 0.3 * (i > j))
    for word_map in maps:  # objects look at nobody: one direction comes more often than the other
        word_map.even[[role == "object" for role in word_map.roles]] = 0
    for kind, comparison in relevance(maps, samples=101).items():
        assert comparison["difference"] == pytest.approx(0, abs=1e-12), kind
        assert comparison["related"] > 0


def test_a_planted_effect_is_found_where_it_was_planted(roles):
    maps = make_maps(roles, lambda i, j, words: 1.0)
    for word_map in maps:
        for i, j in pairs_of_words(word_map.roles)["verb-object"]:
            word_map.weights[1, 2, j, i] *= 5  # one head, and from the object to the verb only
    found = relevance(maps, samples=101)
    comparison = found.pop("verb-object")
    heads = np.array(comparison["heads"]["difference"])
    assert heads[1, 2] == pytest.approx(2)  # half of the looks are five times as strong
    heads[1, 2] = 0
    assert heads == pytest.approx(0)
    assert comparison["difference"] == pytest.approx(2 / (L * H))
    low, high = comparison["heads"]["difference_interval"][1][2]
    assert low <= 2 <= high
    for other in found.values():
        assert other["difference"] == pytest.approx(0)


@pytest.mark.parametrize("causal", [False, True])
def test_it_is_the_definition_in_loops(roles, causal):
    rng = np.random.default_rng(5)
    maps = make_maps(roles, lambda i, j, words: rng.uniform(), causal)
    for word_map in maps:
        word_map.weights[...] *= rng.uniform(size=(L, H, 1, 1))

    def looks(kind):
        for word_map in maps:
            for i, j in pairs_of_words(word_map.roles)[kind]:
                for query, key in ((i, j), (j, i)):
                    if not causal or key <= query:
                        yield key - query, word_map.weights[:, :, query, key] / word_map.even[query, key]

    free = {}
    for distance, look in looks("free"):
        free.setdefault(distance, []).append(look)
    for kind, comparison in relevance(maps, samples=11).items():
        related = [(distance, look) for distance, look in looks(kind)]
        kept = [(distance, look) for distance, look in related if distance in free]
        assert comparison["looks"] == len(kept)
        assert comparison["left_out"] == len(related) - len(kept)
        expected = {
            "related": np.mean([look for _, look in kept], axis=0),
            "control": np.mean([np.mean(free[distance], axis=0) for distance, _ in kept], axis=0),
        }
        for name, heads in expected.items():
            np.testing.assert_allclose(comparison["heads"][name], heads, rtol=1e-12)
            assert comparison[name] == pytest.approx(heads.mean())


def test_intervals_cover_the_truth_of_noisy_looks():
    """Of 40 corpora without any effect, about 2 have an interval that misses 0."""
    sentence = ["subject", "verb", "", "object", "adverb", "", "place"]
    rng = np.random.default_rng(11)
    misses = 0
    for _ in range(40):
        maps = make_maps([sentence] * 31, lambda i, j, words: rng.exponential())
        low, high = relevance(maps, samples=201)["verb-object"]["difference_interval"]
        misses += not low <= 0 <= high
    assert misses <= 7


def test_a_kind_that_cannot_be_compared_is_left_out():
    maps = make_maps([["subject", "verb", "object"]] * 3, lambda i, j, words: 1.0)
    assert relevance(maps, samples=3) == {}
    maps = make_maps([["subject", "verb", "object"], ["subject", "adverb", "quality"]], lambda i, j, words: 1.0)
    found = relevance(maps, samples=53)
    assert set(found) == {"verb-object", "subject-verb"}
    assert found["verb-object"]["looks"] == 2
    assert np.isfinite(found["verb-object"]["difference_interval"]).all()


def test_one_sentence_is_read_by_itself():
    (word_map,) = make_maps(
        [["", "subject.adjective", "subject", "verb", "", "object"]], lambda i, j, words: i + 10 * j
    )
    found = looks_of(word_map)
    assert found["verb-object"]["mean"] == pytest.approx(((3 + 50) + (5 + 30)) / 2)
    assert found["subject-object"]["mean"] == pytest.approx(((2 + 50) + (5 + 20)) / 2)
    assert np.shape(found["adjective-object"]["heads"]) == (L, H)
    assert "free" not in found
