"""A row, cells by the names of their columns -> the texts that are asked for."""

from collections.abc import Iterable, Sequence
from itertools import islice
from reprlib import repr as shortened
from typing import Any

from ...errors import UserError
from ...languages import find_column
from ..words import check_characters

MOST_NAMED = 20  # columns in a message

Row = tuple[str, dict[str, Any] | UserError | None]
"""Where it stands, and its cells by column name; `None` for a blank row, the error for one that cannot be read."""


class Sides:
    """What to take from each row: the source, or the source and the target, found by language or by column.

    A file without names of columns has their numbers for names: "1" is its first one.

    Attributes:
        languages: codes, the source's first; empty where rows are taken as they are.
        columns: for each the name or the number of its column, `None` to find it by the language.
        said: what was said of a file that was read by these sides: nothing is said twice.
    """

    def __init__(self, languages: Sequence[str] = (), columns: Sequence[str | None] = ()):
        self.languages = tuple(languages)
        self.columns = tuple(columns) or (None,) * len(self.languages)
        self.said: set[str] = set()
        self._found: dict[tuple[str, ...], tuple[str | None, ...]] = {}

    @property
    def are_numbered(self) -> bool:
        """Whether columns are called by number."""
        return any(column is not None and column.isdecimal() for column in self.columns)

    def find(self, names: Iterable[str]) -> tuple[str | None, ...]:
        """Find the column of each side among the names of all; `None` for one that is not there.

        A column may be called by a code of the language in any standard, or by its English name.
        """
        key = tuple(names)
        if key not in self._found:
            self._found[key] = tuple(
                (column if column in key else None) if column is not None else find_column(language, key)
                for language, column in zip(self.languages, self.columns, strict=True)
            )
        return self._found[key]

    def is_called(self, name: str, side: int) -> bool:
        """Tell whether a side is called so."""
        return Sides([self.languages[side]], [self.columns[side]]).are_in([name])

    def are_in(self, names: Iterable[str]) -> bool:
        """Tell whether there is a column for each side."""
        return None not in self.find(names)

    def texts(self, row: dict[str, Any], where: str) -> tuple[str, ...]:
        """Take the texts of the sides from a row, or from its `translation`; null counts as empty.

        Raises:
            UserError: there is no such column, or it holds something else than text.
        """
        cells = row if any(column in row for column in self.columns) else row.get("translation", row)
        if not isinstance(cells, dict):
            raise UserError(f"{where}: `translation` is {shortened(cells)}; expected a text for each language")
        return tuple(
            _text(cells, self.languages[side] if name is None else name, self.columns[side], name, where)
            for side, name in enumerate(self.find(cells))
        )


def _text(cells: dict[str, Any], language: str, column: str | None, name: str | None, where: str) -> str:
    if name is None:
        there = ", ".join(map(repr, islice(cells, MOST_NAMED))) + (", ..." if len(cells) > MOST_NAMED else "")
        missing = f"no column {column!r}" if column else f"nothing for language {language!r}"
        advice = (
            ""
            if column
            else "; name its column with --source-column or --target-column (by number where no line has names)"
        )
        raise UserError(f"{where}: {missing}; there is {there or 'nothing'}{advice}")
    text = cells[name]
    if text is None:
        return ""
    if not isinstance(text, str):
        raise UserError(f"{where}: {name!r} is {shortened(text)}; expected text")
    check_characters(f"{where}: {name!r}", text)
    return text
