import itertools
import random
from collections import Counter

import numpy as np
import pytest
from accelerate import skip_first_batches
from torch.utils.data import DataLoader

from hf_attn_model.errors import UserError
from hf_attn_model.text.batches import TokenBatchSampler
from hf_attn_model.text.lengths import LENGTH_STEP

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


def test_padding_is_the_share_of_an_epoch(lengths):
    sampler = TokenBatchSampler(*lengths, BUDGET)
    padded = sum(padded_tokens(batch, *lengths) for batch in sampler)
    assert sampler.padding == pytest.approx(1 - sum(map(sum, lengths)) / padded)


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
    met = [{frozenset(batch) for batch in epoch} for epoch in epochs]
    assert len(met[0] & met[1]) < len(sampler) / 2  # rare lengths have no others to meet
    other_seed = TokenBatchSampler(*lengths, BUDGET, seed=4)
    assert list(other_seed) != epochs[0]


def test_batches_come_in_random_order(lengths):
    tokens = [padded_tokens(batch, *lengths) / len(batch) for batch in TokenBatchSampler(*lengths, BUDGET)]
    rises = sum(a < b for a, b in itertools.pairwise(tokens))
    assert 0.3 < rises / len(tokens) < 0.7


@pytest.mark.parametrize("replicas", [2, 3, 7])
def test_replicas_share_the_batches_evenly(lengths, replicas):
    shares = []
    for rank in range(replicas):
        sampler = TokenBatchSampler(*lengths, BUDGET, 3, replicas, rank)
        sampler.set_epoch(5)
        shares.append([tuple(batch) for batch in sampler])
        assert len(shares[-1]) == len(sampler)
    assert len({len(share) for share in shares}) == 1

    alone = TokenBatchSampler(*lengths, BUDGET, 3)
    alone.set_epoch(5)
    batches = {tuple(batch) for batch in alone}
    times = Counter(batch for share in shares for batch in share)
    assert set(times) == batches
    repeated = {batch for batch, n in times.items() if n == 2}
    assert len(repeated) == -len(batches) % replicas
    cost = {batch: padded_tokens(batch, *lengths) for batch in batches}
    assert sorted(cost[batch] for batch in repeated) == sorted(cost.values())[: len(repeated)]

    costs = np.array([[cost[batch] for batch in step] for step in zip(*shares, strict=True)])  # (steps, replicas)
    unlike = np.ptp(costs, axis=1).mean()
    assert unlike < np.ptp(np.random.default_rng(0).permuted(costs, axis=0), axis=1).mean() / 5
    assert 0.3 < np.mean(np.diff(costs[:, 0]) > 0) < 0.7  # no order of cost among the steps


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(("replicas", "rank"), [(1, 0), (3, 2)])
def test_an_epoch_is_taken_up_where_it_was_left(lengths, replicas, rank, workers):
    def loader():
        sampler = TokenBatchSampler(*lengths, BUDGET, 3, replicas, rank)
        sampler.set_epoch(2)
        return DataLoader(range(PAIRS), batch_sampler=sampler, collate_fn=list, num_workers=workers)

    assert list(skip_first_batches(loader(), 11)) == list(loader())[11:]


@pytest.mark.parametrize("rank", [-1, 3])
def test_a_rank_beyond_the_replicas_is_refused(rank):
    with pytest.raises(UserError, match=rf"rank must lie in 0 to num_replicas - 1 = 2, got {rank}"):
        TokenBatchSampler([3], [5], 17, num_replicas=3, rank=rank)


def test_batches_follow_lengths_that_change(lengths):
    """As many batches as ever, each pair once, and about as little padding as if the lengths had always been these."""
    rng = random.Random(1)
    changed = {epoch: tuple([n + rng.randint(0, 9) for n in side] for side in lengths) for epoch in (0, 1)}
    sampler = TokenBatchSampler(*changed[0], BUDGET, lengths_in=changed.get)
    sampler.set_epoch(1)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert Counter(i for batch in batches for i in batch) == Counter(range(PAIRS))
    cost, unaware, known = (
        sum(padded_tokens(batch, *changed[1]) for batch in those)
        for those in (batches, TokenBatchSampler(*changed[0], BUDGET), TokenBatchSampler(*changed[1], BUDGET))
    )
    assert cost < 0.9 * unaware
    assert cost < 1.1 * known
