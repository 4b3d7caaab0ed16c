"""Links against gold links: every measure against its definition written as loops over all pairs of words."""

import random

import numpy as np
import pytest

from hf_attn_model.alignment.links import to_matrix
from hf_attn_model.alignment.scores import LinkCounts, alignment_error_rate, count_links, sum_counts
from hf_attn_model.errors import UserError

SENTENCES, SOURCE, TARGET = 11, 5, 7


def random_links(rng, probability):
    return [
        [(i, j) for i in range(SOURCE) for j in range(TARGET) if rng.random() < probability] for _ in range(SENTENCES)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_they_are_the_definitions_counted_cell_by_cell(seed):
    rng = random.Random(seed)
    links, sure, possible = random_links(rng, 0.3), random_links(rng, 0.2), random_links(rng, 0.2)
    in_sure = in_possible = guessed = certain = 0
    for n in range(SENTENCES):
        for i in range(SOURCE):
            for j in range(TARGET):
                a, s = (i, j) in links[n], (i, j) in sure[n]
                p = s or (i, j) in possible[n]
                in_sure += a and s
                in_possible += a and p
                guessed += a
                certain += s
    expected = 1 - (in_sure + in_possible) / (guessed + certain)
    assert alignment_error_rate(links, sure, possible) == pytest.approx(expected)
    matrices = ([to_matrix(one, TARGET, SOURCE) for one in sentences] for sentences in (links, sure, possible))
    counts = sum_counts(count_links(*sentence) for sentence in zip(*matrices, strict=True))
    precision, recall = in_possible / guessed, in_sure / certain
    assert (counts.precision, counts.recall, counts.error_rate) == pytest.approx((precision, recall, expected))
    assert counts.f1 == pytest.approx(2 / (1 / precision + 1 / recall))


def test_several_alignments_are_counted_side_by_side():
    rng = np.random.default_rng(0)
    links = rng.random((2, 3, TARGET, SOURCE)) < 0.4
    sure, possible = rng.random((2, TARGET, SOURCE)) < 0.3
    together = count_links(links, sure, possible)
    for index in np.ndindex(2, 3):
        assert together[index] == count_links(links[index], sure, possible)
    assert (together + together).f1.shape == (2, 3)


def test_nothing_to_divide_by_is_not_a_number():
    empty = LinkCounts(0, 0, 0, 0)
    assert all(np.isnan([empty.precision, empty.recall, empty.f1, empty.error_rate]))


def test_f1_of_no_hit_is_zero():
    assert LinkCounts(2, 3, 0, 0).f1 == 0


def test_perfect_and_hopeless():
    sure, possible = [[(0, 0), (1, 2)], [(2, 1)]], [[(1, 1)], []]
    assert alignment_error_rate(sure, sure, possible) == 0
    assert alignment_error_rate([[(0, 0), (1, 2), (1, 1)], [(2, 1)]], sure, possible) == 0  # a possible link is free
    assert alignment_error_rate([[(4, 4)], [(0, 0)]], sure, possible) == 1
    assert alignment_error_rate([[], []], sure, possible) == 1


def test_counts_are_summed_before_they_are_divided():
    links, sure = [[(0, 0)], [(0, 0), (1, 1), (2, 2)]], [[(0, 0)], [(3, 3)]]
    assert alignment_error_rate(links, sure, [[], []]) == pytest.approx(1 - 2 / 6)  # the mean of the two is 1 / 2


def test_lists_and_repeated_links_are_sets_of_pairs():
    assert alignment_error_rate([[[0, 1], [0, 1]]], [[(0, 1)]], [[(0, 1)]]) == 0


def test_mistakes_are_told():
    with pytest.raises(UserError, match="1, 2 and 1 sentences"):
        alignment_error_rate([[]], [[], []], [[]])
    with pytest.raises(UserError, match="undefined"):
        alignment_error_rate([[]], [[]], [[(0, 0)]])
