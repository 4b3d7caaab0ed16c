"""How well alignments agree with gold links: the alignment error rate.

A link is a pair (source index, target index). Annotators keep two kinds of links apart: sure ones, which every
alignment must have, and possible ones, which an alignment may have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import UserError

Link = Sequence[int]


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
    matches = total = 0
    for guessed, certain, allowed in zip(links, sure, possible, strict=True):
        a, s = _pairs(guessed), _pairs(certain)
        p = s | _pairs(allowed)
        matches += len(a & s) + len(a & p)
        total += len(a) + len(s)
    if total == 0:
        raise UserError("alignment_error_rate: there are neither links nor sure gold links; the rate is undefined")
    return 1 - matches / total


def _pairs(links: Iterable[Link]) -> set[tuple[int, int]]:
    return {(source, target) for source, target in links}
