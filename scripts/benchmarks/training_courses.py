"""Trainings of a given time, with weights kept at given minutes: MarianMT under Seq2SeqTrainer, and a recipe of ours.

All follow one schedule: the learning rate rises over the first tenth of the time and falls to zero at its end,
whatever the speed. The time is that of training alone: writing the weights stops the clock.
"""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets import Dataset
from torch.optim.lr_scheduler import LambdaLR
from training_contenders import SHAPES, Contender, build_model, make_trainer
from training_measures import CountingCollator, Counts
from transformers import PreTrainedTokenizerBase, Seq2SeqTrainer, TrainerCallback, set_seed

from hf_attn_model.recipes.recipe import Recipe
from hf_attn_model.training.backend import STOCK, choose_backend
from hf_attn_model.training.build import build_model as build_recipe_model
from hf_attn_model.training.callbacks.ema import EMACallback
from hf_attn_model.training.examples import tokenize, training_examples

RISING = 0.1  # of the time
MARKS_FILE = "marks.json"  # written when a training is over
PEERS: dict[str, tuple[Contender, dict[str, Any]]] = {
    "MarianMT as it comes": (Contender(), {"learning_rate": 5e-4}),
    "MarianMT, best flags": (
        Contender(grouped=True, sentences=256, backend=replace(STOCK, bf16=True)),
        {"learning_rate": 1e-3, "adam_beta2": 0.98},
    ),
}
OURS = "ours"
OF_RECIPE = ("learning_rate", "weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm", "seed")


class Clock(TrainerCallback):
    """Schedule a training by its time, keep its weights at some minutes, and stop it at the last of them.

    Args:
        minutes: ascending.
        keep: called with the minute, while the clock stands still.

    Attributes:
        marks: of each minute that was reached, the `minute`, the `training_seconds` and the `steps`.
    """

    def __init__(self, minutes: Sequence[float], keep: Callable[[float], None]):
        self.minutes, self.keep = list(minutes), keep
        self.marks: list[dict[str, float]] = []
        self._start: float | None = None

    def seconds(self) -> float:
        """Return how long the training has run, writing excepted."""
        return 0.0 if self._start is None else time.perf_counter() - self._start

    def factor(self, step: int) -> float:
        """Return the part of the peak learning rate that is due now, whatever the step."""
        passed = self.seconds() / (60 * self.minutes[-1])
        return max(0.0, min(passed / RISING, (1 - passed) / (1 - RISING)))

    def on_train_begin(self, args, state, control, **kwargs):
        """Start the clock."""
        self._start = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        """Keep the weights if it is time."""
        seconds = self.seconds()
        due = [minute for minute in self.minutes[len(self.marks) :] if 60 * minute <= seconds]
        for minute in due:
            self.keep(minute)
            self.marks.append({"minute": minute, "training_seconds": seconds, "steps": state.global_step})
        if due:
            self._start = time.perf_counter() - seconds
        control.should_training_stop = len(self.marks) == len(self.minutes)


def run_course(
    name: str, recipe: Recipe, pairs: Dataset, tokenizer: PreTrainedTokenizerBase, minutes: Sequence[float], out: Path
) -> list[dict[str, float]]:
    """Train a contender, unless `out` holds the training already.

    Args:
        name: of `PEERS`, or `OURS`; a peer gets the sizes, the dropout and the label smoothing of the recipe.
        pairs: `source` and `target` texts to train on.
        minutes: at which weights are kept, in folders of `out` called like the minutes; ascending.

    Returns:
        what is known of each minute: see `Clock.marks`, and `tokens`, source and target, without padding, so far.
    """
    if (out / MARKS_FILE).is_file():
        return json.loads((out / MARKS_FILE).read_text("utf-8"))
    set_seed(recipe.training.get("seed", 42))
    trainer = (_ours if name == OURS else _peer)(name, recipe, pairs, tokenizer, out)
    model: Any = trainer.model
    ema: EMACallback | None = getattr(trainer, "ema", None)

    def keep(minute: float) -> None:
        with ema.swapped(model) if ema else nullcontext():
            model.save_pretrained(out / f"{minute:g}")

    clock = Clock(minutes, keep)
    trainer.add_callback(clock)
    trainer.lr_scheduler = LambdaLR(trainer.create_optimizer(), clock.factor)
    trainer.train()
    collator: Any = trainer.data_collator
    for mark in clock.marks:
        mark["tokens"] = sum(collator.counts[: int(mark["steps"])], Counts()).tokens
    (out / MARKS_FILE).write_text(json.dumps(clock.marks) + "\n", encoding="utf-8")
    return clock.marks


def _peer(name: str, recipe: Recipe, pairs: Dataset, tokenizer: PreTrainedTokenizerBase, out: Path) -> Seq2SeqTrainer:
    contender, options = PEERS[name]
    sizes = {field: recipe.model[field] for field in SHAPES["small"] if field in recipe.model}
    model = build_model(False, sizes | {"vocab_size": len(tokenizer)}, recipe.model.get("dropout", 0.1))
    data = tokenize(pairs, tokenizer, recipe.max_length)
    options = options | {"label_smoothing_factor": recipe.label_smoothing}
    return make_trainer(contender, model, data, tokenizer, out, recipe.max_tokens, CountingCollator, **options)


def _ours(name: str, recipe: Recipe, pairs: Dataset, tokenizer: PreTrainedTokenizerBase, out: Path) -> Seq2SeqTrainer:
    backend = choose_backend(recipe.training.get("bf16")) if recipe.fast_kernels else STOCK
    contender = Contender(ours=True, sentences=None, counted=True, backend=backend)
    options = {field: value for field, value in recipe.training.items() if field in OF_RECIPE}
    of_ours = {
        "label_smoothing": recipe.label_smoothing,
        "r_drop": recipe.r_drop,
        "word_dropout": recipe.word_dropout,
        "muon": recipe.muon,
        "ema": EMACallback(recipe.ema_decay) if recipe.ema_decay else None,
        "backend": backend,
    }
    data: Any = training_examples(recipe, pairs, tokenizer, recipe.training.get("seed", 42))
    model = build_recipe_model(recipe, tokenizer)
    return make_trainer(contender, model, data, tokenizer, out, recipe.max_tokens, CountingCollator, of_ours, **options)
