"""The reading that agrees best with gold links: heads, step, rule and least weight, chosen on a development set."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from .cross import STEPS, CrossAttention, Head
from .links import diagonal_links, link_words, to_matrix
from .pairs import GoldPair
from .reading import Reading
from .scores import LinkCounts, count_links, sum_counts
from .symmetrise import METHODS

HEAD_RULES = ("target", "source", "intersection", "union")  # rules by which heads are chosen: the fast ones
LEAST = tuple(step / 20 for step in range(10))  # least weights: 0, 0.05 ... 0.45


def choose_reading(
    attentions: Sequence[CrossAttention], gold: Sequence[GoldPair], measure: str, steps: Iterable[str] = STEPS
) -> Reading:
    """Choose the reading with the lowest alignment error rate: heads for each step and rule, then the least weight.

    Args:
        attentions: of the pairs in `gold`, with their words.
        gold: the development set.
        measure: what the attentions hold.
        steps: those to choose from.
    """
    readings = []
    for step in steps:
        grown = [choose_heads(attentions, gold, step, measure, rule) for rule in HEAD_RULES]
        readings += grown + [replace(grown[-1], rule=method) for method in METHODS if method not in HEAD_RULES]
    readings = [replace(reading, least=least) for reading in readings for least in LEAST]
    return min(readings, key=lambda reading: score_reading(reading, attentions, gold).error_rate)


def choose_heads(
    attentions: Sequence[CrossAttention], gold: Sequence[GoldPair], step: str, measure: str, rule: str
) -> Reading:
    """Start with no head, and add, one by one, the head that lowers the error rate most, until none does."""
    chosen: list[Head] = []
    lowest = np.inf
    while rest := [head for head in attentions[0].heads if head not in chosen]:
        rates = score_head_sets([[*chosen, head] for head in rest], attentions, gold, step, rule).error_rate
        best = int(rates.argmin())
        if rates[best] >= lowest:
            break
        chosen.append(rest[best])
        lowest = rates[best]
    return Reading(tuple(chosen), step, measure, rule)


def score_reading(reading: Reading, attentions: Iterable[CrossAttention], gold: Iterable[GoldPair]) -> LinkCounts:
    """Compare the links of a reading with gold links; counts are single numbers."""
    return sum_counts(
        count_links(reading.links(attention), *gold_matrices(pair))
        for attention, pair in zip(attentions, gold, strict=True)
    )


def score_head_sets(
    head_sets: Sequence[Sequence[Head]],
    attentions: Iterable[CrossAttention],
    gold: Iterable[GoldPair],
    step: str,
    rule: str,
) -> LinkCounts:
    """Compare the links of N sets of heads with gold links; counts have the shape (N,)."""
    return sum_counts(
        count_links(link_words(attention.word_maps(head_sets, step), rule), *gold_matrices(pair))
        for attention, pair in zip(attentions, gold, strict=True)
    )


def score_diagonal(gold: Iterable[GoldPair]) -> LinkCounts:
    """Compare the diagonal with gold links: what any aligner must beat."""
    return sum_counts(
        count_links(diagonal_links(len(pair.target_words), len(pair.source_words)), *gold_matrices(pair))
        for pair in gold
    )


def gold_matrices(pair: GoldPair) -> tuple[np.ndarray, np.ndarray]:
    """Sure and possible links, bool (Tw,Sw) each."""
    size = len(pair.target_words), len(pair.source_words)
    return to_matrix(pair.sure, *size), to_matrix(pair.possible, *size)
