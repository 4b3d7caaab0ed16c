"""Queries, keys and values of a sentence: read from an export that keeps them, or off the live model.

Shapes: L layers, H heads, G heads that have keys of their own, T queries, S keys, K head_dim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ...attention.places import PLACES
from ...attention.recorded import RecordedPlace
from ...attention.sentence import SentenceMaps
from ...attention.shown import html_of
from ...attention.steps import AttentionSteps, rebuild_weights
from ...attention.teacher_forcing import name_pairs, read_targets, sentence_maps, teacher_forced_pass
from ...attention.tokenized import tokenize_with_words
from ...checkpoint import Checkpoint
from ...export.stored import StoredMap
from ...translation.search import best_translations

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
        return rebuild_weights(query, key, self.scaling, is_causal=self.is_causal, bias=self.bias)


@dataclass(frozen=True, eq=False)
class InspectedSentence:
    """A sentence pair with its maps and, by place, the vectors that they are made of."""

    maps: SentenceMaps
    vectors: dict[str, PlaceVectors]

    def _repr_html_(self) -> str:
        """Show both in a notebook, as the page that `hf-attn view --out page.html` writes."""
        return html_of(self)


def inspect_pairs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str],
    targets: Sequence[str] | Sequence[Sequence[int]],
    ids: Sequence[str] | None = None,
) -> list[InspectedSentence]:
    """Pass sentence pairs through a model once, and keep their queries, keys and values beside their maps.

    Args:
        model, tokenizer, sources, targets, ids: see `teacher_forced_attention`.

    Raises:
        UserError: as `teacher_forced_attention`; or see `record_attention`.
    """
    names = name_pairs(sources, targets, ids)
    if not names:
        return []
    sides = tokenize_with_words(tokenizer, sources), read_targets(tokenizer, targets)
    forward = teacher_forced_pass(model, *sides, names=names, keep=("query", "key", "value"))
    return [
        InspectedSentence(
            maps,
            {place: _of_steps(getattr(forward[i], place), place) for place in PLACES if forward.tells_vectors(place)},
        )
        for i, maps in enumerate(sentence_maps(forward, *sides, names))
    ]


def inspect_nbest(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str, count: int, *, num_beams: int
) -> list[InspectedSentence]:
    """Look inside the best translations of a sentence, each named by its rank.

    Args:
        model, tokenizer, source, count, num_beams: see `best_translations`.

    Raises:
        UserError: see `inspect_pairs`.
    """
    found = best_translations(model, tokenizer, source, count, num_beams=num_beams)
    names = [f"translation {rank}" for rank in range(1, len(found) + 1)]
    return inspect_pairs(model, tokenizer, [source] * len(found), found, names)


def inspect_translations(
    checkpoint: Checkpoint,
    source: str,
    *,
    target: str | None = None,
    best: int | None = None,
    compare: Sequence[Checkpoint] = (),
    num_beams: int = 5,
) -> list[InspectedSentence]:
    """Look inside the best translations of a sentence, or inside one translation through several checkpoints.

    Args:
        checkpoint: the translator.
        source: the sentence.
        target: a translation to look at, in place of the translator's own.
        best: so many translations, each named by its rank; then neither `target` nor `compare` is used.
        compare: other checkpoints, through which the same translation is passed; each is named by its folder.
        num_beams: width of the search.

    Raises:
        UserError: a checkpoint cannot be loaded; or see `inspect_pairs`.
    """
    model, tokenizer = checkpoint.model, checkpoint.tokenizer
    if best is not None:
        return inspect_nbest(model, tokenizer, source, best, num_beams=num_beams)
    text_or_ids: Any = target
    if target is None:
        text_or_ids = best_translations(model, tokenizer, source, 1, num_beams=num_beams)[0]
    seen = inspect_pairs(model, tokenizer, [source], [text_or_ids], [Path(str(checkpoint)).name])
    for other in compare:
        has_same_ids = other.tokenizer.get_vocab() == tokenizer.get_vocab()
        again = text_or_ids if has_same_ids else seen[0].maps.target
        seen += inspect_pairs(other.model, other.tokenizer, [source], [again], [Path(str(other)).name])
    return seen


def vectors_of(record: SentenceMaps | InspectedSentence) -> dict[str, PlaceVectors]:
    """Find the vectors of a sentence, by place; there are none where an export keeps weights alone."""
    if isinstance(record, InspectedSentence):
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
