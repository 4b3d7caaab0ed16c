"""The weights of a model in training: each once, by name, and in files that are written whole or not at all."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from accelerate.utils import extract_model_from_parallel
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.distributed.tensor import DTensor

from ..errors import UserError
from ..files import replacing


def check_whole(model: nn.Module, whose: str) -> None:
    """Raise `UserError`, in the name of whose work it is, if the model's parameters are spread over processes."""
    sharded = any(isinstance(module, FullyShardedDataParallel) for module in model.modules()) or any(
        isinstance(parameter, DTensor) or hasattr(parameter, "ds_id")  # FSDP2 or tensor parallel; DeepSpeed ZeRO-3
        for parameter in model.parameters()
    )
    if sharded:
        raise UserError(f"{whose} needs whole weights in every process: train without sharding them (DDP is fine)")


def trained_parameters(model: nn.Module) -> dict[str, Tensor]:
    """Collect the parameters that require gradients, tied ones once, without wrappers of DDP or `torch.compile`."""
    whole = extract_model_from_parallel(model, keep_torch_compile=False)
    return {name: parameter for name, parameter in whole.named_parameters() if parameter.requires_grad}


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """Collect `trained_parameters` and the buffers of floating point that a checkpoint holds."""
    whole = extract_model_from_parallel(model, keep_torch_compile=False)
    saved = whole.state_dict().keys()
    buffers = {name: buffer for name, buffer in whole.named_buffers() if name in saved and buffer.is_floating_point()}
    return trained_parameters(whole) | buffers


def held_weights(model: nn.Module) -> dict[str, Tensor]:
    """Collect everything that a checkpoint of the model holds, as it lies in the model: no copies."""
    return extract_model_from_parallel(model, keep_torch_compile=False).state_dict()


def put_weights(model: nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Copy weights into a model, in place and in its own dtypes; what they do not name stays as it is.

    Raises:
        UserError: `origin`, where they come from, has a name or a shape that the model does not have.
    """
    own = held_weights(model)
    for name, tensor in weights.items():
        if name not in own or own[name].shape != tensor.shape:
            found = f"no {name}" if name not in own else f"{name} of shape {tuple(own[name].shape)}"
            raise UserError(f"{origin} is of another model: it has {name} {tuple(tensor.shape)}, this model {found}")
    with torch.no_grad():
        for name, tensor in weights.items():
            own[name].copy_(tensor)


def save_weights(weights: Mapping[str, Tensor], path: Path, facts: Mapping[str, str] | None = None) -> None:
    """Write weights and facts about them, so that a process killed meanwhile leaves no half of a file."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in weights.items()}
    with replacing(path) as unfinished:
        save_file(tensors, unfinished, {"format": "pt", **(facts or {})})


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names and values: equal only for weights that are equal bit for bit."""
    digest = hashlib.sha256()
    for name, tensor in weights.items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
