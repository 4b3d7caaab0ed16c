"""Several corpora in one data set: shares, orders, and what a sampler makes of them."""

import pickle
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from datasets import Dataset

from hf_attn_model.text.batches import TokenBatchSampler
from hf_attn_model.text.lengths import pair_lengths
from hf_attn_model.text.mixed import MixedExamples, shares

SIZES, EPOCHS = (5, 23, 211), 7


def make_part(number, size):
    """Rows that say which they are: (part, row) are the first ids of both sides."""
    rows = [{"input_ids": [number] * (1 + i % 7), "labels": [i] * (1 + i % 5)} for i in range(size)]
    return Dataset.from_list(rows)


def make_mixed(weights=(3.0, 1.0, 0.5), temperature=5.0, seed=3):
    return MixedExamples([make_part(*part) for part in enumerate(SIZES)], weights, temperature, seed)


def items_in(mixed, epoch):
    mixed.set_epoch(epoch)
    return mixed.__getitems__(range(len(mixed)))


def counts_of(items):
    return Counter((item["input_ids"][0], item["labels"][0]) for item in items)


@pytest.mark.parametrize("temperature", [1, 1.7, 5, 1000])
@pytest.mark.parametrize("weights", [(1, 1, 1), (3, 1, 0.5), (0.01, 100, 7)])
def test_shares_are_those_of_the_formula(weights, temperature):
    powers = [(weight * size) ** (1 / temperature) for weight, size in zip(weights, SIZES, strict=True)]
    draws = shares(SIZES, weights, temperature)
    assert sum(draws) == sum(SIZES)
    for found, power in zip(draws, powers, strict=True):
        assert abs(found - sum(SIZES) * power / sum(powers)) <= 1


def test_a_huge_weight_is_a_number():
    assert shares([10**8, 3], [10**9, 10**-9], 1) == [10**8 + 3, 0]


def test_alone_by_size_every_example_comes_once_in_an_epoch():
    mixed = make_mixed(weights=(1, 1, 1), temperature=1)
    every = {(part, row): 1 for part, size in enumerate(SIZES) for row in range(size)}
    assert mixed.draws == [*SIZES]
    orders = [items_in(mixed, epoch) for epoch in (0, 1)]
    assert [counts_of(items) for items in orders] == [every, every]
    assert orders[0] != orders[1]


def test_no_example_is_ahead_of_the_others_of_its_corpus_by_more_than_one():
    mixed, seen = make_mixed(), Counter()
    assert mixed.draws[0] > SIZES[0] and mixed.draws[2] < SIZES[2]  # noqa: PT018
    for epoch in range(EPOCHS):
        seen += counts_of(items_in(mixed, epoch))
        for part, size in enumerate(SIZES):
            times = [seen[part, row] for row in range(size)]
            assert max(times) - min(times) <= 1
            assert sum(times) == (epoch + 1) * mixed.draws[part]


def test_an_epoch_is_its_own_whatever_was_read_before():
    mixed = make_mixed()
    for epoch in (0, 4, 2):
        items_in(mixed, epoch)
    expected = items_in(mixed, 5)
    other = pickle.loads(pickle.dumps(make_mixed()))  # as a worker gets it
    other.set_epoch(5)
    order = np.random.default_rng(0).permutation(len(other))
    assert [other[int(i)] for i in order] == [expected[i] for i in order]
    assert items_in(make_mixed(seed=4), 5) != expected


def test_lengths_are_those_of_the_items():
    mixed = make_mixed()
    for epoch in (0, 3):
        items = items_in(mixed, epoch)
        sources, targets = mixed.lengths_in(epoch)
        assert sources.tolist() == [len(item["input_ids"]) for item in items]
        assert targets.tolist() == [len(item["labels"]) for item in items]
        assert sources.dtype == targets.dtype == np.int32


def batches_in(mixed, epoch, ranks=1, rank=0):
    sampler = TokenBatchSampler(*pair_lengths(mixed), 61, 3, ranks, rank, mixed.lengths_in)
    sampler.set_epoch(epoch)
    mixed.set_epoch(epoch)
    return [mixed.__getitems__(batch) for batch in sampler]


def test_two_ranks_share_an_epoch_and_an_interrupted_one_goes_on():
    whole = counts_of(items_in(make_mixed(), 2))
    ranks = [batches_in(make_mixed(), 2, 2, rank) for rank in (0, 1)]
    seen = counts_of(item for batches in ranks for batch in batches for item in batch)
    assert len(ranks[0]) == len(ranks[1])
    assert not whole - seen
    assert (seen - whole).total() <= max(len(batch) for batches in ranks for batch in batches), "one batch twice"
    alone = batches_in(make_mixed(), 2)
    assert counts_of(item for batch in alone for item in batch) == whole
    assert [*islice(batches_in(make_mixed(), 2), 3, None)] == alone[3:]
