"""Sources that wait -> the next batch: the oldest one and those of like length, as many as fit."""

from bisect import bisect_left, insort
from collections.abc import Callable
from typing import NamedTuple


class Source(NamedTuple):
    """A part of a row that waits to be translated.

    Attributes:
        length: its tokens.
        row, part: the number of its row, and its own number in it.
        ids: of its tokens.
    """

    length: int
    row: int
    part: int
    ids: list[int]


class Waiting:
    """Sources that wait, sorted by length.

    Args:
        share: what part of a batch a source of so many tokens takes: 0.01 if a batch has room for a hundred of them.
    """

    def __init__(self, share: Callable[[int], float]):
        self._share = share
        self._sorted: list[Source] = []
        self._by_part: dict[tuple[int, int], Source] = {}

    def add(self, source: Source) -> None:
        """Let a source wait."""
        insort(self._sorted, source)
        self._by_part[source.row, source.part] = source

    def take(self, row: int, part: int) -> list[Source]:
        """Take a part of a row out, and with it those nearest to it in length that fit into its batch."""
        source = self._by_part[row, part]
        first = bisect_left(self._sorted, source)
        last = first + 1  # the batch is what stands from `first` to before `last`
        while True:
            before = source.length - self._sorted[first - 1].length if first else None
            behind = self._sorted[last].length - source.length if last < len(self._sorted) else None
            if before is None and behind is None:
                break
            goes_back = behind is None or (before is not None and before <= behind)
            longest = self._sorted[last - 1 if goes_back else last].length
            if (last - first + 1) * self._share(longest) > 1:
                break
            first, last = (first - 1, last) if goes_back else (first, last + 1)
        batch = self._sorted[first:last]
        del self._sorted[first:last]
        for each in batch:
            del self._by_part[each.row, each.part]
        return batch
