import itertools
import random
from collections import Counter

import pytest

from hf_attn_model.text.batches import LENGTH_STEP, TokenBatchSampler

PAIRS, BUDGET = 997, 211


@pytest.fixture
def lengths():
    rng = random.Random(0)
    return [rng.randint(1, 41) for _ in range(PAIRS)], [rng.randint(1, 43) for _ in range(PAIRS)]


def padded_tokens(batch, source, target):
    """Tokens of a batch as a collator pads it: to the longest, rounded up."""
    longest = [max(side[i] for i in batch) for side in (source, target)]
    return len(batch) * sum(-(-length // LENGTH_STEP) * LENGTH_STEP for length in longest)


def test_every_pair_comes_once(lengths):
    counts = Counter(i for batch in TokenBatchSampler(*lengths, BUDGET) for i in batch)
    assert counts == Counter(range(PAIRS))


def test_batches_keep_the_budget(lengths):
    batches = list(TokenBatchSampler(*lengths, BUDGET))
    assert max(padded_tokens(batch, *lengths) for batch in batches) <= BUDGET
    random_batches = [range(start, min(start + 5, PAIRS)) for start in range(0, PAIRS, 5)]
    waste = [
        sum(padded_tokens(b, *lengths) for b in those) / sum(map(sum, lengths)) for those in (batches, random_batches)
    ]
    assert waste[0] < waste[1] / 1.2


def test_a_pair_longer_than_the_budget_makes_a_batch_of_its_own():
    batches = TokenBatchSampler([3, 500, 3], [3, 500, 3], max_tokens=17)
    assert sorted(map(sorted, batches)) == [[0, 2], [1]]


def test_epochs_differ_but_cost_the_same(lengths):
    sampler = TokenBatchSampler(*lengths, BUDGET, seed=3)
    epochs = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
        assert len(epochs[-1]) == len(sampler)
    assert epochs[0] == epochs[2] != epochs[1]
    sizes = [Counter((len(batch), padded_tokens(batch, *lengths)) for batch in epoch) for epoch in epochs]
    assert sizes[0] == sizes[1]
    other_seed = TokenBatchSampler(*lengths, BUDGET, seed=4)
    assert list(other_seed) != epochs[0]


def test_batches_come_in_random_order(lengths):
    tokens = [padded_tokens(batch, *lengths) / len(batch) for batch in TokenBatchSampler(*lengths, BUDGET)]
    rises = sum(a < b for a, b in itertools.pairwise(tokens))
    assert 0.3 < rises / len(tokens) < 0.7
