"""Rows of a corpus, perhaps with hypotheses made elsewhere -> tokens and words -> batches of like length."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.edges import check_texts
from ..attention.fitting import tokenize_fitting, without_partners
from ..attention.tokenized import TokenizedText, read_hypotheses
from ..errors import UserError
from ..text.corpora import CorpusStream
from ..text.readers import read_lines
from ..text.tally import Tally
from ..text.too_long import OnLong
from ..translation.engine import Engine
from ..translation.search import search


class Row(NamedTuple):
    """A sentence to export; a target of `None` is to be translated, `place` is where it stands in the corpus."""

    id: str
    source: str
    target: str | None
    place: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.place or f"sentence {self.id}"


def read_rows(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    num_beams: int,
    on_long: OnLong = "error",
    tally: Tally | None = None,
    engine: Engine | None = None,
) -> tuple[list[TokenizedText], list[TokenizedText], list[str]]:
    """Read sources and targets, and translate where there is no target.

    Args:
        model, tokenizer, num_beams: see `search`.
        rows: some sentences.
        on_long: what becomes of one with more tokens than the model has positions; "skip": both sides are empty.
        tally: counts those.

    Returns:
        the sources, the targets, and the names of the sentences whose translations reached their limit.

    Raises:
        UserError: a sentence is no text, is too long (with `on_long="error"`), or cannot be translated (see `search`).
    """
    names = [row.name for row in rows]
    check_texts([row.source for row in rows], names)
    check_texts([row.target or "" for row in rows], names)
    fit = partial(tokenize_fitting, model, tokenizer, on_long=on_long, tally=Tally() if tally is None else tally)
    sources = fit([row.source for row in rows], names)
    given = {i: row.target for i, row in enumerate(rows) if row.target is not None}
    targets = dict(zip(given, fit([*given.values()], [names[i] for i in given], is_target=True), strict=True))
    missing = {i: side.text for i, side in enumerate(sources) if i not in given and side is not None}
    made = search(
        model,
        tokenizer,
        [*missing.values()],
        num_beams=num_beams,
        names=[names[i] for i in missing],
        engine=engine,
    )
    targets |= zip(missing, read_hypotheses(tokenizer, [translation.ids for translation in made]), strict=True)
    limited = [names[i] for i, translation in zip(missing, made, strict=True) if translation.is_cut]
    return *without_partners(tokenizer, sources, [targets.get(i) for i in range(len(rows))]), limited


def cut(sources: Sequence[int], targets: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Cut sentence pairs into batches of like length: their positions, the shortest first.

    Args:
        sources, targets: how many tokens the two sides of each pair have.
        max_tokens: the most (source + target) tokens of a batch, padding included; a pair that alone has more makes a
            batch of its own.
    """
    lengths = list(zip(targets, sources, strict=True))
    batches: list[list[int]] = []
    longest = (0, 0)
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        longest = max(longest[0], lengths[i][0]), max(longest[1], lengths[i][1])
        if batches and (len(batches[-1]) + 1) * sum(longest) <= max_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
            longest = lengths[i]
    return batches


def pair_up(corpus: CorpusStream, file: str | None) -> Iterator[tuple[str, str | None, str]]:
    """Give each row its translation: that of the corpus, that of the file, or `None`, to be translated; and its place.

    Args:
        corpus: sources alone, or with their targets; a row that cannot be used has empty texts. It is gone through
            twice where there is a file.
        file: text, perhaps compressed, one translation a line; an empty line is an empty translation.

    Raises:
        UserError: the file has not as many lines as the corpus has rows, or cannot be read.
    """
    if file is None:
        return ((*_of_corpus(row.texts), row.place) for row in corpus.rows())
    lines = sum(1 for _ in read_lines(Path(file)))
    rows = sum(1 for _ in corpus.rows())
    if lines != rows:
        raise UserError(f"{file} has {lines:,} lines, but the corpus {rows:,} rows: it needs a line for each, if empty")
    return _with_lines(corpus, Path(file))


def _of_corpus(texts: tuple[str, ...]) -> tuple[str, str | None]:
    source, *targets = texts
    return source, targets[0] if targets else None if source else ""


def _with_lines(corpus: CorpusStream, file: Path) -> Iterator[tuple[str, str, str]]:
    for row, (_, line) in zip(corpus.rows(), read_lines(file), strict=True):
        yield row.texts[0], line if row.texts[0] else "", row.place
