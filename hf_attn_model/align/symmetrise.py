"""Two alignments of the same sentences, made from either side -> one.

Each word has one link at most in one of the directions; together they can say one to many and many to one.

Shapes: Tw target words, Sw source words.
"""

from collections.abc import Iterator

import numpy as np

METHODS = ("intersection", "union", "grow-diag", "grow-diag-final", "grow-diag-final-and")
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
