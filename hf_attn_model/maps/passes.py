"""Rows of a corpus -> tokens and words of both sides -> batches of like length for one pass each."""

from collections.abc import Sequence
from typing import NamedTuple

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..translate import translate_to_ids
from .sides import Side, read_hypotheses, read_texts


class Row(NamedTuple):
    """A sentence to export; a target of `None` is to be translated."""

    id: str
    source: str
    target: str | None


def read_rows(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], num_beams: int
) -> tuple[list[Side], list[Side]]:
    """Read sources and targets, and translate where there is no target.

    Raises:
        UserError: a sentence to translate has more tokens than the model has positions.
    """
    sources = read_texts(tokenizer, [row.source for row in rows])
    given = read_texts(tokenizer, [row.target for row in rows if row.target is not None], is_target=True)
    found: list[Side] = []
    if missing := [row for row in rows if row.target is None]:
        names = [f"sentence {row.id}" for row in missing]
        ids = translate_to_ids(model, tokenizer, [row.source for row in missing], num_beams=num_beams, names=names)
        found = read_hypotheses(tokenizer, ids)
    texts, hypotheses = iter(given), iter(found)
    return sources, [next(hypotheses if row.target is None else texts) for row in rows]


def cut(sources: Sequence[int], targets: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Cut sentence pairs into batches of like length: their positions, the shortest first.

    Args:
        sources, targets: how many tokens the two sides of each pair have.
        max_tokens: the most (source + target) tokens of a batch, padding included; a pair that alone has more makes a
            batch of its own.
    """
    lengths = list(zip(targets, sources, strict=True))
    batches: list[list[int]] = []
    longest = (0, 0)
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        longest = max(longest[0], lengths[i][0]), max(longest[1], lengths[i][1])
        if batches and (len(batches[-1]) + 1) * sum(longest) <= max_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
            longest = lengths[i]
    return batches
