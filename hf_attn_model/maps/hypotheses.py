"""Translations made elsewhere: a file with one a line, beside the sources of a corpus."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import UserError
from ..text.readers import read_lines


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
