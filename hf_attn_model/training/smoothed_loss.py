"""The smoothed cross-entropy of any sequence-to-sequence model, as `compute_loss_func` of a stock `Seq2SeqTrainer`.

What `AttnForConditionalGeneration` computes of its states, here of logits that a model has made: a few positions at a
time, the gradient of a chunk beside its loss, so that beside the logits nothing of their size is held but one gradient.

Shapes: B batch, T target length, V vocab_size; N = B*T positions, C of them in a chunk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from ..errors import UserError
from ..model.loss import POSITIONS_AT_ONCE, cross_entropy_gradient, summed_cross_entropy

IGNORED = -100  # the label of a position that does not count


@dataclass(frozen=True)
class SmoothedLoss:
    """Cross-entropy in nats per target token, smoothed in training; `Seq2SeqTrainer(compute_loss_func=SmoothedLoss())`.

    A step of several batches (`gradient_accumulation_steps`, several processes) is the mean over all of its tokens.
    Where no gradient is asked for, in evaluation, the loss is not smoothed: so is that of `TranslationTrainer`, and
    that of a stock Trainer with `predict_with_generate`.

    The Trainer takes the labels out of the batch for such a function, so the collator must make the
    `decoder_input_ids`: `DataCollatorForSeq2Seq(tokenizer, model=model)`.

    Args:
        label_smoothing: the share of the target distribution that is spread evenly over the vocabulary (Szegedy et
            al., 2016, section 7), 0 to 1.

    Raises:
        UserError: another `label_smoothing`; when called: without labels, or with logits of other positions.
    """

    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing <= 1:
            raise UserError(f"label_smoothing must lie in 0 to 1, got {self.label_smoothing}")

    def __call__(
        self,
        outputs: Mapping[str, torch.Tensor] | Sequence[Any],
        labels: torch.Tensor | None,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Compute the loss of a batch, its part in the mean of its step.

        Args:
            outputs: of the model, with `logits` (B,T,V); or a tuple of which they are the first.
            labels: (B,T), -100 where none counts.
            num_items_in_batch: labels that count in the whole step; without it, those of this batch.

        Returns:
            a scalar, float32 (float64 for such logits).
        """
        logits = outputs["logits"] if isinstance(outputs, Mapping) else outputs[0]
        if labels is None:
            raise UserError("SmoothedLoss needs labels: the batches have none")
        if logits.shape[:-1] != labels.shape:
            raise UserError(
                f"the model has read {tuple(logits.shape[:-1])} target positions for {tuple(labels.shape)} labels: let "
                "the collator make decoder_input_ids, with DataCollatorForSeq2Seq(tokenizer, model=model)"
            )
        if num_items_in_batch is None:
            num_items_in_batch = labels.ne(IGNORED).sum()
        if isinstance(num_items_in_batch, torch.Tensor):
            num_items_in_batch = num_items_in_batch.to(logits.device)
        smoothing = self.label_smoothing if logits.requires_grad else 0.0
        loss = _LogitsCrossEntropy.apply(logits.flatten(0, -2), labels.flatten().to(logits.device), smoothing)
        return loss / num_items_in_batch


class _LogitsCrossEntropy(torch.autograd.Function):
    """The sum over the positions that count, of logits (N,V) and labels (N); their gradient waits for the backward."""

    @staticmethod
    def forward(ctx, logits, labels, label_smoothing):
        loss = logits.new_zeros((), dtype=torch.promote_types(logits.dtype, torch.float32))
        gradient = torch.zeros_like(logits) if ctx.needs_input_grad[0] else None
        counted = labels.ne(IGNORED).nonzero().flatten()
        for rows in counted.split(POSITIONS_AT_ONCE):
            log_probs = logits[rows].to(loss.dtype).log_softmax(dim=-1)[None]  # (1,C,V): of a single pass
            loss += summed_cross_entropy(log_probs, labels[rows], label_smoothing)
            if gradient is not None:
                gradient[rows] = cross_entropy_gradient(log_probs, labels[rows], label_smoothing)[0].to(gradient.dtype)
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, loss_gradient):
        (gradient,) = ctx.saved_tensors
        return gradient * loss_gradient.to(gradient.dtype), None, None
