"""Which modules of an encoder-decoder model compute attention, in which place and layer, and how each can be heard.

transformers has no table of this. A model tells its two stacks (`get_encoder`, `get_decoder`); within a stack the first
number in a module's path is its layer, and a name behind that number tells attention to the source from
self-attention: "layers.2.encoder_attn", "layer.0.crossattention.self", "block.5.layer.1.EncDecAttention".

Most modules go through transformers' attention interface, where their queries and keys are heard. Others compute their
attention by themselves: those that return their weights when asked for `output_attentions` are recorded by them.
"""

import inspect
import sys
from collections.abc import Iterable

from torch import nn
from transformers import PreTrainedModel

from ..errors import UserError
from .places import PLACES

Place = tuple[str, int]
"""A place and a layer of it, counted from 0."""

WINDOW = "each position attends to a window of neighbours, so that there is no map of all to all"
STREAMS = "several streams of queries attend side by side"
NO_MAP = {  # classes of attention that have no weight for each query and key, and why
    "BigBirdPegasusBlockSparseAttention": 'blocks attend to blocks; load it with attention_type="original_full"',
    "LEDEncoderSelfAttention": WINDOW,
    "LongT5LocalAttention": WINDOW,
    "LongT5TransientGlobalAttention": WINDOW,
    "PegasusXGlobalLocalAttention": WINDOW,
    "ProphetNetAttention": f"{STREAMS}, and it returns scores in place of weights",
    "ProphetNetNgramSelfAttention": STREAMS,
}
MERGED = {"T5Gemma2MergedAttention"}  # classes of attention to the target, then the source, in one softmax


def stacks_of(model: PreTrainedModel) -> dict[str, nn.Module]:
    """Return the stacks called "encoder" and "decoder". Raises `UserError` where a model is not made of two."""
    encoder, decoder = model.get_encoder(), model.get_decoder()
    while decoder is not encoder and decoder is not model and encoder in set(decoder.modules()):
        decoder = decoder.get_decoder()  # of the language model inside, which is made of both
    if model in (encoder, decoder) or encoder is decoder:
        raise UserError(f"{type(model).__name__} has no encoder and decoder to record: it is one stack of layers")
    return {"encoder": encoder, "decoder": decoder}


def attention_modules(model: PreTrainedModel) -> dict[nn.Module, tuple[Place, ...]]:
    """Find the modules that compute attention, with the place and layer of each: two, where one softmax serves both.

    Two modules may have one place and layer, as layers of a text and of an image encoder: `record_attention` refuses
    them where both are called.

    Raises:
        UserError: the model is not made of an encoder and a decoder.
    """
    found: dict[nn.Module, tuple[Place, ...]] = {}
    for stack, root in stacks_of(model).items():
        for path, module in root.named_modules():
            place = place_in(stack, path)
            if place is not None and _is_attention(module):
                is_merged = type(module).__name__ in MERGED
                found[module] = (place, ("cross", place[1])) if is_merged else (place,)
    return found


def place_in(stack: str, path: str) -> Place | None:
    """Read place and layer off a path inside a stack: ("decoder", "layers.2.encoder_attn") -> ("cross", 2)."""
    names = path.lower().split(".")
    number = next((i for i, name in enumerate(names) if name.isdecimal()), None)
    if number is None:
        return None
    is_cross = stack == "decoder" and any("enc" in name or "cross" in name for name in names[number + 1 :])
    return ("cross" if is_cross else stack), int(names[number])


def _is_attention(module: nn.Module) -> bool:
    """Tell the module that computes attention from those around it, which may be called attention, too."""
    inner = (type(m).__name__ for m in module.modules() if m is not module)
    return "Attention" in type(module).__name__ and not any("Attention" in name for name in inner)


def returns_weights(module: nn.Module) -> bool:
    """Tell whether an attention module that is outside of the interface returns its weights when it is asked."""
    has_interface = hasattr(sys.modules[type(module).__module__], "ALL_ATTENTION_FUNCTIONS")
    return not has_interface and "output_attentions" in inspect.signature(module.forward).parameters


def check_recordable(name: str, found: dict[nn.Module, tuple[Place, ...]], places: Iterable[str]) -> None:
    """Raise `UserError` for a place that the model called `name` has not, or that is known to have no maps."""
    reasons: dict[str, str] = {}
    kinds = {
        place: {type(module).__name__ for module, there in found.items() if place in dict(there)} for place in PLACES
    }
    for place in PLACES:
        for kind in sorted(kinds[place] & NO_MAP.keys()):
            reasons[place] = f"{NO_MAP[kind]} ({kind})"
        if not kinds["cross"]:
            reasons[place] = "no layer of the decoder attends to the encoder"
        elif not kinds[place]:
            reasons[place] = "there is none"
    for place in places:
        if place in reasons:
            left = [other for other in PLACES if other not in reasons]
            choose = f"; choose among the other places: {', '.join(left)}" if left else ""
            raise UserError(f"{name}: {place} attention cannot be recorded: {reasons[place]}{choose}")
