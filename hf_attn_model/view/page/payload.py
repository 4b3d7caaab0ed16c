"""Sentences with their maps -> what a page holds of them: arrays of numbers as text, texts, and how exact they are.

Shapes: L layers, H heads, T queries, S keys.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...attention.sentence import LabelledMap, SentenceMaps, Word
from ...checkpoint.alignment_config import HeadSummary
from .vectors import PlaceVectors

TYPES = {"u8": "u1", "f16": "<f2", "f32": "<f4"}
STEPS = 255  # of "u8": weights from 0 to 1 in 1/255


def pack(array: np.ndarray, kind: str) -> dict[str, str]:
    """Write an array as text. Under "u8" its numbers must lie between 0 and 1; "f16" ends at 65,504."""
    numbers = np.rint(array * STEPS) if kind == "u8" else array
    return {"type": kind, "data": base64.b64encode(numbers.astype(TYPES[kind]).tobytes()).decode("ascii")}


def unpack(packed: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """Read what `pack` wrote, as float64."""
    numbers = np.frombuffer(base64.b64decode(packed["data"]), TYPES[packed["type"]]).astype(np.float64)
    return (numbers / STEPS if packed["type"] == "u8" else numbers).reshape(shape)


def bytes_as(kind: str, arrays: Iterable[np.ndarray]) -> int:
    """Tell how many bytes arrays would take on the page, packed."""
    return sum(array.size for array in arrays) * np.dtype(TYPES[kind]).itemsize * 4 // 3


PRECISE_VECTORS = 1_200_000  # bytes of a page that its vectors may take in 32 bits; beyond, they take 16
PRECISE_WEIGHTS = 900_000  # bytes that its weights may take in 16 bits; beyond, they take 8
PRECISE_BOTH = 3_700_000  # bytes that both may take while weights take 16 bits


def record_payload(record: SentenceMaps, vectors: dict[str, PlaceVectors], share: float = 1.0) -> dict[str, Any]:
    """Describe a sentence to the page.

    Args:
        record: the sentence.
        vectors: what its maps are made of, by place; may be empty.
        share: of a page, which is what decides how precise numbers are.
    """
    maps = {place: record.tokens(place) for place in record.places}
    weights = [labelled.weights for labelled in maps.values()]
    arrays = [array for of in vectors.values() for array in (of.query, of.key, of.value, of.bias) if array is not None]
    vectors_type = "f32" if bytes_as("f32", arrays) <= share * PRECISE_VECTORS else "f16"
    precise, room = bytes_as("f16", weights), PRECISE_BOTH - bytes_as(vectors_type, arrays) / share
    weights_type = "f16" if precise <= share * min(PRECISE_WEIGHTS, room) else "u8"
    return {
        "id": record.id,
        "source": _side(record.source, record.source_tokens, record.source_words, record.source_word_of_token),
        "target": _side(record.target, record.target_tokens, record.target_words, record.target_word_of_token),
        "special": record.special,
        "places": {
            place: _place(labelled, weights_type, _kept(record, place))
            | {"vectors": _vectors(vectors[place], labelled, vectors_type) if place in vectors else None}
            for place, labelled in maps.items()
        },
    }


def heads_payload(heads: Iterable[HeadSummary]) -> dict[str, dict[str, Any]]:
    """Tell what is known of heads of cross-attention, by "layer:head"."""
    return {
        f"{head.layer}:{head.head}": {"role": head.role, "aer": head.aer, "step": "input" if head.shift else "output"}
        for head in heads
    }


def _side(
    text: str, tokens: Sequence[str], words: Sequence[Word], word_of_token: Sequence[int | None]
) -> dict[str, Any]:
    ends = [0, *(word.end for word in words)]
    return {
        "text": text,
        "tokens": list(tokens),
        "words": [word.text for word in words],
        "gaps": [int(word.start > end) for word, end in zip(words, ends, strict=False)],  # a space before it?
        "word_of_token": list(word_of_token),
    }


def _kept(record: SentenceMaps, place: str) -> str:
    """Tell what an export kept: "weights", "qk", "top-4"; weights of a live model are whole."""
    layout = getattr(getattr(record, place), "layout", None)
    return "weights" if layout is None else layout.keep


def _place(labelled: LabelledMap, kind: str, kept: str) -> dict[str, Any]:
    weights = labelled.weights
    packed = pack(weights, kind)
    return {
        "layers": list(labelled.layers),
        "heads": list(labelled.heads),
        "shape": list(weights.shape),
        "kept": kept,
        "weights": packed,
        "error": _largest(unpack(packed, weights.shape) - weights),
    }


def _vectors(vectors: PlaceVectors, labelled: LabelledMap, kind: str) -> dict[str, Any]:
    """Pack vectors, and measure how far weights rebuilt from them lie from the true ones."""
    packed: dict[str, Any] = {}
    rebuilt: dict[str, Any] = {}
    for name in ("query", "key", "value", "bias"):
        array = getattr(vectors, name)
        packed[name] = None if array is None else pack(array, kind)
        if array is not None:
            rebuilt[name] = unpack(packed[name], array.shape)
    again = replace(vectors, **rebuilt).attention_weights()
    return {
        **packed,
        "width": vectors.query.shape[-1],
        "key_heads": vectors.key.shape[1],
        "scaling": vectors.scaling,
        "is_causal": vectors.is_causal,
        "error": _largest(again - labelled.weights),
    }


def _largest(differences: np.ndarray) -> float:
    return float(np.abs(differences).max(initial=0))
