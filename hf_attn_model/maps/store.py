"""The store of attention maps: a writer of shards, and a reader that maps them into memory.

A shard gets its final name only when it is complete, and `metadata.json` is written after the last shard:
what looks whole is whole. See `schema` for the layout.
"""

import json
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Self

import pyarrow as pa

from ..errors import UserError
from .schema import (
    CONVENTIONS,
    FORMAT,
    METADATA,
    SCHEMA,
    VERSION,
    from_batch,
    shard_name,
    to_batch,
)
from .sentence import PLACES, SentenceMaps

SHARD_BYTES = 256 * 2**20  # a shard is closed once it holds this much
UNFINISHED = ".partial"


class MapsWriter:
    """Writes batches of sentences into the shards of a new folder.

    As a context manager it completes the export on leaving; after an exception it leaves the complete shards,
    but no metadata, so that nobody takes the rest for the whole.

    Args:
        folder: where to write; it must be new or empty, unless `overwrite`.
        metadata: facts about the export, JSON values, kept beside those that the writer adds.
        overwrite: remove the files of an earlier export from the folder first.

    Raises:
        UserError: the folder is not empty (for `overwrite`: holds files that are no export's), or not
            writable.
    """

    def __init__(self, folder: str | os.PathLike, metadata: dict, *, overwrite: bool = False):
        self.folder = Path(folder)
        self.metadata = metadata
        self.shards: list[dict] = []
        self._file: pa.RecordBatchFileWriter | None = None
        self._sentences = self._bytes = 0
        self._layout: dict[str, dict[str, int]] = {}
        prepare_folder(self.folder, overwrite)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            self._abandon_shard()
            return
        self._close_shard()
        sentences = sum(shard["sentences"] for shard in self.shards)
        facts = {
            "format": FORMAT,
            "version": VERSION,
            **self.metadata,
            "dtype": "float32",
            "places": self._layout,
            "conventions": CONVENTIONS,
            "sentences": sentences,
            "shards": self.shards,
        }
        unfinished = self.folder / (METADATA + UNFINISHED)
        unfinished.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        unfinished.rename(self.folder / METADATA)

    def write(self, records: Sequence[SentenceMaps]) -> None:
        """Append sentences; they stay together in one shard."""
        if not records:
            return
        for place in PLACES:
            layers, heads = records[0].place(place).shape[:2]
            self._layout[place] = {"layers": layers, "heads": heads}
        batch = to_batch(records)
        if self._file is None:
            self._file = pa.ipc.new_file(self._open_path, SCHEMA)
        self._file.write_batch(batch)
        self._sentences += len(records)
        self._bytes += batch.nbytes
        if self._bytes >= SHARD_BYTES:
            self._close_shard()

    @property
    def _open_path(self) -> str:
        return str(self.folder / (shard_name(len(self.shards)) + UNFINISHED))

    def _close_shard(self) -> None:
        """Complete the open shard and give it its name."""
        if self._file is None:
            return
        self._file.close()
        os.rename(self._open_path, self._open_path.removesuffix(UNFINISHED))
        self.shards.append({"file": shard_name(len(self.shards)), "sentences": self._sentences})
        self._file, self._sentences, self._bytes = None, 0, 0

    def _abandon_shard(self) -> None:
        """Remove the open shard."""
        if self._file is not None:
            self._file.close()
            os.remove(self._open_path)


class Maps(Sequence[SentenceMaps]):
    """The sentences of an export, read when they are asked for.

    `maps[i].cross` is a read-only numpy array (layers, heads, T, S), a view of the memory-mapped shard.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        self.metadata = _read_metadata(self.folder)
        self._shard_ends = list(accumulate(shard["sentences"] for shard in self.metadata["shards"]))
        self._shards: dict[int, _Shard] = {}

    def __len__(self) -> int:
        return self.metadata["sentences"]

    def __getitem__(self, index):
        """Return sentence `index` (a list for a slice). Raises `IndexError` beyond the last one."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"sentence {index} of an export of {len(self)}")
        index %= len(self)
        number = bisect_right(self._shard_ends, index)
        start = self._shard_ends[number - 1] if number else 0
        if number not in self._shards:
            shard = self.metadata["shards"][number]
            self._shards[number] = _Shard(self.folder / shard["file"], shard["sentences"])
        return self._shards[number][index - start]

    def __iter__(self) -> Iterator[SentenceMaps]:
        return (self[i] for i in range(len(self)))


class _Shard:
    """One Arrow IPC file, mapped into memory."""

    def __init__(self, path: Path, sentences: int):
        try:
            self._reader = pa.ipc.open_file(pa.memory_map(str(path)))
            self._batches = [self._reader.get_batch(i) for i in range(self._reader.num_record_batches)]
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(f"cannot read {path}: {error}; export again") from error
        self._ends = list(accumulate(batch.num_rows for batch in self._batches))
        if self._ends[-1:] != [sentences]:
            raise UserError(f"{path} does not hold the {sentences} sentences that {METADATA} promises; export again")

    def __getitem__(self, index: int) -> SentenceMaps:
        number = bisect_right(self._ends, index)
        return from_batch(self._batches[number], index - (self._ends[number - 1] if number else 0))


def open_maps(folder: str | os.PathLike) -> Maps:
    """Open an export for reading.

    Raises:
        UserError: the folder does not exist, is no finished export, or was written by a newer version; and,
            when a sentence is read, for a missing or damaged shard.
    """
    return Maps(folder)


def _read_metadata(folder: Path) -> dict:
    path = folder / METADATA
    if not folder.is_dir():
        raise UserError(f"no folder {folder}; give the folder that an export wrote")
    if not path.is_file():
        raise UserError(f"{folder} has no {METADATA}: no export, or one that was not finished; export again")
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); export again") from error
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise UserError(f"{path} does not describe attention maps; give the folder that an export wrote")
    if metadata["version"] != VERSION:
        raise UserError(f"{folder} has format version {metadata['version']}, this program reads {VERSION}; update it")
    return metadata


def prepare_folder(folder: Path, overwrite: bool = False) -> None:
    """Make sure that `folder` exists and is empty; see `MapsWriter`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another folder") from error
    if not files:
        return
    if not overwrite:
        raise UserError(f"{folder} is not empty; choose another folder or empty it first")
    strangers = [file.name for file in files if not _is_of_export(file.name)]
    if strangers:
        raise UserError(f"{folder} holds {strangers[0]}, which is no export's; choose another folder")
    for file in sorted(files, key=lambda file: file.name != METADATA):  # first what makes the old export look whole
        file.unlink()


def _is_of_export(name: str) -> bool:
    name = name.removesuffix(UNFINISHED)
    return name == METADATA or (name.startswith("maps-") and name.endswith(".arrow"))
