"""Tokenized sentence pairs -> how many tokens each side has, and to how many a batch pads it."""

from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import numpy as np
import pyarrow.compute as pc

from ..errors import UserError

LENGTH_STEP = 2  # padded lengths are multiples: few tensor shapes, for which the CPU's matrix kernels prepare once


def round_up(lengths: Sequence[int] | np.ndarray | int) -> np.ndarray:
    """Round lengths in tokens up to what they are padded to."""
    return -(-np.asarray(lengths, dtype=np.int64) // LENGTH_STEP) * LENGTH_STEP


def row_lengths(row: Mapping[str, Any]) -> tuple[int, int]:
    """Count the source and target tokens of one pair.

    Raises:
        UserError: the pair has no `input_ids` or no `labels`.
    """
    _check_columns(row)
    return len(row["input_ids"]), len(row["labels"])


def pair_lengths(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """Count the source and target tokens of every pair of a dataset that knows its size.

    Of a dataset whose token ids change (subword regularisation), `lengths_in(epoch)` gives those of the first epoch.
    Else the columns `input_ids` and `labels` are read.

    Returns:
        source and target lengths, (N,) each, in as few bytes as they fit into.

    Raises:
        UserError: the pairs have no `input_ids` or no `labels`.
    """
    if hasattr(dataset, "lengths_in"):
        sources, targets = dataset.lengths_in(0)
    elif isinstance(dataset, datasets.Dataset):
        _check_columns(dataset.column_names)
        parts = [
            [_in_few_bytes(pc.list_value_length(table[column]).to_numpy()) for column in ("input_ids", "labels")]
            for table in dataset.with_format("arrow").iter(batch_size=10_000)  # no token becomes a Python object
        ]
        sources, targets = (np.concatenate(side) for side in zip(*parts, strict=True)) if parts else ([], [])
    else:
        rows = [row_lengths(dataset[i]) for i in range(len(dataset))]
        sources, targets = [source for source, _ in rows], [target for _, target in rows]
    return _in_few_bytes(sources), _in_few_bytes(targets)


def _in_few_bytes(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    lengths = np.asarray(lengths, None if len(lengths) else np.int64)
    return lengths.astype(np.min_scalar_type(lengths.max(initial=0)), copy=False)


def _check_columns(present: Any) -> None:
    for column in ("input_ids", "labels"):
        if column not in present:
            raise UserError(f'the training pairs have no "{column}", only {", ".join(present)}: tokenize them first')
