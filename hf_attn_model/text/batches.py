"""Sentence pairs of like length -> batches of about as many tokens -> padded tensors.

A batch that mixes short and long sentences is mostly padding. Here the pairs are sorted by length, cut into batches
of a token budget, and the batches shuffled: the order is new in every epoch, the cost of a batch is nearly constant.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

LENGTH_STEP = 4  # padded lengths are multiples: few tensor shapes, for which the CPU's matrix kernels prepare once


class TokenBatchSampler(Sampler[list[int]]):
    """Batches of pair indices whose padded source and target tokens stay within a budget.

    Args:
        source_lengths, target_lengths: tokens of each pair, end marks included.
        max_tokens: upper bound of (source + target) tokens of a batch, padding included. A pair that alone is longer
            makes a batch of its own.
        seed: the order of epoch e depends on `seed` and e alone, so an interrupted epoch can be taken up again.

    The number of batches and their shapes are the same in every epoch; only who meets whom changes.
    """

    def __init__(self, source_lengths: Sequence[int], target_lengths: Sequence[int], max_tokens: int, seed: int = 0):
        self.source_lengths = round_up(source_lengths)
        self.target_lengths = round_up(target_lengths)
        self.max_tokens = max_tokens
        self.seed = seed
        self.epoch = 0
        self._num_batches = len(self._cut(self._sort(np.arange(len(self.source_lengths)))))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration takes (the Trainer calls this)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._num_batches

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        batches = self._cut(self._sort(rng.permutation(len(self.source_lengths))))
        for i in rng.permutation(len(batches)):
            yield batches[i].tolist()

    def _sort(self, order: np.ndarray) -> np.ndarray:
        """Sort pair indices by target length, then source length, keeping `order` among equals.

        The source lengths rise and fall in turns (a snake), so that neighbours differ little where the target
        length steps up.
        """
        source, target = self.source_lengths[order], self.target_lengths[order]
        falling = (target // LENGTH_STEP) % 2 == 1
        return order[np.lexsort((np.where(falling, -source, source), target))]

    def _cut(self, order: np.ndarray) -> list[np.ndarray]:
        """Cut sorted pair indices where the next pair would break the budget."""
        batches, start, longest_source, longest_target = [], 0, 0, 0
        for i, (source, target) in enumerate(zip(self.source_lengths[order], self.target_lengths[order], strict=True)):
            longest_source, longest_target = max(longest_source, source), max(longest_target, target)
            if i > start and (i + 1 - start) * (longest_source + longest_target) > self.max_tokens:
                batches.append(order[start:i])
                start, longest_source, longest_target = i, source, target
        batches.append(order[start:])
        return batches


def round_up(lengths: Sequence[int] | int) -> np.ndarray:
    """Round lengths in tokens up to what they are padded to."""
    return -(-np.asarray(lengths, dtype=np.int64) // LENGTH_STEP) * LENGTH_STEP
