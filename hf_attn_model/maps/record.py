"""record_attention: keep every query, key and value of an encoder-decoder model, pass by pass.

Shapes: B batch, T target length, S source length, K head_dim.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn
from transformers import PreTrainedModel

from ..errors import UserError
from .interface import is_listening, listen
from .recording import AttentionRecord, RecordedForward
from .steps import AttentionCall


@contextmanager
def record_attention(model: PreTrainedModel) -> Iterator[AttentionRecord]:
    """Record the attention of every forward pass of `model` inside the context.

        with record_attention(model) as record:
            model(**batch)
        head = record[0].cross[2, 1]  # sentence 0, layer 2, head 1
        head.query, head.scores, head.attention_weights, head.context  # (T,K), (T,S), (T,S), (T,K)

    Works on encoder-decoder models that go through transformers' attention interface, with any of its
    implementations. Padding is left out: on the source side it is known from `attention_mask`, on the target
    side from `decoder_attention_mask`, else from `labels` (-100), else from the trailing pads of
    `decoder_input_ids`. A forward pass that raises an exception is not recorded, nor are other threads.

    Raises:
        UserError: the model has no encoder and decoder, its attention implementation has no mask function, or
            (from the model's forward) a module uses something the weights cannot be rebuilt from.
    """
    recorder = _Recorder(model)
    with ExitStack() as undo:
        for module, source, target in _forwards(model):
            hook = recorder.opener(source, target)
            undo.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)
            undo.callback(module.register_forward_hook(recorder.close, always_call=True).remove)
        undo.enter_context(listen(model, recorder.add))
        yield recorder.record


def place_of(path: str) -> tuple[str, int] | None:
    """Read place and layer off a module's path: "model.decoder.layers.2.encoder_attn" -> ("cross", 2)."""
    names = path.lower().split(".")
    stack = next((name for name in names if name in ("encoder", "decoder")), None)
    layer = next((int(name) for name in names if name.isdecimal()), None)
    if stack is None or layer is None:
        return None
    is_cross = stack == "decoder" and ("enc" in names[-1] or "cross" in names[-1])
    return ("cross" if is_cross else stack), layer


class _Recorder:
    """Collects the calls of one model's attention modules."""

    def __init__(self, model: PreTrainedModel):
        self.record = AttentionRecord()
        self.places = {id(module): place_of(path) for path, module in model.named_modules()}
        if not any(self.places.values()):
            raise UserError(f"{type(model).__name__} has no encoder and decoder layers to record")
        self.pad_token_id = model.config.pad_token_id
        self.current: RecordedForward | None = None
        self.depth = 0  # the encoder's forward runs inside the model's: the outermost one counts

    def opener(self, source: str, target: str) -> Callable:
        """Make the forward pre-hook of a module whose padding masks are called `source` and `target`."""

        def open_forward(module: nn.Module, args: tuple, kwargs: dict) -> None:
            if not is_listening(self.add):  # another thread's forward pass
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
        if not is_listening(self.add):
            return
        self.depth -= 1
        if self.depth == 0:
            if output is not None and self.current is not None:
                self.record.forwards.append(self.current)
            self.current = None

    def add(self, module: nn.Module, call: AttentionCall) -> None:
        """Keep a call of one of the model's layers (a layer recomputed in the backward pass counts once)."""
        place = self.places.get(id(module))
        if place is not None and self.current is not None:
            self.current.calls[place] = call

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
