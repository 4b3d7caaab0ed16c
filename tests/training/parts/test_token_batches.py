"""Token batches in a stock Seq2SeqTrainer, for stock Marian and for ours: from a data set and from a stream."""

from collections import Counter

import pytest
from small_trainings import PAIRS, StopAt, Stopped, assert_same, make_training
from stock_models import build
from transformers import Seq2SeqTrainer

from hf_attn_model.errors import UserError
from hf_attn_model.text.lengths import LENGTH_STEP
from hf_attn_model.training.mixins import TokenBatches
from hf_attn_model.training.trainer import TranslationTrainer

BUDGET = 61


class Stock(TokenBatches, Seq2SeqTrainer):
    """The user's Trainer; keeps what it was trained on."""

    def training_step(self, model, inputs, num_items_in_batch=None):
        self.__dict__.setdefault("seen", []).append({name: tensor.clone() for name, tensor in inputs.items()})
        return super().training_step(model, inputs, num_items_in_batch)


def make(family, folder, *callbacks, streaming=False, kind=Stock, **changes):
    trainer = make_training(build(family), folder, *callbacks, kind=kind, parts={"max_tokens": BUDGET}, **changes)
    trainer.data_collator.pad_to_multiple_of = LENGTH_STEP
    if streaming:
        trainer.train_dataset = trainer.train_dataset.to_iterable_dataset()
    return trainer


def rows_of(batch):
    """The pairs of a batch, without padding."""
    for source, mask, target in zip(*(batch[name] for name in ("input_ids", "attention_mask", "labels")), strict=True):
        yield tuple(source[mask.bool()].tolist()), tuple(target[target != -100].tolist())


@pytest.mark.parametrize(("family", "streaming"), [("marian", False), ("ours", True)])
def test_each_epoch_has_every_pair_once_in_batches_of_the_budget(family, streaming, tmp_path):
    trainer = make(family, tmp_path, streaming=streaming, max_steps=29, save_strategy="no", logging_steps=1)
    trainer.train()
    pairs = Counter((tuple(row["input_ids"]), tuple(row["labels"])) for row in trainer.eval_dataset)
    epochs, seen = [], Counter()
    for batch in trainer.seen:
        assert batch["input_ids"].numel() + batch["labels"].numel() <= BUDGET
        seen.update(rows_of(batch))
        if seen.total() == PAIRS:
            epochs.append(seen)
            seen = Counter()
    assert epochs == [pairs, pairs]
    tokens = sum(len(side) for batch in trainer.seen for row in rows_of(batch) for side in row)
    held = sum(batch[name].numel() for batch in trainer.seen for name in ("input_ids", "labels"))
    assert 1 - tokens / held < 0.2
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert sum(losses[-5:]) < sum(losses[:5])


def test_they_are_the_batches_of_our_own_trainer(tmp_path):
    theirs, ours = (make("ours", tmp_path, kind=kind).get_train_dataloader() for kind in (Stock, TranslationTrainer))
    assert list(theirs.batch_sampler) == list(ours.batch_sampler)


def test_evaluation_batches_are_those_of_the_stock_trainer(tmp_path):
    loaders = [
        make_training(build("marian"), tmp_path, kind=kind, parts=parts).get_eval_dataloader()
        for kind, parts in ((Seq2SeqTrainer, {}), (Stock, {"max_tokens": BUDGET}))
    ]
    for theirs, ours in zip(*loaders, strict=True):
        assert_same(dict(ours), dict(theirs))


@pytest.mark.parametrize("streaming", [False, True])
def test_a_resumed_training_ends_like_an_uninterrupted_one(streaming, tmp_path):
    options = {"streaming": streaming, "max_steps": 13, "save_steps": 10}
    trainer = make("marian", tmp_path / "whole", **options)
    trainer.train()
    with pytest.raises(Stopped):
        make("marian", tmp_path / "run", StopAt(11), **options).train()
    resumed = make("marian", tmp_path / "run", **options)
    resumed.train(resume_from_checkpoint=True)
    assert_same(resumed.model.state_dict(), trainer.model.state_dict())


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(TypeError, match="max_tokens"):
        make_training(build("marian"), tmp_path, kind=Stock)
    trainer = make("marian", tmp_path)
    trainer.max_tokens = 0
    with pytest.raises(UserError, match="max_tokens must be at least 1"):
        trainer.train()
    trainer = make("marian", tmp_path)
    trainer.train_dataset = trainer.train_dataset.remove_columns("labels")
    with pytest.raises(UserError, match='no "labels"'):
        trainer.train()
