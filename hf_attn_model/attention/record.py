"""record_attention: keep the queries and keys of an encoder-decoder model, pass by pass.

What is heard of a module is held against what its place says: who attends, to how many positions. What does not fit is
refused, and so is a module that ran and was not heard.

Shapes: B batch, H heads, T target length, S source length, K head_dim.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from ..errors import UserError
from .interface import add_attention_hook, is_active
from .masks import MaskFolder
from .modules import Place, attention_modules, check_recordable, returns_weights, stacks_of
from .places import PLACES, check_places
from .recorded import AttentionRecord, RecordedForward
from .steps import AttentionCall, GivenWeights

VECTORS = ("query", "key", "value")


@contextmanager
def record_attention(
    model: PreTrainedModel,
    *,
    places: Iterable[str] = PLACES,
    layers: Iterable[int] | None = None,
    heads: Iterable[int] | None = None,
    keep: Iterable[str] = ("query", "key"),
) -> Iterator[AttentionRecord]:
    """Record the attention of every forward pass of `model` inside the context.

        with record_attention(model) as record:
            model(**batch)
        head = record[0].cross[2, 1]  # sentence 0, layer 2, head 1
        head.query, head.key, head.scores, head.attention_weights  # (T,K), (S,K), (T,S), (T,S)

    The model runs as it does without: its queries and keys are kept beside it, and every other step is rebuilt from
    them when it is asked for. Memory grows with the length of a sentence, not with its square.

    Works on encoder-decoder models whose attention goes through transformers' attention interface, with any of its
    implementations; and, more slowly, on those whose modules return their weights when asked for `output_attentions`:
    of them there are `attention_weights` alone. `docs/families.md` lists all classes of transformers.

    Padding is left out: on the source side it is what the model itself masks, on the target side it is known from
    `decoder_attention_mask`, else from `labels` (-100), else from the trailing pads of `decoder_input_ids`. A forward
    pass that raises an exception is not recorded, nor are other threads.

    Args:
        model: the encoder-decoder model; a part of it may be called, too.
        places: some of "encoder", "decoder", "cross".
        layers, heads: their numbers, counted from 0 in each place; all by default.
        keep: with `("query", "key", "value")` the steps have `value` and `context` as well.

    Raises:
        UserError: there is no such place, layer or head (a head is missed in the model's forward), the model has no
            encoder and decoder, a place has no attention or none whose weights can be had, its attention implementation
            has no mask function, or (from the model's forward) a module uses something the weights cannot be rebuilt
            from, was not heard, or attends to other positions than its place says.
    """
    recorder = _Recorder(model, tuple(places), layers, heads, tuple(keep))
    with ExitStack() as undo:
        for module, source, target in recorder.forwards:
            hook = recorder.opener(source, target)
            undo.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)
            undo.callback(module.register_forward_hook(recorder.close, always_call=True).remove)
        for module in recorder.returning:
            undo.callback(module.register_forward_pre_hook(recorder.ask_for_weights, with_kwargs=True).remove)
        for module in recorder.places:
            undo.callback(module.register_forward_hook(recorder.leave_attention).remove)
        undo.enter_context(add_attention_hook(model, recorder.add))
        yield recorder.record


class _Recorder:
    """Collects the calls of one model's attention modules."""

    def __init__(
        self,
        model: PreTrainedModel,
        places: tuple[str, ...],
        layers: Iterable[int] | None,
        heads: Iterable[int] | None,
        keep: tuple[str, ...],
    ):
        self.record = AttentionRecord()
        self.name = type(model).__name__
        check_places(places)
        stacks, found = stacks_of(model), attention_modules(model)
        check_recordable(self.name, found, places)
        if not {"query", "key"} <= set(keep) <= set(VECTORS):
            raise UserError(f"cannot keep {', '.join(keep) or 'nothing'}: keep query and key, or query, key and value")
        chosen = None if layers is None else set(layers)
        missing = sorted(
            (chosen or set()) - {layer for there in found.values() for place, layer in there if place in places}
        )
        if missing:
            raise UserError(f"there is no layer {missing[0]} in {', '.join(places)} of {self.name}")
        self.chosen = {
            place
            for there in found.values()
            for place in there
            if place[0] in places and (chosen is None or place[1] in chosen)
        }
        self.places = {module: there for module, there in found.items() if self.chosen & set(there)}
        self.returning = {module for module in self.places if returns_weights(module)}
        self.heads = None if heads is None else tuple(heads)
        if self.heads is not None and (not self.heads or min(self.heads) < 0):
            named = ", ".join(map(str, self.heads)) or "of no number"
            raise UserError(f"heads {named}: give numbers of heads, counted from 0")
        self.with_value = "value" in keep
        self.masks = MaskFolder()
        self.encoder, self.decoder = stacks["encoder"], stacks["decoder"]
        pads = (
            getattr(config, "pad_token_id", None) for config in (model.config, getattr(self.decoder, "config", None))
        )
        self.pad_token_id = next((pad for pad in pads if pad is not None), None)
        self.forwards = [  # what can be called from outside, and its padding masks: `generate` calls the encoder alone
            (model, "attention_mask", "decoder_attention_mask"),
            (self.encoder, "attention_mask", ""),
            (self.decoder, "encoder_attention_mask", "attention_mask"),
        ]
        self.current: RecordedForward | None = None
        self.depth = 0  # the encoder's forward runs inside the model's: the outermost one counts

    def opener(self, source: str, target: str) -> Callable:
        """Make the forward pre-hook of a module whose padding masks are called `source` and `target`."""

        def open_forward(module: nn.Module, args: tuple, kwargs: dict) -> None:
            if not is_active(self.add):  # another thread's forward pass
                return
            self.depth += 1
            inputs = dict(zip(inspect.signature(module.forward).parameters, args, strict=False)) | kwargs
            if self.depth == 1:
                source_mask, target_mask = _padding_mask(inputs.get(source)), _padding_mask(inputs.get(target))
                if target_mask is None:
                    target_mask = self._target_mask(inputs)
                self.current = RecordedForward(source_mask=source_mask, target_mask=target_mask)
                self.owners: dict[Place, nn.Module] = {}
                self.heard: set[nn.Module] = set()
                self.source_length: int | None = None
                self.cached = _cached_length(inputs.get("past_key_values"))
            states = inputs.get("encoder_hidden_states")
            if module is self.decoder and isinstance(states, torch.Tensor):
                self.source_length = states.shape[1]

        return open_forward

    def close(self, module: nn.Module, args: tuple, output: object) -> None:
        """Forward hook: keep the pass, unless it failed (it then has no output)."""
        if not is_active(self.add):
            return
        self.depth -= 1
        forward, is_whole = self.current, output is not None
        if self.depth == 0:
            self.current = None
            self.masks.forget()
        if is_whole and forward is not None and module is self.encoder:
            self._check_encoder(forward, _first_tensor(output))
        if is_whole and forward is not None and self.depth == 0:
            _see_source_padding(forward)
            self.record.forwards.append(forward)

    def ask_for_weights(self, module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict] | None:
        """Forward pre-hook of an attention module that returns its weights when it is asked."""
        if not self._is_open():
            return None
        given = inspect.signature(module.forward).bind_partial(*args, **kwargs)
        given.arguments["output_attentions"] = True
        return given.args, given.kwargs

    def leave_attention(self, module: nn.Module, args: tuple, output: Any) -> None:
        """Forward hook of an attention module: if it was not heard, take the weights that it returned."""
        if self.current is None or module in self.heard or not is_active(self.add):
            return
        place = self.places[module][0]
        weights = _returned_weights(output)
        if weights is None:
            raise UserError(
                f"{self.name}: {place[0]} layer {place[1]} ({type(module).__name__}) computes its attention outside of "
                "transformers' attention interface, and returns no weights from before dropout; choose other places"
            )
        self._keep(module, place, GivenWeights(weights, tuple(range(weights.shape[1]))))

    def add(self, module: nn.Module, call: AttentionCall) -> None:
        """Keep a call of one of the model's layers (none of those that a backward pass runs again)."""
        there = self.places.get(module)
        if there is None or self.current is None:
            return
        parts = (call,) if len(there) == 1 else call.split(self._known_source_length())
        for place, part in zip(there, parts, strict=True):
            self._keep(module, place, self.masks.fold(part))

    def _is_open(self) -> bool:
        """Tell whether a forward pass of this thread is being recorded (a backward pass runs layers again)."""
        return self.current is not None and is_active(self.add)

    def _keep(self, module: nn.Module, place: Place, call: AttentionCall | GivenWeights) -> None:
        """Check a call against its place, and keep what is chosen of it."""
        assert self.current is not None
        self.heard.add(module)
        if place in self.owners:
            owner, other = type(self.owners[place]).__name__, type(module).__name__
            raise UserError(
                f"{self.name}: {place[0]} layer {place[1]} attends twice in one pass, as {owner} and {other}: choose "
                "other places"
            )
        self.owners[place] = module
        queries, keys = call.shape[2:]
        if place[0] == "cross" and self.source_length not in (None, keys):
            self._refuse(place, f"{keys} keys for {self.source_length} positions of the source")
        if place[0] == "decoder":
            positions, window = self.cached + queries, getattr(module, "sliding_window", None)
            if keys > positions or (keys < positions and not window):  # the cache of a window holds no more than that
                self._refuse(
                    place, f"{keys} keys for {positions} positions of the target (a static cache or a prefix?)"
                )
        if place in self.chosen:
            self.current.calls[place] = call.select(self.heads, self.with_value)

    def _check_encoder(self, forward: RecordedForward, states: torch.Tensor | None) -> None:
        """Raise `UserError` where the encoder's layers attend among other positions than it hands on, as `states`."""
        batch, positions = (0, 0) if states is None or states.ndim != 3 else states.shape[:2]
        for place, call in forward.calls.items():
            if place[0] == "encoder" and (call.shape[0], *call.shape[2:]) != (batch, positions, positions):
                self._refuse(
                    place, f"maps of {call.shape[2]} by {call.shape[3]} positions, where {positions} are handed on"
                )

    def _refuse(self, place: Place, found: str) -> None:
        raise UserError(f"{self.name}: {place[0]} layer {place[1]} has {found}: choose other places")

    def _known_source_length(self) -> int:
        if self.source_length is None:
            raise UserError(f"{self.name} attends to source and target at once: give it encoder_hidden_states")
        return self.source_length

    def _target_mask(self, inputs: dict) -> torch.Tensor | None:
        """Find the real target positions (B,T) of a pass without a decoder mask."""
        labels, ids = inputs.get("labels"), inputs.get("decoder_input_ids")
        if labels is not None:
            return labels != -100 if labels.ndim == 2 else None
        if ids is None or ids.ndim != 2 or self.pad_token_id is None:
            return None
        is_token = ids != self.pad_token_id
        is_token[:, 0] = True  # the start mark, which often is the pad token
        return is_token.flip(1).cumsum(dim=1).flip(1) > 0  # a pad with a token after it is no padding


def _see_source_padding(forward: RecordedForward) -> None:
    """Take what the model masks of its source for padding; what it was given may be a mask of other positions."""
    calls = [call for place in ("cross", "encoder") for (where, _), call in forward.calls.items() if where == place]
    for call in calls:
        if not isinstance(call, AttentionCall):
            continue
        if call.mask is None or (isinstance(call.mask, torch.Tensor) and call.mask.ndim == 2):
            forward.source_mask = None if call.mask is None else call.mask.bool()
            return
    mask = forward.source_mask
    if calls and mask is not None and mask.shape != (calls[0].shape[0], calls[0].shape[3]):
        forward.source_mask = None


def _padding_mask(mask: torch.Tensor | None) -> torch.Tensor | None:
    """Read a (B,S) mask; masks of more dimensions say nothing about single tokens."""
    return mask.bool() if mask is not None and mask.ndim == 2 else None


def _first_tensor(output: Any) -> torch.Tensor | None:
    """Take the states out of what an encoder returns."""
    states = output if output is None or isinstance(output, torch.Tensor) else output[0]
    return states if isinstance(states, torch.Tensor) else None


def _cached_length(cache: Any) -> int:
    """Count the target positions whose keys are in a cache."""
    return int(cache.get_seq_length()) if hasattr(cache, "get_seq_length") else 0


def _returned_weights(output: Any) -> torch.Tensor | None:
    """Find the weights (B,H,T,S) in what an attention module returns: each row sums to 1, before dropout."""
    for item in output[1:] if isinstance(output, tuple) else ():
        if isinstance(item, torch.Tensor) and item.ndim == 4:
            sums = item.detach().float().sum(dim=-1)
            return item.detach() if torch.allclose(sums, torch.ones_like(sums), atol=1e-2) else None
    return None
