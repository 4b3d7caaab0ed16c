"""SentenceMaps: one translated sentence with its tokens, its words and its attention in the three places.

Shapes: L layers, H heads, T target tokens, S source tokens, Tw and Sw their words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ..errors import UserError
from .places import PLACES, check_place, rows_and_columns
from .shown import figure_of, html_of
from .words import SPECIAL_COLUMN, merge_words, shown_groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

START = "<start>"  # label of the mark that the decoder reads first, whatever token a model uses for it


class Word(NamedTuple):
    """A word of a text: `text[start:end]`, in characters."""

    text: str
    start: int
    end: int


class LazyMap(Protocol):
    """A map (L,H,T,S) that is read when it is indexed or given to numpy, such as `StoredMap`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(L,H,T,S)."""

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read one map or all heads of a layer."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all layers and heads."""


@dataclass(frozen=True)
class LabelledMap:
    """A map (L,H,T,S) with names for its T rows and S columns, and the model's numbers of its L layers and H heads."""

    weights: np.ndarray
    rows: list[str]
    columns: list[str]
    layers: Sequence[int]
    heads: Sequence[int]


@dataclass(frozen=True, eq=False, repr=False)
class SentenceMaps:
    """The attention of one sentence pair.

    Attributes:
        id: the name of the pair in its corpus.
        source: the source sentence.
        target: what the decoder writes: a translation, or the reference if the pass was forced over it.
        source_tokens, target_tokens: their tokens, `</s>` included.
        source_words, target_words: their words.
        source_word_of_token, target_word_of_token: for each token the index of its word, `None` outside all
            words.
        encoder: (L,H,S,S) float32, source tokens -> source tokens; an array, or a `LazyMap` that reads one; `None`
            where this place was not stored.
        decoder: (L,H,T,T) float32, likewise: row i is where target token i is written, column j is the token read
            there: the start mark for j = 0, else target token j - 1.
        cross: (L,H,T,S) float32, likewise: row i is where target token i is written.
        special: what becomes of tokens outside all words in `words`, unless it is told otherwise; see `merge_words`.
    """

    id: str
    source: str
    target: str
    source_tokens: list[str]
    target_tokens: list[str]
    source_words: list[Word]
    target_words: list[Word]
    source_word_of_token: list[int | None]
    target_word_of_token: list[int | None]
    encoder: np.ndarray | LazyMap | None = None
    decoder: np.ndarray | LazyMap | None = None
    cross: np.ndarray | LazyMap | None = None
    special: str = "keep"

    @property
    def places(self) -> list[str]:
        """The places there are maps of."""
        return [place for place in PLACES if getattr(self, place) is not None]

    def place(self, place: str) -> np.ndarray:
        """Return the weights (L,H,T,S) of one place. Raises `UserError` for another name, and where there are none."""
        return np.asarray(self._map(place))

    def tokens(self, place: str) -> LabelledMap:
        """Return the map of a place as it is, with the tokens as names."""
        weights = self.place(place)
        rows, columns = self.sides(place)
        return LabelledMap(weights, rows.tokens, columns.tokens, *self._numbers(place))

    def words(self, place: str, special: str | None = None) -> LabelledMap:
        """Return the map of a place merged into words, (L,H,Tw,Sw); see `merge_words`."""
        special = special or self.special
        weights = self.place(place)
        rows, columns = self.sides(place)
        merged = merge_words(weights, rows.word_of_token, columns.word_of_token, special)
        names = columns.word_names(special) + [SPECIAL_COLUMN] * (special == "column")
        return LabelledMap(merged, rows.word_names(special), names, *self._numbers(place))

    def to_pandas(
        self,
        place: str = "cross",
        layer: int | None = None,
        head: int | None = None,
        *,
        merge_words: bool = True,
        special: str | None = None,
    ) -> DataFrame:
        """Return one map as a table: a row for each query, a column for each key, named by their words or tokens.

        Args:
            place: "encoder", "decoder" or "cross".
            layer, head: numbers in the model; the mean over all of them unless given.
            merge_words: into words; else by tokens.
            special: see `words`.

        Raises:
            UserError: there is no such place, layer or head.
        """
        from pandas import DataFrame

        labelled = self.words(place, special) if merge_words else self.tokens(place)
        of_head = _chosen(labelled.weights, labelled.heads, head, "head", axis=1)  # (L,H,T,S) -> (L,T,S)
        weights = _chosen(of_head, labelled.layers, layer, "layer")  # -> (T,S)
        return DataFrame(weights, index=labelled.rows, columns=labelled.columns)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{place} {tuple(self._map(place).shape)}" for place in self.places) or "no maps"
        return f"SentenceMaps({self.id!r}: {self.source!r} -> {self.target!r}, {shapes})"

    def plot(
        self, place: str | None = "cross", layer: int | None = None, head: int | None = None, merge_words: bool = True
    ) -> Figure:
        """Draw one place with matplotlib, or all of them for `None`; `view.heatmap.plot_attention` tells the rest."""
        return figure_of(self, place, layer, head, merge_words)

    def _repr_html_(self) -> str:
        """Show the maps in a notebook, as the page that `hf-attn view --out page.html` writes."""
        return html_of(self)

    def _map(self, place: str) -> np.ndarray | LazyMap:
        check_place(place)
        found = getattr(self, place)
        if found is None:
            raise UserError(f"sentence {self.id} has no {place} attention; there is {', '.join(self.places) or 'none'}")
        return found

    def _numbers(self, place: str) -> tuple[Sequence[int], Sequence[int]]:
        """Tell the numbers of the layers and heads of a place."""
        found = self._map(place)
        layers, heads = found.shape[:2]
        return getattr(found, "layers", range(layers)), getattr(found, "heads", range(heads))

    def sides(self, place: str) -> tuple[MapSide, MapSide]:
        """Tell what the rows and what the columns of a place are."""
        source = MapSide(self.source_tokens, self.source_words, self.source_word_of_token)
        target = MapSide(self.target_tokens, self.target_words, self.target_word_of_token)
        read = MapSide([START, *target.tokens[:-1]], target.words, [None, *target.word_of_token[:-1]])
        rows, columns = rows_and_columns(place, source, target)
        return rows, read if place == "decoder" else columns


def _chosen(weights: np.ndarray, numbers: Sequence[int], chosen: int | None, kind: str, axis: int = 0) -> np.ndarray:
    """Take one layer or head by its number in the model, or the mean over all."""
    if chosen is None:
        return weights.mean(axis=axis)
    if chosen not in numbers:
        raise UserError(f"there is no {kind} {chosen}; choose from {', '.join(map(str, numbers))}")
    return weights.take(list(numbers).index(chosen), axis=axis)


@dataclass(frozen=True)
class MapSide:
    """The rows or the columns of a map: its tokens, its words, and for each token the index of its word."""

    tokens: list[str]
    words: list[Word]
    word_of_token: list[int | None]

    def word_names(self, special: str) -> list[str]:
        """Name each group of tokens that is shown: by its word, or by the token itself outside all words."""
        names = []
        for first, *_ in shown_groups(self.word_of_token, special):
            word = self.word_of_token[first]
            names.append(self.tokens[first] if word is None else self.words[word].text)
        return names
