"""Checkpoints of one training -> one model whose weights are their mean, loadable as any of them."""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from transformers.utils import CONFIG_NAME, SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME

from ..checkpoint.digests import MANIFEST_FILE, check_digests
from ..checkpoint.weight_files import find_weights
from ..errors import UserError
from ..files import new_folder, read_json, reading, write_json
from ..recipes.recipe import RECIPE_FILE
from . import provenance

AVERAGE_FILE = "average.json"  # beside an averaged model: what it was made of
WEIGHTS = ("*.safetensors", "*.index.json", "*.bin", "*.pt", "*.pth", "*.h5", "*.msgpack", "*.onnx", "*.gguf")
RECORDS = (TRAINER_STATE_NAME, MANIFEST_FILE, "evaluation.json", "alignment.json", "attention.jsonl", "*.md", "*.png")
LEFT_BEHIND = (*WEIGHTS, *RECORDS, ".*")  # what is true of the model that is averaged, and not of the average
MAY_DIFFER = ("_name_or_path", "transformers_version")  # fields of a configuration
LEFT_OUT = "; leave this checkpoint out"


class StoredWeights:
    """The weights in some safetensors files, read from disk one tensor at a time."""

    def __init__(self, files: Iterable[Path]):
        self.readers: dict[str, Any] = {}
        for file in files:
            with reading(file, LEFT_OUT):
                reader = safe_open(file, "pt")
                self.readers |= dict.fromkeys(reader.keys(), reader)

    def __getitem__(self, name: str) -> Tensor:
        return self.readers[name].get_tensor(name)

    def kinds(self) -> dict[str, str]:
        """Describe every tensor by dtype and shape, without reading it: such as `F32[5, 7]`."""
        slices = {name: reader.get_slice(name) for name, reader in self.readers.items()}
        return {name: f"{part.get_dtype()}{part.get_shape()}" for name, part in slices.items()}


def mean(stored: Sequence[StoredWeights], name: str) -> Tensor:
    """Average one tensor over checkpoints: summed in float64, in their order, and rounded once to its own dtype.

    Raises:
        UserError: the tensor holds no floating point numbers, and differs; or numbers that are not finite.
    """
    first = stored[0][name]
    if not first.is_floating_point():
        if all(torch.equal(first, weights[name]) for weights in stored[1:]):
            return first
        raise UserError(f"{name} holds {first.dtype} numbers that differ between the checkpoints: they have no mean")
    total = first.to(torch.float64, copy=True)  # what a file holds may lie in memory as it is read
    for weights in stored[1:]:
        total += weights[name].double()
    result = (total / len(stored)).to(first.dtype)
    if not result.isfinite().all():
        raise UserError(f"{name} holds values that are no finite numbers in one of the checkpoints: leave that one out")
    return result


def average_checkpoints(folders: Sequence[str | Path], out: str | Path) -> Path:
    """Write a model whose weights are the mean of those of several checkpoints (Vaswani et al. 2017, section 6.1).

    Any model of transformers that was saved as safetensors, in one file or in shards, whose dtypes are kept. In memory
    are one tensor of two checkpoints, and one shard of the mean. Configuration, tokenizer, generation settings, code
    and recipe are those of the first folder; `average.json` says which checkpoints were averaged.

    Args:
        folders: at least two checkpoints of the same model.
        out: a new or empty folder.

    Raises:
        UserError: fewer than two checkpoints, or a folder without one; checkpoints of different models; a folder `out`
            that holds something, or that another process is about to make.
    """
    checkpoints, out = [Path(folder) for folder in folders], Path(out)
    if len({checkpoint.resolve() for checkpoint in checkpoints}) < max(2, len(checkpoints)):
        raise UserError("give at least two checkpoints, each once; or a run with --last or --best")
    with new_folder(out) as unfinished:
        shards = [_weight_files(checkpoint) for checkpoint in checkpoints]
        for checkpoint, files in zip(checkpoints, shards, strict=True):
            if (checkpoint / MANIFEST_FILE).is_file():
                check_digests(checkpoint / MANIFEST_FILE, files, LEFT_OUT)
        stored = [StoredWeights(files) for files in shards]
        _check_alike(checkpoints, stored)
        for shard in shards[0]:
            tensors = {name: mean(stored, name) for name in StoredWeights([shard]).readers}
            save_file(tensors, unfinished / shard.name, {"format": "pt"})
        if len(shards[0]) > 1:
            shutil.copyfile(checkpoints[0] / SAFE_WEIGHTS_INDEX_NAME, unfinished / SAFE_WEIGHTS_INDEX_NAME)
        _carry_along(checkpoints[0], unfinished)
        facts = {"command": provenance.command(), "checkpoints": [checkpoint.name for checkpoint in checkpoints]}
        write_json(unfinished / AVERAGE_FILE, facts)
    return out


def choose_checkpoints(run: str | Path, *, last: int | None = None, best: int | None = None) -> list[Path]:
    """Find complete checkpoints in the folder of a training: the last ones, newest first, or the best, best first.

    Best are those of the lowest `eval_loss` in the history that the newest checkpoint holds. Give one of the numbers.

    Raises:
        UserError: fewer checkpoints than asked for, or some that were not evaluated.
    """
    found = {
        int(match[1]): path
        for path in sorted(Path(run).glob(f"{PREFIX_CHECKPOINT_DIR}-*"))
        if (match := re.fullmatch(rf"{PREFIX_CHECKPOINT_DIR}-(\d+)", path.name))
    }
    if Path(run, MANIFEST_FILE).is_file():  # the last file of each of its checkpoints
        found = {step: path for step, path in found.items() if (path / MANIFEST_FILE).is_file()}
    number = last if best is None else best
    if number is None or number < 2:
        raise UserError(f"--last and --best take a number from 2 on, got {number}")
    if len(found) < number:
        hint = f"train with training.save_total_limit={number}, or ask for fewer"
        raise UserError(f"{run} holds {len(found)} complete checkpoints, fewer than {number}: {hint}")
    if best is None:
        return [found[step] for step in sorted(found, reverse=True)[:number]]
    state_file = found[max(found)] / TRAINER_STATE_NAME
    if not state_file.is_file():
        raise UserError(f"there is no {state_file}, which says how good each checkpoint is: take the last ones")
    state = read_json(state_file)
    with reading(state_file):
        measured = history_of(state["log_history"], "eval_loss")
    if missing := sorted(found.keys() - measured.keys()):
        raise UserError(f"{found[missing[0]]} was not evaluated, so that the best are not known: take the last ones")
    return [found[step] for step in best_steps({step: measured[step] for step in found}, number)]


def history_of(log_history: Iterable[Mapping[str, Any]], metric: str) -> dict[int, float]:
    """Read what a Trainer logged of a metric, by step."""
    return {entry["step"]: entry[metric] for entry in log_history if metric in entry}


def best_steps(measured: Mapping[int, float], number: int, greater_is_better: bool = False) -> list[int]:
    """Choose the steps of the best values, best first; among equals the earlier one, and what is no number last."""
    sign = -1 if greater_is_better else 1
    return sorted(measured, key=lambda step: (measured[step] != measured[step], sign * measured[step], step))[:number]


def _weight_files(checkpoint: Path) -> list[Path]:
    """Find the files with the weights of a checkpoint."""
    if not (checkpoint / CONFIG_NAME).is_file():
        hint = "; of a run, give --last or --best" if any(checkpoint.glob(f"{PREFIX_CHECKPOINT_DIR}-*")) else ""
        raise UserError(f"{checkpoint} is no checkpoint: there is no {CONFIG_NAME}{hint}")
    files = find_weights(lambda name: path if (path := checkpoint / name).is_file() else None)
    if not files or any(file.suffix != ".safetensors" for file in files):
        raise UserError(f"{checkpoint} has no {SAFE_WEIGHTS_NAME}: load and save_pretrained it once")
    return files


def _check_alike(checkpoints: Sequence[Path], stored: Sequence[StoredWeights]) -> None:
    """Refuse checkpoints of different models, before anything is written."""
    configs = [_config(checkpoint) for checkpoint in checkpoints]
    kinds = [weights.kinds() for weights in stored]
    for what in (configs, kinds):
        for checkpoint, theirs in zip(checkpoints[1:], what[1:], strict=True):
            for name in sorted(theirs.keys() | what[0].keys()):
                ours_and_theirs = what[0].get(name), theirs.get(name)
                if ours_and_theirs[0] != ours_and_theirs[1]:
                    one, other = ("nothing" if value is None else value for value in ours_and_theirs)
                    raise UserError(f"{checkpoint} is of another model: {name} is {other}, in {checkpoints[0]} {one}")
    for name, kind in kinds[0].items():
        if not kind.startswith(("F", "BF")):
            mean(stored, name)


def _config(checkpoint: Path) -> dict[str, Any]:
    config = read_json(checkpoint / CONFIG_NAME, LEFT_OUT)
    return {name: value for name, value in config.items() if name not in MAY_DIFFER}


def _carry_along(checkpoint: Path, out: Path) -> None:
    """Copy what makes weights a model; the recipe of a training lies beside its checkpoints."""
    recipe = checkpoint.parent / RECIPE_FILE
    if checkpoint.name.startswith(f"{PREFIX_CHECKPOINT_DIR}-") and recipe.is_file():
        shutil.copyfile(recipe, out / RECIPE_FILE)
    for file in checkpoint.iterdir():
        if file.is_file() and not any(fnmatch(file.name, pattern) for pattern in LEFT_BEHIND):
            shutil.copyfile(file, out / file.name)
