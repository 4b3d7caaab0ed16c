"""Arrays as text, exact or smaller: `{"type": "u8" | "f16" | "f32", "data": base64}`, little-endian, in C order."""

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np

TYPES = {"u8": "u1", "f16": "<f2", "f32": "<f4"}
STEPS = 255  # of "u8": weights from 0 to 1 in 1/255


def pack(array: np.ndarray, kind: str) -> dict[str, str]:
    """Write an array as text. Under "u8" its numbers must lie between 0 and 1; "f16" ends at 65,504."""
    numbers = np.rint(array * STEPS) if kind == "u8" else array
    return {"type": kind, "data": base64.b64encode(numbers.astype(TYPES[kind]).tobytes()).decode("ascii")}


def unpack(packed: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """Read what `pack` wrote, as float64."""
    numbers = np.frombuffer(base64.b64decode(packed["data"]), TYPES[packed["type"]]).astype(np.float64)
    return (numbers / STEPS if packed["type"] == "u8" else numbers).reshape(shape)


def bytes_as(kind: str, arrays: Iterable[np.ndarray]) -> int:
    """Tell how many bytes arrays would take on the page, packed."""
    return sum(array.size for array in arrays) * np.dtype(TYPES[kind]).itemsize * 4 // 3
