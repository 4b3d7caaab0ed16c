"""A film of training: the heat maps of one sentence pair, a frame for each measured step."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from ..errors import UserError
from ..maps.sentence import SentenceMaps
from .heatmap import plot_attention
from .writing import writing

FILM_SUFFIX = ".gif"
DPI = 100
FRAME, LAST = 600, 3000  # milliseconds


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
        frames: the maps of one sentence pair, each with its step as `id`; see `study.frames.read_frames`.
        path: the file, `.gif`.
        place, layer, head, merge_words: see `plot_attention`.

    Raises:
        UserError: no such place, layer or head, another suffix, or a file that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != FILM_SUFFIX:
        raise UserError(f"{path}: films end in {FILM_SUFFIX}")
    first, *others = (_render(frame, place, layer, head, merge_words) for frame in frames)
    with writing(path):
        first.save(path, save_all=True, append_images=others, duration=[FRAME] * len(others) + [LAST], loop=0)


def _render(
    frame: SentenceMaps, place: str | None, layer: int | None, head: int | None, merge_words: bool
) -> Image.Image:
    """Draw one frame, its name in the lower left corner."""
    figure = plot_attention(frame, place, layer, head, merge_words, highest=1.0)
    figure.text(0.01, 0.01, frame.id, fontsize=12, fontweight="bold", va="bottom")
    figure.dpi = DPI
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
