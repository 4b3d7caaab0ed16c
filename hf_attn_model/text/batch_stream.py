"""A stream of sentence pairs -> windows of many batches -> batches of like length, in random order.

What cannot be sorted as a whole, because it comes from the network or does not fit into memory, is read into windows;
each is cut into batches and shuffled as `TokenBatchSampler` does with a data set.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

import numpy as np
from torch.utils.data import IterableDataset

from ..errors import UserError
from .batch_plan import BatchPlan, even_groups
from .batches import check_rank
from .lengths import row_lengths

WINDOW = 100  # batches held at a time

Pair = Mapping[str, Any]


class TokenBatchStream(IterableDataset[list[Pair]]):
    """Batches of pairs from a stream, whose padded source and target tokens stay within a budget.

    Iterating goes on from epoch to epoch without an end, as a Trainer takes a stream for one long epoch of
    `max_steps`: so a checkpoint in any epoch is resumed by skipping as many batches. With several replicas, each reads
    the whole stream and yields its share: at each step one of some batches of about the same cost. Batches left over
    in a window are cut anew with the next one; in the last window of an epoch up to `num_replicas - 1` of the cheapest
    batches come twice, so that all shares are even and no pair is left out.

    Args:
        pairs: rows with `input_ids` and `labels`, such as a streaming `datasets.IterableDataset`; the same on every
            rank and at every reading. Its `set_epoch`, if any, is called before an epoch.
        max_tokens: upper bound of (source + target) tokens of a batch, padding included. A pair that alone is longer
            makes a batch of its own.
        seed: the order of a window depends on `seed`, the epoch and the window's number alone.
        num_replicas, rank: how many processes share the batches, and which of them this is, from 0.
        window: how many batches are held in memory, sorted and shuffled at a time.

    Raises:
        UserError: there is no such rank; while iterating: `max_tokens` is less than 1, a row has no `input_ids` or no
            `labels`, or an epoch has no pair.
    """

    def __init__(
        self,
        pairs: Iterable[Pair],
        max_tokens: int,
        seed: int = 0,
        num_replicas: int = 1,
        rank: int = 0,
        window: int = WINDOW,
    ):
        check_rank(num_replicas, rank)
        self.pairs = pairs
        self.max_tokens = max_tokens
        self.seed = seed
        self.num_replicas = num_replicas
        self.rank = rank
        self.window = window
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch with which the next iteration begins (the Trainer calls this)."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Pair]]:
        for epoch in count(self.epoch):
            yield from self.batches_of(epoch)

    def batches_of(self, epoch: int) -> Iterator[list[Pair]]:
        """Read the stream once, and yield this rank's batches of pairs."""
        if hasattr(self.pairs, "set_epoch"):
            self.pairs.set_epoch(epoch)
        held: list[Pair] = []
        for number, (pairs, is_last) in enumerate(self._windows()):
            held += pairs
            if not held:
                again = "one that can be read again, or fewer max_steps" if epoch else "one that is not empty"
                raise UserError(f"the stream of training pairs gives none in epoch {epoch}: give {again}")
            sources, targets = zip(*map(row_lengths, held), strict=True)
            plan = BatchPlan(sources, targets, self.max_tokens)
            rng = np.random.default_rng((self.seed, epoch, number))  # the same on every rank
            batches, order = plan.deal(rng), plan.cheapest_first()
            surplus = 0 if is_last else len(order) % self.num_replicas
            for group in rng.permutation(even_groups(order[surplus:], self.num_replicas)):
                yield [held[i] for i in batches[group[self.rank]]]
            held = [held[i] for batch in order[:surplus] for i in batches[batch]]

    def _windows(self) -> Iterator[tuple[list[Pair], bool]]:
        """Cut the stream where `window` budgets are full; say which piece is the last."""
        pairs: list[Pair] = []
        tokens = 0
        for pair in self.pairs:
            if tokens >= self.window * self.max_tokens:
                yield pairs, False
                pairs, tokens = [], 0
            pairs.append(pair)
            tokens += sum(row_lengths(pair))
        yield pairs, True
