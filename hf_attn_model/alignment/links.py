"""A word map -> links: which source word each target word goes with. Links of both directions -> one alignment.

Each word has one link at most in one of the directions; together they can say one to many and many to one.

Shapes: Tw target words, Sw source words. Links are a bool matrix (Tw,Sw), or pairs (source index, target index).
"""

from collections.abc import Iterable, Iterator

import numpy as np

from ..checkpoint.alignment_config import METHODS, RULES
from .scores import Link

NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def symmetrise(forward: np.ndarray, backward: np.ndarray, method: str) -> np.ndarray:
    """Unite two alignments.

    - `intersection`, `union`: links of both, links of either;
    - `grow-diag`: the intersection, and step by step those links of the union beside a link there is, also
      diagonally, one of whose words has no link yet (Koehn, Och and Marcu 2003; Koehn et al. 2005);
    - `grow-diag-final`: then the links of `forward`, and those of `backward`, one of whose words has none yet;
    - `grow-diag-final-and`: then only those both of whose words have none yet.

    Args:
        forward, backward: bool (..,Tw,Sw), both with target words as rows.
        method: one of `METHODS`.

    Returns:
        bool (..,Tw,Sw).

    Raises:
        ValueError: the shapes differ, or there is no such method.
    """
    if forward.shape != backward.shape:
        raise ValueError(f"alignments of shapes {forward.shape} and {backward.shape}")
    if method not in METHODS:
        raise ValueError(f"no method is called {method!r}; choose from {', '.join(METHODS)}")
    if method == "intersection":
        return forward & backward
    if method == "union":
        return forward | backward
    links = forward & backward
    for sentence in np.ndindex(forward.shape[:-2]):
        _grow(links[sentence], forward[sentence], backward[sentence], method)
    return links


def _grow(links: np.ndarray, forward: np.ndarray, backward: np.ndarray, method: str) -> None:
    """Grow the links (Tw,Sw) of one sentence, in place."""
    union = forward | backward
    has_grown = True
    while has_grown:
        has_grown = False
        for row, column in np.ndindex(links.shape):
            if not links[row, column]:
                continue
            for place in _neighbours(row, column, links.shape):
                if union[place] and not links[place] and not all(_have_links(links, place)):
                    links[place] = has_grown = True
    if method == "grow-diag":
        return
    is_enough = any if method == "grow-diag-final-and" else all
    for direction in (forward, backward):
        for place in zip(*direction.nonzero(), strict=True):
            if not is_enough(_have_links(links, place)):
                links[place] = True


def _neighbours(row: int, column: int, shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    for down, right in NEIGHBOURS:
        if 0 <= row + down < shape[0] and 0 <= column + right < shape[1]:
            yield row + down, column + right


def _have_links(links: np.ndarray, place: tuple[int, int]) -> tuple[bool, bool]:
    """Whether the target word and the source word of a place have a link already."""
    return bool(links[place[0], :].any()), bool(links[:, place[1]].any())


def link_words(word_maps: np.ndarray, rule: str, threshold: float = 0.0) -> np.ndarray:
    """Read links off word maps.

    - `target`: each target word with the source word that its row has most of;
    - `source`: each source word with the target word that its column has most of;
    - `threshold`: all pairs;
    - a method of `symmetrise`: `target` and `source` united.

    Whatever the rule, a link needs a weight of at least `threshold`, and above 0. Of equal weights the first counts.

    Args:
        word_maps: (..,Tw,Sw), target words as rows.
        rule: one of `RULES`.
        threshold: the least weight of a link.

    Returns:
        bool (..,Tw,Sw).

    Raises:
        ValueError: there is no such rule.
    """
    if rule not in RULES:
        raise ValueError(f"no rule is called {rule!r}; choose from {', '.join(RULES)}")
    strong = (word_maps >= threshold) & (word_maps > 0)
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
