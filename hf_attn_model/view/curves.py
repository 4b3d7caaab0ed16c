"""What training made of attention, drawn: related words against others, alignment, entropy, over the steps."""

import os
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..attention.places import PLACES
from ..errors import UserError
from ..study.curve import Record
from .heatmap import PLACE_TITLES
from .pictures import check_format, write_figure

RELATED, CONTROL = "tab:blue", "tab:gray"
PROBE_KINDS = ("verb-object", "subject-object", "adjective-object")  # milk and drank, cat, black
PANEL = (3.6, 2.3)  # width and height in inches


def plot_curve(records: Sequence[Record]) -> Figure:
    """Draw the record of a training, as `study.curve.read_curve` reads it.

    One row of panels for each kind of pair and one column for each place: the attention of related words and that of
    the other pairs at the same distance, in multiples of an even look, with their 95 % intervals. A last row has the
    alignment error rate, the entropy and the probe. What was not measured is left out.

    Returns:
        a figure of its own, not known to pyplot: save it with `figure.savefig("curve.png")`.

    Raises:
        UserError: there are no records.
    """
    if not records:
        raise UserError("no step was measured: there is no curve to draw")
    kinds = list(dict.fromkeys(kind for place in records[0].get("relevance", {}).values() for kind in place))
    rows = len(kinds) + 1
    figure = Figure(figsize=(3 * PANEL[0], rows * PANEL[1]), layout="constrained")
    grid = figure.subplots(rows, 3, squeeze=False, sharex=True)
    for row, kind in zip(grid, kinds, strict=False):
        for axes, place in zip(row, PLACES, strict=True):
            _draw_relevance(axes, records, place, kind)
    for axes, place in zip(grid[0], PLACES, strict=True):
        if kinds:
            axes.set_title(PLACE_TITLES[place], fontsize=11)
            axes.legend(fontsize=8, frameon=False)
    _draw_alignment(grid[-1, 0], records)
    _draw_entropy(grid[-1, 1], records)
    _draw_probe(grid[-1, 2], records)
    for axes in grid[-1]:
        axes.set_xlabel("step")
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    return figure


def save_curve(records: Sequence[Record], path: str | os.PathLike) -> None:
    """Draw a record into a PNG, SVG or PDF file; its folder is made if need be.

    Raises:
        UserError: no records, another suffix, or a file that cannot be written.
    """
    path = Path(path)
    check_format(path)
    write_figure(plot_curve(records), path)


def _draw_relevance(axes: Axes, records: Sequence[Record], place: str, kind: str) -> None:
    measured = [record for record in records if kind in record["relevance"][place]]
    if not measured:  # too few sentences: no two words stand so in any of them
        axes.set_axis_off()
        return
    steps = [record["step"] for record in measured]
    comparisons = [record["relevance"][place][kind] for record in measured]
    for name, label, colour in (("related", "these words", RELATED), ("control", "others as far apart", CONTROL)):
        axes.plot(steps, [each[name] for each in comparisons], color=colour, label=label)
        low, high = zip(*(each[f"{name}_interval"] for each in comparisons), strict=True)
        axes.fill_between(steps, low, high, color=colour, alpha=0.25, linewidth=0)
    axes.axhline(1, color="black", linewidth=0.5, linestyle=":")
    axes.set_ylim(bottom=0)
    if place == PLACES[0]:
        axes.set_ylabel(f"{kind}\ntimes an even look", fontsize=9)


def _draw_alignment(axes: Axes, records: Sequence[Record]) -> None:
    if "alignment" not in records[0]:
        axes.set_visible(False)
        return
    steps = [record["step"] for record in records]
    for name, interval, label in (("best", "best_interval", "best head"), ("layer", "layer_interval", "best layer")):
        line = axes.plot(steps, [record["alignment"][name] for record in records], label=label)[0]
        low, high = zip(*(record["alignment"][interval] for record in records), strict=True)
        axes.fill_between(steps, low, high, color=line.get_color(), alpha=0.25, linewidth=0)
    axes.set_ylim(0, 1)
    axes.set_title("alignment error rate", fontsize=10)
    axes.legend(fontsize=8, frameon=False)


def _draw_entropy(axes: Axes, records: Sequence[Record]) -> None:
    steps = [record["step"] for record in records]
    for place in PLACES:
        axes.plot(steps, [record["entropy"][place]["mean"] for record in records], label=place)
    axes.set_ylim(bottom=0)
    axes.set_title("entropy of a row, nats", fontsize=10)
    axes.legend(fontsize=8, frameon=False)


def _draw_probe(axes: Axes, records: Sequence[Record]) -> None:
    if "probe" not in records[0]:
        axes.set_visible(False)
        return
    steps = [record["step"] for record in records]
    for kind in PROBE_KINDS:
        axes.plot(steps, [record["probe"]["encoder"][kind]["mean"] for record in records], label=kind)
    axes.set_ylim(bottom=0)
    axes.set_title("the probe sentence, encoder", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
