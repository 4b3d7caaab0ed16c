"""A model of one side -> a model of the other, with the same weights.

Parameters bear the same names on both sides. What differs: which embeddings are one tensor, where a table of sinusoids
is a parameter, and a bias of logits that is zero and need not be there. All of it is read off the weights themselves:
what a configuration says of ties can be wrong, and the forward pass does not look there.
"""

import copy
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from ..errors import UserError, in_words
from ..model import AttnConfig, AttnForConditionalGeneration
from .families import FAMILIES, check_bias, native_fields, stock_fields

SHARED, BIAS, HEAD = "model.shared.weight", "final_logits_bias", "lm_head.weight"
SIDES = ("encoder", "decoder")
EMBEDDING = {side: f"model.{side}.embed_tokens.weight" for side in SIDES}
POSITIONS = {side: f"model.{side}.embed_positions.weight" for side in SIDES}


def to_native(stock: PreTrainedModel) -> AttnForConditionalGeneration:
    """Build our model from a stock one.

    Args:
        stock: of one of `FAMILIES`, in any dtype, which is kept; the new model has tensors of its own.

    Raises:
        UserError: a field of its configuration has no counterpart.
    """
    weights = stock.state_dict()
    source, target, head = (weights[name] for name in (*EMBEDDING.values(), HEAD))
    bias = weights.pop(BIAS, None)
    settings: Any = stock.generation_config
    fields = native_fields(stock.config, settings.decoder_start_token_id) | {
        "decoder_vocab_size": len(target),
        "share_encoder_decoder_embeddings": torch.equal(source, target),
        "tie_word_embeddings": torch.equal(target, head),
        "logits_bias": bias is not None and bool(bias.any()),
    }
    try:
        config = AttnConfig(**fields)
    except Exception as error:  # strict configurations raise what their fields are
        raise UserError(f"its config.json has no counterpart: {in_words(error)}") from error
    weights.pop(SHARED, None)
    if config.share_encoder_decoder_embeddings:
        weights[SHARED] = source
    if config.position_embedding != "learned":
        for name in POSITIONS.values():
            weights.pop(name, None)
    if config.logits_bias:
        weights[BIAS] = bias
    return _build(AttnForConditionalGeneration, config, weights, stock)


def to_stock(native: AttnForConditionalGeneration, to: str) -> PreTrainedModel:
    """Build a model of a stock class from ours.

    Args:
        native: in any dtype, which is kept; the new model has tensors of its own.
        to: one of `FAMILIES`.

    Raises:
        UserError: a field of its configuration has no counterpart there.
    """
    family, weights = FAMILIES[to], native.state_dict()
    fields = stock_fields(native.config, to)
    bias = weights.pop(BIAS, weights[HEAD].new_zeros(1, len(weights[HEAD])))
    check_bias(to, is_zero=not bias.any())
    if family.logits_bias:
        weights[BIAS] = bias
    if family.two_vocabularies:
        fields |= {
            "decoder_vocab_size": native.config.decoder_vocab_size,
            "share_encoder_decoder_embeddings": native.config.share_encoder_decoder_embeddings,
        }
    if family.position_embedding == "sinusoidal":  # a parameter there
        for side, name in POSITIONS.items():
            weights[name] = native.get_submodule(f"model.{side}.embed_positions").weight
    is_tied = torch.equal(weights[EMBEDDING["decoder"]], weights[HEAD])
    config = family.model_class.config_class(**fields | {"tie_word_embeddings": is_tied})  # type: ignore[misc]
    return _build(family.model_class, config, weights, native)


def _build(model_class: type, config: PreTrainedConfig, weights: dict[str, Tensor], origin: PreTrainedModel) -> Any:
    """Make a model of these weights, neither more nor fewer, that generates as the one they come from.

    Each gets a tensor of its own: of several names of one tensor, transformers would save one, whether tied or not.
    """
    weights = {name: weight.clone() for name, weight in weights.items()}
    model, info = model_class.from_pretrained(  # type: ignore[attr-defined]
        None, config=config, state_dict=weights, dtype=origin.dtype, output_loading_info=True
    )
    assert not info["missing_keys"], info
    assert not info["unexpected_keys"], info
    model.generation_config = copy.deepcopy(origin.generation_config)
    return model.eval()
