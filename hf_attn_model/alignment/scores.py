"""How well links agree with gold links: precision, recall, F1 and the alignment error rate.

A link is a pair (source index, target index) of words. Annotators keep two kinds of links apart: sure ones, which
every alignment must have, and possible ones, which an alignment may have.

Shapes: Tw target words, Sw source words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from functools import reduce
from operator import add

import numpy as np

from ..errors import UserError

Link = Sequence[int]
Count = int | np.ndarray


@dataclass(frozen=True)
class LinkCounts:
    """What all measures are made of, summed over sentences; arrays of one shape count several alignments at once.

    The measures lie between 0 and 1, and are not a number where nothing was there to divide by.

    Attributes:
        guessed: |A|, links to judge.
        sure: |S|, sure gold links.
        guessed_sure: |A ∩ S|.
        guessed_possible: |A ∩ P|, where P has the sure links, too.
    """

    guessed: Count
    sure: Count
    guessed_sure: Count
    guessed_possible: Count

    def __add__(self, other: LinkCounts) -> LinkCounts:
        return LinkCounts(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    def __getitem__(self, index: int) -> LinkCounts:
        """Take one of several alignments."""
        return LinkCounts(*(count[index] for count in astuple(self)))

    @property
    def precision(self) -> np.ndarray:
        """|A ∩ P| / |A|: links that are allowed."""
        return _ratio(self.guessed_possible, self.guessed)

    @property
    def recall(self) -> np.ndarray:
        """|A ∩ S| / |S|: sure links that were found."""
        return _ratio(self.guessed_sure, self.sure)

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall; 0 where both are."""
        total = self.precision + self.recall
        return np.where(total == 0, 0.0, _ratio(2 * self.precision * self.recall, total))

    @property
    def error_rate(self) -> np.ndarray:
        """AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|), Och and Ney (2003): 0 is perfect, 1 is entirely wrong."""
        return 1 - _ratio(self.guessed_sure + self.guessed_possible, self.guessed + self.sure)


def count_links(links: np.ndarray, sure: np.ndarray, possible: np.ndarray) -> LinkCounts:
    """Count the links of one sentence.

    Args:
        links: bool (..,Tw,Sw): one alignment, or several side by side.
        sure, possible: bool (Tw,Sw), the gold links; sure ones are possible, whether `possible` says so or not.

    Returns:
        counts of shape (..).
    """

    def count(which: np.ndarray) -> np.ndarray:
        return which.sum(axis=(-2, -1))

    allowed = sure | possible
    total = np.broadcast_to(count(sure), links.shape[:-2])
    return LinkCounts(count(links), total, count(links & sure), count(links & allowed))


def sum_counts(counts: Iterable[LinkCounts]) -> LinkCounts:
    """Sum over sentences."""
    return reduce(add, counts, LinkCounts(0, 0, 0, 0))


def alignment_error_rate(
    links: Sequence[Iterable[Link]], sure: Sequence[Iterable[Link]], possible: Sequence[Iterable[Link]]
) -> float:
    """Alignment error rate over a corpus: 0 is perfect, 1 is entirely wrong.

    AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|), with the counts summed over all sentences (Och and Ney 2003,
    "A Systematic Comparison of Various Statistical Alignment Models", Computational Linguistics 29(1)). Sure links
    are always possible too: P stands for `possible` united with `sure`, so gold data may list them once or twice.

    Args:
        links: for each sentence the links to judge, pairs [source index, target index]; a repeated link counts once.
        sure: for each sentence the sure gold links.
        possible: for each sentence the possible gold links.

    Raises:
        UserError: if the three do not have the same number of sentences, or if there is no link to judge at all.
    """
    if not len(links) == len(sure) == len(possible):
        raise UserError(
            "alignment_error_rate: give links, sure and possible for the same sentences; "
            f"there are {len(links)}, {len(sure)} and {len(possible)} sentences"
        )
    counts = sum_counts(_count_pairs(*sets) for sets in zip(links, sure, possible, strict=True))
    if counts.guessed + counts.sure == 0:
        raise UserError("alignment_error_rate: there are neither links nor sure gold links; the rate is undefined")
    return float(counts.error_rate)


def _count_pairs(links: Iterable[Link], sure: Iterable[Link], possible: Iterable[Link]) -> LinkCounts:
    a, s, p = ({(source, target) for source, target in pairs} for pairs in (links, sure, possible))
    return LinkCounts(len(a), len(s), len(a & s), len(a & (s | p)))


def _ratio(part: Count, whole: Count) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(part, whole)
