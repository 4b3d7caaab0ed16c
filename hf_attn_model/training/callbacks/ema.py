"""EMACallback: an exponential moving average of the weights, beside the training that makes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from ...errors import UserError
from ...files import reading
from ..weights import check_whole, held_weights, put_weights, save_weights, trained_parameters, weights_digest

EMA_FILE = "ema.safetensors"  # in each checkpoint
DIGEST = "weights"  # fact in that file: of the weights beside which the averages were saved


class EMACallback(TrainerCallback):
    """Keep an exponential moving average of the weights; for any Trainer whose processes hold whole weights.

    After step n: `average = d * average + (1 - d) * weights`, with `d = warmed_up(decay, n)`, from the weights before
    the first step on; in float32, over the parameters that require gradients, tied ones once. Buffers are not averaged.

    Each checkpoint holds the averages in `ema.safetensors`, and a resumed training goes on with those of its
    checkpoint, bit for bit. After the training the model holds averaged weights, as with `load_best_model_at_end`:
    those of the best checkpoint if that option is on, else the last ones.

    Args:
        decay: share of the average that a step leaves, between 0 and 1, such as 0.999.

    Attributes:
        averages: by name of the parameter; empty before a training.

    Raises:
        UserError: a decay outside of 0 to 1; at the start of a training, a model that is spread over processes (FSDP,
            ZeRO-3), or a checkpoint to resume from without its averages.
    """

    def __init__(self, decay: float):
        if not 0 < decay < 1:
            raise UserError(f"the decay of an exponential moving average must lie between 0 and 1, got {decay}")
        self.decay = decay
        self.averages: dict[str, Tensor] = {}
        self.parameters: list[Tensor] = []  # in the order of `averages`

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin with the weights as they are, or go on with the averages of the checkpoint that is resumed."""
        check_whole(kwargs["model"], type(self).__name__)
        trained = trained_parameters(kwargs["model"])
        self.parameters = list(trained.values())
        self.averages = {
            name: parameter.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
            for name, parameter in trained.items()
        }
        if state.global_step > 0:
            self._load(_file_to_resume(args, state.global_step, weights_digest(trained)))

    @torch.no_grad()
    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the averages towards the new weights."""
        weights = [parameter.float() for parameter in self.parameters]  # float32 is not copied
        torch._foreach_lerp_(list(self.averages.values()), weights, 1 - warmed_up(self.decay, state.global_step))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Put the averages into the checkpoint."""
        if args.should_save:
            facts = {DIGEST: weights_digest(trained_parameters(kwargs["model"]))}
            save_weights(self.averages, _checkpoint(args, state.global_step) / EMA_FILE, facts)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave averaged weights in the model."""
        if args.load_best_model_at_end and state.best_model_checkpoint is not None:
            PartialState().wait_for_everyone()  # the main process may still be writing
            self._load(_ema_file(Path(state.best_model_checkpoint)))
        put_weights(kwargs["model"], self.averages, type(self).__name__)

    @contextmanager
    def swapped(self, model: nn.Module) -> Iterator[None]:
        """Let the model hold the averages inside of a `with`, and exactly its own weights again after it.

        Before the first training there are no averages, and the model keeps its weights.
        """
        own = {name: tensor.clone() for name, tensor in held_weights(model).items() if name in self.averages}
        try:
            put_weights(model, self.averages, type(self).__name__)
            yield
        finally:
            put_weights(model, own, type(self).__name__)

    def _load(self, file: Path) -> None:
        """Take the averages from a file of the same model."""
        with reading(file):
            for name, tensor in load_file(file).items():
                self.averages[name].copy_(tensor)


def warmed_up(decay: float, step: int) -> float:
    """Give the decay after a step: the first averages forget faster, as the weights they began with know nothing.

    `min(decay, (1 + step) / (10 + step))`, the rule of `tf.train.ExponentialMovingAverage` with `num_updates`.
    """
    return min(decay, (1 + step) / (10 + step))


def load_ema(model: nn.Module, checkpoint: str | Path) -> None:
    """Put the averages that `EMACallback` left in a checkpoint into a model, in place and in the model's dtypes.

    Raises:
        UserError: no averages there, or averages of another model.
    """
    file = _ema_file(Path(checkpoint))
    with reading(file):
        averages = load_file(file)
    put_weights(model, averages, str(file))


def _ema_file(checkpoint: Path) -> Path:
    """Find the averages of a checkpoint."""
    file = checkpoint / EMA_FILE
    if not file.is_file():
        raise UserError(f"there is no {EMA_FILE} in {checkpoint}: name a checkpoint of a training with EMACallback")
    return file


def _checkpoint(args: TrainingArguments, step: int) -> Path:
    return Path(str(args.output_dir), f"{PREFIX_CHECKPOINT_DIR}-{step}")


def _file_to_resume(args: TrainingArguments, step: int, digest: str) -> Path:
    """Find the averages that were saved beside the weights from which a training resumes.

    A callback is not told which checkpoint that is: the weights themselves tell, by their digest.
    """
    usual = _checkpoint(args, step)
    for checkpoint in (usual, Path(args.resume_from_checkpoint or usual)):
        file = checkpoint / EMA_FILE
        if file.is_file():
            with reading(file), safe_open(file, "pt") as stored:
                if stored.metadata().get(DIGEST) == digest:
                    return file
    raise UserError(
        f"cannot resume the moving average: {usual} holds no {EMA_FILE} for these weights; resume from another "
        "checkpoint, or name one elsewhere in TrainingArguments(resume_from_checkpoint=...), too"
    )
