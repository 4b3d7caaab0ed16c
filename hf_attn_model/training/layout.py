"""In how many processes a training runs: as it began, as the user says, or as a short trial finds fastest."""

import os
import time
from typing import Literal

import torch
from accelerate import Accelerator

from ..errors import UserError
from ..files.processes import count_cores
from ..model import AttnForConditionalGeneration
from ..recipes.recipe import Recipe
from .backend import choose_backend, use_backend
from .build import asked_bf16, build_config
from .launch import Layout, launch

Processes = int | Literal["auto"]

SENTENCE = 16  # tokens on each side of the pairs of a trial
TRIAL = 3.0  # seconds of steps that are timed
SHORT = 60.0  # a training of fewer seconds is not worth a trial of its layouts
GAIN = 1.1  # by which more processes must be faster


def choose_layout(recipe: Recipe, asked: Processes, begun: int | None) -> Layout:
    """Decide how many processes train, and with how many threads each.

    A step of all processes holds the tokens of the recipe. "auto" is one process where `OMP_NUM_THREADS` says how many
    threads there are, on a device, for a training that begins with a translator, and where there is one core; else a
    trial of some seconds with random sentences and a model of the recipe decides.

    Args:
        recipe: what is trained.
        asked: by the user.
        begun: in how many processes the training to be resumed began; None for a new one.

    Raises:
        UserError: the training began with another number, or a step has fewer tokens than processes.
    """
    if begun is not None:
        if asked not in ("auto", begun):
            raise UserError(f"this training began with --processes {begun}, not {asked}: resume with the same")
        asked = begun
    cores, given = count_cores(), os.environ.get("OMP_NUM_THREADS", "")
    if asked == "auto":
        one = Layout(1, torch.get_num_threads())
        if given or recipe.init_from is not None or torch.accelerator.is_available() or cores == 1:
            return one
        return _fastest(recipe, layouts_of(cores))
    if asked < 1 or asked > recipe.max_tokens:
        raise UserError(f"--processes must be 1 to max_tokens={recipe.max_tokens}, got {asked}")
    threads = torch.get_num_threads() if given or asked == 1 else max(1, cores // asked)
    return Layout(asked, threads)


def layouts_of(cores: int) -> list[Layout]:
    """List layouts that use all cores: one process, then twice as many each time."""
    return [Layout(count, cores // count) for count in (1, 2, 4, 8, 16) if count <= cores]


def _fastest(recipe: Recipe, layouts: list[Layout]) -> Layout:
    """Try the layouts; more processes must be clearly faster than fewer."""
    best, speeds = layouts[0], {layouts[0]: launch(layouts[0], speed_of_trial, recipe)}
    steps = recipe.training.get("max_steps", 0)
    if steps > 0 and steps * recipe.max_tokens / speeds[best] < SHORT:
        return best
    for layout in layouts[1:]:
        speeds[layout] = launch(layout, speed_of_trial, recipe)
        if speeds[layout] > GAIN * speeds[best]:
            best = layout
    tried = ", ".join(f"{layout} {round(speed, -2):,.0f}" for layout, speed in speeds.items())
    print(f"tokens a second in a trial: {tried}; training in {best}", flush=True)
    return best


def speed_of_trial(recipe: Recipe) -> float:
    """Train on random pairs, in each process of a layout; returns the tokens a second of all of them together."""
    backend = choose_backend(asked_bf16(recipe))
    accelerator = Accelerator(cpu=True, mixed_precision="bf16" if backend.bf16 else "no")
    count = accelerator.num_processes
    config = build_config(recipe, vocab_size=recipe.vocab_size)
    model = AttnForConditionalGeneration(config)
    rows = max(1, recipe.max_tokens // count // (2 * SENTENCE))
    batch = torch.randint(2, config.vocab_size, (2, rows, SENTENCE))
    with use_backend(backend, model):
        trained, optimizer = accelerator.prepare(model, torch.optim.AdamW(model.parameters(), lr=0.0))

        def seconds(steps: int) -> float:
            start = time.perf_counter()
            for _ in range(steps):
                outputs = trained(
                    input_ids=batch[0],
                    attention_mask=torch.ones_like(batch[0]),
                    labels=batch[1],
                    label_smoothing=recipe.label_smoothing,
                    skip_logits=True,
                )
                accelerator.backward(outputs.loss)
                optimizer.step()
                optimizer.zero_grad()
            longest = torch.tensor(time.perf_counter() - start)
            return float(accelerator.reduce(longest, "mean"))  # the same in all, which take as many steps

        step = min(seconds(1) for _ in range(2))
        steps = max(2, min(30, round(TRIAL / step)))
        return steps * count * batch.numel() / seconds(steps)
