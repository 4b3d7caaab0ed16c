"""Pairs that are held out, and what two splits have in common."""

import numpy as np
import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text.splitting import SPLITS, hold_out, overlap

SOURCES = [f"sentence {i % 97}" for i in range(211)]


def test_pairs_of_a_source_lie_in_one_split():
    splits = hold_out(SOURCES, 13)
    homes = {
        source: {int(split) for each, split in zip(SOURCES, splits, strict=True) if each == source}
        for source in SOURCES
    }
    assert all(len(home) == 1 for home in homes.values())
    counts = np.bincount(splits, minlength=len(SPLITS))
    assert all(13 <= count < 13 + 3 for count in counts[1:])  # a source has two or three pairs
    assert counts.sum() == len(SOURCES)


def test_order_does_not_matter_and_the_seed_does():
    splits = hold_out(SOURCES, 13)
    order = np.random.default_rng(7).permutation(len(SOURCES))
    np.testing.assert_array_equal(hold_out([SOURCES[i] for i in order], 13), splits[order])
    assert (hold_out(SOURCES, 13, seed=1) != splits).any()


def test_corpus_that_grows_keeps_most_of_what_it_held_out():
    few, many = ([f"sentence {i}" for i in range(count)] for count in (503, 509))
    before, after = hold_out(few, 47), hold_out(many, 47)
    assert (before == after[:503]).mean() > 0.95


@pytest.mark.parametrize("count", [0, 53])
def test_too_much_cannot_be_held_out(count):
    with pytest.raises(UserError, match=f"cannot hold out {count} pairs each for dev and test: there are 211"):
        hold_out(SOURCES, count)


def test_overlap_is_counted_by_pair_and_by_side():
    train = (["a", "b", "c"], ["x", "y", "z"])
    test = (["a", "a", "b", "d", "d"], ["x", "q", "z", "z", "q"])
    pairs = set(zip(*train, strict=True))
    expected = (
        sum(pair in pairs for pair in zip(*test, strict=True)),
        sum(source in train[0] for source in test[0]),
        sum(target in train[1] for target in test[1]),
    )
    assert overlap(test, train) == expected == (1, 3, 3)
