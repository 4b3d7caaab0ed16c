"""Held-out pairs whose words' roles are known, and how much more related words look at each other than others do."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from ..alignment.pairs import GoldPair, Pair
from ..text.corpora import TEXTBOOK
from ..textbook import load_textbook
from ..textbook.roles import CONTRASTS, FREE, RELATED, pairs_of_words
from .bootstrap import SAMPLES, draw_sentences, interval

BLACK_CAT = 1  # row of the test split: "The black cat drank the milk"


@dataclass(frozen=True)
class RolePair(GoldPair):
    """A gold pair of which it is known what part each word plays; see `textbook.roles`."""

    source_roles: Sequence[str] = ()
    target_roles: Sequence[str] = ()

    def swapped(self) -> "RolePair":
        """The same pair in the other direction."""
        return RolePair(**vars(super().swapped()), source_roles=self.target_roles, target_roles=self.source_roles)


def pairs_to_watch(
    corpus: str,
    source_lang: str,
    split: str,
    size: int,
    rows: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    longest: int,
) -> tuple[list[Pair], RolePair | None]:
    """Choose the first pairs of a split, and the tutorials' sentence about the black cat where it is held out.

    Args:
        corpus: its name; of `textbook:en-es` and its like links and roles are known.
        source_lang, split: of the corpus.
        size: how many pairs, at most.
        rows: the split, columns `source` and `target`.
        tokenizer, longest: pairs with more tokens on a side than `longest` are passed over.
    """
    if corpus.startswith(TEXTBOOK):
        pair = corpus.removeprefix(TEXTBOOK)
        chosen = textbook_pairs(pair, source_lang, split, 0, min(size, len(rows)))
        return [*chosen], textbook_pairs(pair, source_lang, "test", BLACK_CAT, 1)[0]

    def fits(source: str, target: str) -> bool:
        return max(len(tokenizer(source)["input_ids"]), len(tokenizer(text_target=target)["input_ids"])) <= longest

    pairs = ((row["source"], row["target"]) for row in rows)
    return [Pair(*pair) for pair in islice((pair for pair in pairs if fits(*pair)), size)], None


def textbook_pairs(pair: str, source_lang: str, split: str, first: int, size: int) -> list[RolePair]:
    """Take pairs `first` to `first + size - 1` of a split of the textbook, in either direction.

    Raises:
        UserError: there is no such pair of languages or split, or it has fewer rows.
    """
    english, foreign = pair.split("-")
    pairs = [
        RolePair(
            row["translation"][english],
            row["translation"][foreign],
            row["source_words"],
            row["target_words"],
            row["sure"],
            row["possible"],
            row["source_roles"],
            row["target_roles"],
        )
        for row in load_textbook(pair, split, size=first + size, roles=True).skip(first)
    ]
    return pairs if source_lang == english else [each.swapped() for each in pairs]


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
