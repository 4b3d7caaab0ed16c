"""A process killed with SIGKILL loses nothing: resumed, a training ends as if it had never been interrupted."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import make_recipe
from safetensors.torch import load_file
from small_trainings import assert_same

from hf_attn_model.training.callbacks.manifest import read_manifest
from hf_attn_model.training.train import train
from hf_attn_model.training.trainer import TranslationTrainer

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


@pytest.fixture(scope="module")
def killed(recipes, tmp_path_factory):
    """A folder for each recipe, with trainings killed at each of the moments."""
    folder = tmp_path_factory.mktemp("killed")
    orders = []
    for name, recipe in recipes.items():
        (folder / name).mkdir()
        recipe.save(folder / name)
        orders += [f"{folder / name / moment}@{moment}" for moment in MOMENTS]
    script = str(Path(__file__).with_name("killed_training.py"))
    subprocess.run([sys.executable, script, *orders], check=True, capture_output=True, text=True)
    return folder


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request):
    return request.param


@pytest.fixture(scope="module")
def recipe(variant, recipes):
    return recipes[variant]


@pytest.fixture(scope="module")
def whole(recipe, tmp_path_factory):
    return train(recipe, tmp_path_factory.mktemp("whole") / "run")


def log_of(folder):
    """The numbers of every step that the training decides."""
    state = json.loads((folder / f"checkpoint-{STEPS}" / "trainer_state.json").read_text())
    names = ("step", "loss", "grad_norm", "learning_rate", "eval_loss", "eval_bleu", "eval_samples")
    return [{name: entry[name] for name in names if name in entry} for entry in state["log_history"]]


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_later_loss_and_the_final_weights_are_those_of_an_uninterrupted_training(
    moment, variant, recipe, killed, whole, capsys
):
    out = killed / variant / moment
    train(recipe, out, resume=True)
    said = capsys.readouterr().out
    assert log_of(out) == log_of(whole)
    for name in ("model.safetensors", f"checkpoint-{STEPS}/model.safetensors"):
        assert_same(load_file(out / name), load_file(whole / name))
    assert ("checkpoint-24 is incomplete" in said) == (moment in ("in-save-24", "after-state-24"))

    ours, theirs = read_manifest(out), read_manifest(whole)
    begun = [session["first_step"] for session in ours["sessions"]]
    assert begun == ([0] if MOMENTS[moment] is None else [0, MOMENTS[moment]])
    assert sum(session["steps"] for session in ours["sessions"]) == ours["steps"] == STEPS
    assert ours["tokens"] == theirs["tokens"], "tokens of steps that were done twice count once"
    assert ours["seconds"] == pytest.approx(sum(session["seconds"] for session in ours["sessions"]))
    for name in ("data", "seed", "best_dev_loss", "parameters"):
        assert ours[name] == theirs[name]


def test_the_same_seed_gives_the_same_training(recipe, whole, tmp_path):
    again = train(recipe, tmp_path / "again")
    assert log_of(again) == log_of(whole)
    assert_same(load_file(again / "model.safetensors"), load_file(whole / "model.safetensors"))


def test_early_stopping_counts_on(small_recipe, tmp_path, monkeypatch):
    """Interrupted between two evaluations without a better loss, a training still ends at the third."""
    arguments = small_recipe.training | {"learning_rate": 0.0, "max_steps": 1000, "eval_steps": 3}
    recipe = replace(small_recipe, early_stopping_patience=3, training=arguments)
    training_step = TranslationTrainer.training_step

    def stop(self, *args):
        if self.state.global_step == 7:
            raise KeyboardInterrupt
        return training_step(self, *args)

    monkeypatch.setattr(TranslationTrainer, "training_step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "run")
    monkeypatch.undo()
    assert read_manifest(train(recipe, tmp_path / "run", resume=True))["steps"] == 3 * (1 + 3)
