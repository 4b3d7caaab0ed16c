"""The attention of one sentence pair at every measured step of a training, kept in its record: a film.

Shapes: L layers, H heads, T queries, S keys.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import UserError
from ..maps.sentence import PLACES, SentenceMaps, Word
from .curve import Record

FRAME = "frame"  # where a record keeps it
DIGITS = 4  # of the weights that are kept
SIDES = ("source_words", "target_words")


def to_frame(maps: SentenceMaps) -> dict[str, Any]:
    """Turn a sentence with its maps into what JSON can hold, its weights rounded to four digits."""
    texts = {name: value for name, value in vars(maps).items() if name not in PLACES}
    return texts | {place: np.round(maps.place(place).astype(float), DIGITS).tolist() for place in maps.places}


def read_frames(records: Sequence[Record]) -> list[SentenceMaps]:
    """Read the frames of a training, in the order of their steps; each bears its step as `id`.

    Args:
        records: as `study.curve.read_curve` reads them.

    Raises:
        UserError: there are no frames, or they are not of one sentence pair.
    """
    frames = [_from_json(record[FRAME], f"step {record['step']}") for record in records if FRAME in record]
    if not frames:
        raise UserError("the record of this training has no frames: it was written by an older version")
    if len({(frame.source, frame.target) for frame in frames}) > 1:
        raise UserError("the frames of this training show several sentences: it was resumed on other data")
    return frames


def _from_json(frame: dict[str, Any], name: str) -> SentenceMaps:
    words = {side: [Word(*word) for word in frame[side]] for side in SIDES}
    maps = {place: np.array(frame[place], dtype=np.float32) for place in PLACES if place in frame}
    return replace(SentenceMaps(**(frame | words | maps)), id=name)
