"""Shards: fixed ranges of the corpus, each written whole or not at all, with a checksum.

Beside a finished shard lies a note, `maps-00000.json`, with its checksum and that of the sentences it was made from;
the notes are gathered in `metadata.json` when all shards are there.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import IO, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import UserError
from ..files import reason
from .folder import Folder

ROWS_PER_BATCH = 64  # what a reader of a remote file fetches at once
RowType = TypeVar("RowType", bound=tuple)
NOTE = re.compile(r"maps-\d+\.json")
AGAIN = "finished shards are kept: run the same command again"


@dataclass(frozen=True)
class Shard:
    """A finished shard.

    Attributes:
        file: its name.
        sentences: its rows.
        bytes: its size.
        sha256: of its content.
        corpus_sha256: of the sentences it was made from; see `DigestedRows`.
    """

    file: str
    sentences: int
    bytes: int
    sha256: str
    corpus_sha256: str

    def is_whole(self, folder: Folder) -> bool:
        """Read the shard through, and tell whether it is what was written."""
        return folder.measure(self.file) == (self.bytes, self.sha256)


class DigestedRows(Iterable[RowType]):
    """Passes sentences on one by one, and computes their SHA-256, to tell whether a corpus still is what it was."""

    def __init__(self, rows: Iterable[RowType]):
        self._rows = iter(rows)
        self._sha = hashlib.sha256()
        self.count = 0

    def __iter__(self) -> Iterator[RowType]:
        for row in self._rows:
            self._sha.update(json.dumps(row).encode())
            self.count += 1
            yield row

    def finish(self) -> str:
        """Pass over the sentences that are left, and return the SHA-256 of all in hex."""
        for _ in self:
            pass
        return self._sha.hexdigest()


def note_name(file: str) -> str:
    """Name the note of a shard: "data/maps-00000.parquet" -> "maps-00000.json"."""
    return file.rpartition("/")[2].partition(".")[0] + ".json"


def read_notes(folder: Folder) -> list[Shard]:
    """Read the notes of all finished shards."""
    contents = [folder.read(name) for name in folder.names() if NOTE.fullmatch(name)]
    return [Shard(**json.loads(content)) for content in contents if content is not None]


class ShardWriter:
    """Writes record batches into one file; see `writing_shard`."""

    def __init__(self, name: str, schema: pa.Schema, file: IO[bytes]):
        self.name = name
        self.sentences = 0
        self.corpus_sha256 = ""
        self.file = _HashingFile(file)
        if name.endswith(".parquet"):
            self._writer = pq.ParquetWriter(self.file, schema, compression="zstd")
        else:
            self._writer = pa.ipc.new_file(self.file, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows. Raises `UserError` where the disk is full."""
        try:
            if isinstance(self._writer, pq.ParquetWriter):
                self._writer.write_batch(batch)
            else:
                for start in range(0, batch.num_rows, ROWS_PER_BATCH):
                    self._writer.write_batch(batch.slice(start, ROWS_PER_BATCH))
        except OSError as error:
            raise cannot_write(self.name, error) from error
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
    try:
        with folder.writing(name, f"; {AGAIN}") as file:
            shard = ShardWriter(name, schema, file)
            try:
                yield shard
                shard.close()
            except BaseException:
                shard.abandon()
                raise
    except OSError as error:
        raise cannot_write(folder.locate(name), error) from error
    finished = Shard(name, shard.sentences, shard.bytes, shard.file.sha.hexdigest(), shard.corpus_sha256)
    folder.write(note_name(name), (json.dumps(asdict(finished)) + "\n").encode())


def cannot_write(path: str, error: OSError) -> UserError:
    """Say that a shard could not be written, and what to do."""
    return UserError(f"cannot write {path}: {reason(error)}; {AGAIN}")


class _HashingFile:
    """A file for writing that knows its checksum."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.sha = hashlib.sha256()
        self.count = 0
        self.closed = False

    def write(self, content: bytes) -> int:
        if self.closed:
            raise ValueError("this file is closed")
        self._file.write(content)
        self.sha.update(content)
        self.count += len(memoryview(content).cast("B"))
        return len(content)

    def tell(self) -> int:
        return self.count

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave the file open: it has yet to reach the disk."""

    def writable(self) -> bool:
        return True
