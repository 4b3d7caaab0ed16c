"""Seq2SeqTrainer with batches of a token budget and a smoothed loss over the positions that count."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from transformers import PreTrainedModel, Seq2SeqTrainer
from transformers.trainer_utils import EvalLoopOutput, SchedulerType, TrainOutput
from transformers.training_args import OptimizerNames

from ..errors import UserError, in_words
from ..files import filling, writing
from .backend import ComputeBackend, use_backend
from .callbacks.divergence import DivergenceCallback
from .callbacks.ema import EMACallback
from .mixins import EMAEvaluation, TokenBatches
from .muon import muon_for
from .regularise import duplicate_batch, word_dropout
from .throughput import Throughput

MAKE_ROOM = "; make room, and go on with --resume"


class TranslationTrainer(TokenBatches, EMAEvaluation, Seq2SeqTrainer):
    """Train a translator on a dataset of `input_ids` and `labels`, or on a stream of them (then give `max_steps`).

    A dataset may give other tokens in every epoch, see `pair_lengths`; its `set_epoch` is called.

    Args:
        max_tokens: source and target tokens of a training batch, padding included.
        label_smoothing: of the training loss; the evaluation loss is plain cross-entropy.
        r_drop: weight of the divergence between two passes over each pair (see `chunked_cross_entropy`); 0: one pass.
        word_dropout: probability with which a word that the model reads in training is hidden (see `word_dropout`).
        muon: train the matrices of the layers with `Muon`, and the rest as with `optim="adamw_torch"`.
        ema: evaluate, and choose the best checkpoint, by these moving averages instead of the weights.
        backend: what to compute with, as `choose_backend()` says; the default changes nothing.
        dev_metrics: measured of the model at every evaluation besides the loss, such as `dev_translations`.
        args, kwargs: of `Seq2SeqTrainer`.

    Each log of the training loss also has `tokens_per_second` and `padding` (see `Throughput`), and a training that
    diverges is stopped (see `DivergenceCallback`).
    """

    def __init__(
        self,
        *args: Any,
        max_tokens: int,
        label_smoothing: float = 0.0,
        r_drop: float = 0.0,
        word_dropout: float = 0.0,
        muon: bool = False,
        ema: EMACallback | None = None,
        backend: ComputeBackend | None = None,
        dev_metrics: Callable[[PreTrainedModel], dict[str, Any]] | None = None,
        **kwargs: Any,
    ):
        super().__init__(*args, max_tokens=max_tokens, ema=ema, **kwargs)
        self.label_smoothing = label_smoothing
        self.r_drop = r_drop
        self.word_dropout = word_dropout
        self.muon = muon
        self.backend = backend
        self.dev_metrics = dev_metrics
        self.throughput = Throughput(self.accelerator)
        self.divergence = DivergenceCallback()
        self.add_callback(self.divergence)

    @property
    def tokens_seen(self) -> int:
        """Source and target tokens trained on in this run, without padding; ask in all processes at once."""
        return self.throughput.tokens()

    def train(self, *args: Any, **kwargs: Any) -> TrainOutput:
        """Train with the chosen backend."""
        model: Any = self.model
        with use_backend(self.backend, model) if self.backend is not None else nullcontext():
            return super().train(*args, **kwargs)

    def create_optimizer(self, model: nn.Module | None = None) -> Optimizer:
        """Build the optimizer, unless the trainer has one already. Raises `UserError` for one that cannot be built."""
        if self.muon and self.optimizer is None:
            whole: Any = self.model if model is None else model
            self.optimizer = muon_for(whole, self.args, self.get_decay_parameter_names(whole))
        try:
            return super().create_optimizer(model)
        except (ImportError, ValueError) as error:
            raise UserError(f"training.optim={OptimizerNames(self.args.optim).value}: {in_words(error)}") from error

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> Any:
        """Build the scheduler. Raises `UserError` for one that cannot be built."""
        try:
            return super().create_scheduler(num_training_steps, optimizer)
        except (TypeError, ValueError) as error:
            name = SchedulerType(self.args.lr_scheduler_type).value
            raise UserError(f"training.lr_scheduler_type={name}: {in_words(error)}") from error

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save model and tokenizer, each file whole or not at all."""
        folder: Any = output_dir or self.args.output_dir
        with filling(folder, MAKE_ROOM) if self.args.should_save else nullcontext(folder) as unfinished:
            super().save_model(str(unfinished), _internal_call)

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """Save a checkpoint. Raises `UserError` where the disk is full."""
        with writing(str(self.args.output_dir), MAKE_ROOM):
            super()._save_checkpoint(*args, **kwargs)

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Train, unless the checkpoint that was resumed is the last of its training."""
        if not self.control.should_training_stop:
            super()._run_epoch(*args, **kwargs)

    def training_step(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Train on a batch, count its tokens and watch its loss."""
        self.throughput.add(inputs)
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.divergence.see_loss(loss)
        return loss

    def _get_grad_norm(self, *args: Any, **kwargs: Any) -> torch.Tensor | float:
        """Watch the norm of the gradient."""
        norm = super()._get_grad_norm(*args, **kwargs)
        self.divergence.see_gradient(norm)
        return norm

    def log(self, logs: dict[str, Any], start_time: float | None = None) -> None:
        """Log the speed with the loss."""
        if "loss" in logs:
            logs |= self.throughput.since_last()
        super().log(logs, start_time)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Leave the time that an evaluation takes out of the speed of training."""
        with self.throughput.paused():
            return super().evaluate(*args, **kwargs)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """Evaluate the loss, and what `dev_metrics` measures."""
        output = super().evaluation_loop(*args, **kwargs)
        if self.dev_metrics is not None and kwargs.get("metric_key_prefix") == "eval":
            model: Any = self.model
            metrics: Any = output.metrics
            metrics |= {f"eval_{name}": value for name, value in self.dev_metrics(model).items()}
        return output

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """Smooth the loss in training and leave padding out of it; evaluate as transformers does."""
        if not model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if self.word_dropout:
            whole: Any = self.model  # `model` may be wrapped
            inputs = word_dropout(inputs, self.word_dropout, whole.config.pad_token_id)
        if self.r_drop:
            inputs = duplicate_batch(inputs)
        outputs = model(
            **inputs,
            label_smoothing=self.label_smoothing,
            r_drop=self.r_drop,
            skip_logits=True,
            num_items_in_batch=num_items_in_batch,
        )
        loss = outputs.loss
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * (self.accelerator.num_processes if self.args.n_gpu <= 1 else self.args.n_gpu)  # as stock does
        return (loss, outputs) if return_outputs else loss
