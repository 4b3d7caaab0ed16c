"""A word map -> links, against loops over words."""

import numpy as np
import pytest

from hf_attn_model.alignment.links import METHODS, RULES, diagonal_links, link_words, symmetrise, to_matrix, to_pairs

TARGET, SOURCE = 7, 5


@pytest.fixture
def word_maps():
    return np.random.default_rng(1).dirichlet(np.full(SOURCE, 0.5), (2, 3, TARGET))


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_rules_are_what_they_say(word_maps, threshold):
    found = {rule: link_words(word_maps, rule, threshold) for rule in RULES}
    for index in np.ndindex(2, 3):
        one = word_maps[index]
        for i, j in np.ndindex(TARGET, SOURCE):
            strong = one[i, j] >= threshold
            assert found["threshold"][index][i, j] == strong
            assert found["target"][index][i, j] == (strong and one[i, j] == max(one[i]))
            assert found["source"][index][i, j] == (strong and one[i, j] == max(one[:, j]))
        for method in METHODS:
            expected = symmetrise(found["target"][index], found["source"][index], method)
            np.testing.assert_array_equal(found[method][index], expected)


def test_a_word_without_attention_has_no_link():
    weights = np.array([[0.0, 0.0], [0.0, 0.3]])
    for rule in RULES:
        assert to_pairs(link_words(weights, rule)) == to_pairs(link_words(weights, rule, threshold=0.3)) == [(1, 1)]
        assert not link_words(weights, rule, threshold=0.31).any()
    assert link_words(np.zeros((3, 0)), "target").shape == (3, 0)


def test_of_equal_weights_the_first_counts():
    assert to_pairs(link_words(np.full((2, 3), 0.2), "target")) == [(0, 0), (0, 1)]
    assert to_pairs(link_words(np.full((2, 3), 0.2), "source")) == [(0, 0), (1, 0), (2, 0)]


def test_pairs_and_matrices_say_the_same():
    pairs = [(0, 6), (2, 1), (4, 0)]
    matrix = to_matrix(reversed(pairs), TARGET, SOURCE)
    assert matrix.shape == (TARGET, SOURCE)
    assert matrix[6, 0]
    assert to_pairs(matrix) == pairs
    for wrong in [(5, 0), (0, 7), (-1, 0), (0, -1)]:
        with pytest.raises(IndexError):
            to_matrix([wrong], TARGET, SOURCE)


def test_the_diagonal_joins_the_same_places():
    np.testing.assert_array_equal(diagonal_links(5, 5), np.eye(5))
    assert to_pairs(diagonal_links(2, 6)) == [(1, 0), (4, 1)]  # the middles of the halves
    for target, source in [(TARGET, SOURCE), (SOURCE, TARGET), (1, 3), (3, 1)]:
        links = to_pairs(diagonal_links(target, source))
        assert [j for _, j in sorted(links, key=lambda link: link[1])] == list(range(target))
        for i, j in links:
            assert i / source <= (j + 0.5) / target < (i + 1) / source
    assert diagonal_links(2, 0).shape == (2, 0)


def test_unknown_rules_are_refused(word_maps):
    with pytest.raises(ValueError, match="no rule is called 'best'"):
        link_words(word_maps, "best")
