"""Parts of `TranslationTrainer` that go into any Trainer: `class MyTrainer(TokenBatches, Seq2SeqTrainer): pass`."""

from contextlib import nullcontext
from typing import Any

import torch
from accelerate.data_loader import prepare_data_loader
from torch.utils.data import DataLoader, IterableDataset
from transformers import Trainer
from transformers.trainer_utils import has_length

from ..text.batch_stream import TokenBatchStream
from ..text.batches import TokenBatchSampler
from ..text.lengths import pair_lengths
from .callbacks.ema import EMACallback


class TokenBatches(Trainer):
    """Train on batches of a token budget, whose pairs are of like length; each process gets its share of them.

    `train_dataset` has `input_ids` and `labels`. One that knows its size is cut by `TokenBatchSampler`, a stream by
    `TokenBatchStream`; give `max_steps` for a stream. `per_device_train_batch_size`, `train_sampling_strategy` and
    `dataloader_drop_last` have no part in it. Evaluation batches are those of Trainer.

    Args:
        max_tokens: source and target tokens of a training batch, padding included, where the collator pads to a
            multiple of no more than `text.lengths.LENGTH_STEP`.
        args, kwargs: of the Trainer.

    Raises:
        UserError: when the training begins: `max_tokens` is less than 1, or there are no `input_ids` or no `labels`.
    """

    def __init__(self, *args: Any, max_tokens: int, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.max_tokens = max_tokens

    def get_train_dataloader(self) -> DataLoader:
        """Batch the training pairs by length, to a token budget; each process gets its share of the batches."""
        dataset: Any = self.train_dataset
        workers = self.args.dataloader_num_workers
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        share = (self.max_tokens, seed, self.accelerator.num_processes, self.accelerator.process_index)
        options: dict[str, Any]
        if isinstance(dataset, IterableDataset) or not has_length(dataset):
            dataset = TokenBatchStream(dataset, *share)
            options = {"batch_size": None, "num_workers": min(1, workers)}  # several would each read the whole stream
        else:
            sampler = TokenBatchSampler(*pair_lengths(dataset), *share, getattr(dataset, "lengths_in", None))
            options = {"batch_sampler": sampler, "num_workers": workers}
            options["persistent_workers"] = self.args.dataloader_persistent_workers and workers > 0
        if options["num_workers"]:
            for name in ("prefetch_factor", "multiprocessing_context", "in_order"):
                options[name] = getattr(self.args, f"dataloader_{name}")
        loader = DataLoader(
            dataset,
            collate_fn=self._get_collator_with_removed_columns(self.data_collator, description="training"),
            pin_memory=self.args.dataloader_pin_memory and torch.cuda.is_available(),
            **options,
        )
        # Not `accelerator.prepare`, which would deal the batches of each process out again.
        return prepare_data_loader(
            loader,
            self.accelerator.device,
            num_processes=1,
            process_index=0,
            put_on_device=True,
            dispatch_batches=False,
            non_blocking=self.accelerator.non_blocking,
        )


class EMAEvaluation(Trainer):
    """Evaluate, and choose the best checkpoint, by a moving average of the weights instead of the weights.

    An `EMACallback` alone cannot: Trainer calls no callback before it evaluates.

    Args:
        ema: the moving average, which becomes a callback of the Trainer; `None`: evaluate as ever.
        args, kwargs: of the Trainer.
    """

    def __init__(self, *args: Any, ema: EMACallback | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.ema = ema
        if ema is not None:
            self.add_callback(ema)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Evaluate the averaged weights if there are such; the callbacks of an evaluation see these, too."""
        model: Any = self.model
        with self.ema.swapped(model) if self.ema is not None else nullcontext():
            return super().evaluate(*args, **kwargs)
