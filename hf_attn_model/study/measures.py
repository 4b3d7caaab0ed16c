"""model, sentences -> numbers about its attention: how sharp, how well aligned, how often between related words.

Shapes: L layers, H heads, T target and S source tokens, Wt and Ws their words, N sentences, M draws of the bootstrap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..alignment.cross_attention import given_words
from ..alignment.links import link_words, to_matrix
from ..alignment.pairs import GoldPair, Pair
from ..alignment.scores import LinkCounts, count_links
from ..attention.places import PLACES
from ..attention.sentence import SentenceMaps
from ..attention.teacher_forcing import teacher_forced_attention
from ..attention.words import average_words
from .bootstrap import SAMPLES, draw_sentences, interval
from .relevance import RolePair, WordMap, looks_of, relevance


def measure(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Sequence[Pair],
    *,
    batch_size: int = 64,
    samples: int = SAMPLES,
) -> dict[str, Any]:
    """Measure the attention of all heads over given translations, in teacher-forced passes.

    Args:
        model, tokenizer: see `teacher_forced_attention`.
        pairs: all of one kind, which decides what is measured: `Pair`, `GoldPair` or `RolePair`.
        batch_size: pairs in a forward pass.
        samples: draws for each interval.

    Returns:
        `sentences`, their number; `entropy`, for each place the mean over rows in nats, over all heads (`mean`) and of
        each (`heads`); of gold pairs `alignment`, see `error_rates`; of pairs with roles `relevance`, for each place
        what `relevance` returns. For "cross" the row of a source word is that of the words which translate it.

    Raises:
        UserError: see `teacher_forced_attention`.
    """
    rows: dict[str, int] = dict.fromkeys(PLACES, 0)
    entropies: dict[str, Any] = dict.fromkeys(PLACES, 0.0)
    counts: list[LinkCounts] = []
    word_maps: dict[str, list[WordMap]] = {place: [] for place in PLACES}
    for record, pair in zip(_read(model, tokenizer, pairs, batch_size), pairs, strict=True):
        for place in PLACES:
            entropies[place] = entropies[place] + row_entropies(record.place(place)).sum(axis=-1)
            rows[place] += record.place(place).shape[-2]
        if isinstance(pair, GoldPair):
            counts.append(count_gold(record, pair))
        if isinstance(pair, RolePair):
            for place, word_map in word_maps_of(record, pair).items():
                word_maps[place].append(word_map)
    result: dict[str, Any] = {"sentences": len(pairs), "entropy": {}}
    for place in PLACES:
        heads = entropies[place] / rows[place]
        result["entropy"][place] = {"mean": float(heads.mean()), "heads": heads.tolist()}
    if counts:
        result["alignment"] = error_rates(counts, samples)
    if word_maps["cross"]:
        result["relevance"] = {place: relevance(word_maps[place], samples) for place in PLACES}
    return result


def measure_one(record: SentenceMaps, pair: RolePair) -> dict[str, dict[str, Any]]:
    """Read the related words of a sentence off its maps: for each place the looks of each kind of pair."""
    return {place: looks_of(word_map) for place, word_map in word_maps_of(record, pair).items()}


def inspect_pair(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pair: Pair) -> SentenceMaps:
    """Read the maps of a single sentence pair, with its words as the pair counts them."""
    (record,) = _read(model, tokenizer, [pair], 1)
    return record


def _read(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair], batch_size: int
) -> Iterator[SentenceMaps]:
    for start in range(0, len(pairs), batch_size):
        batch = pairs[start : start + batch_size]
        yield from teacher_forced_attention(
            model,
            tokenizer,
            [pair.source for pair in batch],
            [pair.target for pair in batch],
            source_words=given_words(batch, "source"),
            target_words=given_words(batch, "target"),
        )


def row_entropies(weights: np.ndarray) -> np.ndarray:
    """Entropy of each row of (..,T,S) in nats, (..,T): 0 for a look at one key alone, log n for n keys alike."""
    return -(weights * np.log(np.where(weights > 0, weights, 1))).sum(axis=-1)


def count_gold(record: SentenceMaps, pair: GoldPair) -> LinkCounts:
    """Link each target word with the source word that it looks at most: counts (L,H+1), the last by the mean head."""
    weights, _ = word_weights(record, "cross")  # (L,H,Wt,Ws)
    with_mean = np.concatenate([weights, weights.mean(axis=1, keepdims=True)], axis=1)
    return count_links(link_words(with_mean, "target"), *pair.matrices)


def error_rates(counts: Sequence[LinkCounts], samples: int = SAMPLES) -> dict[str, Any]:
    """Compute alignment error rates from the counts of N sentences, (L,H+1) each; see `count_gold`.

    Returns:
        `heads` (L,H) lists; `layers`, by the mean of each layer's heads (L); the best head, chosen on these sentences,
        as `best_head` [layer, head], its `best` rate and 95 % `best_interval`, and the same for the best layer.
    """
    rates = replicate_error_rates(counts, draw_sentences(len(counts), samples))  # (M,L,H+1)
    heads, layers = rates[..., :-1], rates[..., -1]
    layer, head = np.unravel_index(heads[0].argmin(), heads[0].shape)
    best_layer = int(layers[0].argmin())
    return {
        "heads": heads[0].tolist(),
        "layers": layers[0].tolist(),
        "best_head": [int(layer), int(head)],
        "best": float(heads[0, layer, head]),
        "best_interval": [float(bound) for bound in interval(heads[:, layer, head])],
        "best_layer": best_layer,
        "layer": float(layers[0, best_layer]),
        "layer_interval": [float(bound) for bound in interval(layers[:, best_layer])],
    }


def replicate_error_rates(counts: Sequence[LinkCounts], drawn: np.ndarray) -> np.ndarray:
    """Compute the error rates of the corpus and of its replicates: counts of shape (..) -> (M,..)."""
    stacked = (np.stack(field) for field in zip(*map(astuple, counts), strict=True))  # (N,..) each
    return LinkCounts(*(np.tensordot(drawn, field, axes=1) for field in stacked)).error_rate


def word_maps_of(record: SentenceMaps, pair: RolePair) -> dict[str, WordMap]:
    """Make a map among words of one language for each place; cross-attention through the sure links."""
    weights, even = word_weights(record, "cross")
    translates = to_matrix(pair.sure, *even.shape) & (even > 0).any(axis=1, keepdims=True)  # (Wt,Ws)
    through = (translates / np.maximum(translates.sum(axis=0), 1)).T  # (Ws,Wt): means over what translates a word
    return {
        "encoder": WordMap(*word_weights(record, "encoder"), pair.source_roles),
        "decoder": WordMap(*word_weights(record, "decoder"), pair.target_roles),
        "cross": WordMap(through @ weights, through @ even, pair.source_roles),
    }


def word_weights(record: SentenceMaps, place: str) -> tuple[np.ndarray, np.ndarray]:
    """Merge a map into words, summed over keys and averaged over queries, without what stands outside words.

    Returns:
        the weights (L,H,Wt,Ws), and (Wt,Ws) what they would be if each token looked at all that it may see alike.
    """
    rows, columns = record.sides(place)
    words = rows.word_of_token, columns.word_of_token, len(rows.words), len(columns.words)
    weights = record.place(place)
    visible = np.ones(weights.shape[-2:]) if place != "decoder" else np.tri(weights.shape[-1])
    even = visible / visible.sum(axis=1, keepdims=True)
    return average_words(weights, *words), average_words(even, *words)
