"""A local file -> its rows, each with the place a message can name: "data/train.jsonl, line 7".

Rows stream: no more of a file is held than a row takes, or a batch of a library. A row that cannot be read comes as the
error that it is, in its place, and the caller decides what becomes of it; only what ends the file is raised. Text is
UTF-8 and may be compressed.

Read in this order: `packed`, `lines`, `columns` (which texts of a row), the formats `delimited` (with `layouts`),
`json_rows`, `xml_rows`, `columnar`, `side_by_side`, `tatoeba`; `folders`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import UserError
from .columnar import arrow_rows, parquet_rows
from .columns import Row, Sides
from .delimited import csv_rows, text_rows, tsv_rows
from .json_rows import json_lines, json_rows
from .lines import decode_lines, read_lines
from .packed import PACKINGS, bare_name, packing_of, refuse_archive
from .xml_rows import tmx_rows, xliff_rows

WITH_NAMES: dict[str, Callable[[Path], Iterator[Row]]] = {".jsonl": json_lines, ".json": json_rows}
BY_SIDES: dict[str, Callable[[Path, Sides], Iterator[Row]]] = {
    ".csv": csv_rows,
    ".tsv": tsv_rows,
    ".txt": text_rows,
    ".tmx": tmx_rows,
    ".xliff": xliff_rows,
    ".xlf": xliff_rows,
}
PARQUET = ".parquet"
KNOWN = (*WITH_NAMES, *BY_SIDES, PARQUET)
SUFFIXES = (*(kind + packing for kind in KNOWN[:-1] for packing in ("", *PACKINGS)), PARQUET)

__all__ = [
    "KNOWN",
    "SUFFIXES",
    "Row",
    "Sides",
    "arrow_rows",
    "decode_lines",
    "read_lines",
    "read_rows",
    "refuse_archive",
    "suffix_of",
]


def suffix_of(path: Path) -> str | None:
    """The one of `SUFFIXES` that the file name ends in, whatever the case of its letters."""
    kind = Path(bare_name(path)).suffix.lower()
    suffix = kind + (packing_of(path) or "")
    return suffix if suffix in SUFFIXES else None


def read_rows(path: Path, sides: Sides | None = None) -> Iterator[Row]:
    """The rows of a file of any known format, in order; see the table in `docs/guide/corpora.md`.

    Args:
        path: the file; its name tells the format.
        sides: what is asked for, which a table without names of columns, or plain text, needs.

    Raises:
        UserError: the file cannot be read, or not to its end.
    """
    refuse_archive(path)
    suffix = suffix_of(path)
    kind = suffix and suffix.removesuffix(packing_of(path) or "")
    if kind == PARQUET:
        return parquet_rows(path)
    if kind in WITH_NAMES:
        return WITH_NAMES[kind](path)
    if kind in BY_SIDES and (kind != ".txt" or sides):
        return BY_SIDES[kind](path, sides or Sides())
    packings = ", ".join(PACKINGS)
    raise UserError(f"{path}: cannot read this kind of file; known are {', '.join(KNOWN)}, the texts also {packings}")
