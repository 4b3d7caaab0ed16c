"""A word map -> links: which source word each target word goes with.

Shapes: Tw target words, Sw source words. Links are a bool matrix (Tw,Sw), or pairs (source index, target index).
"""

from collections.abc import Iterable

import numpy as np

from .scores import Link
from .symmetrise import METHODS, symmetrise

RULES = ("target", "source", "threshold", *METHODS)


def link_words(word_maps: np.ndarray, rule: str, least: float = 0.0) -> np.ndarray:
    """Read links off word maps.

    - `target`: each target word with the source word that its row has most of;
    - `source`: each source word with the target word that its column has most of;
    - `threshold`: all pairs;
    - a method of `symmetrise`: `target` and `source` united.

    Whatever the rule, a link needs a weight that is at least `least`, and above 0. Of equal weights the first counts.

    Args:
        word_maps: (..,Tw,Sw), target words as rows.
        rule: one of `RULES`.
        least: the least weight of a link.

    Returns:
        bool (..,Tw,Sw).

    Raises:
        ValueError: there is no such rule.
    """
    if rule not in RULES:
        raise ValueError(f"no rule is called {rule!r}; choose from {', '.join(RULES)}")
    strong = (word_maps >= least) & (word_maps > 0)
    if rule == "threshold" or not word_maps.size:
        return strong
    by_target = strong & _is_first_maximum(word_maps, axis=-1)
    if rule == "target":
        return by_target
    by_source = strong & _is_first_maximum(word_maps, axis=-2)
    if rule == "source":
        return by_source
    return symmetrise(by_target, by_source, rule)


def diagonal_links(target_words: int, source_words: int) -> np.ndarray:
    """Link each target word with the source word at the same relative place, (Tw,Sw)."""
    links = np.zeros((target_words, source_words), dtype=bool)
    if source_words:
        rows = np.arange(target_words)
        links[rows, (2 * rows + 1) * source_words // (2 * target_words)] = True  # the middle of a word decides
    return links


def to_matrix(pairs: Iterable[Link], target_words: int, source_words: int) -> np.ndarray:
    """Pairs (source index, target index) -> bool (Tw,Sw). Raises `IndexError` for a word that is not there."""
    links = np.zeros((target_words, source_words), dtype=bool)
    for source, target in pairs:
        if source < 0 or target < 0:
            raise IndexError(f"link {source}-{target}: words are counted from 0")
        links[target, source] = True
    return links


def to_pairs(links: np.ndarray) -> list[tuple[int, int]]:
    """Bool (Tw,Sw) -> pairs (source index, target index), sorted."""
    return [(int(source), int(target)) for source, target in zip(*links.T.nonzero(), strict=True)]


def _is_first_maximum(word_maps: np.ndarray, axis: int) -> np.ndarray:
    """True at the first of the largest entries along an axis, same shape."""
    first = np.expand_dims(word_maps.argmax(axis=axis), axis)
    found = np.zeros(word_maps.shape, dtype=bool)
    np.put_along_axis(found, first, True, axis=axis)
    return found
