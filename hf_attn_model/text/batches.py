"""Sentence pairs of like length -> batches of about as many tokens, in random order.

A batch that mixes short and long sentences is mostly padding. Here the pairs are sorted by length, cut into batches
of a token budget, and the batches shuffled: the order is new in every epoch, the cost of a batch is nearly constant.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from ..errors import UserError
from .batch_plan import BatchPlan, even_groups


class TokenBatchSampler(Sampler[list[int]]):
    """Batches of pair indices whose padded source and target tokens stay within a budget.

    The number of batches and their shapes are the same in every epoch; only who meets whom changes, and the order.
    With several replicas (processes that train one model) each has a sampler of its own that yields its share: as
    many batches as the others, at each step one of about the same cost as theirs. So that the shares are even, up
    to `num_replicas - 1` of the cheapest batches come twice in an epoch; no pair is left out.

    Args:
        source_lengths, target_lengths: tokens of each pair, end marks included.
        max_tokens: upper bound of (source + target) tokens of a batch, padding included. A pair that alone is longer
            makes a batch of its own.
        seed: the order of epoch e depends on `seed` and e alone, so an interrupted epoch can be taken up again.
        num_replicas, rank: how many processes share the batches, and which of them this is, from 0.
        lengths_in: gives the lengths of an epoch where they are not those above in every epoch; its batches are made
            by these.

    Raises:
        UserError: `max_tokens` is less than 1, or there is no such rank.
    """

    def __init__(
        self,
        source_lengths: Sequence[int] | np.ndarray,
        target_lengths: Sequence[int] | np.ndarray,
        max_tokens: int,
        seed: int = 0,
        num_replicas: int = 1,
        rank: int = 0,
        lengths_in: Callable[[int], tuple[np.ndarray, np.ndarray]] | None = None,
    ):
        check_rank(num_replicas, rank)
        self.plan = BatchPlan(source_lengths, target_lengths, max_tokens)
        self.seed = seed
        self.rank = rank
        self.epoch = 0
        self.lengths_in = lengths_in
        self._groups = even_groups(self.plan.cheapest_first(), num_replicas)

    @property
    def padding(self) -> float:
        """Share of the tokens of an epoch that is padding, 0 to 1."""
        return self.plan.padding

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration takes (the Trainer calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng((self.seed, self.epoch))  # the same on every rank
        batches = self.plan.deal(rng, None if self.lengths_in is None else self.lengths_in(self.epoch))
        for group in rng.permutation(self._groups):
            yield batches[group[self.rank]].tolist()


def check_rank(num_replicas: int, rank: int) -> None:
    """Refuse a rank that is not one of the replicas."""
    if not 0 <= rank < num_replicas:
        raise UserError(f"rank must lie in 0 to num_replicas - 1 = {num_replicas - 1}, got {rank}")
