"""The alignment error rate, against its definition written as loops over all pairs of words."""

import random

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.maps.alignments import alignment_error_rate

SENTENCES, SOURCE, TARGET = 11, 5, 7


def random_links(rng, probability):
    return [
        [(i, j) for i in range(SOURCE) for j in range(TARGET) if rng.random() < probability] for _ in range(SENTENCES)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_definition_counted_cell_by_cell(seed):
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
