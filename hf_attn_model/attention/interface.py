"""Listen to the calls of transformers' attention interface, or intervene, whatever implementation a model runs with.

Models look their attention function up by the name `config._attn_implementation`. While there is a hook or an
intervention, that name is switched to a wrapper which hands over what it is given and then calls the original. The
wrapper is known to the mask interface too: a name unknown there gets no mask at all. Hooks see what an intervention
made.

Shapes: B batch, H heads, T queries, S keys, K head_dim.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedConfig, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from ..errors import UserError
from .steps import AttentionCall

AttentionHook = Callable[[nn.Module, AttentionCall], None]


class Intervention(Protocol):
    """Changes what attention modules compute; an intervention returns what it does not mean to change."""

    def before(
        self, module: nn.Module, query: torch.Tensor, mask: Any, options: dict[str, Any]
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """Replace the query (B,H,T,K), and the options that the attention function gets beside tensors and mask."""

    def after(self, module: nn.Module, context: torch.Tensor) -> torch.Tensor:
        """Replace the context (B,T,H,K)."""


PREFIX = "recorded_"  # transformers looks for "flash" in the name: "recorded_flash_attention_2" keeps it
SINKS = "s_aux"  # an option which changes the weights after the dot product

_hooks: ContextVar[tuple[AttentionHook, ...]] = ContextVar("attention_hooks", default=())
_interventions: ContextVar[tuple[Intervention, ...]] = ContextVar("attention_interventions", default=())
_switches: dict[int, int] = {}  # id of a configuration -> number of contexts that need it switched
_switches_lock = threading.Lock()


@contextmanager
def add_attention_hook(model: PreTrainedModel, hook: AttentionHook) -> Iterator[None]:
    """Call `hook(module, call)` for every attention call of `model` in this thread and context.

    The model's configurations are restored when the last hook of any thread has left, on exceptions too.

    Raises:
        UserError: the attention implementation has no mask function, or (from the model's forward) a module
            uses something the weights cannot be rebuilt from.
    """
    with _active(model, _hooks, hook):
        yield


@contextmanager
def add_intervention(model: PreTrainedModel, intervention: Intervention) -> Iterator[None]:
    """Let `intervention` change every attention call of `model` in this thread and context; see `add_attention_hook`.

    Several interventions act in the order in which they were entered.
    """
    with _active(model, _interventions, intervention):
        yield


def is_active(item: AttentionHook | Intervention) -> bool:
    """Tell whether a hook or an intervention has to do with the calls of the current thread and context."""
    return item in _hooks.get() or item in _interventions.get()


@contextmanager
def _active(model: PreTrainedModel, variable: ContextVar[tuple], item: object) -> Iterator[None]:
    """Switch the configurations of `model`, and add `item` to those that take part in this thread and context."""
    with ExitStack() as undo:
        for config in _configurations(model):
            undo.enter_context(_switched(config))
        undo.callback(variable.reset, variable.set((*variable.get(), item)))
        yield


def _configurations(model: nn.Module) -> list[PreTrainedConfig]:
    """List the configurations that the modules read, each once (encoder and decoder often share one)."""
    configs = (getattr(module, "config", None) for module in model.modules())
    return list({id(config): config for config in configs if isinstance(config, PreTrainedConfig)}.values())


@contextmanager
def _switched(config: PreTrainedConfig) -> Iterator[None]:
    """Let `config` name the wrapper of its attention implementation."""
    with _switches_lock:
        if id(config) not in _switches:
            config._attn_implementation_internal = _register_wrapper(config._attn_implementation or "eager")
        _switches[id(config)] = _switches.get(id(config), 0) + 1
    try:
        yield
    finally:
        with _switches_lock:
            _switches[id(config)] -= 1
            if not _switches[id(config)]:
                del _switches[id(config)]
                config._attn_implementation_internal = config._attn_implementation.removeprefix(PREFIX)


def _register_wrapper(implementation: str) -> str:
    """Register the wrapper of an attention implementation, with its mask, and return the wrapper's name."""
    if implementation not in ALL_MASK_ATTENTION_FUNCTIONS:
        raise UserError(f"attention implementation {implementation!r} has no mask function; use eager or sdpa")

    def attend(module, query, key, value, attention_mask, **options):
        interventions = _interventions.get()
        for intervention in interventions:
            query, options = intervention.before(module, query, attention_mask, options)
        hooks = _hooks.get()
        if hooks:
            call = _detach_call(implementation, module, query, key, value, attention_mask, **options)
            for hook in hooks:
                hook(module, call)
        if implementation in ALL_ATTENTION_FUNCTIONS:
            original = ALL_ATTENTION_FUNCTIONS[implementation]
        else:  # eager is each model's own function, beside its attention class
            original = sys.modules[type(module).__module__].eager_attention_forward
        context, attention_weights = original(module, query, key, value, attention_mask, **options)
        for intervention in interventions:
            context = intervention.after(module, context)
        return context, attention_weights

    name = PREFIX + implementation
    AttentionInterface.register(name, attend)
    AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[implementation])
    return name


def _detach_call(
    implementation,
    module,
    query,
    key,
    value,
    mask,
    *,
    scaling=None,
    is_causal=None,
    position_bias=None,
    softcap=None,
    sliding_window=None,
    **options,
) -> AttentionCall:
    """Detach what an attention function was given, and settle what the implementation does without a mask."""
    kind = type(module).__name__
    if options.get(SINKS) is not None:
        raise UserError(f"cannot rebuild the attention weights of {kind}: it has attention sinks")
    if sliding_window is not None and "flash" in implementation:  # elsewhere it is in the mask
        raise UserError(f"cannot rebuild the sliding windows of {kind} under {implementation}: use eager or sdpa")
    queries, keys = query.shape[2], key.shape[2]
    if is_causal is None:
        is_causal = getattr(module, "is_causal", True)
    return AttentionCall(
        query=query.detach(),
        key=key.detach(),
        value=value.detach(),
        heads=tuple(range(query.shape[1])),
        mask=mask,
        position_bias=None if position_bias is None else position_bias.detach(),
        scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
        causal=is_causal and queries > 1 and implementation != "eager",
        causal_offset=0 if implementation == "sdpa" else keys - queries,  # SDPA aligns the first ones, flash the last
        softcap=softcap,
    )
