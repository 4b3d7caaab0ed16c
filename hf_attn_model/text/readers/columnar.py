"""Parquet, and the Arrow files that `datasets` saves: rows a batch at a time."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ...files import reading
from .columns import Row


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file."""
    number = 0
    with reading(path):
        for batch in pq.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", row


def arrow_rows(path: Path) -> Iterator[Row]:
    """The rows of a file that `Dataset.save_to_disk` wrote: a stream of Arrow, mapped into memory."""
    number = 0
    with reading(path), pa.memory_map(str(path)) as file:
        for batch in pa.ipc.open_stream(file):
            for row in batch.to_pylist():
                number += 1
                yield f"{path}, row {number}", row
