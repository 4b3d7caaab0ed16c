"""Our Trainer against the stock one, and a stock Seq2SeqTrainer on our model."""

import pytest
import torch
from datasets import Dataset
from small_models import V, make_model
from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback

from hf_attn_model.model.dropout import Dropout
from hf_attn_model.text.lengths import LENGTH_STEP
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.training.backend import ComputeBackend
from hf_attn_model.training.callbacks.ema import EMACallback
from hf_attn_model.training.trainer import TranslationTrainer

OWN = ("max_tokens", "label_smoothing", "r_drop", "word_dropout", "ema", "backend")  # arguments of TranslationTrainer


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
    own = {key: changes.pop(key) for key in OWN if key in changes}
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


def test_label_smoothing_with_a_collator_that_knows_no_model_says_what_is_missing(pairs, tmp_path):
    arguments = Seq2SeqTrainingArguments(str(tmp_path), label_smoothing_factor=0.1, use_cpu=True, report_to=[])
    collator = DataCollatorForSeq2Seq(train_tokenizer(["a b"], 300))
    with pytest.raises(ValueError, match=r"DataCollatorForSeq2Seq\(tokenizer, model=model\)"):
        Seq2SeqTrainer(make_model(), arguments, collator, pairs).train()


def test_r_drop_trains_on_two_passes_and_counts_each_pair_once(pairs, tmp_path):
    """Without dropout both passes are equal, and so is the loss; with it, passes that differ cost more."""
    losses = {}
    for dropout, r_drop in ((0.0, 0.0), (0.0, 3.0), (0.3, 0.0), (0.3, 3.0)):
        trainer = make_trainer(TranslationTrainer, pairs, tmp_path, max_tokens=97, r_drop=r_drop)
        for module in trainer.model.modules():
            if isinstance(module, Dropout):
                module.p = dropout
        batch = trainer.data_collator([pairs[i] for i in range(5)])
        torch.manual_seed(0)
        losses[dropout, r_drop] = trainer.compute_loss(trainer.model.train(), dict(batch), num_items_in_batch=19)
    torch.testing.assert_close(losses[0.0, 3.0], losses[0.0, 0.0])
    assert losses[0.3, 3.0] > losses[0.3, 0.0]


def test_hidden_words_are_trained_on_but_not_evaluated(pairs, tmp_path):
    hiding = make_trainer(TranslationTrainer, pairs, tmp_path, max_tokens=97, word_dropout=1.0)
    plain = make_trainer(TranslationTrainer, pairs, tmp_path, max_tokens=97)
    assert hiding.evaluate()["eval_loss"] == plain.evaluate()["eval_loss"]
    batch = hiding.data_collator([pairs[i] for i in range(5)])
    hidden = hiding.compute_loss(hiding.model.train(), dict(batch))
    assert hidden != plain.compute_loss(plain.model.train(), dict(batch))
    unread = dict(batch) | {name: torch.zeros_like(batch[name]) for name in ("input_ids", "decoder_input_ids")}
    torch.testing.assert_close(hidden, plain.compute_loss(plain.model, unread))


def test_the_averaged_weights_are_evaluated(pairs, tmp_path):
    ema = EMACallback(0.5)
    trainer = make_trainer(TranslationTrainer, pairs, tmp_path, max_tokens=97, ema=ema, learning_rate=0.1)
    losses = {}

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 3:
                own = [parameter.clone() for parameter in trainer.model.parameters()]
                losses["evaluated"] = trainer.evaluate()["eval_loss"]
                assert all(map(torch.equal, own, trainer.model.parameters())), "evaluation has changed the weights"
                trainer.ema = None
                with ema.swapped(trainer.model):
                    losses["averaged"] = trainer.evaluate()["eval_loss"]
                losses["own"] = trainer.evaluate()["eval_loss"]
                trainer.ema = ema

    trainer.add_callback(Watch())
    trainer.train()
    assert losses["evaluated"] == losses["averaged"] != losses["own"]


def test_the_kernels_are_used_in_training_alone(pairs, tmp_path):
    backend = ComputeBackend(bf16=False, onednn=True, attention="eager", drop_by_bits=False)
    trainer = make_trainer(TranslationTrainer, pairs, tmp_path, max_tokens=97, backend=backend)
    seen = []

    class Watch(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            model = trainer.model
            seen.append((torch.get_float32_matmul_precision(), model.config._attn_implementation))

    trainer.add_callback(Watch())
    before = torch.get_float32_matmul_precision(), trainer.model.config._attn_implementation
    trainer.train()
    assert set(seen) == {("medium", "eager")}
    assert (torch.get_float32_matmul_precision(), trainer.model.config._attn_implementation) == before
    assert before != ("medium", "eager")


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
