"""Weights that can be right: what their files hold is compared with the configuration before any number is read.

The tensors of the files' headers have no memory, and `from_pretrained` loads the model's class with them, on the meta
device: what a family ties, renames or leaves out is known as transformers knows it. A model of any family passes that
transformers would load whole.
"""

import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from .weight_files import AGAIN, dtype_name, shown

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel

ONE_SOURCE = "; take weights and config.json from one source"
LAYERS = 1000  # most that a configuration may count, unless the weights have more tensors
COUNTS = 2**20  # most of anything else, unless the weights have more numbers
PACKED = 16  # most numbers that a quantizer puts into one
TABLE = 2**27  # numbers that a model may compute and not store, such as sinusoids of 65,536 positions, twice


def check_counts(config: Mapping[str, Any], stored: Mapping[str, "Tensor"]) -> None:
    """Refuse a configuration that counts more layers, or anything else, than the weights could fill, or less than none.

    It comes first, as configurations of transformers make lists of what they count.

    Args:
        config: as its JSON reads.
        stored: see `stored_tensors`; nothing where no weights are asked for.

    Raises:
        UserError: names the field.
    """
    layers = max(LAYERS, len(stored))
    others = max(COUNTS, sum(tensor.numel() for tensor in stored.values()))
    for field, value in whole_numbers(config):
        most = layers if "layer" in field else others if re.match("_?num_|n_", field) else value
        if value > most:
            raise UserError(f"config.json asks for {shown(field)} of {value:,}, more than any weights fill{ONE_SOURCE}")
        if value < 0 and re.search("^d_|(layers|heads|_dim|_size|_embeddings)$", field):
            raise UserError(f"config.json asks for {shown(field)} of {value:,}, less than none{AGAIN}")


def whole_numbers(value: Any, field: str = "") -> Iterator[tuple[str, int]]:
    """Yield the whole numbers in a JSON value, each with the name that is nearest."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from whole_numbers(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from whole_numbers(each, field)
    elif isinstance(value, int):
        yield field, value


def check_alike(auto_class: Any, config: "PreTrainedConfig", stored: Mapping[str, "Tensor"]) -> None:
    """Refuse weights that do not fill the model of a configuration, which is built without memory.

    Tensors that the model has no use for are refused, too: they tell of layers or norms that the configuration leaves
    out. Left alone are single numbers, such as a version, and what is computed anew, such as sinusoids. Of a quantized
    model nothing but its size is compared, as a quantizer stores what it likes.

    Args:
        auto_class: `AutoModelForSeq2SeqLM`, which knows the class of the model.
        config: what it is built by.
        stored: see `stored_tensors`.

    Raises:
        UserError: names the first tensor of another shape, missing, of whole numbers where others belong, or too many;
            or one that is computed, and too large to be meant.
    """
    from transformers.models.auto.auto_factory import _get_model_class

    if type(config) not in auto_class._model_mapping:
        return  # `from_pretrained` says which models it knows
    model_class, config = _get_model_class(config, auto_class._model_mapping), deepcopy(config)
    is_quantized = config.__dict__.pop("quantization_config", None) is not None
    builder: Any = type(  # of the same name, which conversions of weights go by
        model_class.__name__,
        (model_class,),
        {"__module__": model_class.__module__, "initialize_weights": lambda self: None},
    )
    with quietly(), _at_most(8 * len(stored) + LAYERS):
        model, found = builder.from_pretrained(
            None,
            config=config,
            state_dict={name: tensor for name, tensor in stored.items() if tensor.is_floating_point()},
            device_map={"": "meta"},
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    if is_quantized:
        return _check_size(model, stored, PACKED)
    for name, held, asked in sorted(found["mismatched_keys"]):
        raise UserError(
            f"{shown(name)} has the shape {list(held)} in the weights and {list(asked)} by config.json{ONE_SOURCE}"
        )
    if missing := sorted(
        key for key in found["missing_keys"] if model.get_parameter_or_buffer(key).is_floating_point()
    ):
        raise UserError(_lacking(missing, model, stored))
    if surplus := _of_no_use(found["unexpected_keys"], model, stored):
        raise UserError(
            f"the weights hold {shown(surplus[0])}{_others(surplus)}, which a model of this config.json does not have: "
            "take both from one source, or load and save_pretrained it once to leave that out"
        )
    return _check_size(model, stored)


def _lacking(missing: list[str], model: "PreTrainedModel", stored: Mapping[str, "Tensor"]) -> str:
    """Say what is missing, and why where that can be told."""
    name = missing[0]
    whole = [
        key for key in stored if not stored[key].is_floating_point() and (key.endswith(name) or name.endswith(key))
    ]
    if whole:
        dtype = dtype_name(stored[whole[0]])
        return f"{shown(whole[0])} holds numbers of type {dtype}, where weights are of floating point{AGAIN}"
    if name in (model._tied_weights_keys or {}):
        return f"the weights lack {name}, which config.json asks for with tie_word_embeddings false{ONE_SOURCE}"
    return f"the weights lack {shown(name)}{_others(missing)}, which config.json asks for{ONE_SOURCE}"


def _of_no_use(unexpected: set[str], model: "PreTrainedModel", stored: Mapping[str, "Tensor"]) -> list[str]:
    """Choose, among the tensors that the model does not have, those that mean something."""
    computed = {name for name, _ in model.named_non_persistent_buffers()}
    return sorted(
        name
        for name in unexpected
        if not {name, f"{model.base_model_prefix}.{name}"} & computed
        and (name not in stored or stored[name].numel() > 1)
    )


def _check_size(model: "PreTrainedModel", stored: Mapping[str, "Tensor"], packed: int = 1) -> None:
    """Refuse a model that has more numbers than the weights, `packed` of them in each, and any table it may compute."""
    held = packed * sum(tensor.numel() for tensor in stored.values())
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    if sum(tensor.numel() for tensor in tensors.values()) > held + TABLE:
        name = max(tensors, key=lambda key: tensors[key].numel() - (stored[key].numel() if key in stored else 0))
        shape = list(tensors[name].shape)
        raise UserError(f"config.json asks for {name} of the shape {shape}, far more than the weights hold{ONE_SOURCE}")


def check_values(model: "PreTrainedModel") -> None:
    """Refuse a loaded model with a weight that is no finite number, or with two weights that should be one.

    Raises:
        UserError: names the weight.
    """
    asked, kept = model.get_expanded_tied_weights_keys(all_submodels=True), model.all_tied_weights_keys
    for target in sorted(asked.keys() - kept.keys()):
        raise UserError(
            f"config.json says that {target} and {asked[target]} are one, and the weights hold two that differ: "
            "correct tie_word_embeddings, or take both from one source"
        )
    parameters, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    for name, tensor in (parameters | buffers).items():
        if not tensor.is_floating_point() or tensor.itemsize == 1 or tensor.sum(dtype=_wide(tensor)).isfinite():
            continue  # what is not finite makes no finite sum; a mask may hold infinities
        wrong = tensor.isnan() if name in buffers else ~tensor.isfinite()
        if wrong.any():
            count = int(wrong.sum())
            those = "value that is no finite number" if count == 1 else "values that are no finite numbers"
            raise UserError(f"{name} holds {count:,} {those} in {dtype_name(tensor)}{AGAIN}")


def _wide(tensor: "Tensor") -> Any:
    import torch

    return torch.promote_types(tensor.dtype, torch.float32)


@contextmanager
def _at_most(count: int) -> Iterator[None]:
    """End the building of a model, in this thread, that has more parameters than that."""
    from torch.nn.modules.module import register_module_parameter_registration_hook

    left, thread = count, threading.get_ident()

    def counted(module: Any, name: str, parameter: Any) -> None:
        nonlocal left
        left -= threading.get_ident() == thread
        if left < 0:
            raise UserError(f"config.json asks for more layers than the weights hold tensors{ONE_SOURCE}")

    hook = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def quietly() -> Iterator[None]:
    """Keep transformers from reporting, in many lines, what is said in one."""
    from transformers.utils import logging as reports

    with ExitStack() as afterwards:
        afterwards.callback(reports.set_verbosity, reports.get_verbosity())
        reports.set_verbosity(reports.CRITICAL)
        if reports.is_progress_bar_enabled():
            afterwards.callback(reports.enable_progress_bar)
            reports.disable_progress_bar()
        yield


@contextmanager
def unreported() -> Iterator[None]:
    """Keep `from_pretrained` from reporting on tensors that were judged already."""
    logger = logging.getLogger("transformers.modeling_utils")

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    logger.addFilter(is_error)
    try:
        yield
    finally:
        logger.removeFilter(is_error)


def _others(names: Sequence[str]) -> str:
    return "" if len(names) == 1 else f" and {len(names) - 1:,} more"
