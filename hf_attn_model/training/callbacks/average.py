"""AverageCallback: snapshots of the weights along a training, and their mean at its end."""

from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...errors import UserError
from ..averaging import StoredWeights, best_steps, history_of, mean
from ..weights import check_whole, put_weights, save_weights, trained_weights

SNAPSHOTS = "averaging"  # folder in the output folder of a training


class AverageCallback(TrainerCallback):
    """Average the weights of several saves of a training; for any Trainer whose processes hold whole weights.

    Every save leaves a snapshot `averaging/step-N.safetensors` in the output folder: parameters that require gradients
    and buffers of floating point, nothing else, so that many can be kept where whole checkpoints are few. After the
    training the model holds the mean of the chosen ones (Vaswani et al. 2017, section 6.1), as with
    `load_best_model_at_end`; it is what `average_checkpoints` makes of the checkpoints of those steps.

    A resumed training goes on with its snapshots up to its step, bit for bit. Resumed into another output folder,
    snapshots begin anew.

    Args:
        last: number of snapshots to average, the last ones; or
        best: the best ones by `metric_for_best_model`, by default `eval_loss`: every save must have been evaluated.

    Attributes:
        steps: of the snapshots, in their order; at most as many as asked for.

    Raises:
        UserError: not exactly one number, or one below 1; at the start of a training, a model that is spread over
            processes (FSDP, ZeRO-3), a training that saves nothing, or snapshots of another training in the folder.
    """

    def __init__(self, *, last: int | None = None, best: int | None = None):
        number = best if last is None else last
        if (last is None) == (best is None) or number is None or number < 1:
            raise UserError(f"AverageCallback takes last=10 or best=5, say; got last={last}, best={best}")
        self.number = number
        self.by_metric = best is not None
        self.steps: list[int] = []
        self.folder = Path()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take up the snapshots of a resumed training, and drop those of steps that are still to come."""
        check_whole(kwargs["model"], type(self).__name__)
        if args.save_strategy == "no":
            raise UserError("AverageCallback averages what a training saves: set save_strategy and save_steps")
        self.folder = Path(str(args.output_dir), SNAPSHOTS)
        self.steps = []
        for path in self.folder.glob("step-*.safetensors"):
            step = int(path.stem.removeprefix("step-"))
            if step <= state.global_step:
                self.steps.append(step)
            elif args.should_save:
                path.unlink(missing_ok=True)
        if state.global_step in self.steps:
            self._check_own(kwargs["model"], state.global_step)
        if state.global_step > 0:  # the checkpoint may have been finished, and its snapshot not
            self._take(args, state, kwargs["model"])

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take a snapshot, and drop the one whose place it takes."""
        self._take(args, state, kwargs["model"])

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave the mean in the model."""
        PartialState().wait_for_everyone()  # the main process may still be writing
        self.average(kwargs["model"])

    def average(self, model: nn.Module) -> None:
        """Put the mean of the snapshots of `steps` into a model. Raises `UserError` where there are none."""
        if not self.steps:
            raise UserError(f"there is nothing to average in {self.folder}: the training has saved nothing yet")
        stored = [StoredWeights([self._path(step)]) for step in self.steps]
        put_weights(model, {name: mean(stored, name) for name in stored[0].readers}, str(self.folder))

    def _take(self, args: TrainingArguments, state: TrainerState, model: nn.Module) -> None:
        """Write a snapshot of this step, choose those to keep, and delete the others."""
        steps = {*self.steps, state.global_step}
        self.steps = self._choose(args, state, sorted(steps))
        if args.should_save:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_weights(trained_weights(model), self._path(state.global_step))
            for step in steps.difference(self.steps):
                self._path(step).unlink(missing_ok=True)

    def _choose(self, args: TrainingArguments, state: TrainerState, steps: list[int]) -> list[int]:
        """Choose the steps to keep, in their order."""
        if not self.by_metric:
            return steps[-self.number :]
        metric = args.metric_for_best_model or "loss"
        metric = metric if metric.startswith("eval_") else f"eval_{metric}"
        measured = history_of(state.log_history, metric)
        if missing := [step for step in steps if step not in measured]:
            hint = "AverageCallback(best=...) needs an evaluation at every save: set eval_steps as save_steps"
            raise UserError(f"there is no {metric} of step {missing[0]}: {hint}")
        chosen = best_steps({step: measured[step] for step in steps}, self.number, bool(args.greater_is_better))
        return sorted(chosen)

    def _check_own(self, model: nn.Module, step: int) -> None:
        """Refuse to go on with snapshots that another training has left."""
        stored, own = StoredWeights([self._path(step)]), trained_weights(model)
        if stored.readers.keys() != own.keys() or not all(torch.equal(stored[name], own[name].cpu()) for name in own):
            raise UserError(f"{self.folder} holds snapshots of another training: remove it, or choose another folder")

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step}.safetensors"
