from collections import Counter

import numpy as np
import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text import batch_plan
from hf_attn_model.text.batch_plan import MANY_ROWS, ROWS_STEP, BatchPlan, even_groups
from hf_attn_model.text.lengths import LENGTH_STEP, round_up

PAIRS = 4999


def text_like_lengths(pairs, seed=0, mean=11):
    """Lengths as sentences have: a long tail, and a target about as long as its source."""
    rng = np.random.default_rng(seed)
    source = np.clip(rng.lognormal(np.log(mean), 0.5, pairs), 1, 61)
    target = np.clip(source * rng.lognormal(0, 0.15, pairs), 1, 67)
    return source.astype(int), target.astype(int)


def cut_one_by_one(source, target, max_tokens):
    """The same plan by its definition: put pair after pair into the batch while the budget allows."""
    snake = sorted(zip(target, source, strict=True), key=lambda p: (p[0], (-1) ** (p[0] // LENGTH_STEP) * p[1]))
    batches = []
    while snake:
        rows = 1
        while (
            rows < len(snake)
            and (rows + 1) * sum(max(side) for side in zip(*snake[: rows + 1], strict=True)) <= max_tokens
        ):
            rows += 1
        if rows < len(snake) and rows >= MANY_ROWS:
            rows -= rows % ROWS_STEP
        batches.append((rows, rows * sum(max(side) for side in zip(*snake[:rows], strict=True))))
        snake = snake[rows:]
    return batches


@pytest.mark.parametrize("max_tokens", [1, 97, 499, 4001, 10**6])
def test_plan_equals_cutting_pair_by_pair(max_tokens):
    source, target = text_like_lengths(997)
    plan = BatchPlan(source, target, max_tokens)
    expected = cut_one_by_one(round_up(source).tolist(), round_up(target).tolist(), max_tokens)
    assert list(zip(plan.rows.tolist(), plan.tokens.tolist(), strict=True)) == expected


def test_dealt_batches_are_as_planned():
    source, target = text_like_lengths(PAIRS)
    plan = BatchPlan(source, target, 1999)
    batches = plan.deal(np.random.default_rng(3))
    assert Counter(np.concatenate(batches).tolist()) == Counter(range(PAIRS))
    padded = [len(batch) * int(round_up(source[batch].max()) + round_up(target[batch].max())) for batch in batches]
    assert padded == plan.tokens.tolist()
    assert [len(batch) for batch in batches] == plan.rows.tolist()
    assert plan.padding == pytest.approx(1 - (source.sum() + target.sum()) / sum(padded))


@pytest.mark.parametrize("at_once", [97, 10**6])
def test_pairs_are_dealt_by_shuffling_all_and_sorting_them_by_cell(at_once, monkeypatch):
    monkeypatch.setattr(batch_plan, "PAIRS_AT_ONCE", at_once)
    lengths = text_like_lengths(PAIRS)
    plan = BatchPlan(*lengths, 1999)
    for changed in (None, text_like_lengths(PAIRS, seed=5)):
        source, target = map(round_up, changed or lengths)
        along = np.where((target // LENGTH_STEP) % 2, -source, source)
        order = np.random.default_rng(7).permutation(PAIRS)
        order = order[np.lexsort((np.arange(PAIRS), along[order], target[order]))]
        batches = plan.deal(np.random.default_rng(7), changed)
        assert np.concatenate(batches).tolist() == order.tolist()
        assert batches[0].itemsize == 4


def test_each_deal_lets_others_meet():
    plan = BatchPlan(*text_like_lengths(30_011), 4096)
    first, second = ({frozenset(batch.tolist()) for batch in plan.deal(np.random.default_rng(seed))} for seed in (0, 1))
    assert len(first & second) < len(first) / 20


@pytest.mark.parametrize("max_tokens", [2048, 4096, 8192])
def test_little_padding_and_few_token_counts(max_tokens):
    plan = BatchPlan(*text_like_lengths(60_013), max_tokens)
    assert plan.padding <= 0.08
    assert np.median(plan.tokens) > 0.9 * max_tokens
    assert all(plan.rows[:-1][plan.rows[:-1] >= MANY_ROWS] % ROWS_STEP == 0)


def test_sides_without_tokens_and_plans_without_pairs():
    assert BatchPlan([0, 0, 0], [0, 0, 0], 7).rows.tolist() == [3]
    empty = BatchPlan([], [], 7)
    assert (len(empty.deal(np.random.default_rng(0))), empty.padding) == (0, 0)


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(UserError, match="max_tokens must be at least 1, got 0"):
        BatchPlan([3], [5], 0)


@pytest.mark.parametrize(("batches", "replicas"), [(29, 1), (29, 3), (29, 7), (28, 7), (2, 5), (0, 3)])
def test_even_groups_lose_nothing_and_repeat_the_cheapest(batches, replicas):
    order = np.random.default_rng(0).permutation(batches)
    groups = even_groups(order, replicas)
    assert groups.shape == (-(-batches // replicas), replicas)
    times = Counter(groups.ravel().tolist())
    assert set(times) == set(range(batches))
    missing = -batches % replicas
    assert sum(times.values()) == batches + missing
    if missing <= batches:
        assert {i for i, n in times.items() if n == 2} == set(order[:missing].tolist())
