"""The steps of attention, rebuilt from what one call of an attention function was given.

Shapes: B batch, H heads, T queries, S keys, K head_dim. Tensors keep the model's device; half precision is
rebuilt in float32. Equations: Vaswani et al. (2017), section 3.2.1.
"""

from dataclasses import dataclass

import torch
from torch.nn.attention.flex_attention import BlockMask, create_mask


@dataclass(frozen=True, eq=False)
class AttentionSteps:
    """What attention computed for one sentence: all heads of a layer (H,..), or one head (without H).

    Attributes:
        query: (H,T,K).
        key: (H,S,K).
        value: (H,S,K).
        scaling: factor of the dot products, usually 1/sqrt(K).
        bias: (H,T,S) or broadcastable, added to the scores: the mask (0 or a very negative number) plus the
            position bias of models that have one. `None` where every query may see every key.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    scaling: float
    bias: torch.Tensor | None = None

    @property
    def scores(self) -> torch.Tensor:
        """Scaled dot products of every query with every key, (H,T,S)."""
        return self.query @ self.key.mT * self.scaling  # (H,T,K) @ (H,K,S) -> (H,T,S)

    @property
    def masked_scores(self) -> torch.Tensor:
        """Scores plus bias, (H,T,S): very negative where a query may not look."""
        return self.scores if self.bias is None else self.scores + self.bias

    @property
    def attention_weights(self) -> torch.Tensor:
        """Softmax of the masked scores, before dropout, (H,T,S): each row sums to 1."""
        return self.masked_scores.softmax(dim=-1)

    @property
    def context(self) -> torch.Tensor:
        """Average of the values under the attention weights, (H,T,K)."""
        return self.attention_weights @ self.value  # (H,T,S) @ (H,S,K) -> (H,T,K)


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """What one attention module handed to its attention function for a batch, detached.

    Attributes:
        query: (B,H,T,K).
        key, value: (B,H,S,K).
        mask: as the implementation takes it: `None`, bool or float (B,1|H,T,S), padding (B,S), or a
            `BlockMask`.
        position_bias: `None` or broadcastable to (B,H,T,S).
        scaling: factor of the dot products.
        causal: whether the implementation itself hides later keys when it gets no (B,1,T,S) mask.
        causal_offset: key that the first query may see last, under `causal`.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor | BlockMask | None
    position_bias: torch.Tensor | None
    scaling: float
    causal: bool
    causal_offset: int

    def of_sentence(
        self, sentence: int, rows: torch.Tensor, columns: torch.Tensor, heads: int | slice = slice(None)
    ) -> AttentionSteps:
        """Cut out one sentence; `rows` (T,) and `columns` (S,) are True where there is a token."""
        precise = torch.promote_types(self.query.dtype, torch.float32)
        bias = self._bias(sentence, precise)
        if bias is not None:
            bias = bias.expand(self.query.shape[1], -1, -1)[heads][..., rows, :][..., columns]
        return AttentionSteps(
            query=self.query[sentence, heads][..., rows, :].to(precise),
            key=self.key[sentence, heads][..., columns, :].to(precise),
            value=self.value[sentence, heads][..., columns, :].to(precise),
            scaling=self.scaling,
            bias=bias,
        )

    def _bias(self, sentence: int, dtype: torch.dtype) -> torch.Tensor | None:
        """Add up mask and position bias of one sentence: (1|H,T,S), or `None` where there is neither."""
        mask = self._mask(sentence)
        if mask is not None:
            if mask.dtype == torch.bool:
                mask = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(
                    ~mask, torch.finfo(dtype).min
                )
            mask = mask.to(dtype)
        if self.position_bias is None:
            return mask
        position_bias = self.position_bias[sentence % len(self.position_bias)].to(dtype)  # (1,H,T,S) serves all
        return position_bias if mask is None else position_bias + mask

    def _mask(self, sentence: int) -> torch.Tensor | None:
        """Bring the mask of one sentence to (1|H,T,S), bool (True: may look) or float (to be added)."""
        queries, keys, device = self.query.shape[2], self.key.shape[2], self.query.device
        if isinstance(self.mask, BlockMask):
            batch, heads = self.mask.shape[:2]
            return create_mask(self.mask.mask_mod, batch, heads, queries, keys, device=device)[sentence]
        if self.mask is not None and self.mask.ndim == 4:
            return self.mask[sentence % len(self.mask), ..., :keys]  # (1,1,T,S) serves all sentences
        if self.mask is None and not self.causal:
            return None
        visible = torch.ones(1, queries, keys, dtype=torch.bool, device=device)
        if self.causal:
            visible = visible.tril(self.causal_offset)
        return visible if self.mask is None else visible & self.mask[sentence].bool()
