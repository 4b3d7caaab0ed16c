"""Heat maps of attention: a row looks at the columns, and the darker a cell, the more it looks there.

Shapes: L layers, H heads, T rows (queries), S columns (keys).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from ..attention.sentence import SentenceMaps
from ..errors import UserError
from .fonts import font_families
from .tables import display_width, show_token

COLOURS = "magma_r"  # perceptually uniform: equal steps of attention look equal, also in grey
MOST_PRINTED = 12  # rows and columns of a map up to which its cells bear their values
PLACE_TITLES = {
    "encoder": "encoder self-attention",
    "decoder": "decoder self-attention",
    "cross": "cross-attention",
}
AXIS_TITLES = {  # rows, columns
    "encoder": ("query: source {unit}", "key: source {unit}"),
    "decoder": ("query: target {unit} written", "key: target {unit} read"),
    "cross": ("query: target {unit} written", "key: source {unit}"),
}


def plot_attention(
    record: SentenceMaps,
    place: str | None,
    layer: int | None = None,
    head: int | None = None,
    merge_words: bool = True,
    highest: float | None = None,
) -> Figure:
    """Draw the attention of one place, or of all there are side by side.

    Args:
        record: a sentence with its maps.
        place: "encoder", "decoder" or "cross"; `None` for all of them, on one colour scale.
        layer, head: which one, counted from 0; `None` averages over all of them, and the title says so.
        merge_words: words as rows and columns, else tokens.
        highest: weight of the darkest colour; the largest one shown unless given.

    Returns:
        a figure of its own, not known to pyplot: save it with `figure.savefig("map.png")`.

    Raises:
        UserError: there is no such place, layer or head.
    """
    places = record.places if place is None else [place]
    return _draw([_panel(record, each, layer, head, merge_words) for each in places], highest)


@dataclass(frozen=True)
class _Panel:
    """One heat map: weights (T,S), which the mask hides, and what is written around them, with measures in inches."""

    weights: np.ndarray
    hidden: np.ndarray
    rows: list[str]
    columns: list[str]
    title: str
    row_title: str
    column_title: str

    @property
    def is_small(self) -> bool:
        """Whether the cells are large enough to be written on."""
        return max(self.weights.shape) <= MOST_PRINTED

    @property
    def font_size(self) -> int:
        """Size of the labels in points."""
        return 10 if self.is_small else 8

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the cells together."""
        cell = 0.6 if self.is_small else 0.3
        return cell * len(self.columns), cell * len(self.rows)

    @property
    def is_slanted(self) -> bool:
        """Whether some column label is wider than a cell."""
        return max(map(self._measure, self.columns)) > self.size[0] / len(self.columns)

    @property
    def margins(self) -> tuple[float, float, float, float]:
        """Room on the left, at the right, above and below the cells."""
        left = max(map(self._measure, self.rows)) + 0.45
        title = 0.085 * max(map(len, self.title.splitlines()))
        right = max(0.15, title - self.size[0])
        above = 0.8
        if self.is_slanted:
            right = max(right, 0.75 * self._measure(self.columns[-1]))
            above += 0.75 * max(map(self._measure, self.columns))
        return left, right, above, 0.4

    def _measure(self, label: str) -> float:
        return display_width(label) * 0.0085 * self.font_size


def _panel(record: SentenceMaps, place: str, layer: int | None, head: int | None, merge_words: bool) -> _Panel:
    """Choose layer and head, and name everything."""
    labelled = record.words(place) if merge_words else record.tokens(place)
    weights, chosen = labelled.weights, []
    for name, number, there in (("layer", layer, labelled.layers), ("head", head, labelled.heads)):
        if number is None:
            chosen.append(f"mean of {len(there)} {name}s" if len(there) > 1 else f"{name} {there[0]}")
            weights = weights.mean(axis=0)  # (L,H,T,S) -> (H,T,S) -> (T,S)
        elif number in there:
            chosen.append(f"{name} {number}")
            weights = weights[there.index(number)]
        else:
            raise UserError(f"{place} attention has {name}s {_list_numbers(there)}, not {number}")
    row_title, column_title = AXIS_TITLES[place]
    unit = "word" if merge_words else "token"
    return _Panel(
        weights=weights,
        hidden=(weights == 0) & np.triu(np.full(weights.shape, place == "decoder"), 1),
        rows=[show_token(row) for row in labelled.rows],
        columns=[show_token(column) for column in labelled.columns],
        title=f"{PLACE_TITLES[place]}\n{', '.join(chosen)}",
        row_title=row_title.format(unit=unit),
        column_title=column_title.format(unit=unit),
    )


def _list_numbers(numbers: Sequence[int]) -> str:
    """Say which numbers there are: "0 to 5", or "0, 2" where some are missing."""
    first, last = numbers[0], numbers[-1]
    return f"{first} to {last}" if list(numbers) == list(range(first, last + 1)) else ", ".join(map(str, numbers))


def _draw(panels: list[_Panel], highest: float | None) -> Figure:
    """Draw heat maps side by side, their first rows level, with one colour scale for all."""
    lefts, rights, aboves, belows = zip(*(panel.margins for panel in panels), strict=True)
    widths, heights = zip(*(panel.size for panel in panels), strict=True)
    total_width = sum(lefts) + sum(widths) + sum(rights) + 0.8  # the last for the colour bar
    total_height = max(aboves) + max(heights) + max(belows)
    figure = Figure(figsize=(total_width, total_height))

    def add_axes(left: float, width: float, height: float) -> Axes:
        bottom = total_height - max(aboves) - height
        relative = (left / total_width, bottom / total_height, width / total_width, height / total_height)
        return figure.add_axes(relative)

    families = font_families(label for panel in panels for label in (*panel.rows, *panel.columns))
    highest = highest or max(float(panel.weights.max()) for panel in panels)
    x = 0.0
    for panel in panels:
        (left, right, _, _), (width, height) = panel.margins, panel.size
        image = _draw_panel(add_axes(x + left, width, height), panel, highest, families)
        x += left + width + right
    bar = figure.colorbar(image, cax=add_axes(x, 0.15, min(max(heights), 3.0)), label="attention weight")
    bar.ax.tick_params(labelsize=8)
    return figure


def _draw_panel(axes: Axes, panel: _Panel, highest: float, families: list[str]) -> AxesImage:
    """Draw one heat map: keys along the top, queries down the side."""
    weights = np.ma.array(panel.weights, mask=panel.hidden)  # what is hidden is left white
    image = axes.imshow(weights, cmap=COLOURS, vmin=0, vmax=highest)
    axes.set_yticks(range(len(panel.rows)), panel.rows)
    axes.set_xticks(range(len(panel.columns)), panel.columns)
    axes.xaxis.tick_top()
    for label in (*axes.get_yticklabels(), *axes.get_xticklabels()):
        label.set(fontfamily=families, fontsize=panel.font_size, parse_math=False)
    if panel.is_slanted:
        for label in axes.get_xticklabels():
            label.set(rotation=45, ha="left", rotation_mode="anchor")
    axes.xaxis.set_label_position("bottom")
    axes.tick_params(length=0)
    axes.set_xlabel(panel.column_title, color="dimgrey", fontsize=9)
    axes.set_ylabel(panel.row_title, color="dimgrey", fontsize=9)
    axes.set_title(panel.title, fontsize=11, loc="left", pad=9)
    axes.spines[:].set_visible(False)
    if panel.is_small:
        for (row, column), weight in np.ndenumerate(panel.weights):
            if not panel.hidden[row, column]:
                colour = "white" if weight > 0.45 * highest else "black"
                axes.text(column, row, f"{weight:.2f}", ha="center", va="center", fontsize=8, color=colour)
    return image
