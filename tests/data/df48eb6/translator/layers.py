"""Word vectors, positions, the encoder layer and the decoder layer: the parts that the stacks are built from.

Shapes: B batch, T target length, S source length, D d_model, F feed-forward width.
"""

from collections.abc import Iterable
from typing import cast

import torch
from torch import nn
from transformers.activations import ACT2FN
from transformers.cache_utils import Cache
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention import Attention
from .configuration_attn import AttnConfig
from .dropout import Dropout


class WordEmbedding(nn.Embedding):
    """Token ids -> word vectors, scaled by sqrt(d_model) where the configuration says so."""

    def __init__(self, config: AttnConfig):
        super().__init__(config.vocab_size, config.d_model, config.pad_token_id)
        self.scale = config.d_model**0.5 if config.scale_embedding else 1.0

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Look up the vectors: (B,T) -> (B,T,D)."""
        return super().forward(input_ids) * self.scale


class SinusoidalPositions(nn.Module):
    """Position -> a vector of sines and cosines of falling frequency (Vaswani et al., 2017, section 3.5).

    The sines fill the first half of the vector and the cosines the second, as in Marian. The table is no parameter:
    it is computed anew wherever the model is built or loaded.

    Attributes:
        are_added: to the word vectors; else (rotary positions) they turn the queries and keys of self-attention.
    """

    weight: torch.Tensor

    def __init__(self, config: AttnConfig, num_heads: int):
        super().__init__()
        self.are_added = config.position_embedding == "sinusoidal"
        width = config.d_model if self.are_added else config.width_of_head(num_heads)
        self.register_buffer("weight", self.table(config.max_position_embeddings, width), persistent=False)

    @staticmethod
    def table(positions: int, width: int) -> torch.Tensor:
        """Compute the sinusoids of positions 0, 1, ...: (positions, width), float32."""
        position = torch.arange(positions, dtype=torch.float64)[:, None]
        frequency = 10000 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
        angle = position * frequency  # (positions, ceil(width / 2))
        return torch.cat([angle.sin(), angle.cos()[:, : width // 2]], dim=1).float()

    def forward(self, position_ids: torch.Tensor) -> torch.Tensor:
        """Look up the vectors: (B,T) -> (B,T,D), or (B,T,K) for rotary positions."""
        return nn.functional.embedding(position_ids, self.weight)


def count_positions(attention_mask: torch.Tensor) -> torch.Tensor:
    """Number the unmasked tokens of each row 0, 1, ..., so that padding on either side moves nobody.

    Args:
        attention_mask: (B,T), nonzero for tokens and 0 for padding.

    Returns:
        position ids (B,T), int64; padding before the first token gets 0.
    """
    return (attention_mask.long().cumsum(dim=-1) - 1).clamp(min=0)


class TransformerLayer(GradientCheckpointingLayer):
    """What both kinds of layer share: self-attention, the feed-forward sublayer, and norms around sublayers."""

    def __init__(self, config: AttnConfig, num_heads: int, ffn_dim: int, layer_idx: int, is_causal: bool):
        super().__init__()
        self.pre_norm = config.norm_position == "pre"
        self.dropout = Dropout(config.dropout)
        self.activation_dropout = Dropout(config.activation_dropout)
        self.activation_fn = ACT2FN[config.activation_function]
        self.self_attn = Attention(config, num_heads, layer_idx, is_causal)
        self.self_attn_layer_norm = nn.LayerNorm(config.d_model)
        self.fc1 = nn.Linear(config.d_model, ffn_dim)
        self.fc2 = nn.Linear(ffn_dim, config.d_model)
        self.final_layer_norm = nn.LayerNorm(config.d_model)

    def enter(self, norm: nn.LayerNorm, hidden_states: torch.Tensor) -> torch.Tensor:
        """Give what a sublayer reads."""
        return norm(hidden_states) if self.pre_norm else hidden_states

    def leave(self, norm: nn.LayerNorm, hidden_states: torch.Tensor, update: torch.Tensor) -> torch.Tensor:
        """Add what a sublayer returned to what it was given."""
        hidden_states = hidden_states + self.dropout(update)
        return hidden_states if self.pre_norm else norm(hidden_states)

    def feed_forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Transform each position alone."""
        inner = self.activation_fn(self.fc1(self.enter(self.final_layer_norm, hidden_states)))  # (B,T,D) -> (B,T,F)
        return self.leave(self.final_layer_norm, hidden_states, self.fc2(self.activation_dropout(inner)))


class EncoderLayer(TransformerLayer):
    """Self-attention over the source, then the feed-forward sublayer."""

    def __init__(self, config: AttnConfig, layer_idx: int):
        heads, width = config.encoder_attention_heads, config.encoder_ffn_dim
        super().__init__(config, heads, width, layer_idx, is_causal=False)

    def forward(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None, **kwargs) -> torch.Tensor:
        """Refine the source vectors: (B,S,D) -> (B,S,D)."""
        norm = self.self_attn_layer_norm
        update, _ = self.self_attn(self.enter(norm, hidden_states), attention_mask, **kwargs)
        return self.feed_forward(self.leave(norm, hidden_states, update))


class DecoderLayer(TransformerLayer):
    """Causal self-attention over the target, attention from target to source, then the feed-forward sublayer."""

    def __init__(self, config: AttnConfig, layer_idx: int):
        heads, width = config.decoder_attention_heads, config.decoder_ffn_dim
        super().__init__(config, heads, width, layer_idx, is_causal=True)
        self.encoder_attn = Attention(config, heads, layer_idx, is_causal=False)
        self.encoder_attn_layer_norm = nn.LayerNorm(config.d_model)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None,
        encoder_hidden_states: torch.Tensor | None,
        encoder_attention_mask: torch.Tensor | None,
        past_key_values: Cache | None = None,
        turns: torch.Tensor | None = None,
        **kwargs,
    ) -> torch.Tensor:
        """Refine the target vectors (B,T,D) with a look at the source vectors (B,S,D)."""
        norm = self.self_attn_layer_norm
        update, _ = self.self_attn(
            self.enter(norm, hidden_states), attention_mask, past_key_values=past_key_values, turns=turns, **kwargs
        )
        hidden_states = self.leave(norm, hidden_states, update)

        if encoder_hidden_states is not None:
            norm = self.encoder_attn_layer_norm
            update, _ = self.encoder_attn(
                self.enter(norm, hidden_states),
                encoder_attention_mask,
                key_value_states=encoder_hidden_states,
                past_key_values=past_key_values,
                **kwargs,
            )
            hidden_states = self.leave(norm, hidden_states, update)
        return self.feed_forward(hidden_states)


def start_softly(layers: nn.ModuleList, residual: float, gain: float) -> None:
    """Let every sublayer begin as a small change of what it is given: what a norm after the sum needs.

    DeepNet (Wang et al., 2022, figure 2) multiplies what a sublayer is given by a constant, and the first values of its
    weights, those of queries and keys excepted, by another. A norm after the sum does not see a common factor, so that
    here the weights that a sublayer ends with are divided instead, and the forward pass stays Marian's.

    Args:
        layers: encoder or decoder layers; their linear maps are marked with gains, before their weights are drawn.
        residual: alpha of the paper.
        gain: beta of the paper.
    """
    for layer in cast(Iterable[TransformerLayer], layers):
        attentions = [part for part in layer.children() if isinstance(part, Attention)]
        for linear in (layer.fc1, *(attention.v_proj for attention in attentions)):
            _mark(linear, gain)
        for linear in (layer.fc2, *(attention.out_proj for attention in attentions)):
            _mark(linear, gain / residual)


def _mark(linear: nn.Linear, gain: float) -> None:
    """Say by which factor the first weights are wider than Glorot's; `AttnPreTrainedModel._init_weights` reads it."""
    linear.gain = gain  # type: ignore[assignment]
