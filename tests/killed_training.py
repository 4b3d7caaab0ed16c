"""Trainings that kill themselves with SIGKILL at a chosen moment.

`in-step-N` is before the weights of step N change; `in-save-N` with half of the files of checkpoint N written;
`after-state-N` with all but the last of them; `after-save-N` with all.
"""

import os
import signal
from pathlib import Path

from transformers import TrainerCallback

from hf_attn_model.recipes.recipe import recipe_of
from hf_attn_model.training import train as training
from hf_attn_model.training.callbacks.manifest import Manifest


def train_until(out, moment):
    """Train into a folder, by the recipe in the folder around it, until that moment."""
    kill_at(moment)
    training.train(recipe_of(Path(out).parent), out)


def train_on(out):
    """Train by the recipe in the folder around `out`, from the start or from where a training there has stopped."""
    recipe = recipe_of(Path(out).parent)
    training.train(recipe, out, resume=recipe_of(out) is not None)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(moment):
    name, step = moment.rsplit("-", 1)
    step = int(step)

    def before(owner, method, state_of):
        original = getattr(owner, method)

        def killing(self, *args, **kwargs):
            if state_of(self, *args).global_step == step:
                kill()
            return original(self, *args, **kwargs)

        setattr(owner, method, killing)

    if name == "in-step":
        step -= 1  # steps done
        before(TrainerCallback, "on_pre_optimizer_step", lambda callback, args, state, *rest: state)
    elif name == "in-save":
        before(training.TranslationTrainer, "_save_optimizer_and_scheduler", lambda trainer, *rest: trainer.state)
    elif name == "after-state":
        before(Manifest, "on_save", lambda callback, args, state, *rest: state)
    elif name == "after-save":
        on_save = Manifest.on_save

        def killing(self, args, state, *rest, **kwargs):
            on_save(self, args, state, *rest, **kwargs)
            if state.global_step == step:
                kill()

        Manifest.on_save = killing
