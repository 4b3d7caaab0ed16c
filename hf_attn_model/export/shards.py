"""Shards: fixed ranges of the corpus, each written whole or not at all, with a checksum.

Beside a finished shard lies a note, `maps-00000.json`, with its checksum and that of the sentences it was made from;
the notes are gathered in `metadata.json` when all shards are there.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from .folder import Folder
from .metadata import BLOCK, Shard, block_digest, note_name, to_bytes

ROWS_PER_BATCH = 64  # what a reader of a remote file fetches at once
RowType = TypeVar("RowType", bound=tuple)
AGAIN = "finished shards are kept: run the same command again"


class DigestedRows(Iterable[RowType]):
    """Passes sentences on one by one, and computes their SHA-256, to tell whether a corpus still is what it was."""

    def __init__(self, rows: Iterable[RowType]):
        self._rows = iter(rows)
        self._sha = hashlib.sha256()
        self.count = 0

    def __iter__(self) -> Iterator[RowType]:
        for row in self._rows:
            self._sha.update(json.dumps(row[:3]).encode())  # id, source and target, wherever they stand
            self.count += 1
            yield row

    def finish(self) -> str:
        """Pass over the sentences that are left, and return the SHA-256 of all in hex."""
        for _ in self:
            pass
        return self._sha.hexdigest()


class ShardWriter:
    """Writes record batches into one file; see `writing_shard`."""

    def __init__(self, name: str, schema: pa.Schema, file: IO[bytes]):
        self.name = name
        self.sentences = 0
        self.corpus_sha256 = ""
        self.file = _HashingFile(file)
        if name.endswith(".parquet"):
            self._writer = pq.ParquetWriter(self.file, schema, compression="zstd", write_page_checksum=True)
        else:
            self._writer = pa.ipc.new_file(self.file, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        if isinstance(self._writer, pq.ParquetWriter):
            self._writer.write_batch(batch)
        else:
            for start in range(0, batch.num_rows, ROWS_PER_BATCH):
                self._writer.write_batch(batch.slice(start, ROWS_PER_BATCH))
        self.sentences += batch.num_rows

    @property
    def bytes(self) -> int:
        """How much was written."""
        return self.file.count

    def close(self) -> None:
        """Write the end of the file."""
        self._writer.close()

    def abandon(self) -> None:
        """Let go of the file, which will not be whole."""
        self.file.closed = True
        with suppress(OSError, ValueError):
            self._writer.close()


@contextmanager
def writing_shard(folder: Folder, name: str, schema: pa.Schema) -> Iterator[ShardWriter]:
    """Write a shard and its note, for which `corpus_sha256` is to be set; after an exception there is neither.

    Raises:
        UserError: the disk is full, or the folder cannot be written to.
    """
    with folder.writing(name, f"; {AGAIN}") as file:
        shard = ShardWriter(name, schema, file)
        try:
            yield shard
            shard.close()
        except BaseException:
            shard.abandon()
            raise
    blocks = shard.file.blocks()
    finished = Shard(name, shard.sentences, shard.bytes, shard.file.sha.hexdigest(), shard.corpus_sha256, blocks)
    folder.write(note_name(name), to_bytes(finished.to_json()))


class _HashingFile:
    """A file for writing that knows its checksum, and those of its blocks."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._digests: list[str] = []
        self._block = bytearray()
        self.sha = hashlib.sha256()
        self.count = 0
        self.closed = False

    def write(self, content: bytes) -> int:
        if self.closed:
            raise ValueError("this file is closed")
        self._file.write(content)
        self.sha.update(content)
        self.count += len(memoryview(content).cast("B"))
        self._block += content
        while len(self._block) >= BLOCK:
            self._digests.append(block_digest(bytes(self._block[:BLOCK])))
            del self._block[:BLOCK]
        return len(content)

    def blocks(self) -> str:
        """Return the digests of all blocks, one behind the other."""
        return "".join(self._digests) + (block_digest(bytes(self._block)) if self._block else "")

    def tell(self) -> int:
        return self.count

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave the file open: it has yet to reach the disk."""

    def writable(self) -> bool:
        return True
