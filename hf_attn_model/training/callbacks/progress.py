"""What a training shows as it goes: a bar on a terminal, lines elsewhere, translations at every evaluation.

And where its numbers go, besides its folder: TensorBoard, Trackio, W&B and others, by name.
"""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm
from transformers import (
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.integrations.integration_utils import get_reporting_integration_callbacks
from transformers.utils import logging

from ...errors import UserError

SAMPLES = "eval_samples"  # the metric that is text


class TrainingProgress(TrainerCallback):
    """Show step, epoch, loss, learning rate, speed and time left, from what Trainer logs.

    On a terminal one bar keeps them up to date, unless `disable_tqdm` is set; elsewhere each log makes a line. Every
    evaluation makes a line with the dev loss and, where they were measured, BLEU and translations. All of it goes to
    standard output, from the main process.
    """

    def __init__(self) -> None:
        self.bar: tqdm | None = None  # on a terminal, during a training

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin at the first step, or at that of the checkpoint that is resumed."""
        self.start, self.first_step = time.monotonic(), state.global_step
        if state.is_world_process_zero and sys.stdout.isatty() and not args.disable_tqdm:
            self.bar = tqdm(
                desc="Training",
                total=state.max_steps,
                initial=state.global_step,
                unit=" steps",
                dynamic_ncols=True,
                file=sys.stdout,
            )

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar."""
        if self.bar is not None:
            self.bar.update()

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Show the numbers since the last log."""
        logs: Mapping[str, Any] = kwargs["logs"]
        if not state.is_world_process_zero or "loss" not in logs:
            return
        numbers = ", ".join(_numbers(logs))
        if self.bar is not None:
            self.bar.set_description(f"Epoch {state.epoch:.2f}", refresh=False)
            self.bar.set_postfix_str(numbers)
        else:
            passed = time.monotonic() - self.start
            left = passed / (state.global_step - self.first_step) * (state.max_steps - state.global_step)
            times = f"{tqdm.format_interval(passed)} passed, {tqdm.format_interval(left)} left"
            self._print(f"step {state.global_step}/{state.max_steps}, epoch {state.epoch:.2f}, {numbers}, {times}")

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Show the quality at this step."""
        metrics: Mapping[str, Any] = kwargs["metrics"]
        if not state.is_world_process_zero:
            return
        names = [name for name in metrics if name.startswith("eval_bleu")]  # one for each of several corpora
        bleu = "".join(f", dev BLEU{name[9:].replace('_', ' ', 1)} {metrics[name]:.2f}" for name in names)
        self._print(f"step {state.global_step}: dev loss {metrics['eval_loss']:.4f}{bleu}")
        for line in metrics.get(SAMPLES, "").splitlines():
            self._print(f"    {line}".rstrip())

    def close(self) -> None:
        """Leave the bar as it is, however the training ended."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _print(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        if self.bar is not None:
            self.bar.write(line, file=sys.stdout)
        else:
            print(line, flush=True)


@contextmanager
def progress_of(trainer: Trainer) -> Iterator[None]:
    """Show the progress of a training inside of a `with`, in place of what Trainer and transformers show by default."""
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    for default in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(default)
    progress = TrainingProgress()
    trainer.add_callback(progress)
    try:
        yield
    finally:
        progress.close()
        if bars:
            logging.enable_progress_bar()
        trainer.remove_callback(progress)


def _numbers(logs: Mapping[str, Any]) -> Iterator[str]:
    """Name the numbers of a log."""
    yield f"loss {logs['loss']:.3f}"
    yield f"learning rate {logs['learning_rate']:.2e}"
    if "tokens_per_second" in logs:
        yield f"{logs['tokens_per_second']:,.0f} tokens/s"
        yield f"padding {logs['padding']:.1%}"


def check_reporters(arguments: TrainingArguments) -> None:
    """Raise `UserError` for a name in `report_to` that is unknown, or whose package is not installed."""
    names: Any = arguments.report_to  # a list, once the arguments are made
    try:
        for callback in get_reporting_integration_callbacks(names):
            callback()
    except (ValueError, RuntimeError, ImportError) as error:
        raise UserError(f"training.report_to={','.join(map(str, names))}: {' '.join(str(error).split())}") from None
