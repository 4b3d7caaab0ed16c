"""The reading chosen on gold links: heads that were planted are found, against all subsets tried one by one."""

from itertools import combinations

import numpy as np
import pytest
from align.handmade import make_attention, make_gold, point_at

from hf_attn_model.align.choice import (
    choose_heads,
    choose_reading,
    gold_matrices,
    score_diagonal,
    score_head_sets,
    score_reading,
)
from hf_attn_model.align.links import diagonal_links, to_pairs
from hf_attn_model.align.reading import Reading
from hf_attn_model.align.scores import alignment_error_rate

SENTENCES, TARGET, SOURCE = 13, 7, 5


def corpus_with(rng, good):
    """Heads that look anywhere, but for `good`, {head: step}, which look at the gold links at that step."""
    attentions, gold = [], []
    for _ in range(SENTENCES):
        links = rng.integers(SOURCE, size=TARGET)
        weights = rng.dirichlet(np.ones(SOURCE + 1), (2, 3, TARGET + 1)).astype(np.float32)
        for head, step in good.items():
            weights[head] = point_at([*links, SOURCE] if step == "output" else [SOURCE, *links], SOURCE + 1)
        attentions.append(make_attention(weights))
        gold.append(make_gold([(int(source), target) for target, source in enumerate(links)], TARGET, SOURCE))
    return attentions, gold


@pytest.mark.parametrize("step", ["output", "input"])
def test_a_planted_head_is_found_with_its_step(step):
    attentions, gold = corpus_with(np.random.default_rng(0), {(1, 2): step})
    reading = choose_reading(attentions, gold, "weights")
    assert (reading.heads, reading.step, reading.measure) == (((1, 2),), step, "weights")
    assert score_reading(reading, attentions, gold).error_rate == 0


def test_heads_that_know_half_each_are_put_together():
    attentions, gold = corpus_with(np.random.default_rng(1), {(0, 1): "output", (1, 0): "output"})
    for attention in attentions:
        attention.weights[0, 1, ::2] = 1 / (SOURCE + 1)
        attention.weights[1, 0, 1::2] = 1 / (SOURCE + 1)
    reading = choose_heads(attentions, gold, "output", "weights", "target")
    assert set(reading.heads) == {(0, 1), (1, 0)}
    assert score_reading(reading, attentions, gold).error_rate == 0


def test_scores_are_those_of_each_set_alone():
    attentions, gold = corpus_with(np.random.default_rng(2), {(0, 0): "output"})
    sets = [list(heads) for size in (1, 2) for heads in combinations(attentions[0].heads, size)]
    together = score_head_sets(sets, attentions, gold, "output", "union").error_rate
    for heads, rate in zip(sets, together, strict=True):
        reading = Reading(tuple(heads), rule="union")
        links = [to_pairs(reading.links(attention)) for attention in attentions]
        assert rate == pytest.approx(alignment_error_rate(links, [pair.sure for pair in gold], [[]] * SENTENCES))
    greedy = choose_heads(attentions, gold, "output", "weights", "union")
    assert score_reading(greedy, attentions, gold).error_rate <= together[:6].min()


def test_weak_links_are_left_out_where_gold_has_none():
    attentions, gold = corpus_with(np.random.default_rng(3), {(1, 1): "output"})
    for number, attention in enumerate(attentions):
        attention.weights[..., 0, :] = 1 / (SOURCE + 1)  # the first target word has no link, and looks everywhere
        sure = [link for link in gold[number].sure if link[1] != 0]
        gold[number] = make_gold(sure, TARGET, SOURCE)
    reading = choose_reading(attentions, gold, "weights", ["output"])
    assert score_reading(reading, attentions, gold).error_rate == 0
    assert score_reading(Reading(reading.heads, rule="target"), attentions, gold).error_rate > 0


def test_the_diagonal_is_scored():
    _, gold = corpus_with(np.random.default_rng(4), {})
    links = [to_pairs(diagonal_links(TARGET, SOURCE))] * SENTENCES
    expected = alignment_error_rate(links, [pair.sure for pair in gold], [[]] * SENTENCES)
    assert score_diagonal(gold).error_rate == pytest.approx(expected)
    assert to_pairs(gold_matrices(gold[0])[0]) == sorted(gold[0].sure)
