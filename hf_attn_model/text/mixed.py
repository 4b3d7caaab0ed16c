"""Examples of several corpora -> one data set, of which every epoch holds a share of each.

Where corpora differ in size, the large ones drown the small ones. A share of (weight x pairs)^(1/T) is that of the
pairs at temperature T = 1, and the same for all where T is large (Arivazhagan et al., 2019,
https://arxiv.org/abs/1907.05019).
"""

from collections.abc import Sequence

import datasets
import numpy as np
import torch
from torch.utils.data import Dataset

from .lengths import pair_lengths


class MixedExamples(Dataset[dict[str, list[int]]]):
    """Examples of several corpora whose epochs have as many rows as all of them, dealt out by their shares.

    Each corpus is gone through again and again, every time in another order, and each epoch goes on where the one
    before has stopped: so no example comes a second time more often than another of its corpus. The rows of epoch e
    depend on `seed` and e alone, not on ranks, workers or what was read before an interruption. The Trainer's loader
    says which epoch it is.

    Of each example 12 bytes are held; all else is mapped.

    Args:
        parts: data sets of `input_ids` and `labels`.
        weights: one above 0 for each of them.
        temperature: T, 1 or more.
        seed: of the orders.

    Attributes:
        draws: how many rows each part has in an epoch.
    """

    def __init__(
        self, parts: Sequence[datasets.Dataset], weights: Sequence[float], temperature: float = 1.0, seed: int = 0
    ):
        self.seed = seed
        self.sizes = [len(part) for part in parts]
        self.draws = shares(self.sizes, weights, temperature)
        self._examples = datasets.concatenate_datasets([*parts])
        self._lengths = np.stack(pair_lengths(self._examples))  # (2, N)
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # workers that outlive an epoch see the next
        self._drawn = (-1, np.empty(0, np.uint32))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose rows the items are from now on."""
        self._epoch.fill_(epoch)

    def lengths_in(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Count the source and target tokens of each item of an epoch, end mark included: (N,) int32 each."""
        sources, targets = self._lengths[:, self.rows_in(epoch)]
        return sources, targets

    def rows_in(self, epoch: int) -> np.ndarray:
        """List the rows of an epoch, counted through all parts: (N,) uint32."""
        if self._drawn[0] != epoch:
            firsts = np.cumsum([0, *self.sizes])
            rows = [first + self._rows_of(part, epoch) for part, first in enumerate(firsts[:-1])]
            self._drawn = epoch, np.concatenate(rows).astype(np.uint32)
        return self._drawn[1]

    def _rows_of(self, part: int, epoch: int) -> np.ndarray:
        """Take the rows of a part that its orders, one behind the other, have in an epoch."""
        size, draws = self.sizes[part], self.draws[part]
        begin, end = epoch * draws, (epoch + 1) * draws
        orders = [
            np.random.default_rng((self.seed, part, turn)).permutation(np.arange(size, dtype=np.uint32))
            for turn in range(begin // size, -(-end // size))
        ]
        first = begin // size * size
        return np.concatenate([*orders, np.empty(0, np.uint32)])[begin - first : end - first]

    def __len__(self) -> int:
        return sum(self.draws)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, list[int]]]:
        """Return many items at once, as loaders ask for them."""
        rows = self.rows_in(int(self._epoch))[np.asarray(indices, np.int64)]
        return self._examples.__getitems__(rows.tolist())


def shares(sizes: Sequence[int], weights: Sequence[float], temperature: float) -> list[int]:
    """Deal as many rows as there are in all out to parts, by (weight x size)^(1/T); each share is right to one row."""
    amounts = np.log(np.asarray(sizes, float) * np.asarray(weights, float)) / temperature
    amounts = np.exp(amounts - amounts.max())
    ends = np.cumsum(amounts) / amounts.sum() * sum(sizes)
    return [int(draws) for draws in np.diff(np.round([0, *ends]))]
