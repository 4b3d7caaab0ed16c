"""intervene: let heads look everywhere alike, or take them out, to see what becomes of what the model does.

Shapes: B batch, H heads, T queries, S keys, K head_dim.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from ..errors import UserError
from .interface import add_intervention, is_active
from .modules import NO_MAP, Place, attention_modules, returns_weights
from .places import check_place

MODES = ("uniform", "zero")


@contextmanager
def intervene(model: PreTrainedModel, heads: Iterable[tuple[str, int, int]], mode: str = "uniform") -> Iterator[None]:
    """Change heads of `model` in every forward pass inside the context, generation with its cache included.

        with intervene(model, [("cross", 2, 1)]):
            model.generate(**batch)

    All other heads compute what they computed before, from what they are given. Other threads see the model as it is,
    and `record_attention` records what the changed model does. A backward pass through gradient checkpoints belongs
    inside the context, as it runs layers again.

    Args:
        model: any encoder-decoder model that `record_attention` can record.
        heads: (place, layer, head) each; the places are "encoder", "decoder" and "cross".
        mode: "uniform": the head attends alike to every key that its mask lets it see; "zero": its context is zero
            (zero ablation), so that the output projection gets nothing from it; its attention weights stay as they are.

    Raises:
        UserError: no such mode, place or layer, no heads at all; or (from the model's forward) no such head, or
            attention sinks, which take a share of every row, or a mask that does more than hide, in a head that
            should be uniform.
    """
    if mode not in MODES:
        raise UserError(f"no mode of intervention is called {mode!r}; choose from {', '.join(MODES)}")
    chosen = _ChosenHeads(model, heads)
    intervention = _Uniform(chosen) if mode == "uniform" else _Zero(chosen)

    def check_changed(module: nn.Module, args: tuple, output: Any) -> None:
        if is_active(intervention) and not chosen.take_heard(module):
            raise UserError(f"{type(model).__name__}: {chosen.refusal(module)}")

    with ExitStack() as undo:
        for module in chosen.places:
            undo.callback(module.register_forward_hook(check_changed).remove)
        undo.enter_context(add_intervention(model, intervention))
        yield


class _ChosenHeads:
    """Some heads of a model, to be found by their attention module."""

    def __init__(self, model: PreTrainedModel, heads: Iterable[tuple[str, int, int]]):
        wanted: dict[tuple[str, int], set[int]] = {}
        for place, layer, head in heads:
            check_place(place)
            if head < 0:
                raise UserError(f"{place} layer {layer}: there is no head {head}; heads count from 0")
            wanted.setdefault((place, layer), set()).add(head)
        if not wanted:
            raise UserError("no head to change: give (place, layer, head)")
        found, name = attention_modules(model), type(model).__name__
        missing = sorted(wanted.keys() - {place for there in found.values() for place in there})
        if missing:
            raise UserError(f"{name} has no {missing[0][0]} layer {missing[0][1]}")
        self.places: dict[nn.Module, Place] = {}
        self._heard: set[nn.Module] = set()
        for module, there in found.items():
            for changed in wanted.keys() & set(there):
                if len(there) > 1:
                    raise UserError(f"{name} attends to source and target at once: no head of one place can be changed")
                self.places[module] = changed
                if returns_weights(module) or type(module).__name__ in NO_MAP:
                    raise UserError(f"{name}: {self.refusal(module)}")
        self._wanted = wanted

    def refusal(self, module: nn.Module) -> str:
        """Say why the heads of a module stay as they are."""
        kind = type(module).__name__
        return (
            f"{self.places[module][0]} heads cannot be changed: {kind} computes its attention outside of transformers' "
            "attention interface"
        )

    def take_heard(self, module: nn.Module) -> bool:
        """Tell whether a module went through the attention interface since the last time it was asked."""
        was_heard = module in self._heard
        self._heard.discard(module)
        return was_heard

    def of(self, module: nn.Module, count: int) -> list[int]:
        """List the chosen heads of a module that has `count`. Raises `UserError` for one that it has not."""
        place = self.places.get(module)
        if place is None:
            return []
        self._heard.add(module)
        heads = sorted(self._wanted[place])
        if heads[-1] >= count:
            raise UserError(f"{place[0]} layer {place[1]} has heads 0 to {count - 1}, not {heads[-1]}")
        return heads


class _Uniform:
    """A query of zeros, without position bias, scores 0 with every key; the mask still hides what it hides."""

    def __init__(self, chosen: _ChosenHeads):
        self.chosen = chosen

    def before(
        self, module: nn.Module, query: torch.Tensor, mask: Any, options: dict[str, Any]
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        heads = self.chosen.of(module, query.shape[1])
        if not heads:
            return query, options
        if options.get("s_aux") is not None:
            raise UserError(f"{type(module).__name__} has attention sinks: its heads cannot be uniform")
        if not _only_hides(mask):
            raise UserError(f"{type(module).__name__} adds to its scores within the mask: no head can be uniform")
        bias = options.get("position_bias")
        if bias is not None:
            options = options | {"position_bias": _zeroed(bias.expand(-1, query.shape[1], -1, -1), 1, heads)}
        return _zeroed(query, 1, heads), options

    def after(self, module: nn.Module, context: torch.Tensor) -> torch.Tensor:
        return context


class _Zero:
    """A context of zeros."""

    def __init__(self, chosen: _ChosenHeads):
        self.chosen = chosen

    def before(
        self, module: nn.Module, query: torch.Tensor, mask: Any, options: dict[str, Any]
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        return query, options

    def after(self, module: nn.Module, context: torch.Tensor) -> torch.Tensor:
        heads = self.chosen.of(module, context.shape[2])
        return _zeroed(context, 2, heads) if heads else context


def _only_hides(mask: Any) -> bool:
    """Tell whether a mask hides keys and does nothing else: numbers are added to the scores."""
    if not isinstance(mask, torch.Tensor) or not mask.is_floating_point():
        return True
    return bool(((mask == 0) | (mask <= torch.finfo(mask.dtype).min)).all())


def _zeroed(tensor: torch.Tensor, dim: int, indices: list[int]) -> torch.Tensor:
    return tensor.index_fill(dim, torch.tensor(indices, device=tensor.device), 0)
