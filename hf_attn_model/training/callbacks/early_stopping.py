"""What an interrupted training goes on from: its newest complete checkpoint, with all that was counted there."""

import re
from pathlib import Path
from typing import Any

from transformers import EarlyStoppingCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from .manifest import MANIFEST_FILE


def newest_checkpoint(folder: str | Path) -> Path | None:
    """Find the newest complete checkpoint of a training, and say which newer ones are not.

    `Trainer` writes a checkpoint file by file, under its final name; our manifest is the last of them (`Manifest`).

    Returns:
        its folder; `None` if there is none.
    """
    numbered = {path: re.fullmatch(rf"{PREFIX_CHECKPOINT_DIR}-(\d+)", path.name) for path in Path(folder).iterdir()}
    steps = {path: int(match[1]) for path, match in numbered.items() if match}
    for path in sorted(steps, key=lambda path: steps[path], reverse=True):
        if (path / MANIFEST_FILE).is_file():
            return path
        print(f"{path} is incomplete: its writer was interrupted; skipped")
    return None


class ResumableEarlyStopping(EarlyStoppingCallback):
    """`EarlyStoppingCallback` that goes on counting where the resumed checkpoint stood.

    And a training that was interrupted after its last checkpoint is not trained further: this ends it at once, unless
    it is to be longer now, or more patient.
    """

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take up the count of evaluations without a better dev loss, and decide whether to stop."""
        super().on_train_begin(args, state, control, **kwargs)
        if state.global_step > 0:
            saved: Any = state.stateful_callbacks
            count = saved[type(self).__name__]["attributes"]["early_stopping_patience_counter"]
            self.early_stopping_patience_counter = count
            control.should_training_stop = state.global_step >= state.max_steps or count >= self.early_stopping_patience
