"""Tables of text: CSV, TSV, `SOURCE ||| TARGET`, and plain lines."""

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from textwrap import shorten

from ...errors import UserError
from .columns import Row, Sides
from .layouts import BARS, known_layout, say
from .lines import try_lines

DELIMITERS = (",", ";", "\t", "|")  # of CSV
NAMES = {"source", "target", "src", "tgt", "trg", "text", "sentence", "translation"}  # of columns, in no language
MOST_SHOWN = 200  # characters of the column names in a message

Line = tuple[str, str | UserError]
Record = tuple[str, list[str] | UserError]


def csv_rows(path: Path, sides: Sides) -> Iterator[Row]:
    """The rows of a CSV file: RFC 4180, with the delimiter that its first line has."""
    first, lines = _peek(try_lines(path))
    by = max(DELIMITERS, key=lambda each: (sides.are_in(_cells(first, each)), first.count(each)))
    return _rows(path, _quoted(lines, by), sides)


def tsv_rows(path: Path, sides: Sides) -> Iterator[Row]:
    """The rows of a TSV file, which has no quoting: a quotation mark is text."""
    return _rows(path, _split(try_lines(path), "\t"), sides)


def text_rows(path: Path, sides: Sides) -> Iterator[Row]:
    """The rows of a text file: its first line tells whether it has tabs, bars, or one sentence a line."""
    first, lines = _peek(try_lines(path))
    if f" {BARS} " in first:
        names = [*sides.languages, "target"][:2]
        say(f"{path}: before {BARS} is {names[0]}, behind it {names[1]}", sides)
        cells = first.split(BARS)
        names += map(str, range(3, len(cells) + 1))
        return _named(((where, _stripped(record)) for where, record in _split(lines, BARS)), names)
    if "\t" in first and (len(sides.languages) > 1 or sides.are_numbered or _layout(path, first.split("\t"), sides)):
        return _rows(path, _split(lines, "\t"), sides)
    if len(sides.languages) > 1:
        raise UserError(
            f"{path}: plain text has one language; pairs need tabs or {BARS} between them, a second file beside it "
            "(train.en and train.es), or another format"
        )
    return ((where, line if isinstance(line, UserError) else {sides.languages[0]: line}) for where, line in lines)


def _rows(path: Path, records: Iterator[Record], sides: Sides) -> Iterator[Row]:
    """Name the cells of each record: by the first one, where that has names, or else by number."""
    blank = []
    for where, cells in records:
        if isinstance(cells, UserError):
            raise cells
        if not cells:
            blank.append((where, cells))
            continue
        names = _names(path, where, cells, sides)
        if names is None:
            names = _layout(path, cells, sides) or [str(number) for number in range(1, len(cells) + 1)]
            records = chain(blank, [(where, cells)], records)
        yield from _named(records, names)
        return


def _names(path: Path, where: str, cells: list[str], sides: Sides) -> list[str] | None:
    """Take the first record for the names of the columns; `None` where it is a pair itself."""
    if not sides.are_in(cells):
        if sides.are_numbered and _is_header(cells, sides):
            return [str(number) for number in range(1, len(cells) + 1)]
        if sides.are_numbered or _layout(path, cells, sides):
            return None
    if twice := [name for name, count in Counter(cells).items() if count > 1]:
        raise UserError(f"{where}: there are two columns {twice[0]!r}")
    return cells


def _layout(path: Path, cells: list[str], sides: Sides) -> list[str] | None:
    return None if sides.are_numbered else known_layout(path, cells, sides)


def _is_header(cells: list[str], sides: Sides) -> bool:
    """Tell whether the first record names columns that are called by number."""
    numbered = {str(number): cell.strip().lower() for number, cell in enumerate(cells, start=1)}
    chosen = {numbered[column] for column in sides.columns if column in numbered}
    return any(Sides(sides.languages).find(cells)) or chosen <= NAMES


def _named(records: Iterable[Record], names: list[str]) -> Iterator[Row]:
    for where, cells in records:
        if isinstance(cells, UserError):
            yield where, cells
        elif not cells:
            yield where, None
        elif len(cells) != len(names):
            shown = shorten(", ".join(names), MOST_SHOWN, placeholder=" ...")
            yield where, UserError(f"{where}: {len(cells)} fields; expected {len(names)}: {shown}")
        else:
            yield where, dict(zip(names, cells, strict=True))


def _peek(lines: Iterator[Line]) -> tuple[str, Iterator[Line]]:
    """Look at the first line that is not blank."""
    seen = []
    for where, line in lines:
        seen.append((where, line))
        if isinstance(line, UserError) or line.strip():
            break
    first = seen[-1][1] if seen else ""
    return "" if isinstance(first, UserError) else first, chain(seen, lines)


def _split(lines: Iterable[Line], delimiter: str) -> Iterator[Record]:
    for where, line in lines:
        yield where, line if isinstance(line, UserError) else line.split(delimiter) if line else []


def _stripped(cells: list[str] | UserError) -> list[str] | UserError:
    return cells if isinstance(cells, UserError) else [cell.strip() for cell in cells]


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


class _Lines:
    """Lines for `csv.reader`, which can be given back: those behind the first one of a record that is none."""

    def __init__(self, lines: Iterable[Line]):
        self._lines = iter(lines)
        self._back: deque[Line] = deque()
        self.taken: list[Line] = []  # of the record that is being read

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        where, line = self._back.popleft() if self._back else next(self._lines)
        self.taken.append((where, line))
        if isinstance(line, UserError):
            raise line
        return f"{line}\n"

    def give_back(self) -> None:
        """Read all but the first line again, as other records."""
        self._back.extendleft(reversed(self.taken[1:]))


def _quoted(lines: Iterable[Line], delimiter: str) -> Iterator[Record]:
    """Read records whose fields may stand in quotation marks, over several lines.

    A mark that is never closed swallows what follows: such a record ends with its line, and reading goes on behind it.
    """
    given = _Lines(lines)
    reader = csv.reader(given, delimiter=delimiter, strict=True)
    while True:
        given.taken = []
        try:
            cells: list[str] | UserError = next(reader)
        except StopIteration:
            return
        except UserError as error:
            cells = error
        except csv.Error as error:
            cells = UserError(f"{given.taken[0][0]}: {error}")
        where = given.taken[0][0]
        if isinstance(cells, UserError):
            given.give_back()
        yield where, cells
