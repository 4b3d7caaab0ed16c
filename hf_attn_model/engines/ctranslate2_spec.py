"""Our model as the graph that CTranslate2 runs: the same weights under the names of its specification.

CTranslate2 knows pre- and post-norm, absolute positions of any table, rotary ones, a norm of embeddings, two
vocabularies, a bias of logits and heads of any width, so that every choice of `AttnConfig` has its place there but some
activations.

Shapes: H heads, K head_dim, D d_model.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from ctranslate2.converters import transformers as stock_loaders
from ctranslate2.converters.utils import fuse_linear
from ctranslate2.specs import common_spec
from ctranslate2.specs.transformer_spec import TransformerDecoderSpec, TransformerEncoderSpec, TransformerSpec
from torch import nn
from transformers import PreTrainedModel

from ..checkpoint.alignment_config import AlignmentConfig
from ..errors import UserError
from ..model import AttnConfig, AttnForConditionalGeneration
from ..model.attention import Attention
from ..model.layers import DecoderLayer, TransformerLayer
from ..model.stacks import Decoder, Encoder
from .families import FAMILIES, NATIVE
from .weights import to_native

ACTIVATIONS = {
    "relu": common_spec.Activation.RELU,
    "gelu": common_spec.Activation.GELU,
    "gelu_python": common_spec.Activation.GELU,
    "gelu_new": common_spec.Activation.GELUTanh,
    "gelu_fast": common_spec.Activation.GELUTanh,
    "gelu_pytorch_tanh": common_spec.Activation.GELUTanh,
    "quick_gelu": common_spec.Activation.GELUSigmoid,
    "silu": common_spec.Activation.SWISH,
    "swish": common_spec.Activation.SWISH,
    "sigmoid": common_spec.Activation.Sigmoid,
    "tanh": common_spec.Activation.Tanh,
}
OWN_LOADERS = {"t5": "T5Config", "mt5": "MT5Config"}  # families that CTranslate2's own loaders know, and ours do not
KNOWN_CODE = ("torch", "transformers", "hf_attn_model", "transformers_modules")  # whose layers are what they are called


class AligningHeads(NamedTuple):
    """Heads of one layer of cross-attention, whose weights the engine averages and gives for nothing."""

    layer: int
    heads: tuple[int, ...]


def aligning_heads(alignment: AlignmentConfig, model: PreTrainedModel) -> AligningHeads:
    """Find which heads `alignment.json` reads.

    Raises:
        UserError: the engine does not give what is read.
    """
    if alignment.measure != "weights":
        raise UserError(f"CTranslate2 gives attention weights, and links are read off {alignment.measure}")
    if model.config.model_type not in {NATIVE, *FAMILIES}:
        raise UserError(f"CTranslate2 gives no chosen heads of {model.config.model_type}")
    layers = {layer for layer, _ in alignment.heads or ()}
    if len(layers) != 1:
        raise UserError(f"CTranslate2 gives attention of one layer, and links are read off {alignment}")
    layer, count = layers.pop(), model.config.decoder_attention_heads
    named = {each for _, head in alignment.heads or () for each in (range(count) if head is None else [head])}
    if layer >= model.config.decoder_layers or max(named) >= count:
        raise UserError(f"the model has {model.config.decoder_layers} layers of {count} heads, not {alignment}")
    return AligningHeads(layer, tuple(sorted(named)))


def start_and_ends(model: PreTrainedModel) -> tuple[int, list[int]]:
    """Find the mark that a decoder starts with, and those that end a translation."""
    generation: Any = model.generation_config
    start = generation.decoder_start_token_id
    ends = generation.eos_token_id
    return generation.bos_token_id if start is None else start, list(ends) if isinstance(ends, list) else [ends]


def specify(
    model: PreTrainedModel,
    source_tokens: Sequence[str],
    target_tokens: Sequence[str],
    aligning: AligningHeads | None = None,
) -> TransformerSpec:
    """Build the specification of a model of ours, of a stock class that is converted to it, or of T5's.

    Arguments are those of `build_spec`.

    Raises:
        UserError: CTranslate2 does not know such a model.
    """
    kind = model.config.model_type
    for name, module in model.named_modules():
        if type(module).__module__.split(".")[0] not in KNOWN_CODE:
            raise UserError(f"{name} is a {type(module).__name__}, which CTranslate2 does not know: merge an adapter")
    if kind in OWN_LOADERS:
        loader = stock_loaders._MODEL_LOADERS[OWN_LOADERS[kind]]
        with torch.no_grad():
            spec = loader.get_model_spec(model)
    elif kind == NATIVE or kind in FAMILIES:
        native = cast(AttnForConditionalGeneration, model) if kind == NATIVE else to_native(model)
        return build_spec(native, source_tokens, target_tokens, aligning)
    else:
        known = ", ".join([NATIVE, *FAMILIES, *OWN_LOADERS])
        raise UserError(f'its model_type is "{kind}", and the ways to CTranslate2 that are known are {known}')
    _register(spec, model, source_tokens, target_tokens)
    return spec


def _register(spec: Any, model: PreTrainedModel, source_tokens: Sequence[str], target_tokens: Sequence[str]) -> None:
    """Give the vocabularies and the marks."""
    spec.register_source_vocabulary(list(source_tokens))
    spec.register_target_vocabulary(list(target_tokens))
    start, ends = start_and_ends(model)
    spec.config.decoder_start_token = spec.config.bos_token = target_tokens[start]
    spec.config.unk_token = target_tokens[start]  # of the engine's own making: every id is given to it
    spec.config.eos_token = target_tokens[ends[0]]


def build_spec(
    model: AttnForConditionalGeneration,
    source_tokens: Sequence[str],
    target_tokens: Sequence[str],
    aligning: AligningHeads | None = None,
) -> TransformerSpec:
    """Build the specification of a model.

    Args:
        model: in float32.
        source_tokens, target_tokens: of the two vocabularies, in the order of their ids.
        aligning: whose weights are given as the attention of a translation. The engine averages the first heads of a
            layer: these come first in the copy, which computes the same.

    Raises:
        UserError: CTranslate2 does not know the activation.
    """
    config = model.config
    if config.activation_function not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise UserError(f"activation_function is {config.activation_function}, and CTranslate2 knows {known}")
    encoder, decoder = model.get_encoder(), model.get_decoder()
    spec = TransformerSpec(
        _stack_spec(TransformerEncoderSpec, config, config.encoder_layers, config.encoder_attention_heads),
        _stack_spec(
            TransformerDecoderSpec,
            config,
            config.decoder_layers,
            config.decoder_attention_heads,
            **({"alignment_layer": aligning.layer, "alignment_heads": len(aligning.heads)} if aligning else {}),
        ),
    )
    with torch.no_grad():
        _fill_stack(spec.encoder, spec.encoder.embeddings[0], encoder, None)
        _fill_stack(spec.decoder, spec.decoder.embeddings, decoder, aligning)
        _fill_linear(spec.decoder.projection, model.lm_head)
        if model.final_logits_bias is not None:
            spec.decoder.projection.bias = model.final_logits_bias[0]
    _register(spec, model, source_tokens, target_tokens)
    return spec


def _stack_spec(kind: type, config: AttnConfig, layers: int, heads: int, **options: Any) -> Any:
    """Declare an encoder or a decoder."""
    width = config.width_of_head(heads)
    is_rotary = config.position_embedding == "rotary"
    if is_rotary:
        options |= {"rotary_dim": width, "rotary_interleave": False}  # halves of a head turn against each other
    spec = kind(
        layers,
        heads,
        pre_norm=config.norm_position == "pre",
        activation=ACTIVATIONS[config.activation_function],
        layernorm_embedding=config.normalize_embedding,
        head_dim=width,
        **options,
    )
    if is_rotary and hasattr(spec, "position_encodings"):
        del spec.position_encodings
    return spec


def _fill_stack(spec: Any, embeddings: Any, stack: Encoder | Decoder, aligning: AligningHeads | None) -> None:
    """Give the weights of an encoder or a decoder."""
    spec.scale_embeddings = stack.embed_tokens.scale
    embeddings.weight = stack.embed_tokens.weight
    positions = stack.embed_positions
    if positions.are_added:
        spec.position_encodings.encodings = positions.weight[positions.offset :]
    for name in ("layernorm_embedding", "layer_norm"):
        if (norm := getattr(stack, name)) is not None:
            _fill_norm(getattr(spec, name), norm)
    for number, (layer_spec, layer) in enumerate(zip(spec.layer, stack.layers, strict=True)):
        assert isinstance(layer, TransformerLayer)
        _fill_self_attention(layer_spec.self_attention, layer)
        if isinstance(layer, DecoderLayer):
            is_aligning = aligning is not None and number == aligning.layer
            _fill_cross_attention(layer_spec.attention, layer, aligning.heads if aligning and is_aligning else ())
        _fill_linear(layer_spec.ffn.linear_0, layer.fc1)
        _fill_linear(layer_spec.ffn.linear_1, layer.fc2)
        _fill_norm(layer_spec.ffn.layer_norm, layer.final_layer_norm)


def _fill_self_attention(spec: Any, layer: TransformerLayer) -> None:
    """Give query, key and value as one map."""
    query, key, value, output = _projections(layer.self_attn)
    fuse_linear(spec.linear[0], [query, key, value])
    spec.linear[1].weight, spec.linear[1].bias = output.weight, output.bias
    _fill_norm(spec.layer_norm, layer.self_attn_layer_norm)


def _fill_cross_attention(spec: Any, layer: DecoderLayer, first: Sequence[int]) -> None:
    """Give the query as one map, key and value as another; `first` are the heads to begin with."""
    query, key, value, output = _projections(layer.encoder_attn, first)
    fuse_linear(spec.linear[0], [query])
    fuse_linear(spec.linear[1], [key, value])
    spec.linear[2].weight, spec.linear[2].bias = output.weight, output.bias
    _fill_norm(spec.layer_norm, layer.encoder_attn_layer_norm)


def _projections(attention: Attention, first: Sequence[int] = ()) -> list[common_spec.LinearSpec]:
    """Read the maps of query, key, value (H*K,D) and output (D,H*K), some heads before the others.

    The order of heads does not matter to what they compute together: rows of query, key and value move with the columns
    of the output that read them.
    """
    heads = [*first, *(head for head in range(attention.num_heads) if head not in first)]
    rows = torch.arange(attention.num_heads * attention.head_dim).view(attention.num_heads, -1)[heads].flatten()
    specs = []
    for linear in (attention.q_proj, attention.k_proj, attention.v_proj):
        specs.append(common_spec.LinearSpec())
        specs[-1].weight, specs[-1].bias = linear.weight[rows], linear.bias[rows]
    specs.append(common_spec.LinearSpec())
    specs[-1].weight, specs[-1].bias = attention.out_proj.weight[:, rows], attention.out_proj.bias
    return specs


def _fill_linear(spec: Any, linear: nn.Module) -> None:
    spec.weight = linear.weight
    if linear.bias is not None:
        spec.bias = linear.bias


def _fill_norm(spec: Any, norm: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = norm.weight, norm.bias
