"""Word vectors, the encoder layer and the decoder layer: the parts that the stacks are built from.

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

    def __init__(self, config: AttnConfig, vocab_size: int):
        super().__init__(vocab_size, config.d_model, config.pad_token_id)
        self.scale = config.d_model**0.5 if config.scale_embedding else 1.0

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Look up the vectors: (B,T) -> (B,T,D)."""
        return super().forward(input_ids) * self.scale


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

    def feed_forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Transform each position alone."""
        residual = hidden_states
        if self.pre_norm:
            hidden_states = self.final_layer_norm(hidden_states)
        hidden_states = self.activation_fn(self.fc1(hidden_states))  # (B,T,D) -> (B,T,F)
        hidden_states = self.fc2(self.activation_dropout(hidden_states))  # (B,T,F) -> (B,T,D)
        hidden_states = residual + self.dropout(hidden_states)
        return hidden_states if self.pre_norm else self.final_layer_norm(hidden_states)


class EncoderLayer(TransformerLayer):
    """Self-attention over the source, then the feed-forward sublayer."""

    def __init__(self, config: AttnConfig, layer_idx: int):
        heads, width = config.encoder_attention_heads, config.encoder_ffn_dim
        super().__init__(config, heads, width, layer_idx, is_causal=False)

    def forward(self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None, **kwargs) -> torch.Tensor:
        """Refine the source vectors: (B,S,D) -> (B,S,D)."""
        residual = hidden_states
        if self.pre_norm:
            hidden_states = self.self_attn_layer_norm(hidden_states)
        hidden_states, _ = self.self_attn(hidden_states, attention_mask, **kwargs)
        hidden_states = residual + self.dropout(hidden_states)
        if not self.pre_norm:
            hidden_states = self.self_attn_layer_norm(hidden_states)
        return self.feed_forward(hidden_states)


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
        position_embeddings: torch.Tensor | None = None,
        **kwargs,
    ) -> torch.Tensor:
        """Refine the target vectors (B,T,D) with a look at the source vectors (B,S,D)."""
        residual = hidden_states
        if self.pre_norm:
            hidden_states = self.self_attn_layer_norm(hidden_states)
        hidden_states, _ = self.self_attn(
            hidden_states,
            attention_mask,
            past_key_values=past_key_values,
            position_embeddings=position_embeddings,
            **kwargs,
        )
        hidden_states = residual + self.dropout(hidden_states)
        if not self.pre_norm:
            hidden_states = self.self_attn_layer_norm(hidden_states)

        if encoder_hidden_states is not None:
            residual = hidden_states
            if self.pre_norm:
                hidden_states = self.encoder_attn_layer_norm(hidden_states)
            hidden_states, _ = self.encoder_attn(
                hidden_states,
                encoder_attention_mask,
                key_value_states=encoder_hidden_states,
                past_key_values=past_key_values,
                **kwargs,
            )
            hidden_states = residual + self.dropout(hidden_states)
            if not self.pre_norm:
                hidden_states = self.encoder_attn_layer_norm(hidden_states)
        return self.feed_forward(hidden_states)


def deepnorm_init_(layers: nn.ModuleList, residual: float, gain: float) -> None:
    """Let every sublayer begin as a small change of what it is given: what a norm after the sum needs.

    DeepNet (Wang et al., 2022, figure 2) multiplies what a sublayer is given by a constant, and the first values of its
    weights, those of queries and keys excepted, by another. A norm after the sum does not see a common factor, so that
    here the weights that a sublayer ends with are divided instead, and the forward pass stays Marian's.

    Args:
        layers: encoder or decoder layers; `AttnPreTrainedModel._init_weights` reads the `init_gain` that their linear
            maps get here: by which factor their first weights are wider than Glorot's.
        residual: alpha of the paper.
        gain: beta of the paper.
    """
    for layer in cast(Iterable[TransformerLayer], layers):
        attentions = [part for part in layer.children() if isinstance(part, Attention)]
        for linear in (layer.fc1, *(attention.v_proj for attention in attentions)):
            linear.init_gain = gain  # type: ignore[assignment]
        for linear in (layer.fc2, *(attention.out_proj for attention in attentions)):
            linear.init_gain = gain / residual  # type: ignore[assignment]
