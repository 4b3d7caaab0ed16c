"""What changed heads do, as a table and in plain words."""

from collections.abc import Sequence

from ..study.ablation import Ablation, Effect
from .tables import paragraph, table

MEANING = {
    "uniform": "Each head named looked at everything that it may see alike: its values still flow, but unchosen.",
    "zero": (
        "Each head named was taken out: nothing of it reaches the output projection. Its own attention weights stay, "
        "and so does the AER that is read off them."
    ),
}
WHAT_IT_SHOWS = (
    "A change tells how much this model, trained as it is, relies on a head while nothing may adapt; it does not tell "
    "what a model trained without that head could do. A head whose change shows nothing may be idle, or others may do "
    "the same work: change them together to see. That a head matters does not make its weights an explanation: what a "
    "weight carries depends on the value beside it. If uniform costs as much as zero, it matters where the head "
    "looks; if it costs less, a mean of all values is of use, too. An interval with 0 inside shows no effect, and of "
    "twenty intervals without any effect one misses 0 by chance."
)


def ablation_text(ablations: Sequence[Ablation]) -> str:
    """Write a report of at least one ablation: the untouched model, a line for each set of heads, what it shows."""
    first = ablations[0]
    header = ["heads", *(column for effect in first.effects for column in (effect.metric, "change", "95 % interval"))]
    untouched = ["untouched", *(cell for effect in first.effects for cell in (f"{effect.before:.2f}", "", ""))]
    rows = [[_names(each), *(cell for effect in each.effects for cell in _cells(effect))] for each in ablations]
    lines = table(header, [untouched, *rows], numbers=range(1, len(header)))
    return "\n".join([*lines, "", *paragraph(f"{MEANING[first.mode]} {WHAT_IT_SHOWS}")])


def _names(ablation: Ablation) -> str:
    return " ".join(map(str, ablation.heads))


def _cells(effect: Effect) -> tuple[str, str, str]:
    low, high = effect.interval
    return f"{effect.after:.2f}", f"{effect.difference:+.2f}", f"{low:+.2f} to {high:+.2f}"
