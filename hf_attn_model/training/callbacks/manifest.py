"""The manifest of a training: what it was made of, where and when it ran, and what it measured.

It lies as `manifest.json` in the folder of the training from its first step on, and in every checkpoint.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedModel, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ...checkpoint.digests import FIELD, MANIFEST_FILE, file_digests
from ...files import write_json
from ...secrets import redact
from ...text.splitting import Overlap
from .. import provenance
from ..launch import Layout
from ..provenance import fingerprint
from ..records import CODE, MANIFEST, SPLIT, check_record, read_record

VOCABULARY = "vocabulary_learnt_from"  # in a manifest: pairs


class Manifest(TrainerCallback):
    """Keep the manifest of a training up to date.

    A training that is interrupted and resumed has several sessions, each with its own command, code, versions and
    hardware. The manifest in a checkpoint counts the steps, seconds and tokens of all sessions up to this checkpoint,
    and a resumed training goes on from these: what a killed process did after its last checkpoint is done again, and
    counts once. It is written last, so a checkpoint that has one is complete: add this callback after all others that
    write into checkpoints. It holds the digests of the weights beside it, and of the states that a training goes on
    from.

    Args:
        folder: of the training.
        splits: names of the splits used, each with its pairs, for their fingerprints.
        tokens_seen: gives the source and target tokens that this session was trained on, without padding; called in
            all processes at once.
        checkpoint: the complete checkpoint from which the training goes on, if any.
        backend: what it computes with, in words, if that was chosen for the machine.
        base: what is known of the translator that the training begins with, if it does.
        layout: the processes that share the tokens of a step, if the training has started them itself.
        overlap: how much of the test set is in the training set, if there is a test set.
        learnt_from: how many of the pairs of `train` a vocabulary was learnt from, if one was.
    """

    def __init__(
        self,
        folder: str | Path,
        splits: Mapping[str, Dataset],
        tokens_seen: Callable[[], int],
        checkpoint: str | Path | None = None,
        backend: str | None = None,
        base: dict[str, Any] | None = None,
        layout: Layout | None = None,
        learnt_from: int | None = None,
        overlap: Overlap | None = None,
    ):
        self.folder = Path(folder)
        self.tokens_seen = tokens_seen
        self.backend = backend
        self.base = base
        self.layout = layout
        self.overlap = overlap
        self.data = {name: {"pairs": len(pairs), "sha256": fingerprint(pairs)} for name, pairs in splits.items()}
        earlier = read_manifest(checkpoint) if checkpoint else {"sessions": [], VOCABULARY: learnt_from}
        self.earlier = earlier["sessions"]
        self.learnt_from = earlier.get(VOCABULARY)
        self.content: dict[str, Any] = {}
        self._start = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Say in the folder that a training is under way, and which."""
        model: PreTrainedModel = kwargs["model"]
        precision = "bf16 autocast" if args.bf16 else "fp16 autocast" if args.fp16 else "fp32"
        self._start = time.monotonic()
        self.content = {
            "finished": False,
            "seed": args.seed,
            **({"base": self.base} if self.base else {}),
            "data": self.data,
            **({"test_in_train": self.overlap._asdict()} if self.overlap else {}),
            **({"processes": self.layout.processes} if self.layout else {}),
            **({VOCABULARY: self.learnt_from} if self.learnt_from else {}),
            "parameters": model.num_parameters(),
            "sessions": [
                *self.earlier,
                {
                    "command": provenance.command(),
                    "code": provenance.commit(),
                    "versions": provenance.versions(),
                    "hardware": provenance.hardware(),
                    "threads": torch.get_num_threads(),
                    "processes": args.world_size,
                    "kernels": self.backend or f"{precision}, {model.config._attn_implementation} attention",
                    "started": _now(),
                    "first_step": state.global_step,
                },
            ],
        }
        self._measure(state)
        self._write(self.folder, args)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Count up to this checkpoint, and complete it."""
        self._measure(state)
        self._write_with_digests(self.folder / f"checkpoint-{state.global_step}", args)
        self._write(self.folder, args)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Count to the end."""
        self._measure(state)

    def finish(self, args: TrainingArguments) -> None:
        """Say in the folder that the training is done and its model saved."""
        self.content["finished"] = True
        self._write_with_digests(self.folder, args)

    def _measure(self, state: TrainerState) -> None:
        """Bring the numbers of this session, and the sums over all, to this step."""
        sessions = self.content["sessions"]
        session = sessions[-1]
        session["ended"] = _now()
        session["steps"] = state.global_step - session["first_step"]
        session["seconds"] = round(time.monotonic() - self._start, 1)
        session["tokens"] = self.tokens_seen()
        seconds, tokens = (sum(each[name] for each in sessions) for name in ("seconds", "tokens"))
        self.content |= {
            "steps": state.global_step,
            "epochs": round(state.epoch or 0, 2),
            "seconds": round(seconds, 1),
            "tokens": tokens,
            "tokens_per_second": round(tokens / max(seconds, 0.1)),
            "best_dev_loss": state.best_metric,
        }

    def _write(self, folder: Path, args: TrainingArguments) -> None:
        """Write the manifest into a folder, whole or not at all, without secrets."""
        if args.should_save:
            write_json(folder / MANIFEST_FILE, redact(self.content))

    def _write_with_digests(self, folder: Path, args: TrainingArguments) -> None:
        """Write it into a folder whose weights are written."""
        if args.should_save:
            write_json(folder / MANIFEST_FILE, redact(self.content) | {FIELD: file_digests(folder)})


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Read the manifest in the folder of a training or in a checkpoint; empty for a model of other origin.

    Raises:
        UserError: it is damaged.
    """
    path = Path(folder) / MANIFEST_FILE
    manifest = read_record(path, MANIFEST)
    for split in manifest.get("data", {}).values():
        check_record(path, split, SPLIT, name="data")
    for session in manifest.get("sessions", []):
        if session["code"] is not None:
            check_record(path, session["code"], CODE, name="code")
    return manifest


def processes_of(folder: str | Path) -> int:
    """Read how many processes share the tokens of a step in the training of a folder or a checkpoint: 1 unless it says.

    Raises:
        UserError: the manifest is damaged.
    """
    path = Path(folder) / MANIFEST_FILE
    count = read_manifest(folder).get("processes", 1)
    check_record(path, count, int, name="processes")
    return count


def is_trained(folder: str | Path) -> bool:
    """Tell whether a training in the folder came to its end. Raises what `read_manifest` raises."""
    return read_manifest(folder).get("finished", False)


def _now() -> str:
    """The time of day, such as `2026-03-01T12:34:56+00:00`."""
    return datetime.now(UTC).isoformat(timespec="seconds")
