"""The config chosen on gold links: heads that were planted are found, against all subsets tried one by one."""

from itertools import combinations

import numpy as np
import pytest
from small_alignments import make_attention, make_gold, point_at

from hf_attn_model.alignment.heads import (
    choose_alignment_config,
    choose_heads,
    score_alignment_config,
    score_diagonal,
    score_head_sets,
)
from hf_attn_model.alignment.links import diagonal_links, to_pairs
from hf_attn_model.alignment.scores import alignment_error_rate
from hf_attn_model.checkpoint.alignment_config import AlignmentConfig

SENTENCES, TARGET, SOURCE = 13, 7, 5


def corpus_with(rng, good):
    """Heads that look anywhere, but for `good`, {head: shift}, which look at the gold links with that shift."""
    attentions, gold = [], []
    for _ in range(SENTENCES):
        links = rng.integers(SOURCE, size=TARGET)
        weights = rng.dirichlet(np.ones(SOURCE + 1), (2, 3, TARGET + 1)).astype(np.float32)
        for head, shift in good.items():
            weights[head] = point_at([*links, SOURCE] if not shift else [SOURCE, *links], SOURCE + 1)
        attentions.append(make_attention(weights))
        gold.append(make_gold([(int(source), target) for target, source in enumerate(links)], TARGET, SOURCE))
    return attentions, gold


@pytest.mark.parametrize("shift", [False, True])
def test_a_planted_head_is_found_with_its_shift(shift):
    attentions, gold = corpus_with(np.random.default_rng(0), {(1, 2): shift})
    config = choose_alignment_config(attentions, gold, "weights")
    assert (config.heads, config.shift, config.measure) == (((1, 2),), shift, "weights")
    assert score_alignment_config(config, attentions, gold).error_rate == 0


def test_heads_that_know_half_each_are_put_together():
    attentions, gold = corpus_with(np.random.default_rng(1), {(0, 1): False, (1, 0): False})
    for attention in attentions:
        attention.weights[0, 1, ::2] = 1 / (SOURCE + 1)
        attention.weights[1, 0, 1::2] = 1 / (SOURCE + 1)
    config = choose_heads(attentions, gold, False, "weights", "target")
    assert set(config.heads) == {(0, 1), (1, 0)}
    assert score_alignment_config(config, attentions, gold).error_rate == 0


def test_scores_are_those_of_each_set_alone():
    attentions, gold = corpus_with(np.random.default_rng(2), {(0, 0): False})
    sets = [list(heads) for size in (1, 2) for heads in combinations(attentions[0].heads, size)]
    together = score_head_sets(sets, attentions, gold, False, "union").error_rate
    for heads, rate in zip(sets, together, strict=True):
        config = AlignmentConfig(tuple(heads), rule="union")
        links = [to_pairs(attention.links(config)) for attention in attentions]
        assert rate == pytest.approx(alignment_error_rate(links, [pair.sure for pair in gold], [[]] * SENTENCES))
    greedy = choose_heads(attentions, gold, False, "weights", "union")
    assert score_alignment_config(greedy, attentions, gold).error_rate <= together[:6].min()


def test_weak_links_are_left_out_where_gold_has_none():
    attentions, gold = corpus_with(np.random.default_rng(3), {(1, 1): False})
    for number, attention in enumerate(attentions):
        attention.weights[..., 0, :] = 1 / (SOURCE + 1)  # the first target word has no link, and looks everywhere
        sure = [link for link in gold[number].sure if link[1] != 0]
        gold[number] = make_gold(sure, TARGET, SOURCE)
    config = choose_alignment_config(attentions, gold, "weights", [False])
    assert score_alignment_config(config, attentions, gold).error_rate == 0
    assert score_alignment_config(AlignmentConfig(config.heads, rule="target"), attentions, gold).error_rate > 0


def test_the_diagonal_is_scored():
    _, gold = corpus_with(np.random.default_rng(4), {})
    links = [to_pairs(diagonal_links(TARGET, SOURCE))] * SENTENCES
    expected = alignment_error_rate(links, [pair.sure for pair in gold], [[]] * SENTENCES)
    assert score_diagonal(gold).error_rate == pytest.approx(expected)
    assert to_pairs(gold[0].matrices[0]) == sorted(gold[0].sure)
