"""The steps of attention, rebuilt from what one call of an attention function was given.

Shapes: B batch, H heads, G heads that share a key, T queries, S keys, K head_dim. Tensors
keep the model's device; half precision is rebuilt in float32. Equations: Vaswani et al. (2017), section 3.2.1.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.attention.flex_attention import BlockMask, create_mask

from ..errors import UserError


@dataclass(frozen=True, eq=False)
class AttentionSteps:
    """What attention computed for one sentence: all heads of a layer (H,..), or one head (without H).

    Attributes:
        query: (H,T,K).
        key: (H,S,K).
        recorded_value: (H,S,K), or `None` where values were not recorded.
        scaling: factor of the dot products, usually 1/sqrt(K).
        bias: (H,T,S) or broadcastable, added to the scores: the mask (0 or a very negative number) plus the
            position bias of models that have one. `None` where every query may see every key.
        softcap: bound of the scores, which come near it as `softcap * tanh(scores / softcap)`, or `None`.
        elsewhere: (H,T,1), where one softmax goes over the keys of two places: the log of the summed exponentials of
            the other place's masked scores. The weights then sum to 1 together with those of the other place.
    """

    query: torch.Tensor
    key: torch.Tensor
    recorded_value: torch.Tensor | None
    scaling: float
    bias: torch.Tensor | None = None
    softcap: float | None = None
    elsewhere: torch.Tensor | None = None

    @property
    def value(self) -> torch.Tensor:
        """What the attention weights average, (H,S,K). Raises `UserError` where values were not recorded."""
        if self.recorded_value is None:
            raise UserError('no values were recorded; use record_attention(model, keep=("query", "key", "value"))')
        return self.recorded_value

    @property
    def scores(self) -> torch.Tensor:
        """Scaled dot products of every query with every key, (H,T,S)."""
        return _capped(self.query @ self.key.mT * self.scaling, self.softcap)  # (H,T,K) @ (H,K,S) -> (H,T,S)

    @property
    def masked_scores(self) -> torch.Tensor:
        """Scores plus bias, (H,T,S): very negative where a query may not look."""
        return self.scores if self.bias is None else self.scores + self.bias

    @property
    def attention_weights(self) -> torch.Tensor:
        """Softmax of the masked scores, before dropout, (H,T,S): each row sums to 1 (but see `elsewhere`)."""
        return _softmax(self.masked_scores, self.elsewhere)

    @property
    def context(self) -> torch.Tensor:
        """Average of the values under the attention weights, (H,T,K)."""
        return self.attention_weights @ self.value  # (H,T,S) @ (H,S,K) -> (H,T,K)


class WeightsAlone(AttentionSteps):
    """The attention weights (H,T,S) that a module returned by itself; every other step raises `UserError`."""

    def __init__(self, weights: torch.Tensor):
        object.__setattr__(self, "_weights", weights)

    @property
    def attention_weights(self) -> torch.Tensor:
        """What the module returned, (H,T,S)."""
        return self._weights

    def __getattr__(self, name: str) -> torch.Tensor:
        if name in AttentionSteps.__dataclass_fields__:
            raise UserError(f"no {name.removeprefix('recorded_')} was recorded: the model gives its weights alone")
        raise AttributeError(name)


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """What one attention module handed to its attention function for a batch, detached.

    Attributes:
        query: (B,H,T,K).
        key, value: (B,H/G,S,K): G heads in a row share one (grouped queries; G is 1 in most models). The value is
            `None` where it is not kept.
        heads: the numbers that the H heads have in the model.
        mask: as the implementation takes it: `None`, bool or float (B,1|H,T,S), padding (B,S), or a
            `BlockMask`.
        position_bias: `None` or broadcastable to (B,H,T,S).
        scaling: factor of the dot products.
        causal: whether the implementation itself hides later keys when it gets no (B,1,T,S) mask.
        causal_offset: key that the first query may see last, under `causal`.
        softcap, elsewhere: see `AttentionSteps`; (B,H,T,1) here.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor | None
    heads: tuple[int, ...]
    mask: torch.Tensor | BlockMask | None
    position_bias: torch.Tensor | None
    scaling: float
    causal: bool
    causal_offset: int
    softcap: float | None = None
    elsewhere: torch.Tensor | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(B,H,T,S)."""
        return (*self.query.shape[:3], self.key.shape[2])

    def split(self, size: int) -> tuple["AttentionCall", "AttentionCall"]:
        """Split one softmax over the keys of two places, of which the last `size` are the second's, into its two."""
        cut = self.key.shape[2] - size
        masked_scores = self._masked_scores()  # (B,H,T,S)
        parts = (slice(None, cut), slice(cut, None))
        first, second = (
            replace(
                self,
                key=self.key[:, :, own],
                value=None if self.value is None else self.value[:, :, own],
                mask=self.mask[..., own] if isinstance(self.mask, torch.Tensor) else self.mask,
                elsewhere=masked_scores[..., other].logsumexp(dim=-1, keepdim=True),
            )
            for own, other in (parts, parts[::-1])
        )
        return first, second

    def select(self, heads: tuple[int, ...] | None, with_value: bool) -> "AttentionCall":
        """Keep some of the heads, and the values or not. Raises `UserError` for a head that is not there."""
        value = self.value if with_value else None
        if heads is None:
            return replace(self, value=value)
        _check_heads(heads, self.query.shape[1])
        chosen = list(heads)
        return replace(
            self,
            query=self.query[:, chosen],
            key=self._per_head(self.key)[:, chosen],
            value=None if value is None else self._per_head(value)[:, chosen],
            heads=heads,
            mask=_of_heads(self.mask, chosen) if isinstance(self.mask, torch.Tensor) else self.mask,
            position_bias=None if self.position_bias is None else _of_heads(self.position_bias, chosen),
            elsewhere=None if self.elsewhere is None else self.elsewhere[:, chosen],
        )

    def of_sentence(
        self, sentence: int, rows: torch.Tensor, columns: torch.Tensor, head: int | None = None
    ) -> AttentionSteps:
        """Cut out one sentence; `rows` (T,) and `columns` (S,) are True where there is a token.

        `head` is the number of one head in the model; without it all that were kept stay side by side.
        """
        heads: int | slice = slice(None) if head is None else self.heads.index(head)
        precise = torch.promote_types(self.query.dtype, torch.float32)
        only = slice(sentence, sentence + 1)
        bias = self._bias(only, precise)
        if bias is not None:
            bias = bias[0].expand(self.query.shape[1], -1, -1)[heads][..., rows, :][..., columns]
        value = None if self.value is None else self._per_head(self.value[only])[0, heads][..., columns, :].to(precise)
        return AttentionSteps(
            query=self.query[sentence, heads][..., rows, :].to(precise),
            key=self._per_head(self.key[only])[0, heads][..., columns, :].to(precise),
            recorded_value=value,
            scaling=self.scaling,
            bias=bias,
            softcap=self.softcap,
            elsewhere=None if self.elsewhere is None else self.elsewhere[sentence, heads][..., rows, :].to(precise),
        )

    def attention_weights(self) -> torch.Tensor:
        """Rebuild the weights of the whole batch, (B,H,T,S), padding included."""
        return _softmax(self._masked_scores(), self.elsewhere)

    def _masked_scores(self) -> torch.Tensor:
        precise = torch.promote_types(self.query.dtype, torch.float32)
        scores = _dot_products(self.query.to(precise), self._per_head(self.key).to(precise)) * self.scaling
        scores, bias = _capped(scores, self.softcap), self._bias(slice(None), precise)
        return scores if bias is None else scores + bias

    def _per_head(self, shared: torch.Tensor) -> torch.Tensor:
        """Give each head its key or value: (B,H/G,S,K) -> (B,H,S,K)."""
        heads = self.query.shape[1]
        return shared if shared.shape[1] == heads else shared.repeat_interleave(heads // shared.shape[1], dim=1)

    def _bias(self, sentences: slice, dtype: torch.dtype) -> torch.Tensor | None:
        """Add up mask and position bias of some sentences: (1|B,1|H,T,S), or `None` where there is neither."""
        mask = self._mask(sentences)
        if mask is not None:
            if mask.dtype == torch.bool:
                mask = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(
                    ~mask, torch.finfo(dtype).min
                )
            mask = mask.to(dtype)
        if self.position_bias is None:
            return mask
        position_bias = _of_sentences(self.position_bias, sentences).to(dtype)
        return position_bias if mask is None else position_bias + mask

    def _mask(self, sentences: slice) -> torch.Tensor | None:
        """Bring the mask of some sentences to (1|B,1|H,T,S), bool (True: may look) or float (to be added)."""
        queries, keys, device = self.query.shape[2], self.key.shape[2], self.query.device
        if isinstance(self.mask, BlockMask):
            batch, heads = self.mask.shape[:2]
            return create_mask(self.mask.mask_mod, batch, heads, queries, keys, device=device)[sentences]
        if self.mask is not None and self.mask.ndim == 4:
            return _of_sentences(self.mask, sentences)[..., :keys]
        if self.mask is None and not self.causal:
            return None
        visible = torch.ones(1, 1, queries, keys, dtype=torch.bool, device=device)
        if self.causal:
            visible = visible.tril(self.causal_offset)
        return visible if self.mask is None else visible & self.mask[sentences, None, None, :keys].bool()


@dataclass(frozen=True, eq=False)
class GivenWeights:
    """Attention weights (B,H,T,S) that a module returned for a batch, in place of what they could be rebuilt from.

    Attributes:
        weights: (B,H,T,S), each row sums to 1.
        heads: the numbers that the H heads have in the model.
    """

    weights: torch.Tensor
    heads: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """(B,H,T,S)."""
        return tuple(self.weights.shape)

    def select(self, heads: tuple[int, ...] | None, with_value: bool = False) -> "GivenWeights":
        """Keep some of the heads; there are no values. Raises `UserError` for a head that is not there."""
        if heads is None:
            return self
        _check_heads(heads, self.weights.shape[1])
        return GivenWeights(self.weights[:, list(heads)], heads)

    def of_sentence(
        self, sentence: int, rows: torch.Tensor, columns: torch.Tensor, head: int | None = None
    ) -> AttentionSteps:
        """Cut out one sentence; see `AttentionCall.of_sentence`."""
        heads: int | slice = slice(None) if head is None else self.heads.index(head)
        weights = self.weights[sentence, heads][..., rows, :][..., columns]
        return WeightsAlone(weights.to(torch.promote_types(weights.dtype, torch.float32)))

    def attention_weights(self) -> torch.Tensor:
        """Return the weights of the whole batch, (B,H,T,S), padding included."""
        return self.weights


def rebuild_weights(
    query: np.ndarray, key: np.ndarray, scaling: float, *, is_causal: bool, bias: np.ndarray | None = None
) -> np.ndarray:
    """Rebuild attention weights with NumPy: (..,T,K), (..,S,K) -> (..,T,S), in the dtype of the queries.

    Args:
        query: (..,T,K).
        key: (..,S,K).
        scaling: factor of the dot products.
        is_causal: whether query i sees the keys 0 to i alone, unless `bias` says what is seen.
        bias: broadcastable to (..,T,S), added to the scores; -inf for a key that may not be seen.
    """
    masked_scores = query @ key.swapaxes(-1, -2) * scaling  # (..,T,K) @ (..,K,S) -> (..,T,S)
    if bias is not None:
        masked_scores = masked_scores + bias
    elif is_causal:
        masked_scores[..., np.tri(*masked_scores.shape[-2:]) == 0] = -np.inf
    exponentials = np.exp(masked_scores - masked_scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _dot_products(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Multiply (B,H,T,K) with (B,H,S,K) to (B,H,T,S), head by head: all heads at once would be copied first."""
    return torch.stack([query[:, head] @ key[:, head].mT for head in range(query.shape[1])], dim=1)


def _capped(scores: torch.Tensor, softcap: float | None) -> torch.Tensor:
    return scores if softcap is None else softcap * torch.tanh(scores / softcap)


def _softmax(masked_scores: torch.Tensor, elsewhere: torch.Tensor | None) -> torch.Tensor:
    """Softmax over the keys; over a few keys a CPU is many times faster when they come first."""
    if elsewhere is not None:
        return torch.cat([masked_scores, elsewhere.to(masked_scores.dtype)], dim=-1).softmax(dim=-1)[..., :-1]
    if masked_scores.is_cuda or masked_scores.shape[-1] >= 16:
        return masked_scores.softmax(dim=-1)
    return masked_scores.movedim(-1, 0).contiguous().softmax(dim=0).movedim(0, -1)


def _check_heads(heads: tuple[int, ...], count: int) -> None:
    if max(heads) >= count:
        raise UserError(f"there is no head {max(heads)}: the attention has heads 0 to {count - 1}")


def _of_sentences(tensor: torch.Tensor, sentences: slice) -> torch.Tensor:
    return tensor if len(tensor) == 1 else tensor[sentences]  # (1,..) serves all sentences


def _of_heads(bias: torch.Tensor, heads: list[int]) -> torch.Tensor:
    return bias[:, heads] if bias.ndim == 4 and bias.shape[1] > 1 else bias  # (B,1,T,S) and (B,S) serve all heads
