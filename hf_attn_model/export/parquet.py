"""Maps as Parquet, for programs that know nothing of this package: every weight in float32, flat, beside its shape."""

import os
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow_rows import number_lists, read_map
from .folder import Folder
from .metadata import finished_shards
from .plan import finalize, open_or_create
from .schema import SHAPE, TEXTS, Layout, shard_name
from .shards import writing_shard
from .store import Maps

FACTS = ("model", "model_type", "keep", "dtype", "places", "largest_error", "bytes_per_sentence", "sentences_per_shard")


def convert_to_parquet(maps: Maps, out: str | os.PathLike) -> dict[str, Any]:
    """Write an export once more, as Parquet, with the same sentences in each shard.

    An interrupted conversion is taken up by doing the same again.

    Args:
        maps: an export.
        out: a folder or URL.

    Returns:
        what `metadata.json` says.

    Raises:
        UserError: `out` is not writable or holds something else, another process writes there, or a shard of `maps` is
            missing or damaged.
    """
    folder = Folder(out)
    with folder.locked():
        return _convert(maps, folder)


def _convert(maps: Maps, folder: Folder) -> dict[str, Any]:
    """Write the shards into a folder that this process holds."""
    facts = {name: maps.metadata[name] for name in FACTS} | {"dtype": "float32"}
    metadata = open_or_create(folder, {**maps.metadata["settings"], "to": "parquet"}, lambda: facts)
    known = {shard.file: shard for shard in finished_shards(folder, metadata)}
    files = [shard_name(number, ".parquet") for number in range(len(maps.shards))]
    for file, shard in zip(files, maps.shards, strict=True):
        if file in known and known[file].is_whole(folder):
            continue
        with writing_shard(folder, file, parquet_schema(maps.layout)) as writer:
            writer.corpus_sha256 = shard.corpus_sha256
            for batch in maps.batches(shard):
                writer.write(to_parquet_batch(batch, maps.layout))
    finished = finalize(folder, metadata, files)
    assert finished is not None
    return finished


def parquet_schema(layout: Layout) -> pa.Schema:
    """The columns of a Parquet file: `PLACE` (L,H,T,S) flat, `PLACE_shape`, and `PLACE_rest` where top-k was kept."""
    fields = dict(TEXTS)
    for place in layout.places:
        fields[place] = pa.large_list(pa.float32())
        if _has_rest(layout):
            fields[f"{place}_rest"] = pa.large_list(pa.float32())
        fields[f"{place}_shape"] = SHAPE
    return pa.schema(fields)


def to_parquet_batch(batch: pa.RecordBatch, layout: Layout) -> pa.RecordBatch:
    """Read or rebuild the weights of every row."""
    arrays = {name: batch.column(name) for name in TEXTS}
    for place in layout.places:
        maps = [read_map(batch, row, place, layout) for row in range(batch.num_rows)]
        arrays[place] = number_lists([np.asarray(one).ravel() for one in maps])
        if _has_rest(layout):
            arrays[f"{place}_rest"] = number_lists([one.columns[f"{place}_rest"].astype(np.float32) for one in maps])
        arrays[f"{place}_shape"] = batch.column(f"{place}_shape")
    return pa.RecordBatch.from_pydict(arrays, schema=parquet_schema(layout))


def _has_rest(layout: Layout) -> bool:
    return layout.keep not in ("weights", "qk")
