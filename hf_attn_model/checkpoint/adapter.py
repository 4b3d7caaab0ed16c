"""An adapter (LoRA and its kin, as peft writes it): which model it changes, and that model with it."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..files import read_json
from .weight_files import AGAIN, Find, dtype_name, shown, stored_tensors
from .weights import quietly

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER_FILE = "adapter_config.json"
ITS_BASE = "; take the model that it was trained on"
ADAPTER_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


def base_of(find: Find) -> str | None:
    """Read which model an adapter was trained on; `None` for a checkpoint without an adapter.

    Raises:
        UserError: the adapter is damaged, or peft is not installed.
    """
    path = find(ADAPTER_FILE)
    if path is None:
        return None
    base = read_json(path, AGAIN).get("base_model_name_or_path")
    if not isinstance(base, str) or not base.isprintable() or not base:
        raise UserError(f"{path} does not say which model it adapts: write its name there as base_model_name_or_path")
    if find_spec("peft") is None:
        raise UserError(f"it is an adapter of {base}, which needs peft: pip install peft")
    return base


def check_adapter(find: Find) -> None:
    """Refuse an adapter that asks for more than its weights hold, before it is built.

    Raises:
        UserError: its weights are missing, damaged or of whole numbers, or its ranks larger than they can be.
    """
    path, files = find(ADAPTER_FILE), [file for name in ADAPTER_WEIGHTS if (file := find(name)) is not None]
    if path is None or not files:
        raise UserError(f"it is an adapter without {ADAPTER_WEIGHTS[0]}{AGAIN}")
    stored = stored_tensors(files[:1])
    for name, tensor in stored.items():
        if not tensor.is_floating_point():
            raise UserError(f"{shown(name)} of its adapter holds numbers of type {dtype_name(tensor)}{AGAIN}")
    largest = max(max(tensor.shape, default=1) for tensor in stored.values())
    for name, rank in _ranks(read_json(path, AGAIN)):
        if rank > largest:
            raise UserError(
                f"{path} asks for {shown(name)} of {rank:,}, and no tensor of its weights is as large{AGAIN}"
            )


def _ranks(config: dict[str, Any]) -> Iterator[tuple[str, int]]:
    patterns = config.get("rank_pattern")
    for name, value in [*config.items(), *(patterns.items() if isinstance(patterns, dict) else ())]:
        is_rank = re.fullmatch("(init_|target_)?r", name) or name not in config
        if is_rank and isinstance(value, int):
            yield name, value


def add_adapter(model: "PreTrainedModel", find: Find, base: str) -> dict[str, Any]:
    """Change a model by an adapter that was checked.

    Returns:
        what transformers found amiss, for `check_fit`.

    Raises:
        UserError: it is of another model.
    """
    path = find(ADAPTER_FILE)
    assert path is not None
    try:
        with quietly():
            return model.load_adapter(str(path.parent)).to_dict()
    except Exception as error:  # what libraries raise over tensors of another shape is not foreseeable
        raise UserError(f"its adapter does not fit {base}{ITS_BASE}") from error


def check_fit(found: dict[str, Any], base: str) -> None:
    """Refuse an adapter with tensors too few or too many. Raises `UserError` that names the first."""
    if amiss := sorted({*found["missing_keys"], *found["unexpected_keys"]}):
        raise UserError(f"its adapter does not fit {base}, as {shown(amiss[0])} tells{ITS_BASE}")
