"""Our Trainer against the stock one, and a stock Seq2SeqTrainer on our model."""

import pytest
import torch
from datasets import Dataset
from small_models import V, make_model
from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments

from hf_attn_model.text.batches import LENGTH_STEP
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.training.trainer import TranslationTrainer


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(0)

    def ids():
        length = int(torch.randint(1, 13, (1,), generator=generator))
        return [*torch.randint(2, V, (length,), generator=generator).tolist(), 1]

    return Dataset.from_list([{"input_ids": ids(), "labels": ids()} for _ in range(31)])


def make_trainer(kind, pairs, folder, **changes):
    model = make_model()
    options = {"use_cpu": True, "report_to": [], "max_steps": 3, "disable_tqdm": True, "logging_steps": 1}
    own = {key: changes.pop(key) for key in ("max_tokens", "label_smoothing") if key in changes}
    arguments = Seq2SeqTrainingArguments(str(folder), **(options | changes))
    tokenizer = train_tokenizer(["a b"], 300)
    collator = DataCollatorForSeq2Seq(tokenizer, model, pad_to_multiple_of=LENGTH_STEP)
    return kind(model, arguments, collator, pairs, pairs, processing_class=tokenizer, **own)


def test_a_stock_trainer_trains_and_finds_the_evaluation_loss(pairs, tmp_path):
    trainer = make_trainer(Seq2SeqTrainer, pairs, tmp_path, per_device_train_batch_size=7)
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert trainer.evaluate()["eval_loss"] < before


def test_stock_label_smoothing_equals_ours(pairs, tmp_path):
    stock = make_trainer(Seq2SeqTrainer, pairs, tmp_path, label_smoothing_factor=0.1)
    ours = make_trainer(TranslationTrainer, pairs, tmp_path, max_tokens=97, label_smoothing=0.1)
    batch = stock.data_collator([pairs[i] for i in range(5)])
    accumulated = 3 * batch["labels"].ne(-100).sum()  # as if two more such batches made up the step
    theirs = stock.compute_loss(stock.model.train(), dict(batch), num_items_in_batch=accumulated)
    loss = ours.compute_loss(ours.model.train(), dict(batch), num_items_in_batch=accumulated)
    torch.testing.assert_close(loss, theirs, atol=1e-5, rtol=0)


def test_evaluation_loss_is_not_smoothed(pairs, tmp_path):
    plain = make_trainer(TranslationTrainer, pairs, tmp_path, max_tokens=97).evaluate()["eval_loss"]
    smoothed = make_trainer(TranslationTrainer, pairs, tmp_path, max_tokens=97, label_smoothing=0.3)
    assert smoothed.evaluate()["eval_loss"] == pytest.approx(plain)


def test_batches_follow_the_budget_and_tokens_are_counted(pairs, tmp_path):
    trainer = make_trainer(TranslationTrainer, pairs, tmp_path, max_tokens=97, max_steps=-1, num_train_epochs=2)
    trainer.train()
    assert trainer.tokens_seen == 2 * sum(len(row["input_ids"]) + len(row["labels"]) for row in pairs)
    for batch in trainer.get_train_dataloader():
        assert batch["input_ids"].numel() + batch["labels"].numel() <= 97


def test_gradient_accumulation_equals_one_large_batch(pairs, tmp_path):
    weights = []
    for accumulated, size in ((1, 12), (3, 4)):
        trainer = make_trainer(
            Seq2SeqTrainer,
            pairs,
            tmp_path,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=accumulated,
            train_sampling_strategy="sequential",
            max_steps=1,
            optim="sgd",
        )
        trainer.train()
        weights.append(trainer.model.lm_head.weight.detach())
    torch.testing.assert_close(*weights, atol=1e-6, rtol=0)
