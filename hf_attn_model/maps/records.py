"""sentences -> the rows of an Arrow record batch -> sentences."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from .schema import SHAPE, TEXTS, WORD, Layout
from .sentence import SentenceMaps, Word
from .sides import Side
from .stored import StoredMap


def to_batch(
    names: Sequence[str],
    sources: Sequence[Side],
    targets: Sequence[Side],
    columns: Mapping[str, Sequence[np.ndarray]],
    layout: Layout,
) -> pa.RecordBatch:
    """Lay out sentences as rows.

    Args:
        names: one id for each sentence.
        sources, targets: its two sides.
        columns: for each column of the layout the flat numbers of every sentence.
        layout: what is kept.
    """
    arrays: dict[str, pa.Array] = {"id": pa.array(names, pa.string())}
    for name, sides in (("source", sources), ("target", targets)):
        arrays[name] = pa.array([side.text for side in sides], pa.string())
        arrays[f"{name}_tokens"] = _lists(pa.string(), [side.tokens for side in sides])
        arrays[f"{name}_words"] = _word_lists([side.words for side in sides])
        arrays[f"{name}_word_of_token"] = _lists(pa.int32(), [side.word_of_token for side in sides])
    for place in layout.places:
        shapes = [
            layout.shape(place, len(source.ids), len(target.ids))
            for source, target in zip(sources, targets, strict=True)
        ]
        arrays[f"{place}_shape"] = pa.FixedSizeListArray.from_arrays(np.array(shapes, np.int32).ravel(), type=SHAPE)
    for name, flat in columns.items():
        arrays[name] = number_lists(flat)
    return pa.RecordBatch.from_pydict(arrays, schema=layout.schema)


def read_row(batch: pa.RecordBatch, row: int, layout: Layout, special: str = "keep") -> SentenceMaps:
    """Read one sentence; its maps stay in the memory of the batch until they are asked for."""
    fields: dict[str, Any] = {name: batch.column(name)[row].as_py() for name in TEXTS} | {"special": special}
    for side in ("source", "target"):
        fields[f"{side}_words"] = [Word(**word) for word in fields[f"{side}_words"]]
    fields |= {place: read_map(batch, row, place, layout) for place in layout.places}
    return SentenceMaps(**fields)


def read_map(batch: pa.RecordBatch, row: int, place: str, layout: Layout) -> StoredMap:
    """Find the map of one sentence in one place."""
    shape = tuple(batch.column(f"{place}_shape")[row].as_py())
    columns = {
        name: batch.column(name)[row].values.to_numpy(zero_copy_only=True) for name in layout.columns(place, shape)
    }
    return StoredMap(layout, place, shape, columns)


def number_lists(rows: Sequence[np.ndarray]) -> pa.LargeListArray:
    """Lay out the flat numbers of every sentence as one column."""
    offsets = np.cumsum([0, *map(len, rows)])
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(np.concatenate(rows)))


def _lists(kind: pa.DataType, rows: Sequence[Sequence]) -> pa.ListArray:
    return pa.ListArray.from_arrays(_offsets(rows), pa.array(list(chain.from_iterable(rows)), kind))


def _word_lists(rows: Sequence[Sequence[Word]]) -> pa.ListArray:
    words = list(chain.from_iterable(rows))
    fields: Iterable[pa.Array] = (
        pa.array([word.text for word in words], pa.string()),
        pa.array([word.start for word in words], pa.int32()),
        pa.array([word.end for word in words], pa.int32()),
    )
    return pa.ListArray.from_arrays(_offsets(rows), pa.StructArray.from_arrays(list(fields), fields=list(WORD)))


def _offsets(rows: Sequence[Sequence]) -> pa.Array:
    return pa.array(np.cumsum([0, *map(len, rows)]), pa.int32())
