"""Tokenized sentence pairs -> how many tokens each side has, and to how many a batch pads it."""

from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import numpy as np
import pyarrow.compute as pc

from ..errors import UserError

ROWS_AT_ONCE = 10_000
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
        source and target lengths, (N,) each, int32.

    Raises:
        UserError: the pairs have no `input_ids` or no `labels`.
    """
    if hasattr(dataset, "lengths_in"):
        sources, targets = dataset.lengths_in(0)
        return np.asarray(sources, np.int32), np.asarray(targets, np.int32)
    found = np.empty((2, len(dataset)), np.int32)
    if isinstance(dataset, datasets.Dataset):
        _check_columns(dataset.column_names)
        first = 0
        for table in dataset.with_format("arrow").iter(ROWS_AT_ONCE):  # no token becomes a Python object
            for side, column in zip(found, ("input_ids", "labels"), strict=True):
                side[first : first + len(table)] = pc.list_value_length(table[column])
            first += len(table)
    else:
        for i in range(len(dataset)):
            found[:, i] = row_lengths(dataset[i])
    return found[0], found[1]


def _check_columns(present: Any) -> None:
    for column in ("input_ids", "labels"):
        if column not in present:
            raise UserError(f'the training pairs have no "{column}", only {", ".join(present)}: tokenize them first')
