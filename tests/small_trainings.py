"""Short trainings of small models under the stock Trainer of transformers, for the tests of callbacks."""

import torch
from datasets import Dataset
from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback

from hf_attn_model.text.tokenizer import train_tokenizer

PAIRS = 31


class Stopped(Exception):
    """Stands for the end of a process in the middle of a training."""


class StopAt(TrainerCallback):
    """End a training in the middle of a step."""

    def __init__(self, step):
        self.step = step

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise Stopped


def make_pairs(vocab_size):
    generator = torch.Generator().manual_seed(0)

    def ids():
        length = int(torch.randint(1, 13, (1,), generator=generator))
        return [*torch.randint(2, vocab_size, (length,), generator=generator).tolist(), 1]

    return Dataset.from_list([{"input_ids": ids(), "labels": ids()} for _ in range(PAIRS)])


def make_training(model, folder, *callbacks, kind=Seq2SeqTrainer, parts=None, **changes):
    """A Seq2SeqTrainer, or a `kind` of it with arguments of its own: 7 steps, a checkpoint after each."""
    options = {
        "use_cpu": True,
        "report_to": [],
        "disable_tqdm": True,
        "logging_steps": 3,
        "max_steps": 7,
        "save_steps": 1,
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 5,
    }
    arguments = Seq2SeqTrainingArguments(str(folder), **(options | changes))
    tokenizer = train_tokenizer(["a b"], 300)
    pairs = make_pairs(model.config.vocab_size)
    collator = DataCollatorForSeq2Seq(tokenizer, model)
    own = {"processing_class": tokenizer, "callbacks": list(callbacks)} | (parts or {})
    return kind(model, arguments, collator, pairs, pairs, **own)


def assert_same(ours, theirs):
    """Two state dicts or mappings of tensors are equal bit for bit."""
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.dtype == theirs[name].dtype
        assert torch.equal(tensor, theirs[name]), name
