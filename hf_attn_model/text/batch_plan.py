"""Lengths of sentence pairs -> which lengths make up a batch -> batches of pairs that share nothing but the length."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from ..errors import UserError
from .lengths import LENGTH_STEP, round_up

ROWS_STEP = 8  # a batch of many rows has a multiple: fewer token counts, and whole tiles for matrix kernels
MANY_ROWS = 4 * ROWS_STEP  # from here on less than a quarter of a batch is left to the next one
PAIRS_AT_ONCE = 2**18  # whose numbers in 64 bits are held


class BatchPlan:
    """How pairs of given lengths are cut into batches of a token budget.

    The pairs are sorted into cells of one padded (source, target) length. The cells are walked by target length, the
    source lengths rising and falling in turns (a snake), so that neighbours differ little where the target length
    steps up; a batch ends where the next pair would break the budget. Which pairs of a cell go into which batch is
    open until `deal`, so the number of batches and their shapes are fixed, and only who meets whom changes.

    Of each pair its cell is kept, in 2 bytes as a rule; dealing takes 8 bytes more, of which 4 stay with the batches.

    Args:
        source_lengths, target_lengths: tokens of each pair, end marks included.
        max_tokens: upper bound of (source + target) tokens of a batch, padding included. A pair that alone is longer
            makes a batch of its own.

    Attributes:
        rows: (N,) int64, pairs of each of the N batches.
        tokens: (N,) int64, source and target tokens of each batch, padding included: what it costs.
        padding: share of these tokens that is padding, 0 to 1.

    Raises:
        UserError: `max_tokens` is less than 1.
    """

    def __init__(
        self, source_lengths: Sequence[int] | np.ndarray, target_lengths: Sequence[int] | np.ndarray, max_tokens: int
    ):
        if max_tokens < 1:
            raise UserError(f"max_tokens must be at least 1, got {max_tokens}")
        source, target, self._counts, self._cell = _cells(source_lengths, target_lengths)
        self.rows, self.tokens = _cut(source, target, self._counts, max_tokens)
        real = np.sum(source_lengths, dtype=np.int64) + np.sum(target_lengths, dtype=np.int64)
        self.padding = 1 - float(real / self.tokens.sum()) if self.tokens.any() else 0.0

    def deal(self, rng: np.random.Generator, lengths: tuple[np.ndarray, np.ndarray] | None = None) -> list[np.ndarray]:
        """Fill the batches with the indices of pairs, those of a cell in random order.

        Args:
            rng: decides who meets whom.
            lengths: source and target tokens of each pair, where they have changed a little since the plan was made.
                Each batch keeps its rows, and may miss the budget by as little.
        """
        counts, cell = (self._counts, self._cell) if lengths is None else _cells(*lengths)[2:]
        order = np.arange(len(cell), dtype=np.int32 if len(cell) < 2**31 else np.int64)
        rng.shuffle(order)
        order = _sorted_by_cell(order, cell, counts)
        ends = np.cumsum(self.rows)
        return [order[start:end] for start, end in zip(ends - self.rows, ends, strict=True)]

    def cheapest_first(self) -> np.ndarray:
        """Sort the numbers of the batches by cost, (N,)."""
        return np.argsort(self.tokens, kind="stable")


def even_groups(cheapest_first: np.ndarray, num_replicas: int) -> np.ndarray:
    """Group batches of about the same cost, one for each replica, so that none waits for another at a step.

    Where the number of batches is no multiple, the cheapest come twice, or more often if there are too few.

    Args:
        cheapest_first: numbers of the batches, (N,).

    Returns:
        the same numbers, (G groups, R replicas).
    """
    repeated = np.resize(cheapest_first, -len(cheapest_first) % num_replicas)
    return np.concatenate([repeated, cheapest_first]).reshape(-1, num_replicas)


def _cells(
    source_lengths: Sequence[int] | np.ndarray, target_lengths: Sequence[int] | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sort pairs into cells, numbered along the snake.

    Returns:
        padded source length, padded target length and number of pairs of each of the C cells, (C,) int64 each; and the
        cell of each pair, (N,).
    """
    source, target = np.asarray(source_lengths), np.asarray(target_lengths)
    widest = int(round_up(source.max(initial=0))) + 1
    pieces = [slice(first, first + PAIRS_AT_ONCE) for first in range(0, len(source), PAIRS_AT_ONCE)]
    found = [np.unique(_places(source[piece], target[piece], widest), return_counts=True) for piece in pieces]
    places = np.unique(np.concatenate([np.array([], np.int64), *(those for those, _ in found)]))
    counts = np.zeros(len(places), np.int64)
    for those, times in found:
        counts[np.searchsorted(places, those)] += times
    cell = np.empty(len(source), np.min_scalar_type(len(places)))
    for piece in pieces:
        cell[piece] = np.searchsorted(places, _places(source[piece], target[piece], widest))
    padded_target, along = np.divmod(places, widest)
    return np.where(_is_falling(padded_target), widest - 1 - along, along), padded_target, counts, cell


def _places(source: np.ndarray, target: np.ndarray, widest: int) -> np.ndarray:
    """Number the places along the snake that pairs of these lengths have."""
    source, target = round_up(source), round_up(target)
    return target * widest + np.where(_is_falling(target), widest - 1 - source, source)


def _is_falling(target: np.ndarray) -> np.ndarray:
    return (target // LENGTH_STEP) % 2 == 1


def _sorted_by_cell(order: np.ndarray, cell: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Put pairs in the order of their cells, of which there are `counts`; those of a cell stay in theirs."""
    free = np.cumsum(counts) - counts  # the next place of each cell: a counting sort
    result = np.empty_like(order)
    for first in range(0, len(order), PAIRS_AT_ONCE):
        piece = order[first : first + PAIRS_AT_ONCE]
        of_piece = cell[piece]
        by_cell = np.argsort(of_piece, kind="stable")
        here = np.bincount(of_piece, minlength=len(counts))
        before = np.repeat(free - (np.cumsum(here) - here), here)
        result[before + np.arange(len(piece))] = piece[by_cell]
        free += here
    return result


def _cut(source: np.ndarray, target: np.ndarray, counts: np.ndarray, max_tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut cells of `counts` pairs each into batches: rows and padded tokens of each batch.

    Cells are walked, not pairs: millions of pairs take no longer than the batches they make.
    """
    ends, lengths = np.cumsum(counts).tolist(), list(zip(source.tolist(), target.tolist(), strict=True))
    rows, tokens = [], []
    start = first = 0  # pair and cell with which the batch begins
    while first < len(ends):
        end = _reach(start, first, ends, lengths, max_tokens)
        if end < ends[-1] and end - start >= MANY_ROWS:
            end -= (end - start) % ROWS_STEP
        last = bisect_left(ends, end)  # cell of the last pair
        rows.append(end - start)
        tokens.append(rows[-1] * int(source[first : last + 1].max() + target[first : last + 1].max()))
        start, first = end, last + (end == ends[last])
    return np.array(rows, dtype=np.int64), np.array(tokens, dtype=np.int64)


def _reach(start: int, first: int, ends: list[int], lengths: list[tuple[int, int]], max_tokens: int) -> int:
    """Find the end of the largest batch that begins with pair `start`, in cell `first`."""
    end, longest_source, longest_target = start, 0, 0
    for cell in range(first, len(ends)):
        longest_source = max(longest_source, lengths[cell][0])
        longest_target = max(longest_target, lengths[cell][1])
        room = start + max_tokens // max(1, longest_source + longest_target)
        if room <= end:
            break  # not one pair of this cell fits beside the others
        end = min(ends[cell], room)
        if end < ends[cell]:
            break
    return max(end, start + 1)
