"""The record of a training's attention: `attention.jsonl` beside the checkpoints, a line for each measured step."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError

CURVE_FILE = "attention.jsonl"
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
    path = Path(folder) / CURVE_FILE
    unfinished = path.with_name(path.name + ".partial")
    unfinished.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    os.replace(unfinished, path)
