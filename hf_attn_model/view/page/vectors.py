"""Queries, keys and values of a sentence: read from an export that keeps them, or off the live model.

Shapes: L layers, H heads, G heads that have keys of their own, T queries, S keys, K head_dim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ...maps.forced import forced_pass, name_pairs, read_targets, sentence_maps
from ...maps.recording import RecordedPlace
from ...maps.sentence import PLACES, SentenceMaps
from ...maps.sides import read_texts
from ...maps.steps import AttentionSteps
from ...maps.stored import StoredMap
from ...translate import best_translations

HIDDEN = -1e9  # masks add less than this to what may not be seen


@dataclass(frozen=True, eq=False)
class PlaceVectors:
    """What the attention weights of one place are made of.

    Attributes:
        query: (L,H,T,K) float32.
        key: (L,G,S,K) float32; head h has the key of h * G // H.
        value: (L,G,S,K) float32, or `None` where only queries and keys were kept.
        scaling: factor of the dot products.
        is_causal: whether query i sees the keys 0 to i alone.
        bias: (L,H,T,S) float32, added to the scores, where there is more than order to it (T5): -inf for a key that
            may not be seen; else `None`.
    """

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray | None
    scaling: float
    is_causal: bool
    bias: np.ndarray | None = None

    def attention_weights(self) -> np.ndarray:
        """Rebuild the weights, (L,H,T,S) float64, the way the page does."""
        query, key = self.query.astype(np.float64), self.key.astype(np.float64)
        key = np.repeat(key, query.shape[1] // key.shape[1], axis=1)
        masked_scores = query @ key.swapaxes(-1, -2) * self.scaling  # (L,H,T,K) @ (L,H,K,S) -> (L,H,T,S)
        if self.bias is not None:
            masked_scores = masked_scores + self.bias
        elif self.is_causal:
            masked_scores[..., np.tri(*masked_scores.shape[2:]) == 0] = -np.inf
        exponentials = np.exp(masked_scores - masked_scores.max(axis=-1, keepdims=True))
        return exponentials / exponentials.sum(axis=-1, keepdims=True)


@dataclass(frozen=True, eq=False)
class SeenSentence:
    """A sentence pair with its maps and, by place, the vectors that they are made of."""

    maps: SentenceMaps
    vectors: dict[str, PlaceVectors]

    def _repr_html_(self) -> str:
        """Show both in a notebook, as the page that `hf-attn view --out page.html` writes."""
        from .write import page_frame

        return page_frame([self])


def look_inside(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str],
    targets: Sequence[str] | Sequence[Sequence[int]],
    ids: Sequence[str] | None = None,
) -> list[SeenSentence]:
    """Pass sentence pairs through a model once, and keep their queries, keys and values beside their maps.

    Args:
        model, tokenizer, sources, targets, ids: see `maps.force`.

    Raises:
        UserError: as `maps.force`; or see `record_attention`.
    """
    names = name_pairs(sources, targets, ids)
    if not names:
        return []
    sides = read_texts(tokenizer, sources), read_targets(tokenizer, targets)
    forward = forced_pass(model, *sides, names=names, keep=("query", "key", "value"))
    return [
        SeenSentence(maps, {place: _of_steps(getattr(forward[i], place), place) for place in PLACES})
        for i, maps in enumerate(sentence_maps(forward, *sides, names))
    ]


def look_at_best(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str, count: int, *, num_beams: int
) -> list[SeenSentence]:
    """Look inside the best translations of a sentence, each named by its rank.

    Args:
        model, tokenizer, source, count, num_beams: see `best_translations`.

    Raises:
        UserError: see `look_inside`.
    """
    found = best_translations(model, tokenizer, source, count, num_beams=num_beams)
    names = [f"translation {rank}" for rank in range(1, len(found) + 1)]
    return look_inside(model, tokenizer, [source] * len(found), found, names)


def vectors_of(record: SentenceMaps | SeenSentence) -> dict[str, PlaceVectors]:
    """Find the vectors of a sentence, by place; there are none where an export keeps weights alone."""
    if isinstance(record, SeenSentence):
        return record.vectors
    stored = {place: getattr(record, place) for place in record.places}
    return {
        place: _of_export(found)
        for place, found in stored.items()
        if isinstance(found, StoredMap) and found.layout.keep == "qk"
    }


def _of_export(stored: StoredMap) -> PlaceVectors:
    shapes = stored.layout.columns(stored.place, stored.shape)
    query, key = (
        stored.columns[name].reshape(shapes[name]) for name in (f"{stored.place}_query", f"{stored.place}_key")
    )
    scaling = stored.layout.places[stored.place].scaling
    return PlaceVectors(query, key, None, scaling, is_causal=stored.place == "decoder")


def _of_steps(recorded: RecordedPlace, place: str) -> PlaceVectors:
    layers = [recorded[layer] for layer in recorded.layers]
    query = _stack([steps.query for steps in layers])
    return PlaceVectors(
        query=query,
        key=_stack([steps.key for steps in layers]),
        value=_stack([steps.value for steps in layers]),
        scaling=layers[0].scaling,
        is_causal=place == "decoder",
        bias=_bias(layers, query.shape, is_causal=place == "decoder"),
    )


def _bias(layers: Sequence[AttentionSteps], shape: tuple[int, ...], is_causal: bool) -> np.ndarray | None:
    """Add up what stands beside the scores, (L,H,T,S); `None` where it says nothing but the order of tokens."""
    heads, rows, columns = shape[1], shape[2], layers[0].key.shape[1]
    visible = np.tri(rows, columns, dtype=bool) if is_causal else np.ones((rows, columns), dtype=bool)
    nothing = torch.zeros(())
    bias = np.stack(
        [
            np.broadcast_to(
                (nothing if steps.bias is None else steps.bias).float().cpu().numpy(), (heads, rows, columns)
            )
            for steps in layers
        ]
    )
    bias = np.where(bias < HIDDEN, -np.inf, bias)
    return None if np.array_equal(bias, np.broadcast_to(np.where(visible, 0, -np.inf), bias.shape)) else bias


def _stack(layers: Sequence[torch.Tensor]) -> np.ndarray:
    return torch.stack([vectors.float().cpu() for vectors in layers]).numpy()
