"""Sentence pairs to align, from corpora and from pre-tokenised files.

A pre-tokenised row has lists of words: `{"source": ["the", "dog"], "target": ["el", "perro"]}`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..text.corpora import TEXTBOOK, CorpusStream, OnBadRow, load_corpus, stream_corpus
from ..text.readers import read_rows, suffix_of
from ..text.tally import Tally
from ..text.words import check_characters
from .links import to_matrix
from .scores import Link


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation.

    Attributes:
        source, target: the texts.
        source_words, target_words: their words as the caller counts them; `None`: as `text.words` cuts them.
        place: where the pair stands, for messages.
    """

    source: str
    target: str
    source_words: list[str] | None = None
    target_words: list[str] | None = None
    place: str | None = field(default=None, kw_only=True, compare=False)


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
            place=self.place,
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
    """Read the pairs of a corpus, or of a pre-tokenised `.jsonl` file, that have words on both sides.

    Arguments and errors are those of `stream_pairs`.
    """
    pairs = stream_pairs(data, source_lang, target_lang, split, config=config, words_are_spaced=words_are_spaced)
    return [pair for pair in pairs if pair.source]


def stream_pairs(
    data: str,
    source_lang: str | None,
    target_lang: str | None,
    split: str,
    *,
    config: str | None = None,
    words_are_spaced: bool = False,
    source_column: str | None = None,
    target_column: str | None = None,
    on_bad_row: OnBadRow = "error",
    tally: Tally | None = None,
) -> Iterator[Pair]:
    """Read a pair for every row of a corpus, or of a pre-tokenised `.jsonl` file: an empty one where it has no use.

    Args:
        data, source_lang, target_lang, split, config, source_column, target_column, on_bad_row: see `load_corpus`; a
            pre-tokenised file needs no languages.
        words_are_spaced: the words of a text are what white space separates in it.
        tally: counts the rows of no use.

    Raises:
        UserError: what `load_corpus` raises, or a row without words.
    """
    tally = Tally() if tally is None else tally
    if is_tokenised(data):
        return _tokenised_pairs(Path(data), on_bad_row, tally)
    if source_lang is None or target_lang is None:
        raise UserError(f"{data}: name its languages with --source-lang and --target-lang")
    columns: dict[str, Any] = {"source_column": source_column, "target_column": target_column}
    if data.startswith(TEXTBOOK):
        rows = load_corpus(data, source_lang, target_lang, split, **columns).dataset
        if not words_are_spaced:
            names = ("source", "target", "source_words", "target_words")
            return (Pair(*(row[name] for name in names)) for row in rows)
    stream = stream_corpus(data, source_lang, target_lang, split, config=config, on_bad_row=on_bad_row, **columns)
    return _plain_pairs(stream, words_are_spaced, tally)


def _plain_pairs(stream: CorpusStream, words_are_spaced: bool, tally: Tally) -> Iterator[Pair]:
    for place, (source, target) in stream.rows(tally):
        words = [source.split(), target.split()] if words_are_spaced else [None, None]
        yield Pair(source, target, *words, place=place)


def _tokenised_pairs(path: Path, on_bad_row: OnBadRow, tally: Tally) -> Iterator[Pair]:
    for place, row in read_rows(path):
        try:
            if isinstance(row, UserError):
                raise row
            if row is not None:
                yield _pair(place, row)
                continue
            tally.add("blank", place)
        except UserError:
            if on_bad_row == "error":
                raise
            tally.add("unreadable", place)
        yield Pair("", "", [], [], place=place)


def is_tokenised(data: str) -> bool:
    """Tell whether `data` is a `.jsonl` file whose first row has lists of words."""
    path = Path(data)
    if suffix_of(path) not in (".jsonl", ".jsonl.gz") or not path.is_file():
        return False
    first = next((row for _, row in read_rows(path) if isinstance(row, dict)), {})
    return isinstance(first.get("source"), list)


def _pair(where: str, row: dict[str, Any]) -> Pair:
    source, target = _words(where, row, "source"), _words(where, row, "target")
    return Pair(" ".join(source), " ".join(target), source, target, place=where)


def gold_pair(where: str, row: dict[str, Any]) -> GoldPair:
    """Read a row of a gold set. Raises `UserError` for one without words, or with links of words that are not there."""
    source, target = _words(where, row, "source"), _words(where, row, "target")
    sure, possible = (_links(where, row, name, len(target), len(source)) for name in ("sure", "possible"))
    return GoldPair(" ".join(source), " ".join(target), source, target, sure, possible, place=where)


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
