"""A training that diverges stops, says where, and leaves its last good checkpoint."""

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from small_models import make_model
from transformers import TrainerControl, TrainerState

from hf_attn_model.cli import main
from hf_attn_model.errors import UserError
from hf_attn_model.text.batches import TokenBatchSampler
from hf_attn_model.text.corpora import load_corpus
from hf_attn_model.training import train as training
from hf_attn_model.training.callbacks.divergence import DIVERGENCE_FILE, WINDOW, DivergenceCallback, StepBatches
from hf_attn_model.training.callbacks.early_stopping import newest_checkpoint
from hf_attn_model.training.callbacks.manifest import read_manifest
from hf_attn_model.training.trainer import TranslationTrainer

compute_loss = TranslationTrainer.compute_loss


@pytest.fixture
def spoil(monkeypatch):
    """Change the loss of a training from a step on; returns the batches of this step as they fill."""

    def from_step(step, change):
        seen = []

        def spoiled(self, model, inputs, *args, **kwargs):
            loss = compute_loss(self, model, inputs, *args, **kwargs)
            if not model.training or self.state.global_step + 1 < step:
                return loss
            if self.state.global_step + 1 == step:
                seen.append(inputs["input_ids"])
            return change(loss)

        monkeypatch.setattr(TranslationTrainer, "compute_loss", spoiled)
        return seen

    return from_step


class InfiniteGradient(torch.autograd.Function):
    """A finite number whose gradient is not."""

    @staticmethod
    def forward(context, loss):
        return loss.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient * float("inf")


@pytest.mark.parametrize("wrong", ["loss", "gradient"])
def test_a_number_that_is_not_finite_stops_the_training_with_its_step_and_pairs(
    wrong, small_recipe, tmp_path, spoil, monkeypatch
):
    """In the second epoch, with three batches a step: 34 batches, 12 steps to an epoch."""
    arguments = small_recipe.training | {"gradient_accumulation_steps": 3, "eval_steps": 5, "max_steps": 20}
    recipe = replace(small_recipe, training=arguments)
    change = (lambda loss: loss * float("nan")) if wrong == "loss" else InfiniteGradient.apply
    batches = spoil(14, change)
    out = tmp_path / "run"
    with pytest.raises(UserError, match="diverged at step 14") as caught:
        training.train(recipe, out)
    report = json.loads((out / DIVERGENCE_FILE).read_text())
    assert report["step"] == report["noticed_at_step"] == 14
    assert report["loss" if wrong == "loss" else "grad_norm"] in ("nan", "inf")
    message = str(caught.value)
    assert "\n" not in message
    for words in ("training.learning_rate (now 0.01)", DIVERGENCE_FILE, str(out / "checkpoint-10")):
        assert words in message

    tokenizer = training.AutoTokenizer.from_pretrained(out / "checkpoint-10")
    trained_on = [row for batch in batches for row in tokenizer.batch_decode(batch, skip_special_tokens=True)]
    pairs = load_corpus(recipe.corpus, "en", "de", "train").dataset
    assert len(batches) == 3
    assert [pairs[pair]["source"] for pair in report["pairs"]] == trained_on
    for example, pair in zip(report["examples"], report["pairs"], strict=False):
        assert example == {"pair": pair} | pairs[pair]
    assert ", ".join(map(str, report["pairs"][:5])) in message

    assert newest_checkpoint(out) == out / "checkpoint-10"
    if wrong == "loss":
        return  # what follows is the same
    monkeypatch.undo()
    assert read_manifest(training.train(recipe, out, resume=True))["steps"] == 20
    assert not (out / DIVERGENCE_FILE).exists()


def test_an_explosion_ends_the_command_and_leaves_the_best_checkpoint_to_resume(small_recipe, tmp_path, spoil, capsys):
    spoil(WINDOW + 11, lambda loss: 7 + 2 * loss.detach() - loss)  # the gradient leads away, too
    small_recipe.save(tmp_path)
    overrides = ["training.max_steps=1000", "training.eval_steps=20", "training.learning_rate=1e-3"]
    overrides += ["training.save_total_limit=null", "early_stopping_patience=1000"]
    out = tmp_path / "run"
    assert main(["train", str(tmp_path / "recipe.yaml"), *overrides, "--out", str(out)]) == 2
    *_, last = capsys.readouterr().err.strip().splitlines()
    assert "the loss rose from" in last
    assert str(out / DIVERGENCE_FILE) in last
    report = json.loads((out / DIVERGENCE_FILE).read_text())
    assert abs(report["step"] - WINDOW - 11) <= 1
    assert report["noticed_at_step"] > WINDOW + 11
    saved = {path.name for path in out.glob("*checkpoint-*")}
    assert saved == {"checkpoint-20", "checkpoint-40", "checkpoint-60", "exploded-checkpoint-80"}


def callbacks_of(folder, **changes):
    """What Trainer gives a callback: as in one of two processes, so that steps are not looked at one by one."""
    defaults = {"device": torch.device("cpu"), "world_size": 2, "should_save": True, "fp16": False}
    defaults |= {"output_dir": str(folder), "gradient_accumulation_steps": 1, "learning_rate": 0.1}
    sampler = TokenBatchSampler([3] * 7, [5] * 7, max_tokens=17, num_replicas=2, rank=0)
    loader = SimpleNamespace(batch_sampler=sampler, dataset=[{"input_ids": [2], "labels": [3]}] * 7)
    tokenizer = SimpleNamespace(decode=lambda ids, skip_special_tokens: str(ids))
    others = {"model": make_model(), "train_dataloader": loader, "processing_class": tokenizer}
    return SimpleNamespace(**(defaults | changes)), others


@pytest.mark.parametrize("event", ["should_log", "should_evaluate", "should_save", "epoch end"])
def test_where_a_look_costs_a_wait_steps_are_looked_at_together_and_before_anything_is_saved(event, tmp_path):
    args, others = callbacks_of(tmp_path)
    callback, state, control = DivergenceCallback(), TrainerState(), TrainerControl()
    callback.on_train_begin(args, state, control, **others)

    def step(loss):
        state.global_step += 1
        callback.see_loss(torch.tensor(loss))
        callback.see_gradient(torch.tensor(1.0))
        callback.on_step_end(args, state, control, **others)

    for loss in (2.0, float("inf"), 2.0):
        step(loss)
    if event == "epoch end":
        end = partial(callback.on_epoch_end, args, state, control, **others)
    else:
        setattr(control, event, True)
        end = partial(step, 2.0)
    with pytest.raises(UserError, match="diverged at step 2: the loss is inf"):
        end()
    report = json.loads((tmp_path / DIVERGENCE_FILE).read_text())
    assert (report["step"], report["noticed_at_step"]) == (2, 2)


def test_float16_skips_steps_of_infinite_gradient_by_itself(tmp_path):
    for fp16 in (True, False):
        args, others = callbacks_of(tmp_path, world_size=1, fp16=fp16)
        callback, state = DivergenceCallback(), TrainerState(global_step=1)
        callback.on_train_begin(args, state, TrainerControl(), **others)
        callback.see_loss(torch.tensor(1.0))
        callback.see_gradient(float("inf"))
        if fp16:
            callback.on_step_end(args, state, TrainerControl(), **others)
        else:
            with pytest.raises(UserError, match="gradient"):
                callback.on_step_end(args, state, TrainerControl(), **others)


@pytest.mark.parametrize(("accumulated", "replicas"), [(1, 1), (3, 1), (1, 2), (3, 2)])
def test_the_pairs_of_a_step_are_found_again(accumulated, replicas):
    lengths = [3 + i % 11 for i in range(101)]
    samplers = [TokenBatchSampler(lengths, lengths, 53, 5, replicas, rank) for rank in range(replicas)]
    args = SimpleNamespace(gradient_accumulation_steps=accumulated, world_size=replicas)
    loader = SimpleNamespace(batch_sampler=samplers[0], dataset=None)
    step = 0
    for epoch in range(2):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        taken = [list(sampler) for sampler in samplers]
        for start in range(0, len(taken[0]), accumulated):
            step += 1
            expected = [row for batches in taken for batch in batches[start : start + accumulated] for row in batch]
            assert StepBatches(loader, step, args).pairs == expected
    assert (samplers[0].epoch, samplers[0].rank) == (1, 0), "the training's own sampler is left alone"


@pytest.mark.parametrize(
    ("accumulated", "words"), [(1, "batch 6 of the stream"), (3, "batches 18 to 20 of the stream")]
)
def test_of_a_stream_the_positions_are_named(accumulated, words):
    args = SimpleNamespace(gradient_accumulation_steps=accumulated, world_size=1)
    batches = StepBatches(SimpleNamespace(batch_sampler=None, dataset=None), 7, args)
    assert str(batches) == words
    assert batches.describe(None) == {"batches_of_stream": list(range(6 * accumulated, 7 * accumulated))}
