"""A sentence with its maps -> a picture file."""

import os
from pathlib import Path

from matplotlib.figure import Figure

from ..errors import UserError
from ..maps.sentence import SentenceMaps
from .heatmap import plot_attention
from .writing import writing

FORMATS = (".png", ".svg", ".pdf")


def save_picture(
    record: SentenceMaps,
    path: str | os.PathLike,
    place: str | None = None,
    layer: int | None = None,
    head: int | None = None,
    merge_words: bool = True,
) -> None:
    """Draw one place, or all three side by side, into a PNG, SVG or PDF file; its folder is made if need be.

    Args:
        record, place, layer, head, merge_words: see `plot_attention`.
        path: the file; its suffix chooses the format.

    Raises:
        UserError: no such place, layer or head, another suffix, or a file that cannot be written.
    """
    path = Path(path)
    check_format(path)
    write_figure(plot_attention(record, place, layer, head, merge_words), path)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure into a file; its folder is made if need be. Raises `UserError` where that cannot be."""
    with writing(path):
        try:
            figure.savefig(path, dpi=160)
        except ValueError as error:  # more pixels than the format can hold
            raise UserError(f"{path}: {error}") from error


def check_format(path: str | os.PathLike) -> None:
    """Raise `UserError` unless the suffix of a file is that of a picture."""
    if Path(path).suffix.lower() not in FORMATS:
        raise UserError(f"{path}: pictures end in {', '.join(FORMATS)}")
