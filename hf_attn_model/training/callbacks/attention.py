"""AttentionCallback: what training makes of attention, measured from initialisation on."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from ...alignment.pairs import Pair
from ...errors import UserError
from ...study.curve import CURVE_FILE, FRAME, Record, read_curve, to_frame, write_curve
from ...study.measures import inspect_pair, measure, measure_one
from ...study.relevance import RolePair


class AttentionCallback(TrainerCallback):
    """Measure attention before the first step, at every evaluation and at every checkpoint; for any Trainer.

    The records go to `attention.jsonl` in the output folder (`study.curve` reads it, `view.curves` draws it), and
    their main numbers to TensorBoard, as a run called "attention", where the Trainer reports there. A record also
    keeps the maps of one pair, of which `study.frames` and `view.film` make a film. Measuring draws no random numbers
    of the training and leaves the model as it was. Resumed, a training goes on with its own records.

    Args:
        pairs: held-out pairs of one kind, which decides what is measured; see `measure`.
        probe: one more pair, recorded by itself; the film shows it, or without it the first of the pairs.
        batch_size: pairs in a forward pass.

    Raises:
        UserError: at the start of a training, the Trainer has no tokenizer as its `processing_class`.
    """

    def __init__(self, pairs: Sequence[Pair], probe: RolePair | None = None, *, batch_size: int = 64):
        self.pairs = pairs
        self.probe = probe
        self.batch_size = batch_size
        self.records: list[Record] | None = None  # `None` outside of a training
        self.writer: SummaryWriter | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take up the records of a resumed training up to its step, or begin with the fresh weights."""
        if kwargs.get("processing_class") is None:
            raise UserError("AttentionCallback has no tokenizer to read its pairs with: Trainer(processing_class=...)")
        step, folder = state.global_step, Path(str(args.output_dir))
        resumed = step > 0 and (folder / CURVE_FILE).is_file()
        self.records = [record for record in read_curve(folder) if record["step"] <= step] if resumed else []
        if "tensorboard" in (args.report_to or ()) and state.is_world_process_zero:
            self.writer = SummaryWriter(str(folder / "runs" / "attention"), purge_step=step + 1 if step else 0)
        self._measure(args, state, **kwargs)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Measure this step."""
        self._measure(args, state, **kwargs)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Measure this step, unless its evaluation did."""
        self._measure(args, state, **kwargs)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Close the records."""
        self.records = None
        if self.writer is not None:
            self.writer.close()
            self.writer = None

    def _measure(
        self,
        args: TrainingArguments,
        state: TrainerState,
        model: PreTrainedModel,
        processing_class: PreTrainedTokenizerBase,
        **kwargs: Any,
    ) -> None:
        """Add the record of this step, once. All processes measure, as a model may be spread over them; one writes."""
        if self.records is None or any(record["step"] == state.global_step for record in self.records):
            return
        record: Record = {"step": state.global_step, "epoch": round(state.epoch or 0, 4)}
        record |= measure(model, processing_class, self.pairs, batch_size=self.batch_size)
        shown = inspect_pair(model, processing_class, self.probe or self.pairs[0])
        if self.probe is not None:
            record["probe"] = measure_one(shown, self.probe)
        record[FRAME] = to_frame(shown)
        self.records.append(record)
        if state.is_world_process_zero:
            write_curve(str(args.output_dir), self.records)
        if self.writer is not None:
            for name, number in _scalars(record):
                self.writer.add_scalar(name, number, state.global_step)
            self.writer.flush()


def _scalars(record: Record) -> Iterator[tuple[str, float]]:
    """Name the numbers of a record that make curves."""
    for place, entropy in record["entropy"].items():
        yield f"entropy/{place}", entropy["mean"]
    if "alignment" in record:
        yield "alignment_error_rate/best_head", record["alignment"]["best"]
        yield "alignment_error_rate/best_layer", record["alignment"]["layer"]
    for place, kinds in record.get("relevance", {}).items():
        for kind, comparison in kinds.items():
            yield f"relevance_{place}/{kind}", comparison["related"]
            yield f"relevance_{place}/{kind}_control", comparison["control"]
