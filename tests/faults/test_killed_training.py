"""A process killed with SIGKILL loses nothing: resumed, a training ends as if it had never been interrupted."""

import json
import random
import signal
import time
from dataclasses import replace

import pytest
from conftest import make_recipe
from killed_training import train_on, train_until
from safetensors.torch import load_file
from small_trainings import assert_same
from warm import Work, kill_within, scratch

from hf_attn_model.files import LOCK
from hf_attn_model.training.callbacks.manifest import read_manifest

STEPS, SAVED = 26, 8  # an epoch has 17 steps: training is killed, and ends, in the middle of one
MOMENTS = {  # each with the step from which it goes on
    "in-step-7": None,
    "in-step-21": 16,
    "in-save-24": 16,
    "after-state-24": 16,
    "after-save-26": 26,
}
VARIANTS = {
    "average": {"average": 2},
    "all the rest": {"ema_decay": 0.9, "bpe_dropout": 0.1, "word_dropout": 0.1, "r_drop": 3, "muon": True},
}


@pytest.fixture(scope="module")
def recipes(corpus, tmp_path_factory):
    recipe = make_recipe(corpus, tmp_path_factory.mktemp("recipe"))
    arguments = recipe.training | {"max_steps": STEPS, "eval_steps": SAVED, "logging_steps": 1}
    recipe = replace(recipe, training=arguments | {"gradient_accumulation_steps": 2}, early_stopping_patience=1000)
    return {name: replace(recipe, **changes) for name, changes in VARIANTS.items()}


def finished(work):
    status = work.status()
    assert status == 0, work.said
    return work.said


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request):
    return request.param


@pytest.fixture(scope="module")
def folder(variant, recipes, tmp_path_factory):
    """A folder with the recipe."""
    folder = tmp_path_factory.mktemp("trainings")
    recipes[variant].save(folder)
    return folder


@pytest.fixture(scope="module")
def whole(folder):
    """A training that nothing happened to."""
    finished(Work(train_on, folder / "whole"))
    return folder / "whole"


def log_of(folder):
    """The numbers of every step that the training decides."""
    state = json.loads((folder / f"checkpoint-{STEPS}" / "trainer_state.json").read_text())
    names = ("step", "loss", "grad_norm", "learning_rate", "eval_loss", "eval_bleu", "eval_samples")
    return [{name: entry[name] for name in names if name in entry} for entry in state["log_history"]]


def assert_same_trainings(out, whole):
    assert log_of(out) == log_of(whole)
    for name in ("model.safetensors", f"checkpoint-{STEPS}/model.safetensors"):
        assert_same(load_file(out / name), load_file(whole / name))
    assert scratch(out) == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_later_loss_and_the_final_weights_are_those_of_an_uninterrupted_training(moment, folder, whole):
    out = folder / moment
    assert Work(train_until, out, moment).status() == -signal.SIGKILL
    said = finished(Work(train_on, out))
    assert_same_trainings(out, whole)
    assert ("checkpoint-24 is incomplete" in said) == (moment in ("in-save-24", "after-state-24"))

    ours, theirs = read_manifest(out), read_manifest(whole)
    begun = [session["first_step"] for session in ours["sessions"]]
    assert begun == ([0] if MOMENTS[moment] is None else [0, MOMENTS[moment]])
    assert sum(session["steps"] for session in ours["sessions"]) == ours["steps"] == STEPS
    assert ours["tokens"] == theirs["tokens"], "tokens of steps that were done twice count once"
    assert ours["seconds"] == pytest.approx(sum(session["seconds"] for session in ours["sessions"]))
    for name in ("data", "seed", "best_dev_loss", "parameters"):
        assert ours[name] == theirs[name]


def test_killed_again_and_again_at_random_it_comes_to_the_same_end(variant, folder, whole):
    out, chosen = folder / "random", random.Random(variant)
    begun = time.monotonic()
    finished(Work(train_on, folder / "again"))
    seconds = time.monotonic() - begun
    assert_same_trainings(folder / "again", whole)  # the same seed gives the same training
    killed = [kill_within(Work(train_on, out), 0.7 * seconds, chosen) for _ in range(6)]
    assert killed.count(True) >= 3
    finished(Work(train_on, out))
    assert_same_trainings(out, whole)


def test_a_second_training_in_the_same_folder_is_refused(folder, whole):
    out = folder / "held"
    work = Work(train_on, out)
    while not work.is_over and not (out / LOCK).exists():
        time.sleep(0.001)
    second = Work(train_on, out)
    assert second.status() == 1
    assert f"UserError: {out} is being written to by process {work.process.pid} on" in second.said
    finished(work)
    assert_same_trainings(out, whole)
