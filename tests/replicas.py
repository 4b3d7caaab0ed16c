"""Train translators in all processes of a launcher, from a data set and from a stream, with and without interruption.

torchrun --nproc_per_node 2 replicas.py OUT
"""

import sys
from pathlib import Path

import numpy as np
import torch
from small_models import V, make_model
from torch.utils.data import Dataset, IterableDataset
from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainingArguments

from hf_attn_model.text.lengths import LENGTH_STEP
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.training.trainer import TranslationTrainer

MAX_TOKENS = 61  # of 21 batches in an epoch one comes twice, and the last step of each process has one instead of two
ACCUMULATED = 2
STEPS, SAVED = 14, 9  # at 6 steps an epoch: saved in the middle of the second, on to the third


class Pairs(Dataset):
    """Pairs of random tokens that are others in every epoch, by lengths that never change."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        lengths = torch.randint(2, 13, (61, 2), generator=generator)
        self.source_lengths, self.target_lengths = lengths.T.tolist()
        self.set_epoch(0)

    def set_epoch(self, epoch):
        self.epoch = epoch

    def lengths_in(self, epoch):
        return np.array(self.source_lengths), np.array(self.target_lengths)

    def __len__(self):
        return len(self.source_lengths)

    def __getitem__(self, i):
        generator = torch.Generator().manual_seed(1000 * self.epoch + i)
        lengths = {"input_ids": self.source_lengths[i], "labels": self.target_lengths[i]}
        return {side: torch.randint(2, V, (n,), generator=generator).tolist() for side, n in lengths.items()}


class Stream(Pairs, IterableDataset):
    """The same pairs, one after the other."""

    def __iter__(self):
        return (self[i] for i in range(len(self)))


def make_trainer(folder, pairs, kind=TranslationTrainer, accumulated=ACCUMULATED, muon=False, **model_changes):
    """A trainer of a small model, for `STEPS` steps with a checkpoint after `SAVED`."""
    tokenizer = train_tokenizer(["a b"], 300)
    model = make_model(encoder_layers=1, decoder_layers=1, **model_changes)
    arguments = Seq2SeqTrainingArguments(
        str(folder),
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        logging_steps=1,
        max_steps=STEPS,
        save_steps=SAVED,
        learning_rate=1e-3,
        adam_epsilon=1e-4,  # or noise of 1e-9 in a gradient of zero would become a full step
        gradient_accumulation_steps=accumulated,
    )
    collator = DataCollatorForSeq2Seq(tokenizer, model, pad_to_multiple_of=LENGTH_STEP)
    own = {"max_tokens": MAX_TOKENS, "label_smoothing": 0.1, "muon": muon}
    return kind(model, arguments, collator, pairs, processing_class=tokenizer, **own)


def train(folder, *args, resume=None, **kwargs):
    """Train, and leave the weights and the log in the folder."""
    trainer = make_trainer(folder, *args, **kwargs)
    trainer.train(resume_from_checkpoint=resume)
    trainer.save_model()
    trainer.save_state()


def main(out):
    train(out / "muon", Pairs(), muon=True)
    for name, pairs in (("data", Pairs), ("stream", Stream)):
        train(out / name, pairs())
        whole = out / f"{name}_with_dropout"
        train(whole, pairs(), dropout=0.3)
        train(out / f"{name}_resumed", pairs(), dropout=0.3, resume=str(whole / f"checkpoint-{SAVED}"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
