"""The record of a training's attention: `attention.jsonl` beside the checkpoints, a line for each measured step.

Each line also keeps the maps of one sentence pair, its frame: together they make a film.

Shapes: L layers, H heads, T queries, S keys.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..attention.places import PLACES
from ..attention.sentence import SentenceMaps, Word
from ..errors import UserError
from ..files import write_text

CURVE_FILE = "attention.jsonl"
FRAME = "frame"  # where a record keeps the maps of a sentence
DIGITS = 4  # of the weights that are kept
SIDES = ("source_words", "target_words")
Record = dict[str, Any]  # step, epoch, what `measure` returns, `probe`: what `measure_one` returns, and `frame`


def read_curve(folder: str | os.PathLike) -> list[Record]:
    """Read the records of the training in `folder`, in the order of their steps.

    Raises:
        UserError: attention was not watched there, or the file is damaged.
    """
    path = Path(folder) / CURVE_FILE
    if not path.is_file():
        raise UserError(f"there is no {path}: train with watch_attention=256")
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}") from error


def write_curve(folder: str | os.PathLike, records: Sequence[Record]) -> None:
    """Write the records of a training into `folder`, all or none."""
    write_text(Path(folder, CURVE_FILE), "".join(json.dumps(record) + "\n" for record in records))


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
