"""Sentence pairs to align, from corpora, from pre-tokenised files and from gold sets.

A pre-tokenised row has lists of words: `{"source": ["the", "dog"], "target": ["el", "perro"]}`; a gold set has links of
them beside, `"sure": [[0, 0], [1, 1]], "possible": []`, pairs of 0-based [source word, target word].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..text.corpora import TEXTBOOK, load_corpus
from ..text.readers import read_rows, suffix_of
from ..text.words import check_characters
from .links import to_matrix
from .scores import Link


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation.

    Attributes:
        source, target: the texts.
        source_words, target_words: their words as the caller counts them; `None`: as `text.words` cuts them.
    """

    source: str
    target: str
    source_words: list[str] | None = None
    target_words: list[str] | None = None


@dataclass(frozen=True)
class GoldPair(Pair):
    """A pair whose words annotators have linked: `sure` and `possible` links (source index, target index)."""

    source_words: list[str]
    target_words: list[str]
    sure: Sequence[Link] = ()
    possible: Sequence[Link] = ()

    @cached_property
    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """Sure and possible links, bool (Tw,Sw) each."""
        size = len(self.target_words), len(self.source_words)
        return to_matrix(self.sure, *size), to_matrix(self.possible, *size)

    def swapped(self) -> "GoldPair":
        """The same pair in the other direction."""
        return GoldPair(
            self.target,
            self.source,
            self.target_words,
            self.source_words,
            [(target, source) for source, target in self.sure],
            [(target, source) for source, target in self.possible],
        )


def read_pairs(
    data: str,
    source_lang: str | None,
    target_lang: str | None,
    split: str,
    *,
    config: str | None = None,
    words_are_spaced: bool = False,
) -> list[Pair]:
    """Read the pairs of a corpus, or of a pre-tokenised `.jsonl` file.

    Args:
        data, source_lang, target_lang, split, config: see `load_corpus`; a pre-tokenised file needs no languages.
        words_are_spaced: the words of a text are what white space separates in it.

    Raises:
        UserError: what `load_corpus` raises, or a row without words.
    """
    if is_tokenised(data):
        return [_pair(where, row) for where, row in read_rows(Path(data)) if row is not None]
    if source_lang is None or target_lang is None:
        raise UserError(f"{data}: name its languages with --source-lang and --target-lang")
    rows = load_corpus(data, source_lang, target_lang, split, config=config).dataset
    if words_are_spaced:
        return [Pair(row["source"], row["target"], row["source"].split(), row["target"].split()) for row in rows]
    return [Pair(*(row.get(name) for name in ("source", "target", "source_words", "target_words"))) for row in rows]


def read_gold(data: str, source_lang: str | None, target_lang: str | None, split: str) -> list[GoldPair]:
    """Read a gold set: a pre-tokenised `.jsonl` file with links, or the built-in textbook.

    Args:
        data: "textbook:en-es", or a `.jsonl` or `.jsonl.gz` file.
        source_lang, target_lang, split: of the textbook.

    Raises:
        UserError: there is no such set, or a row of it has no words, or links of words that are not there.
    """
    if data.startswith(TEXTBOOK):
        if source_lang is None or target_lang is None:
            raise UserError(f"{data}: name its languages with --source-lang and --target-lang")
        rows = load_corpus(data, source_lang, target_lang, split).dataset
        columns = ("source", "target", "source_words", "target_words", "sure", "possible")
        return [GoldPair(*(row[column] for column in columns)) for row in rows]
    if not is_tokenised(data):
        raise UserError(f"{data}: no gold set: give textbook:en-es, or a .jsonl file with lists of words and links")
    pairs = [_gold_pair(where, row) for where, row in read_rows(Path(data)) if row is not None]
    if not any(pair.sure for pair in pairs):
        raise UserError(f"{data}: no row has a sure link")
    return pairs


def is_tokenised(data: str) -> bool:
    """Tell whether `data` is a `.jsonl` file whose first row has lists of words."""
    path = Path(data)
    if suffix_of(path) not in (".jsonl", ".jsonl.gz") or not path.is_file():
        return False
    first: dict[str, Any] = next((row for _, row in read_rows(path) if row is not None), {})
    return isinstance(first.get("source"), list)


def _pair(where: str, row: dict[str, Any]) -> Pair:
    source, target = _words(where, row, "source"), _words(where, row, "target")
    return Pair(" ".join(source), " ".join(target), source, target)


def _gold_pair(where: str, row: dict[str, Any]) -> GoldPair:
    source, target = _words(where, row, "source"), _words(where, row, "target")
    sure, possible = (_links(where, row, name, len(target), len(source)) for name in ("sure", "possible"))
    return GoldPair(" ".join(source), " ".join(target), source, target, sure, possible)


def _words(where: str, row: dict[str, Any], name: str) -> list[str]:
    words = row.get(name)
    if not isinstance(words, list) or not words or not all(isinstance(word, str) and word.strip() for word in words):
        raise UserError(f"{where}: `{name}` must be a list of words, none of them blank")
    check_characters(f"{where}: `{name}`", "".join(words))
    return words


def _links(where: str, row: dict[str, Any], name: str, target_words: int, source_words: int) -> list[tuple[int, int]]:
    try:
        links = read_json_links(row.get(name, []))
        if all(source < source_words and target < target_words for source, target in links):
            return links
    except ValueError:
        pass
    raise UserError(f"{where}: `{name}` must be pairs [source word, target word] of words there are")


def read_json_links(value: Any) -> list[tuple[int, int]]:
    """Read `[[source word, target word], ...]`. Raises `ValueError` for anything else, 1.5 and -1 among it."""
    if not isinstance(value, list):
        raise ValueError("no list")
    links = []
    for link in value:
        if not (isinstance(link, list) and len(link) == 2 and all(type(word) is int and word >= 0 for word in link)):
            raise ValueError(f"{link} is no link")
        links.append((link[0], link[1]))
    return links
