"""The pairs of one step of a training, found again after the fact."""

import copy
from itertools import islice
from typing import Any

from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase, TrainingArguments

EXAMPLES = 5


class StepBatches:
    """The batches of one step: seed, epoch and position decide them, so nothing has to be kept for this in training.

    Args:
        loader: as `TranslationTrainer` makes it.
        step: number of the step, from 1.

    Attributes:
        pairs: their rows in the tokenized training data, of all processes; `None` for a stream.
        numbers: of the batches in the share that each process has of the stream, from 0; in an epoch, for rows.
    """

    def __init__(self, loader: DataLoader, step: int, args: TrainingArguments):
        self.dataset = loader.dataset
        self.pairs: list[int] | None = None
        accumulated = args.gradient_accumulation_steps
        sampler: Any = copy.copy(loader.batch_sampler)
        if sampler is None:
            self.numbers = range((step - 1) * accumulated, step * accumulated)
            return
        epoch, position = divmod(step - 1, -(-len(sampler) // accumulated))
        self.numbers = range(position * accumulated, min((position + 1) * accumulated, len(sampler)))
        sampler.set_epoch(epoch)
        self.pairs = []
        for sampler.rank in range(args.world_size):
            self.pairs += [row for batch in islice(sampler, self.numbers.start, self.numbers.stop) for row in batch]

    def __str__(self) -> str:
        if self.pairs is None:
            first, last = self.numbers[0], self.numbers[-1]
            return f"batch {first} of the stream" if first == last else f"batches {first} to {last} of the stream"
        more = f" and {len(self.pairs) - EXAMPLES} more" if len(self.pairs) > EXAMPLES else ""
        return f"pairs {', '.join(map(str, self.pairs[:EXAMPLES]))}{more}"

    def describe(self, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
        """Name the batches, and show some of their pairs as text."""
        if self.pairs is None:
            return {"batches_of_stream": list(self.numbers)}
        rows = [self.dataset[row] for row in self.pairs[:EXAMPLES]]
        examples = [
            {
                "pair": pair,
                "source": tokenizer.decode(row["input_ids"], skip_special_tokens=True),
                "target": tokenizer.decode(row["labels"], skip_special_tokens=True),
            }
            for pair, row in zip(self.pairs, rows, strict=False)
        ]
        return {"pairs": self.pairs, "examples": examples}
