"""A recorded forward pass -> the numbers that an export keeps of each sentence -> rows of an Arrow batch, and back.

Shapes: B batch, L layers, H heads, G key heads, T queries, S keys, K head_dim.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from transformers import PreTrainedModel

from ..attention.places import PLACES, rows_and_columns
from ..attention.recorded import RecordedForward
from ..attention.sentence import SentenceMaps, Word
from ..attention.steps import AttentionCall, GivenWeights
from ..attention.tokenized import TokenizedText
from ..errors import UserError
from .schema import SHAPE, TEXTS, WORD, Layout, PlaceLayout
from .stored import StoredMap

Lengths = tuple[Sequence[int], Sequence[int]]
"""How many tokens the source and the target of every sentence have."""
Columns = dict[str, list[np.ndarray]]
"""For each column of a shard the flat numbers of every sentence."""


def find_places(forward: RecordedForward) -> dict[str, PlaceLayout]:
    """Read off a forward pass which layers and heads there are, and their sizes."""
    places = {}
    for place in PLACES:
        layers = forward.layers(place)
        if layers:
            call = forward.calls[place, layers[0]]
            if isinstance(call, AttentionCall):
                sizes = call.key.shape[1], call.key.shape[3], call.scaling
            else:
                sizes = len(call.heads), 0, 1.0  # weights alone
            places[place] = PlaceLayout(tuple(layers), call.heads, *sizes)
    return places


def check_rebuildable(forward: RecordedForward, model: PreTrainedModel) -> None:
    """Make sure that query and key are all it takes to rebuild the weights.

    Raises:
        UserError: there are weights alone, a position bias, a mask beyond padding and causality, a scaling of each
            layer's own, or scores that are capped or share their softmax with another place.
    """
    name = type(model).__name__
    for (place, layer), call in forward.calls.items():
        if not isinstance(call, AttentionCall):
            raise UserError(f"{name} gives its attention weights alone: keep weights instead of qk")
        if call.softcap is not None or call.elsewhere is not None:
            raise UserError(f"{name}, {place}: queries and keys do not tell the weights: keep weights instead of qk")
        if call.position_bias is not None:
            raise UserError(f"{name} adds a position bias to its scores: keep weights instead of qk")
        is_plain = call.mask is None or (isinstance(call.mask, torch.Tensor) and call.mask.ndim == 2)
        is_causal = call.causal and call.causal_offset == 0
        if not is_plain or (is_causal != (place == "decoder") and call.query.shape[2] > 1):
            raise UserError(f"{name}, {place} layer {layer}: the mask says more than padding and order: keep weights")
        first = forward.calls[place, forward.layers(place)[0]]
        if not isinstance(first, AttentionCall) or call.scaling != first.scaling:
            raise UserError(f"{name} scales the scores of each layer in another way: keep weights instead of qk")


def pack(forward: RecordedForward, lengths: Lengths, layout: Layout) -> Columns:
    """Take from a forward pass what the layout keeps.

    Args:
        forward: B sentence pairs with at least the layers and heads of the layout.
        lengths: how many tokens the source and the target of each have.
        layout: what to keep.
    """
    columns: Columns = {}
    for place, stored in layout.places.items():
        calls = [forward.calls[place, layer] for layer in stored.layers]
        rows, keys = rows_and_columns(place, *lengths)
        if layout.keep == "weights":
            columns[place] = _trim([call.attention_weights().half() for call in calls], rows, keys)
        elif layout.keep == "qk":
            vectors = [call for call in calls if isinstance(call, AttentionCall)]
            columns[f"{place}_query"] = _trim([call.query.float() for call in vectors], rows)
            columns[f"{place}_key"] = _trim([call.key.float() for call in vectors], keys)
        else:
            columns |= _strongest(place, calls, rows, keys, layout.top)
    return columns


def largest_error(forward: RecordedForward, lengths: Lengths, layout: Layout) -> float:
    """Compare what will be read with the weights in float32: the largest difference of all.

    Raises:
        UserError: a weight is no number.
    """
    packed = pack(forward, lengths, layout)
    largest = 0.0
    for place in layout.places:
        weights = forward.weights(place).float().cpu().numpy()  # (B,L,H,T,S)
        for i, (source, target) in enumerate(zip(*lengths, strict=True)):
            shape = layout.shape(place, source, target)
            kept = StoredMap(layout, place, shape, {name: packed[name][i] for name in layout.columns(place, shape)})
            exact = weights[i, :, :, : shape[2], : shape[3]]
            largest = float(np.maximum(largest, np.abs(np.asarray(kept) - exact).max()))  # NaN outdoes all
    if not np.isfinite(largest):
        raise UserError("the attention of the first sentences is NaN or infinite: the weights of the model are damaged")
    return largest


def _strongest(
    place: str, calls: Sequence[AttentionCall | GivenWeights], rows: Sequence[int], keys: Sequence[int], top: int
) -> Columns:
    """Keep the largest weights of each row, where they stand, and the sum of the others."""
    values, indices, rests = [], [], []
    for call in calls:
        weights = call.attention_weights()  # (B,H,T,S)
        padding = (
            torch.arange(weights.shape[-1], device=weights.device) >= torch.tensor(keys, device=weights.device)[:, None]
        )
        found = weights.masked_fill(padding[:, None, None], -1).topk(min(top, weights.shape[-1]))  # (B,H,T,k)
        values.append(found.values.half())
        indices.append(found.indices.to(torch.int32))
        whole = weights.sum(dim=-1, keepdim=True)  # less than 1 where one softmax serves two places
        rests.append((whole - found.values.clamp(min=0).sum(dim=-1, keepdim=True)).clamp(min=0).half())
    kept = [min(top, length) for length in keys]
    return {
        place: _trim(values, rows, kept),
        f"{place}_keys": [numbers.astype(np.uint16) for numbers in _trim(indices, rows, kept)],
        f"{place}_rest": _trim(rests, rows),
    }


def _trim(
    layers: Sequence[torch.Tensor], rows: Sequence[int], columns: Sequence[int] | None = None
) -> list[np.ndarray]:
    """Cut the padding off each sentence: L tensors (B,H,T,S) -> B flat arrays of (L,H,T,S)."""
    padded = torch.stack(list(layers), dim=1).cpu().numpy()  # (B,L,H,T,S)
    widths = [padded.shape[-1]] * len(padded) if columns is None else columns
    return [one[:, :, :row, :width].ravel() for one, row, width in zip(padded, rows, widths, strict=True)]


def to_batch(
    names: Sequence[str],
    sources: Sequence[TokenizedText],
    targets: Sequence[TokenizedText],
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
    """Read one sentence; its maps stay in the memory of the batch until they are asked for.

    Raises:
        ValueError: the row, which somebody else may have written, does not say what a row says.
    """
    fields: dict[str, Any] = {name: batch.column(name)[row].as_py() for name in TEXTS}
    if None in fields.values():
        raise ValueError(f"row {row} lacks {next(name for name, value in fields.items() if value is None)}")
    for side in ("source", "target"):
        words = fields[f"{side}_words"] = [Word(**word) for word in fields[f"{side}_words"]]
        indices = fields[f"{side}_word_of_token"]
        if any(None in word for word in words) or None in fields[f"{side}_tokens"]:
            raise ValueError(f"row {row}: a {side} word or token is nothing")
        if len(indices) != len(fields[f"{side}_tokens"]):
            raise ValueError(f"row {row}: {side} tokens and their words differ in number")
        if not all(index is None or 0 <= index < len(words) for index in indices):
            raise ValueError(f"row {row}: a {side} token is of a word that is not there")
    lengths = len(fields["source_tokens"]), len(fields["target_tokens"])
    for place in layout.places:
        fields[place] = stored = read_map(batch, row, place, layout)
        if stored.shape != layout.shape(place, *lengths):
            raise ValueError(f"row {row}: {place} is {stored.shape}, its tokens say {layout.shape(place, *lengths)}")
    return SentenceMaps(**fields, special=special)


def read_map(batch: pa.RecordBatch, row: int, place: str, layout: Layout) -> StoredMap:
    """Find the map of one sentence in one place. Raises `ValueError` where there is none of its shape."""
    shape = tuple(batch.column(f"{place}_shape")[row].as_py())
    sizes = layout.columns(place, shape)
    columns = {name: batch.column(name)[row].values.to_numpy(zero_copy_only=True) for name in sizes}
    for name, size in sizes.items():
        if columns[name].size != prod(size):
            raise ValueError(f"row {row}: {name} holds {columns[name].size:,} numbers, not {prod(size):,}")
    if (keys := columns.get(f"{place}_keys")) is not None and keys.size and keys.max() >= shape[3]:
        raise ValueError(f"row {row}: {place} keeps a key beyond the last")
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
