"""query, key, value -> scores -> weights -> context -> output.

Shapes: B batch, H heads, T target length (queries), S source length (keys), D d_model, K head_dim.
The one attention module stands in three places: `encoder` (self), `decoder` (self, causal) and `cross`
(queries from the target, keys and values from the source). Equations: Vaswani et al. (2017), section 3.2.
"""

from typing import Any

import torch
from torch import nn
from transformers.cache_utils import Cache, EncoderDecoderCache
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration_attn import AttnConfig


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Average the values, weighted by how well each query matches each key that the mask allows.

    Args:
        module: the attention module that asks; its training mode switches the dropout.
        query: (B,H,T,K).
        key, value: (B,H,S,K).
        attention_mask: broadcastable to (B,H,T,S), 0 where a query may look and a very negative number elsewhere.
        scaling: factor of the dot products, 1/sqrt(K).
        dropout: probability with which a weight is dropped in training.

    Returns:
        context (B,T,H,K), and the attention weights (B,H,T,S) before dropout: each row sums to 1.
    """
    scores = query @ key.mT * scaling  # (B,H,T,K) @ (B,H,K,S) -> (B,H,T,S)
    masked_scores = scores if attention_mask is None else scores + attention_mask
    attention_weights = masked_scores.softmax(dim=-1)  # (B,H,T,S)
    kept_weights = nn.functional.dropout(attention_weights, dropout, module.training)
    context = kept_weights @ value  # (B,H,T,S) @ (B,H,S,K) -> (B,H,T,K)
    return context.transpose(1, 2), attention_weights


def turn(vectors: torch.Tensor, sinusoids: torch.Tensor) -> torch.Tensor:
    """Turn queries or keys by angles that grow with their positions (RoPE; Su et al., 2021, equation 34).

    Numbers i and i + K/2 of a vector are a point in a plane, which turns about the origin with the frequency of
    the plane. The dot product of a query with a key then depends on how far apart the two stand, and not on where.

    Args:
        vectors: (B,H,T,K).
        sinusoids: (1|B,T,K), the sines and then the cosines of the angles of the K/2 planes.
    """
    sine, cosine = sinusoids[:, None].to(vectors.dtype).chunk(2, dim=-1)  # (1|B,1,T,K/2) each
    x, y = vectors.chunk(2, dim=-1)
    return torch.cat([x * cosine - y * sine, y * cosine + x * sine], dim=-1)


def as_autocast(states: torch.Tensor) -> torch.Tensor:
    """Cast once, under autocast, what several projections read: each would cast for itself."""
    device = states.device.type
    return states.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else states


class Attention(nn.Module):
    """Multi-head attention with separate query, key, value and output projections.

    Each of the H heads compares in a space of its own, K wide, where K is a free choice: it need not be D / H.
    """

    def __init__(self, config: AttnConfig, num_heads: int, layer_idx: int, is_causal: bool = False):
        super().__init__()
        self.config = config
        self.num_heads = num_heads
        self.head_dim = config.width_of_head(num_heads)
        self.scaling = self.head_dim**-0.5
        self.dropout = config.attention_dropout
        self.layer_idx = layer_idx
        self.is_causal = is_causal  # SDPA reads it when it gets no mask: cross-attention must say False

        inner = num_heads * self.head_dim
        self.q_proj = nn.Linear(config.d_model, inner)
        self.k_proj = nn.Linear(config.d_model, inner)
        self.v_proj = nn.Linear(config.d_model, inner)
        self.out_proj = nn.Linear(inner, config.d_model)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        key_value_states: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        turns: torch.Tensor | None = None,
        **kwargs,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Let every position of `hidden_states` (B,T,D) look at the positions of `key_value_states` (B,S,D).

        Without `key_value_states` the positions look at each other (self-attention), and `turns` (1|B,T,K), if
        given, turn queries and keys. Returns the output (B,T,D), and the attention weights (B,H,T,S) if the chosen
        attention implementation computes them, else `None`.
        """
        hidden_states = as_autocast(hidden_states)
        query = self._split_heads(self.q_proj(hidden_states))  # (B,T,D) -> (B,H,T,K)
        if turns is not None:
            query = turn(query, turns)
        key, value = self._keys_and_values(hidden_states, key_value_states, past_key_values, turns)  # (B,H,S,K)

        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention_forward)
        context, attention_weights = attend(
            self,
            query,
            key,
            value,
            attention_mask,
            scaling=self.scaling,
            dropout=self.dropout if self.training else 0.0,
            **kwargs,
        )
        output = self.out_proj(context.flatten(start_dim=2))  # (B,T,H,K) -> (B,T,H*K) -> (B,T,D)
        return output, attention_weights

    def _keys_and_values(
        self,
        hidden_states: torch.Tensor,
        key_value_states: torch.Tensor | None,
        past_key_values: Cache | None,
        turns: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Project keys and values, (B,H,S,K) each, with those of earlier generation steps if there is a cache."""
        is_cross = key_value_states is not None
        cache = past_key_values
        if isinstance(past_key_values, EncoderDecoderCache):
            if is_cross and past_key_values.is_updated.get(self.layer_idx):  # the source stays the same
                source: Any = past_key_values.cross_attention_cache.layers[self.layer_idx]
                return source.keys, source.values
            cache = past_key_values.cross_attention_cache if is_cross else past_key_values.self_attention_cache

        states = hidden_states if key_value_states is None else as_autocast(key_value_states)
        key, value = self._split_heads(self.k_proj(states)), self._split_heads(self.v_proj(states))
        if turns is not None:
            key = turn(key, turns)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
            if is_cross and isinstance(past_key_values, EncoderDecoderCache):
                past_key_values.is_updated[self.layer_idx] = True
        return key, value

    def _split_heads(self, projected: torch.Tensor) -> torch.Tensor:
        return projected.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)  # (B,T,H*K) -> (B,H,T,K)
