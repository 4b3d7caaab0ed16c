"""What the heads of cross-attention do: a table, and a picture with a cell for each head."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from ..alignment.cross_attention import SHIFTS
from ..alignment.heads import HeadProfile
from ..alignment.scores import LinkCounts
from ..alignment.selection import HeadSelection
from ..attention.places import LayerHead
from ..checkpoint.alignment_config import shift_name
from ..errors import UserError
from .heatmap import COLOURS
from .pictures import check_format, write_figure
from .tables import table

STYLES = ("text", "markdown", "tsv")
SCORES = ["AER", "precision", "recall", "F1"]
PROFILE = ["layer", "head", "shift", *SCORES, "entropy", "outside", "distance", "role"]
CELL = 0.55  # inches


def format_table(header: Sequence[str], rows: Sequence[Sequence[str | float]], style: str = "text") -> str:
    """Lay out a table as aligned text, Markdown or TSV.

    Args:
        header: names of the columns.
        rows: cells; numbers get one decimal place and stand on the right.
        style: one of `STYLES`.
    """
    cells = [[cell if isinstance(cell, str) else f"{cell:.1f}" for cell in row] for row in rows]
    if style == "tsv":
        return "\n".join("\t".join(line) for line in [list(header), *cells])
    numbers = {i for row in rows for i, cell in enumerate(row) if not isinstance(cell, str)}
    if style == "markdown":
        rule = ["---:" if i in numbers else "---" for i in range(len(header))]
        return "\n".join(f"| {' | '.join(line)} |" for line in [list(header), rule, *cells])
    return "\n".join(table(header, cells, numbers))


def check_style(style: str) -> None:
    """Raise `UserError` unless a style of tables is one of `STYLES`."""
    if style not in STYLES:
        raise UserError(f"no table is called {style!r}; choose from {', '.join(STYLES)}")


def selection_text(selection: HeadSelection, style: str = "text") -> str:
    """Lay out what was found out about heads: a table of all, and one of the chosen ones beside the diagonal.

    Args:
        selection: see `alignment.selection.select_heads`.
        style: one of `STYLES`.
    """
    check_style(style)
    rows = [[split, "chosen", *score_cells(counts)] for split, counts in selection.scores.items()]
    rows += [[split, "diagonal", *score_cells(counts)] for split, counts in selection.diagonal.items()]
    profiles = format_table(PROFILE, [profile_cells(profile) for profile in selection.profiles], style)
    scores = format_table(["gold", "links", *SCORES], rows, style)
    return f"{profiles}\n\nchosen on dev: {selection.config}\n\n{scores}"


def score_cells(counts: LinkCounts) -> list[str | float]:
    """The cells under `SCORES`, in percent."""
    return [100 * float(share) for share in (counts.error_rate, counts.precision, counts.recall, counts.f1)]


def profile_cells(profile: HeadProfile) -> list[str | float]:
    """The cells under `PROFILE`, shares in percent."""
    names = ("all" if name is None else str(name) for name in (profile.layer, profile.head))
    shares = (100 * share for share in (profile.entropy, profile.outside, profile.distance))
    return [*names, "yes" if profile.shift else "no", *score_cells(profile.counts), *shares, profile.role]


def plot_heads(profiles: Sequence[HeadProfile], chosen: Collection[LayerHead] = ()) -> Figure:
    """Draw F1 (unshifted, shifted), entropy, attention outside the words: a row for each layer, a column for each head

    Args:
        profiles: those of single heads are drawn.
        chosen: heads to frame.

    Returns:
        a figure of its own, not known to pyplot.
    """
    grids = {shift: _grids([profile for profile in profiles if profile.shift == shift]) for shift in SHIFTS}
    panels = [(f"F1, {shift_name(shift)}", grids[shift][0]) for shift in SHIFTS]
    panels += [("entropy", grids[False][1]), ("outside words", grids[False][2])]
    layers, heads = panels[0][1].shape
    figure = Figure(figsize=(len(panels) * (CELL * heads + 0.5) + 0.8, CELL * layers + 1.0), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for one, (title, values) in zip(axes, panels, strict=True):
        image = _draw_panel(one, title, values, chosen)
    axes[0].set_ylabel("layer", color="dimgrey", fontsize=9)
    figure.colorbar(image, ax=list(axes), pad=0.01, aspect=10).ax.tick_params(labelsize=8)
    return figure


def save_heads(profiles: Sequence[HeadProfile], chosen: Collection[LayerHead], path: str | os.PathLike) -> None:
    """Draw into a PNG, SVG or PDF file; see `plot_heads`. Raises `UserError` if it cannot be written."""
    check_format(path)
    write_figure(plot_heads(profiles, chosen), Path(path))


def _grids(profiles: Sequence[HeadProfile]) -> np.ndarray:
    """F1, entropy and attention outside the words of single heads, (3, layers, heads)."""
    cells = {
        (profile.layer, profile.head): (float(profile.counts.f1), profile.entropy, profile.outside)
        for profile in profiles
        if profile.layer is not None and profile.head is not None
    }
    grids = np.empty((3, 1 + max(layer for layer, _ in cells), 1 + max(head for _, head in cells)))
    for (layer, head), measures in cells.items():
        grids[:, layer, head] = measures
    return grids


def _draw_panel(axes: Axes, title: str, values: np.ndarray, chosen: Collection[LayerHead]) -> AxesImage:
    """Draw one measure of all heads, from 0 to 1."""
    image = axes.imshow(values, cmap=COLOURS, vmin=0, vmax=1)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel("head", color="dimgrey", fontsize=9)
    axes.set_xticks(range(values.shape[1]))
    axes.set_yticks(range(values.shape[0]))
    axes.tick_params(length=0, labelsize=8)
    axes.spines[:].set_visible(False)
    for (layer, head), value in np.ndenumerate(values):
        colour = "white" if value > 0.45 else "black"
        axes.text(head, layer, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
    for layer, head in chosen:
        axes.add_patch(Rectangle((head - 0.45, layer - 0.45), 0.9, 0.9, fill=False, edgecolor="tab:green", linewidth=2))
    return image
