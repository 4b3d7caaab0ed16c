"""Tokens of the batches trained on, and their speed."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from accelerate import Accelerator


class Throughput:
    """Count source and target tokens, with and without padding, and time them; evaluations are left out of the time.

    Counting costs a device no wait: the sums stay on it until they are asked for. What is returned is summed over all
    processes, so all must ask at once.
    """

    def __init__(self, accelerator: Accelerator):
        self._accelerator = accelerator
        self._counts = torch.zeros(2, dtype=torch.int64, device=accelerator.device)  # real tokens, and with padding
        self._last_counts = self._counts
        self._start: float | None = None  # of what `since_last` measures; `None` before the first batch

    def add(self, inputs: Mapping[str, torch.Tensor]) -> None:
        """Count a batch: `attention_mask` (B,S), and `labels` (B,T) with -100 as padding."""
        if self._start is None:
            self._start = time.perf_counter()
        mask, labels = inputs["attention_mask"], inputs["labels"]
        real = mask.sum() + labels.ne(-100).sum()
        self._counts = self._counts + torch.stack([real, real.new_tensor(mask.numel() + labels.numel())])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out the time inside of a `with`."""
        before = time.perf_counter()
        yield
        if self._start is not None:
            self._start += time.perf_counter() - before

    def tokens(self) -> int:
        """Return the source and target tokens so far, without padding."""
        return int(self._accelerator.reduce(self._counts)[0])

    def since_last(self) -> dict[str, float]:
        """Measure from the last call, or the first batch, until now.

        Returns:
            `tokens_per_second`, without padding, and `padding`, its share of the tokens, 0 to 1.
        """
        real, padded = self._accelerator.reduce(self._counts - self._last_counts).tolist()
        now = time.perf_counter()
        seconds = now - (now if self._start is None else self._start)
        self._last_counts, self._start = self._counts, now
        return {
            "tokens_per_second": round(real / max(seconds, 1e-9), 1),
            "padding": round(1 - real / max(padded, 1), 4),
        }
