"""What a model is given: refused where it cannot be right, and masks that say what their maker means.

Names and shapes are looked at everywhere, values only on a CPU, where that costs next to nothing: on an accelerator it
would wait for the device at every step, so that there `generate` alone looks at the ids, once. A graph that is traced
(`torch.compile`, `torch.export`, ONNX) holds no check.

Shapes: B batch, T length.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, PreTrainedModel
from transformers.utils.import_utils import is_tracing

from .attention import eager_attention_forward
from .configuration_attn import AttnConfig

HEARD = {  # keywords that transformers hands down, beside the parameters of a forward
    "cache_position",
    "debug_io",
    "is_causal",
    "is_first_iteration",
    "num_items_in_batch",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "use_cache",
    *("cu_seq_lens_q", "cu_seq_lens_k", "max_length_q", "max_length_k"),  # of flash attention
}


def check_keywords(config: AttnConfig, keywords: Mapping[str, Any]) -> None:
    """Refuse keywords that would have no effect, such as masks of heads.

    Args:
        config: names the attention function; what that names as its own parameters is heard.
        keywords: those that a forward has no parameters for; `None` asks for nothing.

    Raises:
        TypeError: a keyword that nobody hears.
    """
    unheard = [name for name, value in keywords.items() if value is not None and name not in HEARD]
    if unheard:
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(config._attn_implementation, eager_attention_forward)
        unheard = [name for name in unheard if name not in inspect.signature(attend).parameters]
    if unheard:
        raise TypeError(
            f"forward() got an unexpected keyword argument {unheard[0]!r}: it would change nothing "
            "(to change heads, see hf_attn_model.intervene)"
        )


def check_ids(name: str, ids: torch.Tensor, model: PreTrainedModel, *, ignored: int | None = None) -> None:
    """Refuse ids that are no whole numbers (B,T), none at all, or outside of a vocabulary.

    Args:
        name: of the parameter.
        ids: what was given.
        model: whose word vectors they stand for.
        ignored: an id that is none of them, and may be given.

    Raises:
        ValueError: with the name and the shape.
    """
    if is_tracing(ids):
        return
    given = f"{name} of shape {tuple(ids.shape)}"
    if ids.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"{given} must be whole numbers, int64 or int32, got {ids.dtype}")
    if ids.ndim != 2:
        raise ValueError(f"{given} must have two dimensions, (batch, length)")
    if not ids.numel():
        raise ValueError(f"{given} hold no token")
    if ids.device.type != "cpu":
        return
    vocab_size = getattr(model.get_input_embeddings(), "num_embeddings", model.config.vocab_size)  # may be resized
    known = ids if ignored is None else ids.masked_fill(ids == ignored, 0)
    least, most = (int(bound) for bound in known.aminmax())
    if least < 0 or most >= vocab_size:
        raise ValueError(f"{given} hold {least if least < 0 else most}; the vocabulary has 0 to {vocab_size - 1}")


def check_mask(name: str, mask: torch.Tensor | None, batch: int, length: int) -> None:
    """Refuse a mask that is not (B,T); one of four dimensions is its maker's own.

    Raises:
        ValueError: with the name and both shapes.
    """
    if not isinstance(mask, torch.Tensor) or mask.ndim == 4 or is_tracing(mask):
        return
    if mask.shape != (batch, length):
        raise ValueError(f"{name} must have the shape (batch, length) = {(batch, length)}, got {tuple(mask.shape)}")


def check_target(
    inputs_embeds: torch.Tensor,
    attention_mask: torch.Tensor | None,
    encoder_hidden_states: torch.Tensor | None,
    encoder_attention_mask: torch.Tensor | None,
    seen: int | torch.Tensor,
) -> None:
    """Refuse target vectors (B,T,D) that belong to another batch than their masks, or than what the encoder read.

    Args:
        inputs_embeds: (B,T,D).
        attention_mask: (B, seen + T).
        encoder_hidden_states: (B,S,D).
        encoder_attention_mask: (B,S).
        seen: how many tokens came before; a static cache would have to read the number from the device.

    Raises:
        ValueError: with the shapes.
    """
    batch, length, _ = inputs_embeds.shape
    if isinstance(seen, int):
        check_mask("decoder_attention_mask", attention_mask, batch, seen + length)
    if encoder_hidden_states is None or is_tracing(encoder_hidden_states):
        return
    sources, source_length, _ = encoder_hidden_states.shape
    if sources != batch:
        raise ValueError(f"{sources} sources, but {batch} targets: decoder_input_ids or labels of another batch size")
    check_mask("attention_mask", encoder_attention_mask, sources, source_length)


def check_positions(position_ids: torch.Tensor, longest: int | torch.Tensor, positions: int) -> None:
    """Refuse positions (1|B,T) that have no vector.

    Args:
        position_ids: what will be looked up.
        longest: number of tokens up to the last one, padding among them; on an accelerator, values are looked at only
            where it is larger than the number of positions.
        positions: how many have a vector.

    Raises:
        ValueError: with the numbers.
    """
    if is_tracing(position_ids) or (position_ids.device.type != "cpu" and not longest > positions):
        return
    least, most = (int(bound) for bound in position_ids.aminmax())
    if least < 0 or most >= positions:
        raise ValueError(
            f"{longest} tokens reach position {least if least < 0 else most}, "
            f"but the model has positions 0 to {positions - 1} (max_position_embeddings)"
        )


def source_mask(input_ids: torch.Tensor | None, config: AttnConfig) -> torch.Tensor | None:
    """Make the mask of source ids (B,T) that came without: padding stands for nothing else here.

    Returns:
        the mask (B,T), int64, as a tokenizer makes it; `None` where nothing tells padding from words.
    """
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    if input_ids is None or config.pad_token_id is None or config.pad_token_id in ends:
        return None
    return torch.ne(input_ids, config.pad_token_id).long()


def with_start_mark(
    attention_mask: torch.Tensor | None, input_ids: torch.Tensor, config: AttnConfig
) -> torch.Tensor | None:
    """Let the start mark count in a target mask (B,T) made by `input_ids != pad`, where both marks have one id.

    In each row the hidden mark is the one before the first word that the mask shows; in a row without words the first.
    A row that shows its start mark, padded on the left or on the right, stays as it is, as does a mask that covers more
    than the ids (those of a cache).
    """
    start = config.decoder_start_token_id
    if attention_mask is None or attention_mask.shape != input_ids.shape or start != config.pad_token_id:
        return attention_mask
    is_shown, is_start = attention_mask != 0, input_ids == start
    is_first = is_shown & (is_shown.cumsum(dim=-1) == 1)
    begins_without = is_first & ~is_start  # (B,T): the first word, where it is the first shown
    is_before = torch.cat([begins_without[:, 1:], begins_without.new_zeros(len(input_ids), 1)], dim=1)
    is_before[:, 0] |= ~is_shown.any(dim=-1)
    return attention_mask.masked_fill(is_before & is_start, 1)
