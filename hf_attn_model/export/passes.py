"""Rows of a corpus, perhaps with hypotheses made elsewhere -> tokens and words -> batches of like length."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.edges import check_texts
from ..attention.tokenized import TokenizedText, read_hypotheses, tokenize_with_words
from ..errors import UserError
from ..text.readers import read_lines
from ..translation.engine import Engine
from ..translation.search import search


class Row(NamedTuple):
    """A sentence to export; a target of `None` is to be translated."""

    id: str
    source: str
    target: str | None


def read_rows(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    num_beams: int,
    engine: Engine | None = None,
) -> tuple[list[TokenizedText], list[TokenizedText], list[str]]:
    """Read sources and targets, and translate where there is no target.

    Returns:
        the sources, the targets, and the names of the sentences whose translations reached their limit.

    Raises:
        UserError: a sentence is no text, or cannot be translated (see `search`).
    """
    names = [f"sentence {row.id}" for row in rows]
    check_texts([row.source for row in rows], names)
    check_texts([row.target or "" for row in rows], names)
    sources = tokenize_with_words(tokenizer, [row.source for row in rows])
    given = tokenize_with_words(tokenizer, [row.target for row in rows if row.target is not None], is_target=True)
    missing = [i for i, row in enumerate(rows) if row.target is None]
    made = search(
        model,
        tokenizer,
        [rows[i].source for i in missing],
        num_beams=num_beams,
        names=[names[i] for i in missing],
        engine=engine,
    )
    found = read_hypotheses(tokenizer, [translation.ids for translation in made])
    limited = [names[i] for i, translation in zip(missing, made, strict=True) if translation.is_cut]
    texts, hypotheses = iter(given), iter(found)
    return sources, [next(hypotheses if row.target is None else texts) for row in rows], limited


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


def pair_up(corpus: Iterable[tuple[str, ...]], file: str | None) -> Iterable[tuple[str, str | None]]:
    """Give each source its translation: that of the corpus, that of the file, or `None`, to be translated.

    Args:
        corpus: sources alone, or with their targets; gone through twice where there is a file.
        file: text, perhaps `.gz`, one translation a line; an empty line is an empty translation.

    Raises:
        UserError: the file has not as many lines as the corpus has sentences, or cannot be read.
    """
    if file is None:
        return ((texts[0], texts[1] if len(texts) > 1 else None) for texts in corpus)
    lines = sum(1 for _ in read_lines(Path(file)))
    sentences = sum(1 for _ in corpus)
    if lines != sentences:
        raise UserError(f"{file} has {lines:,} lines, but the corpus {sentences:,} sentences (blank ones do not count)")
    return _with_lines(corpus, Path(file))


def _with_lines(corpus: Iterable[tuple[str, ...]], file: Path) -> Iterator[tuple[str, str]]:
    for texts, (_, line) in zip(corpus, read_lines(file), strict=True):
        yield texts[0], line
