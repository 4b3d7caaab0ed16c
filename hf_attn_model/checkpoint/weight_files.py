"""The files that hold the weights of a checkpoint, and what their headers say: names, dtypes and shapes."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..files import read_json, reading, within

if TYPE_CHECKING:  # a name that is nowhere is refused before what takes seconds to import
    from torch import Tensor

INDEX = ".index.json"
FILES = ("model.safetensors", f"model.safetensors{INDEX}", "pytorch_model.bin", f"pytorch_model.bin{INDEX}")
AGAIN = "; take the checkpoint from its source again"

Find = Callable[[str], Path | None]


def find_weights(find: Find, named: Any = None) -> list[Path]:
    """Find the files that hold the weights, where transformers finds them; none where there are none.

    Args:
        find: gives the path of a file of the checkpoint by its name, `None` for one that is not there.
        named: what the configuration calls `transformers_weights`, if it does.

    Raises:
        UserError: an index is damaged, names a file outside the checkpoint, or one that is not there.
    """
    for name in FILES if named is None else (str(named),):
        within(".", name)
        if (path := find(name)) is not None:
            return [path] if not name.endswith(INDEX) else _shards(path, find)
    return []


def _shards(index: Path, find: Find) -> list[Path]:
    names = read_json(index, AGAIN).get("weight_map")
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise UserError(f"{index} is damaged: it has no weight_map of tensors and files{AGAIN}")
    found = {}
    for name in sorted(set(names.values())):
        within(index.parent, name)
        found[name] = find(name)
        if found[name] is None:
            raise UserError(f"{index} names {shown(name)}, which is not there{AGAIN}")
    return [path for path in found.values() if path is not None]


def stored_tensors(files: Sequence[Path]) -> dict[str, "Tensor"]:
    """Read the headers of weight files: each tensor by name, on the meta device, with its dtype and shape.

    Raises:
        UserError: a file cannot be read, is damaged or cut short, or a pickle that holds something else than tensors.
    """
    import torch
    from transformers.modeling_utils import load_state_dict

    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        with reading(file, AGAIN), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the protocol of a pickle
            try:
                held = load_state_dict(file, map_location="meta")
            except UnpicklingError as error:
                raise UserError(
                    f"{file} holds something else than weights, of which nothing was run: "
                    "ask its maker for a model.safetensors"
                ) from error
            found = {str(name): tensor for name, tensor in held.items() if isinstance(tensor, torch.Tensor)}
            size = file.stat().st_size
        if any(tensor.nbytes > size for tensor in found.values()):  # strides of 0 are a pickle's
            raise UserError(f"{file} is damaged: a tensor of it is larger than the file{AGAIN}")
        tensors |= found
    if files and not tensors:
        raise UserError(f"{files[0]} holds no weights{AGAIN}")
    return tensors


def dtype_name(tensor: "Tensor") -> str:
    """Name what numbers a tensor holds: `float32`."""
    return str(tensor.dtype).removeprefix("torch.")


def shown(text: str, most: int = 100) -> str:
    """Write a text that a file may have given in one line of a terminal: control characters escaped, the middle cut."""
    line = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    return line if len(line) <= most else f"{line[: most // 2]} ... {line[-most // 2 :]}"
