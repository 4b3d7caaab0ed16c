"""A checkpoint -> a checkpoint of the other kind that computes the same, in a folder that is whole or absent."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..checkpoint import Checkpoint
from ..checkpoint.alignment_config import ALIGNMENT_FILE
from ..checkpoint.checkpoint import CONFIG_FILE, TEXTBOOK
from ..checkpoint.converted import CONVERSION_FILE
from ..errors import UserError, in_words
from ..files import digest, new_folder, read_json, write_json
from ..model import AttnForConditionalGeneration
from ..recipes.recipe import RECIPE_FILE
from .checks import Agreement, compare_logits, compare_positions, compare_tokenizers
from .families import FAMILIES, NATIVE, family_of, left_behind
from .weights import to_native, to_stock

COMES_ALONG = (RECIPE_FILE, ALIGNMENT_FILE)
WEIGHTS = ("*.safetensors", "*.bin")
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.float16, torch.bfloat16, torch.float64)}


@dataclass(frozen=True)
class Conversion:
    """A checkpoint that was converted; as a text, one line.

    Attributes:
        folder: where it lies now.
        origin, to: the `model_type` that it had, and has.
        agreement: how far both agree.
        texts: that both tokenizers read as the same ids.
        left_behind: fields of the origin that have an effect in trainings alone, and none here.
    """

    folder: Path
    origin: str
    to: str
    agreement: Agreement
    texts: int
    left_behind: dict[str, Any]

    def __str__(self) -> str:
        line = (
            f"{self.folder}: {self.origin} -> {self.to}; {self.agreement}; the ids of {self.texts} texts are the same"
        )
        left = " and ".join(f"{name}={value}" for name, value in self.left_behind.items())
        return f"{line}; without {left}, of trainings alone" if left else line


def convert(checkpoint: Checkpoint | str | os.PathLike, to: str, out: str | os.PathLike) -> Conversion:
    """Write a stock checkpoint as one of ours, or one of ours as one of a stock class.

    Weights, generation settings and tokenizer are the same; recipe and `alignment.json` come along. What was written is
    loaded again and compared with its origin, in float32 at least, before the folder gets its name: logits of random
    ids to 1e-5, all positions, and the ids of some texts. `conversion.json` says so. Weights are written in the dtype
    that the configuration names or, where that does not hold all their numbers, in float32.

    Args:
        checkpoint: of ours or of one of `FAMILIES`, or its name.
        to: "hf_attn" or one of `FAMILIES`.
        out: a new or empty folder.

    Raises:
        UserError: a field has no counterpart, which is named; the checkpoint cannot be loaded; what was written does
            not compute the same; or `out` holds something.
    """
    checkpoint, out = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not empty: choose another --out")
    config_file = checkpoint.find(CONFIG_FILE)
    settings = {} if config_file is None else read_json(config_file)
    with told(checkpoint, to):
        origin = _check_direction(settings.get("model_type"), to)
    dtype = DTYPES.get(str(settings.get("dtype") or settings.get("torch_dtype")), torch.float32)
    wide = torch.promote_types(dtype, torch.float32)  # in which nothing is rounded, whatever its files hold
    source, tokenizer = checkpoint.load(dtype=wide), checkpoint.tokenizer

    with new_folder(out) as folder, told(checkpoint, to):
        target: Any = to_native(source) if to == NATIVE else to_stock(cast(AttnForConditionalGeneration, source), to)
        save(target.to(dtype if _holds(dtype, source) else wide), tokenizer, folder)
        del target
        for name in COMES_ALONG:
            if (path := checkpoint.find(name)) is not None:
                shutil.copyfile(path, folder / name)

        written = Checkpoint(folder)
        target = written.load(dtype=wide)
        compare_positions(*((target, source) if to == NATIVE else (source, target)))
        found = Conversion(
            folder=out,
            origin=origin,
            to=to,
            agreement=compare_logits(source, target),
            texts=compare_tokenizers(tokenizer, written.tokenizer),
            left_behind=left_behind(source.config),
        )
        write_json(folder / CONVERSION_FILE, _facts(found, checkpoint, source))
    return found


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write model and tokenizer. Raises `UserError` for generation settings that contradict each other."""
    try:
        model.save_pretrained(folder)
    except ValueError as error:
        raise UserError(f"its generation settings are not valid: {in_words(error)}") from error
    tokenizer.save_pretrained(folder)


@contextmanager
def told(checkpoint: Checkpoint, to: str) -> Iterator[None]:
    """Say of what and to what, before why not."""
    try:
        yield
    except UserError as error:
        raise UserError(f"cannot convert {checkpoint} to {to}: {error}") from error


def _check_direction(origin: Any, to: str) -> str:
    """Raise `UserError` unless one side is ours, and the other a stock class that is known."""
    if to != NATIVE and to not in FAMILIES:
        raise UserError(f"choose from {NATIVE}, {', '.join(FAMILIES)}")
    if origin != NATIVE:
        family_of(origin)
        if to != NATIVE:
            raise UserError(f"it is {origin}: convert it to {NATIVE} first")
    elif to == NATIVE:
        raise UserError("it is that already")
    return origin


def _holds(dtype: torch.dtype, model: PreTrainedModel) -> bool:
    """Whether all numbers of a model are numbers of this dtype."""
    return all(torch.equal(weight.to(dtype).to(weight.dtype), weight) for weight in model.state_dict().values())


def _facts(found: Conversion, checkpoint: Checkpoint, source: PreTrainedModel) -> dict[str, Any]:
    """Gather what `conversion.json` says."""
    return {
        "from": {"model_type": found.origin, **origin_of(checkpoint, source)},
        "to": {"model_type": found.to},
        "left_behind": found.left_behind,
        "checked": {**asdict(found.agreement), "texts": found.texts},
        "versions": {name: version(name) for name in ("hf-attn-model", "torch", "transformers")},
    }


def origin_of(checkpoint: Checkpoint, source: PreTrainedModel) -> dict[str, Any]:
    """Say what a model was made of, without a path of this machine."""
    folder = checkpoint.folder
    origin: dict[str, Any] = {"name": checkpoint.name, "commit": getattr(source.config, "_commit_hash", None)}
    if folder is not None:
        name = checkpoint.name if checkpoint.name == TEXTBOOK else folder.resolve().name
        origin = {"name": name, "sha256": weights_of(folder)}
    return origin


def weights_of(folder: Path) -> dict[str, str]:
    """Read the SHA-256 of each file with weights in a folder."""
    files = sorted(path for pattern in WEIGHTS for path in folder.glob(pattern))
    return {path.name: _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return digest(file)[1]
