"""Heat maps of sentences -> files: one picture, or a film of training with a frame for each measured step."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..attention.sentence import SentenceMaps
from ..errors import UserError
from ..files import replacing
from .heatmap import plot_attention

FORMATS = (".png", ".svg", ".pdf")
FILM_SUFFIX = ".gif"
FILM_DPI = 100
FRAME, LAST = 600, 3000  # milliseconds


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
    with replacing(path) as unfinished:
        try:
            figure.savefig(unfinished, dpi=160, format=path.suffix[1:].lower())
        except ValueError as error:  # more pixels than the format can hold
            raise UserError(f"{path}: {error}") from error


def check_format(path: str | os.PathLike) -> None:
    """Raise `UserError` unless the suffix of a file is that of a picture."""
    if Path(path).suffix.lower() not in FORMATS:
        raise UserError(f"{path}: pictures end in {', '.join(FORMATS)}")


def save_film(
    frames: Sequence[SentenceMaps],
    path: str | os.PathLike,
    place: str | None = None,
    layer: int | None = None,
    head: int | None = None,
    merge_words: bool = True,
) -> None:
    """Draw a GIF with a frame for each step, all on one colour scale from 0 to 1; its folder is made if need be.

    Args:
        frames: the maps of one sentence pair, each with its step as `id`; see `study.curve.read_frames`.
        path: the file, `.gif`.
        place, layer, head, merge_words: see `plot_attention`.

    Raises:
        UserError: no such place, layer or head, another suffix, or a file that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != FILM_SUFFIX:
        raise UserError(f"{path}: films end in {FILM_SUFFIX}")
    with replacing(path) as unfinished:
        first, *others = (_render(frame, place, layer, head, merge_words) for frame in frames)
        durations = [FRAME] * len(others) + [LAST]
        first.save(unfinished, "GIF", save_all=True, append_images=others, duration=durations, loop=0)


def _render(
    frame: SentenceMaps, place: str | None, layer: int | None, head: int | None, merge_words: bool
) -> Image.Image:
    """Draw one frame, its name in the lower left corner."""
    figure = plot_attention(frame, place, layer, head, merge_words, highest=1.0)
    figure.text(0.01, 0.01, frame.id, fontsize=12, fontweight="bold", va="bottom")
    figure.dpi = FILM_DPI
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
