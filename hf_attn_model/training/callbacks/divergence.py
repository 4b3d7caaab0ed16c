"""A training that diverges is stopped: when a loss counts as exploded, and which pairs the fatal step had."""

import copy
import math
from collections import deque
from itertools import accumulate, islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
from accelerate.utils import reduce
from torch.utils.data import DataLoader
from transformers import (
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import sort_checkpoints

from ...errors import UserError
from ...files import write_json

DIVERGENCE_FILE = "divergence.json"
WINDOW = 50  # steps
LEAST_RISE = 1.0  # nats per token
EXAMPLES = 5


class ExplosionRule:
    """Tell from the losses of the steps, one by one, that a training has lost what it had learnt.

    The rule: the median loss of the last 50 steps has climbed, from the lowest such median so far, by 1 nat per token,
    and by half of the way to the loss of a blind guess. A median of 50 does not follow the ups and downs of batches,
    nor a spike that heals within 25 steps; and nothing counts before step 50, where a loss may rise before it falls.

    Args:
        blind_guess: loss of a model that knows nothing, ln(vocabulary size), in nats per token.

    Attributes:
        median, lowest: of the last 50 steps, and the lowest so far; infinite before step 50.
        recent: losses of the last 50 steps.
    """

    def __init__(self, blind_guess: float):
        self.blind_guess = blind_guess
        self.median = self.lowest = float("inf")
        self.recent: deque[float] = deque(maxlen=WINDOW)

    @property
    def limit(self) -> float:
        """Above which the median counts as exploded, in nats per token."""
        return max(self.lowest + LEAST_RISE, (self.lowest + self.blind_guess) / 2)

    def rise(self, loss: float) -> int | None:
        """Take the loss of one more step.

        Returns:
            how many steps ago the loss rose above the limit, 0 for this step; `None` while it has not exploded.
        """
        self.recent.append(loss)
        if len(self.recent) < WINDOW:
            return None
        self.median = median(self.recent)
        self.lowest = min(self.lowest, self.median)
        if self.median <= self.limit:
            return None
        high_minus_low = list(accumulate(1 if loss > self.limit else -1 for loss in reversed(self.recent)))
        return high_minus_low.index(max(high_minus_low))


class StepBatches:
    """The batches of one step: seed, epoch and position decide them, so nothing has to be kept for this in training.

    Args:
        loader: as `TranslationTrainer` makes it.
        step: number of the step, from 1.

    Attributes:
        pairs: their rows in the tokenized training data, of all processes; `None` for a stream.
        numbers: of the batches in the share that each process has of the stream, from 0; in an epoch, for rows.
    """

    def __init__(self, loader: DataLoader, step: int, args: TrainingArguments):
        self.dataset = loader.dataset
        self.pairs: list[int] | None = None
        accumulated = args.gradient_accumulation_steps
        sampler: Any = copy.copy(loader.batch_sampler)
        if sampler is None:
            self.numbers = range((step - 1) * accumulated, step * accumulated)
            return
        epoch, position = divmod(step - 1, -(-len(sampler) // accumulated))
        self.numbers = range(position * accumulated, min((position + 1) * accumulated, len(sampler)))
        sampler.set_epoch(epoch)
        self.pairs = []
        for sampler.rank in range(args.world_size):
            self.pairs += [row for batch in islice(sampler, self.numbers.start, self.numbers.stop) for row in batch]

    def __str__(self) -> str:
        if self.pairs is None:
            first, last = self.numbers[0], self.numbers[-1]
            return f"batch {first} of the stream" if first == last else f"batches {first} to {last} of the stream"
        more = f" and {len(self.pairs) - EXAMPLES} more" if len(self.pairs) > EXAMPLES else ""
        return f"pairs {', '.join(map(str, self.pairs[:EXAMPLES]))}{more}"

    def describe(self, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
        """Name the batches, and show some of their pairs as text."""
        if self.pairs is None:
            return {"batches_of_stream": list(self.numbers)}
        rows = [self.dataset[row] for row in self.pairs[:EXAMPLES]]
        examples = [
            {
                "pair": pair,
                "source": tokenizer.decode(row["input_ids"], skip_special_tokens=True),
                "target": tokenizer.decode(row["labels"], skip_special_tokens=True),
            }
            for pair, row in zip(self.pairs, rows, strict=False)
        ]
        return {"pairs": self.pairs, "examples": examples}


class Step(NamedTuple):
    """What is looked at of a step of the optimizer, still on the device."""

    number: int
    losses: list[torch.Tensor]  # of its batches, which add up
    grad_norm: torch.Tensor | float


class Fault(NamedTuple):
    """What went wrong, and in which step it began."""

    step: int
    what: str
    exploded: bool


class DivergenceCallback(TrainerCallback):
    """Stop a training at a loss or gradient that is not finite, and at a loss that exploded by `ExplosionRule`.

    On a CPU every step is looked at. An accelerator would have to be waited for: there, steps are looked at when
    Trainer reads the loss for its log, and before it evaluates or saves. So no checkpoint is ever written from weights
    that are not finite. `divergence.json` in the folder of the training tells the step, its loss, gradient norm and
    pairs, and shows some of them. Checkpoints stay; only those written while the loss was exploding are renamed to
    `exploded-checkpoint-N`, so that a resumed training goes on from the last good one.

    `TranslationTrainer` has one, and shows it every loss and gradient, for which Trainer has no event. In a Trainer
    that does not, it raises `UserError` at the first step.
    """

    def __init__(self) -> None:
        self._losses: list[torch.Tensor] = []
        self._grad_norm: torch.Tensor | float = 0.0
        self._steps: list[Step] = []

    def see_loss(self, loss: torch.Tensor) -> None:
        """Take the loss of a batch, its part in the loss of its step; Trainer gives no callback this."""
        self._losses.append(loss)

    def see_gradient(self, norm: torch.Tensor | float) -> None:
        """Take the norm of the gradient of a step, before clipping."""
        self._grad_norm = norm

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Begin with nothing seen; an earlier divergence, after which the training is resumed, is forgotten."""
        self.rule = ExplosionRule(math.log(kwargs["model"].config.get_text_config(decoder=True).vocab_size))
        self._losses, self._steps = [], []
        if args.should_save:
            Path(str(args.output_dir), DIVERGENCE_FILE).unlink(missing_ok=True)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Look at the steps since the last time, or put this one to them."""
        if not self._losses:
            raise UserError("DivergenceCallback is shown no loss by this Trainer: use TranslationTrainer, which has it")
        self._steps.append(Step(state.global_step, self._losses, self._grad_norm))
        self._losses = []
        costs_nothing = args.device.type == "cpu" and args.world_size == 1
        if costs_nothing or control.should_log or control.should_evaluate or control.should_save:
            self._look(args, state, **kwargs)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Look at the steps since the last time, before an epoch is evaluated or saved."""
        self._look(args, state, **kwargs)

    def _look(
        self,
        args: TrainingArguments,
        state: TrainerState,
        train_dataloader: DataLoader,
        processing_class: PreTrainedTokenizerBase,
        **kwargs: Any,
    ) -> None:
        """Judge the steps, in all processes alike. Raises `UserError` at the first that shows a fault."""
        steps, self._steps = self._steps, []
        for step, (loss, grad_norm) in zip(steps, _read(steps, args), strict=True):
            fault = self._judge(step.number, loss, grad_norm, skips_infinite=args.fp16)
            if fault is None:
                continue
            batches = StepBatches(train_dataloader, fault.step, args)
            if args.should_save:
                if fault.exploded:
                    _set_aside(args, state, fault.step)
                report = {
                    "step": fault.step,
                    "what": fault.what,
                    "noticed_at_step": step.number,
                    "loss": loss if math.isfinite(loss) else str(loss),
                    "grad_norm": grad_norm if math.isfinite(grad_norm) else str(grad_norm),
                    "recent_losses": list(self.rule.recent),
                    **batches.describe(processing_class),
                }
                file = Path(str(args.output_dir), DIVERGENCE_FILE)
                write_json(file, report)
            raise UserError(_advice(fault, batches, args))

    def _judge(self, step: int, loss: float, grad_norm: float, skips_infinite: bool) -> Fault | None:
        """Find what is wrong with a step, if anything. Mixed precision in float16 skips steps of infinite gradient."""
        if not math.isfinite(loss):
            return Fault(step, f"the loss is {loss}", exploded=False)
        if not math.isfinite(grad_norm) and not skips_infinite:
            return Fault(step, f"the norm of the gradient is {grad_norm}", exploded=False)
        age = self.rule.rise(loss)
        if age is None:
            return None
        rise = f"the loss rose from {self.rule.lowest:.2f} to {self.rule.median:.2f} nats per token"
        return Fault(step - age, rise, exploded=True)


def _read(steps: list[Step], args: TrainingArguments) -> list[list[float]]:
    """Bring loss and gradient norm of steps from the device, the loss as the mean over processes: (steps, 2)."""
    numbers = torch.tensor(
        [
            [
                sum(loss.item() for loss in step.losses),
                step.grad_norm.item() if isinstance(step.grad_norm, torch.Tensor) else step.grad_norm,
            ]
            for step in steps
        ],
        device=args.device,
    )
    return reduce(numbers, "mean").tolist()


def _set_aside(args: TrainingArguments, state: TrainerState, began: int) -> None:
    """Rename the checkpoints since an explosion began; never the best one."""
    for path in map(Path, sort_checkpoints(str(args.output_dir))):
        if int(path.name.split("-")[-1]) >= began and str(path) != state.best_model_checkpoint:
            path.rename(path.with_name(f"exploded-{path.name}"))


def _advice(fault: Fault, batches: StepBatches, args: TrainingArguments) -> str:
    """Say in one line what happened and what to do."""
    kept = sort_checkpoints(str(args.output_dir))
    good = f"the last good checkpoint is {kept[-1]}" if kept else "no checkpoint was written before"
    return (
        f"training diverged at step {fault.step}: {fault.what} ({batches}; more in "
        f"{Path(str(args.output_dir), DIVERGENCE_FILE)}). Begin anew with a lower training.learning_rate (now "
        f"{args.learning_rate:g}), a longer training.warmup_steps or a smaller training.max_grad_norm; {good}"
    )
