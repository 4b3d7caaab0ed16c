"""What each head of cross-attention does, measured on sentences with gold links.

Shapes: L layers, H heads, T target tokens, S source tokens, Tw and Sw their words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .choice import gold_matrices, score_diagonal
from .cross import STEPS, CrossAttention, Head
from .links import diagonal_links, link_words
from .pairs import GoldPair
from .scores import LinkCounts, count_links, sum_counts

MOST_OUTSIDE = 0.5  # an idle head pays more of its attention than this to no word,
MOST_ENTROPY = 0.9  # or spreads it more evenly than this


@dataclass(frozen=True)
class HeadProfile:
    """What one head, or several read together, did at one step.

    Attributes:
        layer: `None` for all.
        head: `None` for all of the layer.
        step: "output" or "input".
        counts: its links against gold ones: each target word with the source word it looks at most.
        entropy: of its rows, mean; 0 for one key alone, 1 for all alike.
        outside: share of its attention on tokens outside the words (`</s>`).
        distance: of the words it looks at from the diagonal, mean, as a share of the sentence; 0 to 1.
        role: "aligning": closer to the gold links than the diagonal is; "idle": more than half of its attention
            outside the words, or nearly the same everywhere; "positional": closer to the diagonal than to the gold
            links; "mixed": nothing of these. A head has the role of the step at which it aligns better.
    """

    layer: int | None
    head: int | None
    step: str
    counts: LinkCounts
    entropy: float
    outside: float
    distance: float
    role: str


def profile_heads(attentions: Sequence[CrossAttention], gold: Sequence[GoldPair]) -> list[HeadProfile]:
    """Profile every head, every layer and all of them together, at both steps.

    Args:
        attentions: of the pairs in `gold`, with their words.
        gold: sentences with gold links.
    """
    layers, heads = attentions[0].weights.shape[:2]
    names: list[tuple[int | None, int | None]] = [
        *attentions[0].heads,
        *((layer, None) for layer in range(layers)),
        (None, None),
    ]
    sets = [_heads_of(name, layers, heads) for name in names]
    diagonals = [diagonal_links(len(pair.target_words), len(pair.source_words)) for pair in gold]
    diagonal_f1 = float(score_diagonal(gold).f1)
    measured = {step: _measure(attentions, gold, diagonals, sets, step) for step in STEPS}
    profiles = []
    for number, (layer, head) in enumerate(names):
        best = max(STEPS, key=lambda step: measured[step].counts.f1[number])
        role = measured[best].role(number, diagonal_f1)
        for step in STEPS:
            of = measured[step]
            entropy, outside, distance = of.shapes[:, number].tolist()
            profiles.append(HeadProfile(layer, head, step, of.counts[number], entropy, outside, distance, role))
    return profiles


@dataclass(frozen=True)
class _Measured:
    """All head sets at one step: counts (N,), and entropy, outside and distance, (3,N)."""

    counts: LinkCounts
    to_diagonal: LinkCounts
    shapes: np.ndarray

    def role(self, number: int, diagonal_f1: float) -> str:
        entropy, outside, _ = self.shapes[:, number]
        if outside > MOST_OUTSIDE or entropy > MOST_ENTROPY:
            return "idle"
        if self.counts.f1[number] > diagonal_f1:
            return "aligning"
        return "positional" if self.to_diagonal.f1[number] > self.counts.f1[number] else "mixed"


def _measure(
    attentions: Sequence[CrossAttention],
    gold: Sequence[GoldPair],
    diagonals: Sequence[np.ndarray],
    head_sets: list[list[Head]],
    step: str,
) -> _Measured:
    counts, to_diagonal, shapes = [], [], []
    for attention, pair, diagonal in zip(attentions, gold, diagonals, strict=True):
        maps = attention.word_maps(head_sets, step)  # (N,Tw,Sw)
        links = link_words(maps, "target")
        counts.append(count_links(links, *gold_matrices(pair)))
        to_diagonal.append(count_links(links, diagonal, diagonal))
        outside = 1 - maps.sum(axis=(1, 2)) / maps.shape[1]
        shapes.append([_entropy(attention, head_sets, step), outside, _distance(maps)])
    return _Measured(sum_counts(counts), sum_counts(to_diagonal), np.mean(shapes, axis=0))


def _entropy(attention: CrossAttention, head_sets: list[list[Head]], step: str) -> np.ndarray:
    """Mean entropy of the rows of words, relative to that of a uniform row, (N,)."""
    maps = np.stack([attention.token_map(heads) for heads in head_sets])
    rows = maps[:, [word is not None for word in attention.row_words(step)]]  # (N,T',S)
    logs = np.log(rows, where=rows > 0, out=np.zeros_like(rows))
    return -(rows * logs).sum(axis=-1).mean(axis=-1) / max(np.log(rows.shape[-1]), 1e-9)


def _distance(maps: np.ndarray) -> np.ndarray:
    """Mean distance from the diagonal of a map whose sides have length 1, weighted, (N,)."""
    _, targets, sources = maps.shape
    rows, columns = (np.arange(targets) + 0.5) / targets, (np.arange(sources) + 0.5) / sources
    apart = np.abs(rows[:, None] - columns)
    return (maps * apart).sum(axis=(1, 2)) / np.maximum(maps.sum(axis=(1, 2)), 1e-9)


def _heads_of(name: tuple[int | None, int | None], layers: int, heads: int) -> list[Head]:
    layer, head = name
    return [
        (one, other)
        for one in (range(layers) if layer is None else [layer])
        for other in (range(heads) if head is None else [head])
    ]
