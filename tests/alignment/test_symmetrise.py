"""Two directions -> one, against the pseudocode of grow-diag-final in sets of points."""

import numpy as np
import pytest

from hf_attn_model.alignment.links import METHODS, symmetrise, to_matrix, to_pairs

TARGET, SOURCE = 7, 5
NEIGHBOURING = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]


def grow_diag_final(forward, backward, method):
    """The pseudocode of Koehn et al. (2005), over sets of points (e, f)."""
    alignment, union = forward & backward, forward | backward
    while True:
        before = set(alignment)
        for e in range(TARGET):
            for f in range(SOURCE):
                if (e, f) in alignment:
                    for step in NEIGHBOURING:
                        new = (e + step[0], f + step[1])
                        is_free = new[0] not in {p[0] for p in alignment} or new[1] not in {p[1] for p in alignment}
                        if new in union and is_free:
                            alignment = alignment | {new}
        if alignment == before:
            break
    if method == "grow-diag":
        return alignment
    for direction in (forward, backward):
        for new in sorted(direction):
            free = [new[0] not in {p[0] for p in alignment}, new[1] not in {p[1] for p in alignment}]
            if all(free) if method == "grow-diag-final-and" else any(free):
                alignment = alignment | {new}
    return alignment


def points(matrix):
    return {(int(e), int(f)) for e, f in zip(*matrix.nonzero(), strict=True)}


@pytest.mark.parametrize("method", METHODS)
def test_it_follows_the_pseudocode(method):
    rng = np.random.default_rng(2)
    both = rng.random((2, 97, TARGET, SOURCE)) < rng.choice([0.1, 0.2, 0.4], (1, 97, 1, 1))
    together = symmetrise(*both, method)
    for forward, backward, links in zip(*both, together, strict=True):
        first, second = points(forward), points(backward)
        if method in ("intersection", "union"):
            expected = first & second if method == "intersection" else first | second
        else:
            expected = grow_diag_final(first, second, method)
        assert points(links) == expected


def test_the_methods_differ_as_drawn_by_hand():
    forward = to_matrix([(0, 0), (1, 1), (3, 3), (4, 4)], 5, 5)
    backward = to_matrix([(0, 0), (1, 2), (4, 1), (3, 4)], 5, 5)
    drawn = {
        "intersection": [(0, 0)],
        "grow-diag": [(0, 0), (1, 1), (1, 2)],
        "grow-diag-final-and": [(0, 0), (1, 1), (1, 2), (3, 3), (4, 4)],
        "grow-diag-final": [(0, 0), (1, 1), (1, 2), (3, 3), (4, 4)],
        "union": [(0, 0), (1, 1), (1, 2), (3, 3), (3, 4), (4, 1), (4, 4)],
    }
    assert {method: to_pairs(symmetrise(forward, backward, method)) for method in drawn} == drawn
    forward, backward = to_matrix([(0, 0), (2, 2)], 3, 3), to_matrix([(0, 0), (2, 0)], 3, 3)
    assert to_pairs(symmetrise(forward, backward, "grow-diag-final")) == [(0, 0), (2, 2)]
    assert to_pairs(symmetrise(backward, forward, "grow-diag-final")) == [
        (0, 0),
        (2, 0),
        (2, 2),
    ]  # 2-0: source 2 is free
    assert to_pairs(symmetrise(backward, forward, "grow-diag-final-and")) == [(0, 0), (2, 2)]


def test_the_input_stays_as_it_is():
    forward, backward = np.eye(3, dtype=bool), np.eye(3, dtype=bool)[::-1].copy()
    for method in METHODS:
        symmetrise(forward, backward, method)
    np.testing.assert_array_equal(forward, np.eye(3))


def test_mistakes_are_told():
    square = np.eye(3, dtype=bool)
    with pytest.raises(ValueError, match="no method is called 'average'"):
        symmetrise(square, square, "average")
    with pytest.raises(ValueError, match=r"shapes \(3, 3\) and \(2, 3\)"):
        symmetrise(square, square[:2], "union")
