"""Do related words look at each other? Verb and object, against words as far apart that have nothing to do together.

Two things are held equal. Words of a short sentence get more attention each, so that a weight is counted in multiples
of an even look: 1 is what the word would get if its query looked at all keys alike. And near words attend to each other
whatever they are, so that related pairs are compared with pairs at the same distance: words that both have a role but
do not depend on each other (`FREE` in `text.textbook.roles`), in the same sentences.

Shapes: L layers, H heads, W words of a sentence, N sentences, M draws of the bootstrap, K distances.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..text.textbook.roles import CONTRASTS, FREE, RELATED, pairs_of_words
from .bootstrap import SAMPLES, draw_sentences, interval


@dataclass(frozen=True, eq=False)
class WordMap:
    """Attention among the words of one sentence.

    Attributes:
        weights: (L,H,W,W), word i as query looks at word j as key.
        even: (W,W), what the weight would be if word i looked at all that it may see alike; 0 where it cannot see j.
        roles: of the W words.
    """

    weights: np.ndarray
    even: np.ndarray
    roles: Sequence[str]

    def looks(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """For each kind of pair its n distances (n) and multiples of an even look (n,L,H), in both directions."""
        found = {}
        for kind, pairs in pairs_of_words(self.roles).items():
            both = [look for i, j in pairs for look in ((i, j), (j, i)) if self.even[look] > 0]
            queries, keys = np.array(both, dtype=int).reshape(-1, 2).T
            lifted = self.weights[:, :, queries, keys] / self.even[queries, keys]  # (L,H,n)
            found[kind] = (keys - queries, np.moveaxis(lifted, -1, 0))
        return found


def relevance(maps: Sequence[WordMap], samples: int = SAMPLES, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Compare related words with free ones at the same distance and in the same direction, for each kind of pair.

    Returns:
        for each kind that occurs: `looks`, the number of (query, key) that were compared, and `left_out`, those
        without any free pair at their distance; over them and over all heads the mean multiples of an even look
        `related` and `control`, their `difference`, and with the ending `_interval` the 95 % interval of each; under
        `heads` the same of each head, (L,H) lists, with the interval of the difference only.
    """
    drawn = draw_sentences(len(maps), samples, seed)
    sums = _sum_up(maps)
    found = {kind: _compare(sums[kind], sums[FREE], drawn) for kind in (*RELATED, *CONTRASTS)}
    return {kind: comparison for kind, comparison in found.items() if comparison is not None}


def looks_of(word_map: WordMap) -> dict[str, dict[str, Any]]:
    """Read one sentence: for each kind of pair in it the multiple of an even look, of all heads and of each (L,H)."""
    means = {kind: looks.mean(axis=0) for kind, (_, looks) in word_map.looks().items() if len(looks) and kind != FREE}
    return {kind: {"mean": float(heads.mean()), "heads": heads.tolist()} for kind, heads in means.items()}


@dataclass(frozen=True, eq=False)
class _Sums:
    """Looks of one kind of pair, summed by sentence and distance: totals (N,K,L,H) of counts (N,K)."""

    totals: np.ndarray
    counts: np.ndarray


def _sum_up(maps: Sequence[WordMap]) -> dict[str, _Sums]:
    reach = max(len(each.roles) for each in maps)
    shape = (len(maps), 2 * reach + 1)
    sums = {
        kind: _Sums(np.zeros((*shape, *maps[0].weights.shape[:2])), np.zeros(shape))
        for kind in (*RELATED, *CONTRASTS, FREE)
    }
    for n, word_map in enumerate(maps):
        for kind, (distances, looks) in word_map.looks().items():
            np.add.at(sums[kind].totals[n], distances + reach, looks)
            np.add.at(sums[kind].counts[n], distances + reach, 1)
    return sums


def _compare(related: _Sums, free: _Sums, drawn: np.ndarray) -> dict[str, Any] | None:
    """Compare at each distance, and average as the related pairs are distributed; `None` if nothing compares."""
    related_counts, free_counts = drawn @ related.counts, drawn @ free.counts  # (M,N) @ (N,K) -> (M,K)
    related_totals, free_totals = (np.tensordot(drawn, sums.totals, axes=1) for sums in (related, free))  # (M,K,L,H)
    usable = np.where(free_counts > 0, related_counts, 0)
    if not usable[0].any():
        return None
    with np.errstate(invalid="ignore"):
        shares = (usable / usable.sum(axis=1, keepdims=True))[..., None, None]  # (M,K,1,1)
        a_look = related_totals / np.maximum(related_counts, 1)[..., None, None]  # (M,K,L,H)
        a_free_look = free_totals / np.maximum(free_counts, 1)[..., None, None]
        per_head = {"related": (shares * a_look).sum(axis=1), "control": (shares * a_free_look).sum(axis=1)}  # (M,L,H)
    per_head["difference"] = per_head["related"] - per_head["control"]
    compared = int(usable[0].sum())
    result: dict[str, Any] = {"looks": compared, "left_out": int(related_counts[0].sum()) - compared}
    for name, values in per_head.items():
        mean = values.mean(axis=(1, 2))  # (M)
        result |= {name: float(mean[0]), f"{name}_interval": [float(bound) for bound in interval(mean)]}
    result["heads"] = {name: values[0].tolist() for name, values in per_head.items()}
    result["heads"]["difference_interval"] = np.stack(interval(per_head["difference"]), axis=-1).tolist()
    return result
