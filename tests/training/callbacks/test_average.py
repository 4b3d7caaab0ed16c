"""Snapshots along a training of the stock Trainer, against the checkpoints of the same training."""

import shutil
from pathlib import Path

import pytest
import torch
from families import build
from safetensors.torch import load_file, save_file
from small_models import make_model
from small_trainings import StopAt, Stopped, assert_same, make_training
from transformers import AutoModelForSeq2SeqLM, TrainingArguments

from hf_attn_model.errors import UserError
from hf_attn_model.training.averaging import average_checkpoints, choose_checkpoints
from hf_attn_model.training.callbacks.average import SNAPSHOTS, AverageCallback
from hf_attn_model.training.weights import trained_weights


def small(family="ours"):
    return make_model(dropout=0.1) if family == "ours" else build(family, dropout=0.1)


def snapshots(folder):
    return sorted(int(path.stem[5:]) for path in (folder / SNAPSHOTS).iterdir())


def saved(folder):
    return AutoModelForSeq2SeqLM.from_pretrained(folder).state_dict()


def evaluated(**changes):
    return {"eval_strategy": "steps", "eval_steps": 1, "load_best_model_at_end": True} | changes


@pytest.mark.parametrize("family", ["ours", "marian"])
def test_after_a_training_the_model_holds_the_mean_of_its_last_checkpoints(family, tmp_path):
    callback = AverageCallback(last=3)
    trainer = make_training(small(family), tmp_path / "run", callback)
    trainer.train()
    trainer.save_model()
    folders = [tmp_path / "run" / f"checkpoint-{step}" for step in (5, 6, 7)]
    assert_same(saved(tmp_path / "run"), saved(average_checkpoints(folders, tmp_path / "average")))
    assert snapshots(tmp_path / "run") == callback.steps == [5, 6, 7]


def test_checkpoints_may_be_fewer_than_snapshots(tmp_path):
    trainers = [
        make_training(small(), tmp_path / str(limit), AverageCallback(last=5), save_total_limit=limit)
        for limit in (None, 1)
    ]
    for trainer in trainers:
        torch.manual_seed(5)
        trainer.train()
    assert len(list((tmp_path / "1").glob("checkpoint-*"))) == 1
    assert_same(trainers[1].model.state_dict(), trainers[0].model.state_dict())


@pytest.mark.parametrize("greater", [False, True])
def test_the_best_are_those_of_the_metric_that_chooses_the_best_model(greater, tmp_path):
    callback = AverageCallback(best=3)
    options = evaluated(max_steps=11, learning_rate=0.3, greater_is_better=greater, metric_for_best_model="loss")
    trainer = make_training(small(), tmp_path, callback, **options)
    trainer.train()
    losses = {entry["step"]: entry["eval_loss"] for entry in trainer.state.log_history if "eval_loss" in entry}
    best = sorted(losses, key=losses.get, reverse=greater)[:3]
    assert snapshots(tmp_path) == callback.steps == sorted(best)
    assert callback.steps != [9, 10, 11], "the last ones are the best: the test tells nothing"
    mean = {
        name: sum(load_file(tmp_path / f"checkpoint-{step}/model.safetensors")[name].double() for step in best) / 3
        for name in trained_weights(trainer.model)
    }
    for name, tensor in trained_weights(trainer.model).items():
        torch.testing.assert_close(tensor.detach(), mean[name].float(), atol=0, rtol=1e-6)
    if not greater:
        assert {path.name for path in choose_checkpoints(tmp_path, best=3)} == {f"checkpoint-{step}" for step in best}


def nothing(run):
    """The process ended between two saves."""


def no_snapshot(run):
    """It ended after the checkpoint was written, and before its snapshot was."""
    (run / SNAPSHOTS / "step-5.safetensors").unlink()


def no_checkpoint(run):
    """The last checkpoint is damaged, and the user has removed it."""
    shutil.rmtree(run / "checkpoint-5")


FOR_RESUMING = evaluated(learning_rate=0.3, save_total_limit=3)


@pytest.fixture(scope="module", params=[pytest.param({"last": 3}, marks=pytest.mark.slow), {"best": 2}], ids=str)
def whole_and_stopped(request, tmp_path_factory):
    """What is averaged, an uninterrupted training, and the folder of the same one stopped in step 6."""
    folder = tmp_path_factory.mktemp("resumed")
    whole = make_training(small(), folder / "whole", AverageCallback(**request.param), **FOR_RESUMING)
    whole.train()
    stopped = make_training(small(), folder / "run", AverageCallback(**request.param), StopAt(5), **FOR_RESUMING)
    with pytest.raises(Stopped):
        stopped.train()
    return request.param, whole, folder / "run"


@pytest.mark.parametrize("end", [nothing, no_snapshot, no_checkpoint])
def test_a_resumed_training_ends_like_an_uninterrupted_one(whole_and_stopped, end, tmp_path):
    which, whole, stopped = whole_and_stopped
    run = shutil.copytree(stopped, tmp_path / "run")
    end(run)
    callback = AverageCallback(**which)
    resumed = make_training(small(), run, callback, **FOR_RESUMING)
    resumed.train(resume_from_checkpoint=True)
    assert snapshots(run) == callback.steps == snapshots(Path(whole.args.output_dir))
    assert_same(resumed.model.state_dict(), whole.model.state_dict())


def test_a_new_training_in_the_same_folder_begins_anew(tmp_path):
    make_training(small(), tmp_path, AverageCallback(last=7)).train()
    callback = AverageCallback(last=7)
    make_training(small(), tmp_path, callback, max_steps=2).train()
    assert snapshots(tmp_path) == callback.steps == [1, 2]


def test_snapshots_of_another_training_are_refused(tmp_path):
    make_training(small(), tmp_path, AverageCallback(last=2), max_steps=3).train()
    file = tmp_path / SNAPSHOTS / "step-3.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(file).items()}, file)
    with pytest.raises(UserError, match="holds snapshots of another training"):
        make_training(small(), tmp_path, AverageCallback(last=2)).train(resume_from_checkpoint=True)


def test_frozen_weights_are_neither_kept_nor_changed(tmp_path):
    model = small()
    model.model.encoder.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.model.encoder.layers.state_dict().items()}
    make_training(model, tmp_path, AverageCallback(last=2), max_steps=3).train()
    assert not any("encoder.layers" in name for name in load_file(tmp_path / SNAPSHOTS / "step-3.safetensors"))
    assert_same(model.model.encoder.layers.state_dict(), before)


def test_processes_that_should_not_write_do_not(tmp_path, monkeypatch):
    callback = AverageCallback(last=2)
    monkeypatch.setattr(TrainingArguments, "should_save", False)
    trainer = make_training(small(), tmp_path, callback, StopAt(5))
    with pytest.raises(Stopped):
        trainer.train()
    assert not (tmp_path / SNAPSHOTS).exists()
    assert callback.steps == [4, 5]


@pytest.mark.parametrize("numbers", [{}, {"last": 3, "best": 5}, {"last": 0}, {"best": -1}])
def test_one_number_is_given(numbers):
    with pytest.raises(UserError, match="takes last=10 or best=5"):
        AverageCallback(**numbers)


def test_a_training_that_saves_or_evaluates_too_little_is_told(tmp_path):
    with pytest.raises(UserError, match="set save_strategy"):
        make_training(small(), tmp_path, AverageCallback(last=2), save_strategy="no").train()
    with pytest.raises(UserError, match=r"no eval_loss of step 1: .* an evaluation at every save"):
        make_training(small(), tmp_path, AverageCallback(best=2)).train()
    with pytest.raises(UserError, match="nothing to average"):
        AverageCallback(last=2).average(small())
