"""Values that no training could use: refused before its first step, as some would only show after its last."""

from collections.abc import Iterator, Mapping
from typing import Any

MOST_BEAMS = 1000  # of any search
RANGES: dict[str, tuple[float, float]] = {
    "vocab_size": (1, 10**9),
    "max_length": (1, 10**9),
    "max_tokens": (1, 10**9),
    "label_smoothing": (0, 1),
    "r_drop": (0, 1000),
    "bpe_dropout": (0, 1),
    "word_dropout": (0, 1),
    "ema_decay": (0, 1),
    "average": (0, 1000),
    "early_stopping_patience": (0, 10**9),
    "num_beams": (1, MOST_BEAMS),
    "watch_attention": (0, 10**5),
    "add_subwords": (0, 10**6),
    "hold_out": (0, 10**9),
    "max_length_ratio": (1, 10**6),
    "temperature": (1, 1000),
}
TRAINING_RANGES: dict[str, tuple[float, float]] = {
    "max_steps": (-1, 10**9),
    "learning_rate": (0, 1000),
    "gradient_accumulation_steps": (1, 10**6),
    "per_device_eval_batch_size": (1, 10**6),
    "dataloader_num_workers": (0, 1000),
    "seed": (0, 2**32 - 1),
    "data_seed": (0, 2**32 - 1),
}
ABOVE_0 = ("num_train_epochs", "eval_steps", "save_steps", "logging_steps")
LOG_LEVELS = ("passive", "detail", "debug", "info", "warning", "error", "critical")


def wrong_values(settings: Mapping[str, Any], training: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with the values of a recipe's own fields, and with those below `training`."""
    yield from _out_of_range(settings, RANGES)
    named = {f"training.{name}": value for name, value in training.items()}
    yield from _out_of_range(named, {f"training.{name}": bounds for name, bounds in TRAINING_RANGES.items()})
    for name in ABOVE_0:
        if name in training and not (training[name] or 0) > 0:
            yield f"training.{name} must be above 0, got {_shown(training[name])}"
    if training.get("max_steps") == 0:
        yield "training.max_steps must be at least 1, or -1 for training.num_train_epochs"
    for name in ("log_level", "log_level_replica"):
        if training.get(name, "passive") not in LOG_LEVELS:
            yield f"training.{name} must be one of {', '.join(LOG_LEVELS)}, got {training[name]}"
    if not all("=" in part for part in (training.get("optim_args") or "=").split(",")):
        yield f"training.optim_args must be NAME=VALUE,NAME=VALUE, got {training['optim_args']}"
    between, saves = training.get("eval_steps", 500), training.get("save_steps")
    if saves is not None and min(saves, between) >= 1 and saves % between:
        yield f"training.save_steps={saves} is no multiple of training.eval_steps={between}"


def _out_of_range(values: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    for name, (low, high) in ranges.items():
        value = values.get(name)
        if value is not None and not low <= value <= high:
            yield f"{name} must lie in {low} to {high}, got {value}"


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)
