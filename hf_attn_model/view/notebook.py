"""How data show themselves in a notebook: registered here, found by `attention.shown` when one is shown."""

from matplotlib.figure import Figure

from ..attention.sentence import SentenceMaps
from ..attention.shown import figure_of, html_of
from ..export.store import Maps
from .heatmap import plot_attention
from .page.vectors import InspectedSentence
from .page.write import page_frame

MOST_SHOWN = 50  # sentences of an export


@figure_of.register
def _(maps: SentenceMaps, *args, **kwargs) -> Figure:
    return plot_attention(maps, *args, **kwargs)


@html_of.register
def _(maps: SentenceMaps) -> str:
    return page_frame([maps])


@html_of.register
def _(sentence: InspectedSentence) -> str:
    return page_frame([sentence])


@html_of.register
def _(maps: Maps) -> str:
    shown = maps[:MOST_SHOWN]
    frame = page_frame(shown, source_error=maps.metadata["largest_error"]) if shown else ""
    return f"<p>{len(shown):,} of {len(maps):,} sentences</p>{frame}"
