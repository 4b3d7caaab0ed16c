"""What an export looks like on disk: shards of Arrow IPC files beside one metadata.json.

A shard `maps-00000.arrow` holds record batches with one row per sentence pair. A map lies in two columns: its
weights as a flat list, and its shape (layers, heads, rows, columns). `metadata.json` is written last: a
folder without it is an export that was not finished.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from .sentence import PLACES, SentenceMaps, Word

FORMAT = "hf_attn_model.maps"
VERSION = 1
METADATA = "metadata.json"
CONVENTIONS = {
    "weights": "attention weights after the softmax and before dropout; rows are queries, columns are keys",
    "encoder": "rows and columns are source_tokens",
    "decoder": "row i writes target_tokens[i]; column 0 is the start mark, column j is target_tokens[j - 1]",
    "cross": "row i writes target_tokens[i]; columns are source_tokens",
    "word_of_token": "index into the words, null for a token outside all words",
}

_WORD = pa.struct({"text": pa.string(), "start": pa.int32(), "end": pa.int32()})
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "source": pa.string(),
        "target": pa.string(),
        "source_tokens": pa.list_(pa.string()),
        "target_tokens": pa.list_(pa.string()),
        "source_words": pa.list_(_WORD),
        "target_words": pa.list_(_WORD),
        "source_word_of_token": pa.list_(pa.int32()),
        "target_word_of_token": pa.list_(pa.int32()),
        **{place: pa.large_list(pa.float32()) for place in PLACES},
        **{f"{place}_shape": pa.list_(pa.int32(), 4) for place in PLACES},
    }
)


def shard_name(number: int) -> str:
    """Name a shard: `maps-00000.arrow`."""
    return f"maps-{number:05d}.arrow"


def to_batch(records: Sequence[SentenceMaps]) -> pa.RecordBatch:
    """Lay out sentences as one Arrow record batch."""
    columns: dict[str, pa.Array] = {}
    for name in ("id", "source", "target", "source_tokens", "target_tokens"):
        columns[name] = pa.array([getattr(record, name) for record in records], SCHEMA.field(name).type)
    for side in ("source", "target"):
        words = [[vars(word) for word in getattr(record, f"{side}_words")] for record in records]
        columns[f"{side}_words"] = pa.array(words, pa.list_(_WORD))
        indices = [getattr(record, f"{side}_word_of_token") for record in records]
        columns[f"{side}_word_of_token"] = pa.array(indices, pa.list_(pa.int32()))
    for place in PLACES:
        maps = [record.place(place) for record in records]
        offsets = np.cumsum([0, *(weights.size for weights in maps)])
        flat = np.concatenate([np.ravel(weights) for weights in maps]).astype(np.float32, copy=False)
        columns[place] = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(flat))
        columns[f"{place}_shape"] = pa.array([weights.shape for weights in maps], pa.list_(pa.int32(), 4))
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


def from_batch(batch: pa.RecordBatch, row: int) -> SentenceMaps:
    """Read one sentence out of a record batch; its maps are read-only views of the batch's memory."""
    fields = {
        name: batch.column(name)[row].as_py() for name in SCHEMA.names if name.removesuffix("_shape") not in PLACES
    }
    for side in ("source", "target"):
        fields[f"{side}_words"] = [Word(**word) for word in fields[f"{side}_words"]]
    for place in PLACES:
        flat = batch.column(place)[row].values.to_numpy(zero_copy_only=True)
        fields[place] = flat.reshape(batch.column(f"{place}_shape")[row].as_py())
    return SentenceMaps(**fields)
