"""JSON: an object a line, or one array of objects, which is read piece by piece."""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ...errors import UserError, in_words
from .columns import Row
from .lines import PIECE, try_lines
from .packed import opened

KINDS = {list: "list", str: "text", int: "number", float: "number", bool: "truth", type(None): "null"}  # of JSON
MOST_OF_ITEM = 2**24  # characters of one item of an array
BLANK = re.compile(r"[ \t\r\n]*")


def json_rows(path: Path) -> Iterator[Row]:
    """The rows of a `.json` file: the objects of its one array, or those of its lines."""
    with opened(path) as file:
        start = file.read(PIECE).removeprefix(codecs.BOM_UTF8).lstrip()
    return _items(path) if start.startswith(b"[") else json_lines(path)


def json_lines(path: Path) -> Iterator[Row]:
    """The rows of a file with an object a line."""
    for where, line in try_lines(path):
        if isinstance(line, UserError):
            yield where, line
        elif not line.strip():
            yield where, None
        else:
            try:
                yield where, _object(json.loads(line), f"{where}: ", "one object a line")
            except (ValueError, RecursionError) as error:
                yield where, UserError(f"{where}: not JSON ({in_words(error)}); expected one object a line")


def _object(value: Any, where: str, expected: str) -> dict[str, Any] | UserError:
    if isinstance(value, dict):
        return value
    return UserError(f"{where}a JSON {KINDS[type(value)]}; expected {expected}")


def _items(path: Path) -> Iterator[Row]:
    """The objects of an array. The module `json` decodes them: that of ijson is lost in deep nesting, and half a
    surrogate pair becomes a question mark there."""
    with opened(path) as file:
        text = _Text(codecs.getreader("utf-8-sig")(file))
        text.take("[")
        number = 0
        while not (number == 0 and text.next() == "]"):
            number += 1
            where = f"{path}, item {number}"
            try:
                yield where, _object(text.decode(), f"{where}: ", "one object for each pair")
            except (ValueError, RecursionError) as error:
                raise UserError(f"{where}: not JSON ({getattr(error, 'msg', in_words(error))})") from None
            if text.next() == "]":
                break
            if text.next() != ",":
                raise UserError(f"{where}: behind it stands {text.next() or 'nothing'!r}; expected , or ]")
            text.take(",")
        text.take("]")
        if text.next():
            raise UserError(f"{path}: behind the array stands {text.next()!r}; expected its end")


class _Text:
    """The text of a file, of which no more is held than an item takes."""

    def __init__(self, file: IO[str]):
        self._file, self._held, self._at, self._is_all = file, "", 0, False
        self._decoder = json.JSONDecoder()

    def next(self) -> str:
        """Look at the next character that is no white space; empty at the end of the file."""
        while True:
            self._at = BLANK.match(self._held, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._held) or self._is_all:
                return self._held[self._at : self._at + 1]
            self._read(PIECE)

    def take(self, character: str) -> None:
        """Go on behind it."""
        assert self.next() == character
        self._at += 1

    def decode(self) -> Any:
        """Decode the value that comes next. Raises `ValueError` or `RecursionError` where there is none."""
        self.next()
        piece = PIECE
        while True:
            try:
                value, end = self._decoder.raw_decode(self._held, self._at)
            except ValueError:
                if self._is_all or len(self._held) - self._at > MOST_OF_ITEM:
                    raise
            else:
                if end < len(self._held) or self._is_all:  # else a number may go on
                    self._at = end
                    return value
            self._read(piece)
            piece *= 2

    def _read(self, size: int) -> None:
        more = self._file.read(size)
        self._held, self._at, self._is_all = self._held[self._at :] + more, 0, not more
