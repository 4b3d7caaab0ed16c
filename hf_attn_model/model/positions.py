"""Positions: how the model learns where a word stands.

Shapes: B batch, T length, D d_model, K head_dim.
"""

import math

import torch
from torch import nn

from .configuration_attn import AttnConfig


class SinusoidalPositions(nn.Module):
    """Position -> a vector of sines and cosines of falling frequency (Vaswani et al., 2017, section 3.5).

    The sines fill the first half of the vector and the cosines the second, as in Marian. The table is no parameter:
    it is computed anew wherever the model is built or loaded.

    Attributes:
        are_added: to the word vectors; else (rotary positions) they turn the queries and keys of self-attention.
        length: positions that have a vector.
        offset: the row of the first position.
    """

    weight: torch.Tensor

    def __init__(self, config: AttnConfig, num_heads: int):
        super().__init__()
        self.are_added = config.position_embedding != "rotary"
        self.length, self.offset = config.max_position_embeddings, config.position_offset
        width = config.d_model if self.are_added else config.width_of_head(num_heads)
        table = self.table(self.offset + config.max_position_embeddings, width)
        self.register_buffer("weight", table, persistent=False)

    @staticmethod
    def table(positions: int, width: int) -> torch.Tensor:
        """Compute the sinusoids of positions 0, 1, ...: (positions, width), float32."""
        position = torch.arange(positions, dtype=torch.float64)[:, None]
        frequency = 10000 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
        angle = position * frequency  # (positions, ceil(width / 2))
        return torch.cat([angle.sin(), angle.cos()[:, : width // 2]], dim=1).float()

    def forward(self, position_ids: torch.Tensor) -> torch.Tensor:
        """Look up the vectors: (B,T) -> (B,T,D), or (B,T,K) for rotary positions."""
        return nn.functional.embedding(position_ids + self.offset, self.weight)


class Tensor2TensorPositions(SinusoidalPositions):
    """Sinusoids as tensor2tensor and fairseq, hence M2M-100 and NLLB, compute them.

    Their frequencies fall to exactly 1/10000, and numbers are those of float32, which tell at distant positions.
    """

    @staticmethod
    def table(positions: int, width: int) -> torch.Tensor:
        """Compute the sinusoids of positions 0, 1, ...: (positions, width), float32."""
        half = width // 2
        frequency = torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10000) / (half - 1)))
        angle = torch.arange(positions, dtype=torch.float32)[:, None] * frequency  # (positions, width // 2)
        return nn.functional.pad(torch.cat([angle.sin(), angle.cos()], dim=1), (0, width % 2))


class LearnedPositions(nn.Embedding):
    """Position -> a vector that is learned, as in BART; the rows before `offset`, the first position, are unused."""

    are_added = True

    def __init__(self, config: AttnConfig, num_heads: int):
        super().__init__(config.position_offset + config.max_position_embeddings, config.d_model)
        self.length, self.offset = config.max_position_embeddings, config.position_offset

    def forward(self, position_ids: torch.Tensor) -> torch.Tensor:
        """Look up the vectors: (B,T) -> (B,T,D)."""
        return super().forward(position_ids + self.offset)


POSITIONS: dict[str, type[SinusoidalPositions | LearnedPositions]] = {  # by `position_embedding`
    "sinusoidal": SinusoidalPositions,
    "tensor2tensor": Tensor2TensorPositions,
    "rotary": SinusoidalPositions,
    "learned": LearnedPositions,
}


def make_positions(config: AttnConfig, num_heads: int) -> SinusoidalPositions | LearnedPositions:
    """Build the positions of a stack whose layers have `num_heads` heads."""
    return POSITIONS[config.position_embedding](config, num_heads)


def count_positions(attention_mask: torch.Tensor) -> torch.Tensor:
    """Number the unmasked tokens of each row 0, 1, ..., so that padding on either side moves nobody.

    Args:
        attention_mask: (B,T), nonzero for tokens and 0 for padding.

    Returns:
        position ids (B,T), int64; padding before the first token gets 0.
    """
    return (attention_mask.long().cumsum(dim=-1) - 1).clamp(min=0)
