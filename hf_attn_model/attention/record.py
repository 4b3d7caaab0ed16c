"""record_attention: keep the queries and keys of an encoder-decoder model, pass by pass.

A mask (B,1,T,S) is folded into what it says, padding and causality, in memory that grows with S alone.

Shapes: B batch, T target length, S source length, K head_dim.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import torch
from torch import nn
from transformers import PreTrainedModel

from ..errors import UserError
from .interface import add_attention_hook, is_hooked
from .places import PLACES, check_places, place_of
from .recorded import AttentionRecord, RecordedForward
from .steps import AttentionCall

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

    Works on encoder-decoder models that go through transformers' attention interface, with any of its
    implementations. Padding is left out: on the source side it is known from `attention_mask`, on the target
    side from `decoder_attention_mask`, else from `labels` (-100), else from the trailing pads of
    `decoder_input_ids`. A forward pass that raises an exception is not recorded, nor are other threads.

    Args:
        model: the encoder-decoder model; a part of it may be called, too.
        places: some of "encoder", "decoder", "cross".
        layers, heads: their numbers, counted from 0 in each place; all by default.
        keep: with `("query", "key", "value")` the steps have `value` and `context` as well.

    Raises:
        UserError: there is no such place, layer or head (a head is missed in the model's forward), the model has no
            encoder and decoder, its attention implementation has no mask function, or (from the model's forward) a
            module uses something the weights cannot be rebuilt from.
    """
    recorder = _Recorder(model, tuple(places), layers, heads, tuple(keep))
    with ExitStack() as undo:
        for module, source, target in _forwards(model):
            hook = recorder.opener(source, target)
            undo.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)
            undo.callback(module.register_forward_hook(recorder.close, always_call=True).remove)
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
        found = {id(module): place_of(path) for path, module in model.named_modules()}
        there = {place for place in found.values() if place is not None}
        if not there:
            raise UserError(f"{type(model).__name__} has no encoder and decoder layers to record")
        check_places(places)
        if not {"query", "key"} <= set(keep) <= set(VECTORS):
            raise UserError(f"cannot keep {', '.join(keep) or 'nothing'}: keep query and key, or query, key and value")
        chosen = None if layers is None else set(layers)
        missing = sorted((chosen or set()) - {layer for place, layer in there if place in places})
        if missing:
            raise UserError(f"there is no layer {missing[0]} in {', '.join(places)} of {type(model).__name__}")
        self.places = {
            module: place
            for module, place in found.items()
            if place is not None and place[0] in places and (chosen is None or place[1] in chosen)
        }
        self.heads = None if heads is None else tuple(heads)
        if self.heads is not None and (not self.heads or min(self.heads) < 0):
            named = ", ".join(map(str, self.heads)) or "of no number"
            raise UserError(f"heads {named}: give numbers of heads, counted from 0")
        self.with_value = "value" in keep
        self.masks = MaskFolder()
        self.pad_token_id = model.config.pad_token_id
        self.current: RecordedForward | None = None
        self.depth = 0  # the encoder's forward runs inside the model's: the outermost one counts

    def opener(self, source: str, target: str) -> Callable:
        """Make the forward pre-hook of a module whose padding masks are called `source` and `target`."""

        def open_forward(module: nn.Module, args: tuple, kwargs: dict) -> None:
            if not is_hooked(self.add):  # another thread's forward pass
                return
            self.depth += 1
            if self.depth == 1:
                inputs = dict(zip(inspect.signature(module.forward).parameters, args, strict=False)) | kwargs
                source_mask, target_mask = (
                    _padding_mask(inputs.get(source)),
                    _padding_mask(inputs.get(target)),
                )
                if target_mask is None:
                    target_mask = self._target_mask(inputs)
                self.current = RecordedForward(source_mask=source_mask, target_mask=target_mask)

        return open_forward

    def close(self, module: nn.Module, args: tuple, output: object) -> None:
        """Forward hook: keep the pass, unless it failed (it then has no output)."""
        if not is_hooked(self.add):
            return
        self.depth -= 1
        if self.depth == 0:
            if output is not None and self.current is not None:
                self.record.forwards.append(self.current)
            self.current = None
            self.masks.forget()

    def add(self, module: nn.Module, call: AttentionCall) -> None:
        """Keep a call of one of the model's layers (a layer recomputed in the backward pass counts once)."""
        place = self.places.get(id(module))
        if place is not None and self.current is not None:
            self.current.calls[place] = self.masks.fold(call).select(self.heads, self.with_value)

    def _target_mask(self, inputs: dict) -> torch.Tensor | None:
        """Find the real target positions (B,T) of a pass without a decoder mask."""
        if inputs.get("labels") is not None:
            return inputs["labels"] != -100
        ids = inputs.get("decoder_input_ids")
        if ids is None or self.pad_token_id is None:
            return None
        is_token = ids != self.pad_token_id
        is_token[:, 0] = True  # the start mark, which often is the pad token
        return is_token.flip(1).cumsum(dim=1).flip(1) > 0  # a pad with a token after it is no padding


def _forwards(model: PreTrainedModel) -> Iterator[tuple[nn.Module, str, str]]:
    """List what can be called from outside, with the names of its source and target padding masks.

    `generate` calls the encoder by itself, once, and then the model for every token.
    """
    yield model, "attention_mask", "decoder_attention_mask"
    yield model.get_encoder(), "attention_mask", ""
    yield model.get_decoder(), "encoder_attention_mask", "attention_mask"


def _padding_mask(mask: torch.Tensor | None) -> torch.Tensor | None:
    """Read a (B,S) mask; masks of more dimensions say nothing about single tokens."""
    return mask.bool() if mask is not None and mask.ndim == 2 else None


class MaskFolder:
    """Folds the masks of one forward pass; layers share their masks, so that each is looked at once."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[torch.Tensor, tuple | None]] = {}  # the mask is kept: its id stays its own

    def fold(self, call: AttentionCall) -> AttentionCall:
        """Replace a mask (B,1,T,S) by padding (B,S) and `causal`, where they say the same; else change nothing."""
        mask = call.mask
        if not isinstance(mask, torch.Tensor) or mask.ndim != 4:
            return call
        if id(mask) not in self._seen:
            self._seen[id(mask)] = (mask, _fold(mask[..., : call.key.shape[2]]))
        folded = self._seen[id(mask)][1]
        if folded is None or (call.query.shape[0] != len(mask) and folded[0] is not None):
            return call
        padding, offset = folded
        return replace(call, mask=padding, causal=offset is not None, causal_offset=offset or 0)

    def forget(self) -> None:
        """Let the masks go, at the end of the pass."""
        self._seen.clear()


def _fold(mask: torch.Tensor) -> tuple[torch.Tensor | None, int | None] | None:
    """Find padding (B,S) and the causal offset which together are `mask`; `None` if there are none.

    The padding is `None` where nothing is padded, the offset `None` where nothing is causal.
    """
    batch, heads, queries, keys = mask.shape
    if heads != 1:
        return None
    visible = mask if mask.dtype == torch.bool else mask == 0
    if mask.dtype != torch.bool and not (visible | (mask <= torch.finfo(mask.dtype).min)).all():
        return None  # it adds something else than 0 and the most negative number
    padding = visible[:, 0, -1]  # the last query sees the most
    square = torch.ones(queries, keys, dtype=torch.bool, device=mask.device)
    for offset in (None, keys - queries):
        reach = square if offset is None else square.tril(offset)
        if torch.equal(visible, (reach & padding[:, None, None]).expand(batch, 1, queries, keys)):
            return None if padding.all() else padding.clone(), offset
    return None
