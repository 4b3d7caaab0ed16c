"""What a search needs that `generate` of transformers has not: limits of each sentence's own, and no numbers that are
none.

Shapes: B sentences, R rows of the search (of each sentence its beams or samples, one after the other), T target
tokens so far, the start mark included, V vocabulary.
"""

from collections.abc import Iterable, Sequence

import torch
from transformers import LogitsProcessor, StoppingCriteria


class NonFiniteLogits(ValueError):
    """The model computed NaN or infinity in place of logits.

    Attributes:
        sentence: position of the first sentence in the batch that it happened to.
    """

    def __init__(self, sentence: int):
        super().__init__(f"sentence {sentence} of the batch: the model computes NaN or infinity in place of logits")
        self.sentence = sentence


def longest_translation(source_length: int, *bounds: int | None, ratio: float = 2) -> int:
    """Bound the tokens of a translation, start mark included: `ratio` times its source's plus ten, and other bounds."""
    return min(bound for bound in (int(ratio * source_length) + 11, *bounds) if bound is not None)


class OwnLimits(StoppingCriteria):
    """Ends the translation of each sentence at a length of its own, as `max_length` would for that sentence alone.

    Args:
        limits: B numbers of tokens, start mark included; `max_length` of the search is the largest of them.
    """

    def __init__(self, limits: Sequence[int]):
        self.limits = torch.tensor(limits)

    def __call__(self, input_ids: torch.Tensor, scores: object, **kwargs: object) -> torch.Tensor:
        """Tell which rows (R,T) are done: (R) bool."""
        return _of_rows(self.limits, input_ids) <= input_ids.shape[1]


class ForcedEnds(LogitsProcessor):
    """Lets the last token of each sentence be the end mark, as `forced_eos_token_id` does for the longest one.

    Args:
        limits: see `OwnLimits`.
        end: the end mark, or several.
    """

    def __init__(self, limits: Sequence[int], end: int | list[int]):
        self.limits, self.end = torch.tensor(limits), end

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Replace the scores (R,V) of rows (R,T) that have one token to go."""
        forced = torch.full_like(scores, -torch.inf)
        forced[:, self.end] = 0
        is_last = _of_rows(self.limits, input_ids) == input_ids.shape[1] + 1
        return torch.where(is_last[:, None], forced, scores)


class RefuseNonFinite(LogitsProcessor):
    """Ends a search that has no logits to go by, which would go on with the first token of the vocabulary.

    Args:
        sentences: B.
    """

    def __init__(self, sentences: int):
        self.sentences = sentences

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores (R,V) as they are. Raises `NonFiniteLogits`."""
        is_number = scores.amax(dim=-1) < torch.inf  # NaN and infinity outdo the others, of which some may be -infinity
        if not is_number.all():
            raise NonFiniteLogits(int((~is_number).nonzero()[0]) * self.sentences // len(scores))
        return scores


def find_written(
    ids: torch.Tensor, ends: Iterable[int], limits: Sequence[int] | None, is_forced: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tell what a search wrote from what it is filled up with: end marks, where padding has the id 0, or padding.

    Args:
        ids: hypotheses (R,T) of B sentences, without start marks.
        ends: the marks that end one.
        limits: see `OwnLimits`; `None` where they are not the sentences' own.
        is_forced: whether the last token was forced to be an end mark.

    Returns:
        what was written, up to the first end mark, (R,T) bool; and which came to their limit, (R) bool: they may end
        too early, or repeat themselves.
    """
    is_end = torch.isin(ids, torch.tensor([*ends], dtype=ids.dtype, device=ids.device))
    is_written = is_end.cumsum(dim=-1) - is_end.long() == 0  # (R,T)
    if limits is None:
        return is_written, torch.zeros_like(ids[:, 0], dtype=torch.bool)
    room = _of_rows(torch.tensor(limits), ids) - 1  # the start mark takes one
    is_written &= torch.arange(ids.shape[1], device=ids.device) < room[:, None]
    is_full = is_written.sum(dim=-1) == room
    return is_written, is_full if is_forced else is_full & ~(is_written & is_end).any(dim=-1)


def _of_rows(numbers: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Give each row its sentence's number: (B) -> (R)."""
    return numbers.to(rows.device).repeat_interleave(len(rows) // len(numbers))
