"""A local file -> its rows, each with the place a message can name: "data/train.jsonl, line 7".

JSON lines and delimited text are read line by line with the standard library, because bulk readers cannot say
which line is bad; Parquet goes through pyarrow. Text is UTF-8 and may be gzip-compressed.
"""

import csv
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import shorten
from typing import Any

import pyarrow.parquet as pq

from ..errors import UserError, in_words
from ..files import reading

SUFFIXES = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".parquet")
KINDS = {list: "list", str: "text", int: "number", float: "number", bool: "truth", type(None): "null"}  # of JSON
MOST_SHOWN = 200  # characters of the column names in a message

Row = tuple[str, dict[str, Any] | None]
"""Where it stands, and its cells by column name; None for a blank line."""


def suffix_of(path: Path) -> str | None:
    """The one of `SUFFIXES` the file name ends in."""
    return max((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), key=len, default=None)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a `.jsonl`, `.csv`, `.tsv` or `.parquet` file, in order.

    CSV follows RFC 4180; TSV has no quoting, so a quotation mark is text; both open with the column names.

    Raises:
        UserError: the file, or one of its lines, cannot be read.
    """
    suffix = suffix_of(path)
    if suffix == ".parquet":
        return _parquet_rows(path)
    if suffix in (".jsonl", ".jsonl.gz"):
        return _json_rows(path)
    if suffix in (".csv", ".csv.gz"):
        return _delimited_rows(path, delimiter=",", quoted=True)
    if suffix in (".tsv", ".tsv.gz"):
        return _delimited_rows(path, delimiter="\t", quoted=False)
    raise UserError(f"{path}: cannot read this kind of file; known are {', '.join(SUFFIXES)}")


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file, each with its place, without their end (LF or CRLF) and the byte order mark.

    Raises:
        UserError: the file cannot be read, is not whole, or a line is not UTF-8.
    """
    opener = gzip.open if path.name.endswith(".gz") else open
    with reading(path):
        try:
            with opener(path, "rb") as lines:
                yield from decode_lines(lines, str(path))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UserError(f"{path}: not a whole gzip file ({error})") from None


def decode_lines(lines: Iterable[bytes], name: str) -> Iterator[tuple[str, str]]:
    """The same of lines that are open already, such as standard input; `name` is what messages call them.

    Raises:
        UserError: a line is not UTF-8.
    """
    for number, line in enumerate(lines, start=1):
        where = f"{name}, line {number}"
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{where}: {in_words(error)}") from None
        yield where, text.removesuffix("\n").removesuffix("\r")


def _json_rows(path: Path) -> Iterator[Row]:
    for where, line in read_lines(path):
        if not line.strip():
            yield where, None
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{where}: not JSON ({in_words(error)}); expected one object a line") from None
        if not isinstance(row, dict):
            raise UserError(f"{where}: a JSON {KINDS[type(row)]}; expected one object a line")
        yield where, row


def _delimited_rows(path: Path, *, delimiter: str, quoted: bool) -> Iterator[Row]:
    lines = (f"{line}\n" for _, line in read_lines(path))
    reader = csv.reader(
        lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, strict=True
    )
    try:
        header = next(reader, [])
        if twice := [name for name, count in Counter(header).items() if count > 1]:
            raise UserError(f"{path}, line 1: there are two columns {twice[0]!r}")
        for cells in reader:
            where = f"{path}, line {reader.line_num}"
            if not cells:
                yield where, None
            elif len(cells) != len(header):
                names = shorten(", ".join(header), MOST_SHOWN, placeholder=" ...")
                raise UserError(f"{where}: {len(cells)} fields; expected {len(header)}: {names}")
            else:
                yield where, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}") from None


def _parquet_rows(path: Path) -> Iterator[Row]:
    number = 0
    with reading(path):
        for batch in pq.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", row
