"""A text file -> its lines, each with its place."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ...errors import UserError, in_words
from .packed import opened

PIECE = 2**20  # bytes read at once


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file, each with its place, without their end (LF or CRLF) and the byte order mark.

    Raises:
        UserError: the file cannot be read, is not whole, or a line is not UTF-8.
    """
    return _or_raise(try_lines(path))


def decode_lines(lines: Iterable[bytes], name: str) -> Iterator[tuple[str, str]]:
    """The same of lines that are open already, such as standard input; `name` is what messages call them.

    Raises:
        UserError: a line is not UTF-8.
    """
    return _or_raise(try_decode(lines, name))


def try_lines(path: Path) -> Iterator[tuple[str, str | UserError]]:
    """What `read_lines` gives, with the error in place of a line that is not UTF-8."""
    with opened(path) as file:
        yield from try_decode(file, str(path))


def count_lines(path: Path) -> int:
    """Count the lines of a text file, an unfinished last one among them. Raises `UserError` where it cannot be read."""
    count, last = 0, b"\n"
    with opened(path) as file:
        while piece := file.read(PIECE):
            count += piece.count(b"\n")
            last = piece[-1:]
    return count + (last != b"\n")


def _or_raise(lines: Iterable[tuple[str, str | UserError]]) -> Iterator[tuple[str, str]]:
    for where, line in lines:
        if isinstance(line, UserError):
            raise line
        yield where, line


def try_decode(lines: Iterable[bytes], name: str) -> Iterator[tuple[str, str | UserError]]:
    """What `decode_lines` gives, with the error in place of a line that is not UTF-8."""
    for number, line in enumerate(lines, start=1):
        where = f"{name}, line {number}"
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            yield where, UserError(f"{where}: {in_words(error)}")
        else:
            yield where, text.removesuffix("\n").removesuffix("\r")
