"""Seq2SeqTrainer with batches of a token budget and a smoothed loss over the positions that count."""

from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import Seq2SeqTrainer

from ..text.batches import TokenBatchSampler


class TranslationTrainer(Seq2SeqTrainer):
    """Train a translator on a dataset with `input_ids` and `labels` columns.

    Args:
        max_tokens: source and target tokens of a training batch, padding included.
        label_smoothing: of the training loss; the evaluation loss is plain cross-entropy.
        args, kwargs: of `Seq2SeqTrainer`.

    Attributes:
        tokens_seen: source and target tokens trained on by this process in this run, without padding.
    """

    def __init__(self, *args: Any, max_tokens: int, label_smoothing: float = 0.0, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.max_tokens = max_tokens
        self.label_smoothing = label_smoothing
        self.tokens_seen = 0

    def get_train_dataloader(self) -> DataLoader:
        """Batch the training pairs by length, to a token budget."""
        dataset: Any = self.train_dataset
        sampler = TokenBatchSampler(
            [len(ids) for ids in dataset["input_ids"]],
            [len(ids) for ids in dataset["labels"]],
            self.max_tokens,
            self.args.seed,
        )
        return self.accelerator.prepare(
            DataLoader(
                dataset,
                batch_sampler=sampler,
                collate_fn=self.data_collator,
                num_workers=self.args.dataloader_num_workers,
                pin_memory=self.args.dataloader_pin_memory and torch.cuda.is_available(),
            )
        )

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """Smooth the loss in training and leave padding out of it; evaluate as transformers does."""
        if not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        self.tokens_seen += int(inputs["attention_mask"].sum() + inputs["labels"].ne(-100).sum())
        outputs = model(
            **inputs,
            label_smoothing=self.label_smoothing,
            skip_logits=True,
            num_items_in_batch=num_items_in_batch,
        )
        return (outputs.loss, outputs) if return_outputs else outputs.loss
