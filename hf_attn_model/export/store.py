"""The sentences of an export, read when they are asked for. See `schema` for what lies in the folder."""

import io
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from ..attention.sentence import SentenceMaps
from ..attention.shown import html_of
from ..errors import UserError
from ..files import reading
from .arrow_rows import read_row
from .folder import Folder
from .metadata import AGAIN, BLOCK, Shard, finished_shards, read_metadata
from .schema import METADATA, TEXTS, Layout
from .shards import ROWS_PER_BATCH
from .verified import VerifiedFile

if TYPE_CHECKING:
    from pandas import DataFrame


class Maps(Sequence[SentenceMaps]):
    """The sentences of an export: `maps[i].cross[layer, head]` is a numpy array (T,S).

    A local shard is read through when its first sentence is asked for, once in a process, and compared with its
    SHA-256. Then it is mapped into memory, of which only what is asked for is read. Of a remote one only the blocks
    around the sentence come here, each of which is compared with its digest; `verify` reads all of it.

    Attributes:
        folder: where they lie.
        metadata: what `metadata.json` says.
        layout: what is kept of each sentence.
    """

    def __init__(self, folder: Folder, metadata: dict, shards: Sequence[Shard]):
        self.folder = folder
        self.metadata = metadata
        self.layout = Layout.from_json(metadata)
        self.shards = list(shards)
        self._ends = list(accumulate(shard.sentences for shard in shards))
        self._open: dict[int, _Reader] = {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __repr__(self) -> str:
        kept = f"{self.layout.keep} of {', '.join(self.layout.places)}"
        return f"Maps({str(self.folder)!r}: {len(self):,} sentences, {kept}, model {self.metadata['model']})"

    def __getitem__(self, index):
        """Return sentence `index` (a list for a slice).

        Raises:
            IndexError: there is no such sentence.
            UserError: its shard is missing or damaged; the others can still be read.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"sentence {index} of an export of {len(self)}")
        index %= len(self)
        number = bisect_right(self._ends, index)
        if number not in self._open:
            self._open[number] = _Reader(self.folder, self.shards[number], self.layout)
        reader = self._open[number]
        row = index - (self._ends[number - 1] if number else 0)
        batch = reader.batch(row // ROWS_PER_BATCH)
        with reading(reader.path, f"; {AGAIN}"):
            return read_row(batch, row % ROWS_PER_BATCH, self.layout, self.metadata["settings"]["special"])

    def __iter__(self) -> Iterator[SentenceMaps]:
        return (self[i] for i in range(len(self)))

    def to_pandas(self) -> "DataFrame":
        """Return the texts, tokens and words of all sentences as a table, a row for each, named by its `id`.

        The maps of one sentence come from `maps[i].to_pandas()`.
        """
        import pandas

        columns = [name for name in TEXTS if not name.endswith("_words")]
        batches = [batch.select(columns) for shard in self.shards for batch in self.batches(shard)]
        table = pa.Table.from_batches(batches, pa.schema([(name, TEXTS[name]) for name in columns]))
        words = {
            f"{side}_words": [[word.text for word in getattr(record, f"{side}_words")] for record in self]
            for side in ("source", "target")
        }
        return table.to_pandas().assign(**words).set_index("id") if len(self) else pandas.DataFrame(columns=[*TEXTS])

    def _repr_html_(self) -> str:
        """Show the first sentences in a notebook, as the page that `hf-attn view --out page.html` writes."""
        return html_of(self)

    def batches(self, shard: Shard) -> Iterator[pa.RecordBatch]:
        """Go through the record batches of a shard, as they are stored."""
        reader = _Reader(self.folder, shard, self.layout)
        return (reader.batch(number) for number in range(reader.number_of_batches))

    def verify(self) -> list[str]:
        """Read every shard through, and list the files that are missing or not what was written."""
        return [shard.file for shard in self.shards if not shard.is_whole(self.folder)]


class _Reader:
    """One Arrow IPC file, open for reading."""

    def __init__(self, folder: Folder, shard: Shard, layout: Layout):
        self.path = folder.locate(shard.file)
        self._folder, self._shard = folder, shard
        if folder.is_local:
            shard.check_once(folder)
        with folder.reading(shard.file, f"; {AGAIN}"):
            file = pa.memory_map(self.path) if folder.is_local else pa.PythonFile(_open_remote(folder, shard), "r")
            if file.size() != shard.bytes:
                raise UserError(f"{self.path} has {file.size()} of {shard.bytes} bytes; {AGAIN}")
            self._file = pa.ipc.open_file(file)
            if not self._file.schema.equals(layout.schema):
                raise ValueError(f"its columns are not those of {METADATA}")
            self._check(self._file.num_record_batches == -(-shard.sentences // ROWS_PER_BATCH))
        self.number_of_batches = self._file.num_record_batches
        self._last: tuple[int, pa.RecordBatch] | None = None

    def batch(self, number: int) -> pa.RecordBatch:
        """Read a record batch, of which the last one stays at hand."""
        last = self._last
        if last is None or last[0] != number:
            with self._folder.reading(self._shard.file, f"; {AGAIN}"):
                batch = self._file.get_batch(number)
                batch.validate(full=True)
                self._check(batch.num_rows == min(ROWS_PER_BATCH, self._shard.sentences - number * ROWS_PER_BATCH))
            self._last = last = number, batch
        return last[1]

    def _check(self, is_so: bool) -> None:
        if not is_so:
            raise ValueError(f"it does not hold {self._shard.sentences:,} sentences")


def _open_remote(folder: Folder, shard: Shard) -> IO[bytes]:
    """Open a shard that is not on this machine; its blocks are verified as they come, where their digests are known."""
    file = folder.open(shard.file)
    if not shard.blocks:
        return file
    if (size := folder.files.size(folder.locate(shard.file))) != shard.bytes:
        raise UserError(f"{folder.locate(shard.file)} has {size} of {shard.bytes} bytes; {AGAIN}")
    return io.BufferedReader(VerifiedFile(file, shard, folder.locate(shard.file)), BLOCK)


def open_maps(url: str | os.PathLike, *, allow_unfinished: bool = False) -> Maps:
    """Open an export for reading.

    Args:
        url: its folder, or a URL that fsspec knows.
        allow_unfinished: read those shards that are there and whole, of an export that was interrupted or damaged;
            a sentence is then known by its `id`, as others may be missing before it.

    Raises:
        UserError: the folder does not exist, is no export or (unless allowed) no finished one, or was written by
            another version; and, when a sentence is read, for a missing or damaged shard.
    """
    folder = Folder(url)
    metadata = read_metadata(folder)
    if metadata is None:
        if not folder.exists():
            raise UserError(f"no folder {folder}; give the folder that an export wrote")
        raise UserError(f"{folder} has no {METADATA}: no export of attention; give the folder that one wrote")
    if metadata["settings"]["to"] != "arrow":
        raise UserError(f"{folder} holds Parquet files: read them with datasets, pandas, polars or DuckDB")
    if not metadata["finished"] and not allow_unfinished:
        raise UserError(
            f"{folder} is not finished: run the same hf-attn export again, or open_maps(allow_unfinished=True)"
        )
    shards = finished_shards(folder, metadata)
    if allow_unfinished:
        shards = [shard for shard in shards if shard.is_whole(folder)]
    return Maps(folder, metadata, shards)
