"""What each head of cross-attention does on gold links, and the heads that align best, chosen on a development set."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from ..attention.places import LayerHead
from ..checkpoint.alignment_config import METHODS, AlignmentConfig, HeadSummary
from .cross_attention import SHIFTS, CrossAttention
from .links import diagonal_links, link_words
from .pairs import GoldPair
from .scores import LinkCounts, count_links, sum_counts

HEAD_RULES = ("target", "source", "intersection", "union")  # rules by which heads are chosen: the fast ones
THRESHOLDS = tuple(number / 20 for number in range(10))  # 0, 0.05 ... 0.45
MOST_OUTSIDE = 0.5  # an idle head pays more of its attention than this to no word,
MOST_ENTROPY = 0.9  # or spreads it more evenly than this


def choose_alignment_config(
    attentions: Sequence[CrossAttention], gold: Sequence[GoldPair], measure: str, shifts: Iterable[bool] = SHIFTS
) -> AlignmentConfig:
    """Choose what has the lowest alignment error rate: heads for each shift and rule, then the threshold.

    Args:
        attentions: of the pairs in `gold`, with their words.
        gold: the development set.
        measure: what the attentions hold.
        shifts: those to choose from.
    """
    candidates = []
    for shift in shifts:
        grown = [choose_heads(attentions, gold, shift, measure, rule) for rule in HEAD_RULES]
        candidates += grown + [replace(grown[-1], rule=method) for method in METHODS if method not in HEAD_RULES]
    candidates = [replace(config, threshold=threshold) for config in candidates for threshold in THRESHOLDS]
    return min(candidates, key=lambda config: score_alignment_config(config, attentions, gold).error_rate)


def choose_heads(
    attentions: Sequence[CrossAttention], gold: Sequence[GoldPair], shift: bool, measure: str, rule: str
) -> AlignmentConfig:
    """Start with no head, and add, one by one, the head that lowers the error rate most, until none does."""
    chosen: list[LayerHead] = []
    lowest = np.inf
    while rest := [head for head in attentions[0].heads if head not in chosen]:
        rates = score_head_sets([[*chosen, head] for head in rest], attentions, gold, shift, rule).error_rate
        best = int(rates.argmin())
        if rates[best] >= lowest:
            break
        chosen.append(rest[best])
        lowest = rates[best]
    return AlignmentConfig(tuple(chosen), shift, measure, rule)


def score_alignment_config(
    config: AlignmentConfig, attentions: Iterable[CrossAttention], gold: Iterable[GoldPair]
) -> LinkCounts:
    """Compare the links that are read so with gold links; counts are single numbers."""
    return sum_counts(
        count_links(attention.links(config), *pair.matrices) for attention, pair in zip(attentions, gold, strict=True)
    )


def score_head_sets(
    head_sets: Sequence[Sequence[LayerHead]],
    attentions: Iterable[CrossAttention],
    gold: Iterable[GoldPair],
    shift: bool,
    rule: str,
) -> LinkCounts:
    """Compare the links of N sets of heads with gold links; counts have the shape (N,)."""
    return sum_counts(
        count_links(link_words(attention.word_maps(head_sets, shift), rule), *pair.matrices)
        for attention, pair in zip(attentions, gold, strict=True)
    )


def score_diagonal(gold: Iterable[GoldPair]) -> LinkCounts:
    """Compare the diagonal with gold links: what any aligner must beat."""
    return sum_counts(
        count_links(diagonal_links(len(pair.target_words), len(pair.source_words)), *pair.matrices) for pair in gold
    )


@dataclass(frozen=True)
class HeadProfile:
    """What one head, or several read together, did, unshifted or shifted.

    Attributes:
        layer: `None` for all.
        head: `None` for all of the layer.
        shift: see `AlignmentConfig`.
        counts: its links against gold ones: each target word with the source word it looks at most.
        entropy: of its rows, mean; 0 for one key alone, 1 for all alike.
        outside: share of its attention on tokens outside the words (`</s>`).
        distance: of the words it looks at from the diagonal, mean, as a share of the sentence; 0 to 1.
        role: "aligning": closer to the gold links than the diagonal is; "idle": more than half of its attention
            outside the words, or nearly the same everywhere; "positional": closer to the diagonal than to the gold
            links; "mixed": nothing of these. A head has the role of the shift with which it aligns better.
    """

    layer: int | None
    head: int | None
    shift: bool
    counts: LinkCounts
    entropy: float
    outside: float
    distance: float
    role: str


def profile_heads(attentions: Sequence[CrossAttention], gold: Sequence[GoldPair]) -> list[HeadProfile]:
    """Profile every head, every layer and all of them together, unshifted and shifted.

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
    measured = {shift: _measure(attentions, gold, diagonals, sets, shift) for shift in SHIFTS}
    profiles = []
    for number, (layer, head) in enumerate(names):
        best = max(SHIFTS, key=lambda shift: measured[shift].counts.f1[number])
        role = measured[best].role(number, diagonal_f1)
        for shift in SHIFTS:
            of = measured[shift]
            entropy, outside, distance = of.shapes[:, number].tolist()
            profiles.append(HeadProfile(layer, head, shift, of.counts[number], entropy, outside, distance, role))
    return profiles


@dataclass(frozen=True)
class _Measured:
    """All head sets with one shift: counts (N,), and entropy, outside and distance, (3,N)."""

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
    head_sets: list[list[LayerHead]],
    shift: bool,
) -> _Measured:
    counts, to_diagonal, shapes = [], [], []
    for attention, pair, diagonal in zip(attentions, gold, diagonals, strict=True):
        maps = attention.word_maps(head_sets, shift)  # (N,Tw,Sw)
        links = link_words(maps, "target")
        counts.append(count_links(links, *pair.matrices))
        to_diagonal.append(count_links(links, diagonal, diagonal))
        outside = 1 - maps.sum(axis=(1, 2)) / maps.shape[1]
        shapes.append([_entropy(attention, head_sets, shift), outside, _distance(maps)])
    return _Measured(sum_counts(counts), sum_counts(to_diagonal), np.mean(shapes, axis=0))


def _entropy(attention: CrossAttention, head_sets: list[list[LayerHead]], shift: bool) -> np.ndarray:
    """Mean entropy of the rows of words, relative to that of a uniform row, (N,)."""
    maps = np.stack([attention.token_map(heads) for heads in head_sets])
    rows = maps[:, [word is not None for word in attention.row_words(shift)]]  # (N,T',S)
    logs = np.log(rows, where=rows > 0, out=np.zeros_like(rows))
    return -(rows * logs).sum(axis=-1).mean(axis=-1) / max(np.log(rows.shape[-1]), 1e-9)


def _distance(maps: np.ndarray) -> np.ndarray:
    """Mean distance from the diagonal of a map whose sides have length 1, weighted, (N,)."""
    _, targets, sources = maps.shape
    rows, columns = (np.arange(targets) + 0.5) / targets, (np.arange(sources) + 0.5) / sources
    apart = np.abs(rows[:, None] - columns)
    return (maps * apart).sum(axis=(1, 2)) / np.maximum(maps.sum(axis=(1, 2)), 1e-9)


def _heads_of(name: tuple[int | None, int | None], layers: int, heads: int) -> list[LayerHead]:
    layer, head = name
    return [
        (one, other)
        for one in (range(layers) if layer is None else [layer])
        for other in (range(heads) if head is None else [head])
    ]


def summarise_heads(profiles: Iterable[HeadProfile]) -> list[HeadSummary]:
    """Take single heads from their profiles, each with the shift that suits it better."""
    best: dict[tuple[int, int], HeadSummary] = {}
    for profile in profiles:
        if profile.layer is None or profile.head is None:
            continue
        name, error = (profile.layer, profile.head), float(profile.counts.error_rate)
        if not isnan(error) and (name not in best or error < best[name].aer):
            best[name] = HeadSummary(*name, profile.role, round(error, 4), profile.shift)
    return list(best.values())
