"""Which token comes next where there are no beams: the likeliest one, or one that is drawn; with its log-probability.

A token is drawn as the maximum of logits and Gumbel noise, which has the distribution of their softmax (Gumbel 1954;
Maddison et al. 2014, "A* Sampling"). Each hypothesis has noise of its own, from a seed, the number of its sentence and
its own number: what is drawn for a sentence depends neither on the others of its batch nor on how many are drawn.

Shapes: R hypotheses, of each sentence one after the other, T tokens so far, V vocabulary.
"""

from collections.abc import Iterable

import numpy as np
import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from .settings import SearchSettings

Number = tuple[int, ...]
"""Which sentence it is, in all that is translated."""


class NextToken(LogitsProcessor):
    """Leaves each hypothesis one token to go on with, and keeps its log-probability.

    Args:
        settings: whether it is drawn, and how.
        numbers: of the sentences.
    """

    def __init__(self, settings: SearchSettings, numbers: Iterable[Number]):
        self._log_probabilities: list[torch.Tensor] = []  # (R) of each step
        self._warpers, self._noise = LogitsProcessorList(), []
        if (sampling := settings.sampling) is None:
            return
        self._noise = [
            _generator((sampling.seed, *number, i)) for number in numbers for i in range(settings.hypotheses)
        ]
        if sampling.temperature != 1:
            self._warpers.append(TemperatureLogitsWarper(sampling.temperature))
        if sampling.top_k is not None:
            self._warpers.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            self._warpers.append(TopPLogitsWarper(sampling.top_p))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Set the scores (R,V) of all other tokens to -infinity; `input_ids` are (R,T)."""
        wanted = self._warpers(input_ids, scores)
        if self._noise:
            wanted = wanted + torch.stack([_gumbel(scores.shape[1], noise) for noise in self._noise]).to(scores)
        chosen = wanted.argmax(dim=-1, keepdim=True)  # (R,1)
        self._log_probabilities.append(scores.log_softmax(dim=-1).gather(1, chosen)[:, 0])
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0)

    def sums(self, lengths: torch.Tensor) -> torch.Tensor:
        """Add up the log-probabilities of the first so many tokens (R) that were chosen: (R) float64."""
        steps = torch.stack(self._log_probabilities, dim=1).cpu().double()  # (R,T)
        is_behind = torch.arange(steps.shape[1]) >= lengths[:, None]
        return steps.masked_fill(is_behind, 0).sum(dim=-1)


def _generator(number: Number) -> torch.Generator:
    """Make a source of random numbers of its own; on the CPU, so that any device draws the same."""
    (seed,) = np.random.SeedSequence(number).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(seed))


def _gumbel(size: int, noise: torch.Generator) -> torch.Tensor:
    return -torch.empty(size).exponential_(generator=noise).log()
