"""Tokens, seconds, memory and arithmetic of training steps under a real trainer.

The steps counted are those between a warm-up and the end, with everything that happens between two steps: reading,
batching, forward, backward, clipping and the optimizer.
"""

import ctypes
import gc
import re
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from training_contenders import Contender, build_model, make_trainer, read_prepared
from transformers import TrainerCallback, set_seed

from hf_attn_model.text.batches import TokenBatchSampler
from hf_attn_model.text.lengths import pair_lengths
from hf_attn_model.training.backend import use_backend

STATUS = Path("/proc/self/status")
PEAK_TFLOPS = {  # of dense bfloat16 matrix products, as the makers state them
    "H200": 989.0,
    "H100": 989.0,
    "A100": 312.0,
    "L40S": 362.0,
    "L4": 121.0,
    "RTX 4090": 165.0,
}


def measure_speed(
    contender: Contender,
    *,
    sizes: dict[str, int],
    folder: Path,
    max_tokens: int,
    warmup: float,
    seconds: float,
    seed: int,
) -> dict[str, float]:
    """Train for some seconds on prepared pairs; to be called in a process of its own.

    Returns:
        `tokens_per_second` and `padding` of the timed steps, `steps` and `seconds`, `flops` per second as
        `training_flops` counts them, and `memory`, the peak of the process in MB.
    """
    set_seed(seed)
    data, tokenizer = read_prepared(folder)
    model = build_model(contender.ours, sizes)
    stopwatch = Stopwatch(warmup, seconds)
    with TemporaryDirectory() as out, use_backend(contender.backend, model):
        trainer = make_trainer(contender, model, data, tokenizer, Path(out), max_tokens, CountingCollator, seed=seed)
        trainer.add_callback(stopwatch)
        trainer.train()
    collator = trainer.data_collator
    assert isinstance(collator, CountingCollator)
    counts = sum(collator.counts[slice(*stopwatch.steps)], Counts())
    return {
        "tokens_per_second": counts.tokens / stopwatch.elapsed,
        "padding": counts.padding,
        "steps": stopwatch.steps[1] - stopwatch.steps[0],
        "seconds": stopwatch.elapsed,
        "flops": training_flops(sizes, counts) / stopwatch.elapsed,
        "memory": peak_memory(),
    }


def measure_step_memory(
    contender: Contender, *, sizes: dict[str, int], folder: Path, max_tokens: int, seed: int
) -> dict[str, float]:
    """Train two steps, on a few pairs and on the largest batch of the token budget, and measure the second.

    Returns:
        `step`, what the second step adds at its peak, and `memory`, the peak with all that was held before, in MB.
    """
    set_seed(seed)
    data, tokenizer = read_prepared(folder)
    model = build_model(contender.ours, sizes)
    source, target = pair_lengths(data)
    largest = max(TokenBatchSampler(source, target, max_tokens), key=lambda pairs: target[pairs].sum())
    meter = StepMemory()
    with TemporaryDirectory() as out, use_backend(contender.backend, model):
        trainer = make_trainer(contender, model, data, tokenizer, Path(out), max_tokens, max_steps=2)
        batches: Any = [trainer.data_collator([data[int(i)] for i in pairs]) for pairs in (largest[:2], largest)]
        trainer.get_train_dataloader = lambda: DataLoader(batches, batch_size=None)  # type: ignore[method-assign]
        trainer.add_callback(meter)
        trainer.train()
    return {"step": meter.megabytes, "memory": meter.peak}


@dataclass
class Counts:
    """What batches hold: tokens without padding, tokens with padding, and sums over pairs for `training_flops`."""

    source: int = 0
    target: int = 0
    padded: int = 0
    source_squared: int = 0
    target_squared: int = 0
    crossed: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def tokens(self) -> int:
        """Source and target tokens without padding."""
        return self.source + self.target

    @property
    def padding(self) -> float:
        """Share of the tokens that is padding, 0 to 1."""
        return 1 - self.tokens / self.padded


class CountingCollator:
    """Count what goes into each batch of another collator, in the order of the batches."""

    def __init__(self, collator: Callable[[list[dict[str, Any]]], Any]):
        self.collator = collator
        self.counts: list[Counts] = []

    def __call__(self, features: list[dict[str, Any]]) -> Any:
        source, target = (np.array([len(row[name]) for row in features]) for name in ("input_ids", "labels"))
        batch = self.collator(features)
        padded = batch["input_ids"].numel() + batch["labels"].numel()
        sums = (source.sum(), target.sum(), padded, source @ source, target @ target, source @ target)
        self.counts.append(Counts(*map(int, sums)))
        return batch


class Stopwatch(TrainerCallback):
    """Time the steps after a warm-up, and stop the training.

    Args:
        warmup, seconds: the warm-up begins after the first step, and what is timed after the warm-up.

    Attributes:
        steps: (first, last): the timed steps, counted from 0, the last excluded.
        elapsed: seconds that they took.
    """

    def __init__(self, warmup: float, seconds: float):
        self.warmup, self.seconds = warmup, seconds
        self.steps = (0, 0)
        self.elapsed = 0.0
        self._warm_at: float | None = None
        self._start: float | None = None

    def on_step_end(self, args, state, control, **kwargs):
        """Start the clock at the first step after the warm-up, and stop the training when the time is over."""
        now = time.perf_counter()
        if self._warm_at is None:
            self._warm_at = now + self.warmup
        elif self._start is None and now >= self._warm_at:
            wait_for_device()
            self._start = time.perf_counter()
            self.steps = (state.global_step, state.global_step)
        elif self._start is not None and now - self._start >= self.seconds:
            wait_for_device()
            self.elapsed = time.perf_counter() - self._start
            self.steps = (self.steps[0], state.global_step)
            control.should_training_stop = True


class StepMemory(TrainerCallback):
    """Measure the memory that the last step of a training adds at its peak to what the process held before it.

    Attributes:
        megabytes: the peak over what was held.
        peak: the same with what was held.
    """

    def on_step_begin(self, args, state, control, **kwargs):
        """Before the last step give back what is free, and forget earlier peaks."""
        if state.global_step < args.max_steps - 1:
            return
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
            self._held = torch.cuda.memory_allocated() / 1e6
            return
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, see proc(5)
        self._held = read_status("VmRSS")

    def on_step_end(self, args, state, control, **kwargs):
        """Read the peak of the last step."""
        if state.global_step == args.max_steps:
            self.peak = peak_memory()
            self.megabytes = self.peak - self._held


def wait_for_device() -> None:
    """Let an accelerator finish what it was given."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


def peak_memory() -> float:
    """Return the most memory that this process has held, in MB: of the GPU where there is one, else of the machine."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    if STATUS.is_file():
        return read_status("VmHWM")  # getrusage would count the process that this one came from
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def read_status(name: str) -> float:
    """Read a size of this process from /proc, in MB."""
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    assert found
    return int(found[1]) * 1024 / 1e6


def training_flops(sizes: dict[str, int], counts: Counts) -> int:
    """Count the floating-point operations of training on some pairs that no implementation can do without.

    `6 N` for each token, two in the forward and four in the backward pass (Kaplan et al., 2020, section 2.1), with N
    the weights that the token meets: the encoder and the keys and values of cross-attention for a source token; the
    rest of the decoder and the output projection for a target token. And for each layer `12 D` for each query and key
    that meet, a product for the score and one for the context, causal or not (Chowdhery et al., 2022, appendix B).
    Padding, norms and the optimizer do not count.

    Args:
        sizes: see `training_contenders.shape`; heads of `d_model // heads`.
        counts: of the pairs.
    """
    width = sizes["d_model"]
    encoder, decoder = sizes["encoder_layers"], sizes["decoder_layers"]
    for_source = encoder * (4 * width**2 + 2 * width * sizes["encoder_ffn_dim"]) + decoder * 2 * width**2
    for_target = decoder * (6 * width**2 + 2 * width * sizes["decoder_ffn_dim"]) + width * sizes["vocab_size"]
    meetings = encoder * counts.source_squared + decoder * (counts.target_squared + counts.crossed)
    return 6 * (for_source * counts.source + for_target * counts.target) + 12 * width * meetings


def peak_tflops() -> float | None:
    """Look up the peak of the GPU here; `None` without one, or for one that is not in the table."""
    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name()
    return next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)
