"""Sentences to make pages of, for the tests of pages."""

import numpy as np
from small_exports import make_translator

from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.sentence import SentenceMaps, Word
from hf_attn_model.view.page import InspectedSentence, inspect_pairs
from hf_attn_model.view.page.vectors import PlaceVectors

SIZES_30_WORDS = {"words": 30, "tokens": 41, "layers": 6, "heads": 8}
SIZES_60_WORDS = {"words": 60, "tokens": 61, "layers": 6, "heads": 8}
SOURCE, TARGET = "My dog drank warm milk.", "Mi perro bebió leche tibia."
OTHER = "Mi perro bebió la leche."  # another translation of the same source
HOSTILE = [
    "</script><script>window.stolen = 1</script>",
    "<!--<script>",
    "]]>--><img src=x onerror=window.stolen=2>",
    "\"'`${window.stolen=3}&quot;&amp;",
    "\u2028\u2029\u202egnp.exe\u2066",
    "\ud800",  # half of a surrogate pair
    "\x00\x1b[31m",
    "e\u0301\u0301\u0301",
    "\u0301",  # an accent alone
    "مرحبا",
    "👩‍👩‍👧",
    "javascript:window.stolen=4",
]


def seen(source=SOURCE, target=TARGET, name="0") -> InspectedSentence:
    """A sentence with everything, of the small translator: 2 and 3 layers, 3 and 5 heads, 11 wide."""
    return inspect_pairs(*make_translator(), [source], [target], [name])[0]


def make_record() -> SentenceMaps:
    return seen().maps


def sentence_of(source: list[str], target: list[str], weights, name="0", tokens=None) -> SentenceMaps:
    """A sentence of given words, each a token (or of `tokens` tokens in all), and an end mark on both sides."""
    sides = {}
    for side, words in (("source", source), ("target", target)):
        count = (tokens or len(words) + 1) - 1
        owners = sorted(position % len(words) for position in range(count))
        starts = np.cumsum([0, *(len(word) + 1 for word in words)]).tolist()
        sides |= {
            side: " ".join(words),
            f"{side}_words": [Word(word, start, start + len(word)) for word, start in zip(words, starts, strict=False)],
            f"{side}_tokens": [words[owner] for owner in owners] + ["</s>"],
            f"{side}_word_of_token": [*owners, None],
        }
    return SentenceMaps(id=name, **sides, **weights)


def random_weights(lengths: dict[str, int], layers: int, heads: int, seed=0) -> dict[str, np.ndarray]:
    """Rows of random scores after a softmax; the decoder sees what is before it."""
    rng = np.random.default_rng(seed)
    weights = {}
    for place in PLACES:
        rows = lengths["source" if place == "encoder" else "target"]
        columns = lengths["target" if place == "decoder" else "source"]
        scores = rng.normal(scale=3, size=(layers, heads, rows, columns))
        if place == "decoder":
            scores = np.where(np.tri(rows, columns, dtype=bool), scores, -np.inf)
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights[place] = (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype(np.float32)
    return weights


def random_sentence(words: int, tokens: int, layers: int, heads: int, name="0") -> SentenceMaps:
    """A sentence pair of as many words and tokens on both sides, with random attention."""
    sides = ([f"{letter}{i}" for i in range(words)] for letter in "st")
    weights = random_weights({"source": tokens, "target": tokens}, layers, heads)
    return sentence_of(*sides, weights, name, tokens)


def make_vectors(record: SentenceMaps, width: int | None = None) -> dict[str, PlaceVectors]:
    """The vectors of `make_record()`; with a width, random ones for any record, which do not make its weights."""
    if width is None:
        return seen().vectors
    rng = np.random.default_rng(1)
    vectors = {}
    for place in PLACES:
        layers, heads, rows, columns = getattr(record, place).shape
        query, key, value = (
            rng.normal(size=(layers, heads, length, width)).astype(np.float32) for length in (rows, columns, columns)
        )
        vectors[place] = PlaceVectors(query, key, value, width**-0.5, place == "decoder")
    return vectors


def hostile_sentence() -> SentenceMaps:
    """A sentence of words that would do harm as HTML."""
    count = len(HOSTILE) + 1
    weights = random_weights({"source": count, "target": count}, 1, 2)
    return sentence_of(HOSTILE, HOSTILE[::-1], weights, name="</title><b>")
