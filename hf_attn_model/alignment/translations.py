"""Translations -> the links between their words and those of the sources, read off what the search saw.

A row that was translated in parts is linked in parts: the words of a part are counted on from those before it.
"""

from collections.abc import Sequence
from functools import partial

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.tokenized import read_hypotheses, tokenize_with_words
from ..checkpoint import AlignmentConfig
from ..translation.stream import TranslatedRow
from .cross_attention import BATCH_SIZE, Attend, attend_batch, projections_for
from .links import to_pairs
from .scores import Link


def align_translations(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[TranslatedRow],
    config: AlignmentConfig,
    attend: Attend | None = None,
) -> list[list[Link]]:
    """Link the words of rows, as `text.words` cuts them, with those of their best translations.

    Args:
        model, tokenizer: what translated.
        rows: with their translations.
        config: how links are read.
        attend: see `read_cross_attention`.

    Returns:
        links (source index, target index) of each row; none of a row without parts.

    Raises:
        UserError: see `CrossAttention.word_map`.
    """
    attend = attend or partial(attend_batch, model, projections=projections_for(model, config.measure))
    parts = [(i, part) for i, row in enumerate(rows) for part in row.parts]
    links: list[list[Link]] = [[] for _ in rows]
    words = [(0, 0)] * len(rows)  # before the part at hand
    for start in range(0, len(parts), BATCH_SIZE):
        batch = parts[start : start + BATCH_SIZE]
        sources = tokenize_with_words(tokenizer, [part.text for _, part in batch])
        targets = read_hypotheses(tokenizer, [part.found[0].ids for _, part in batch])
        names = [str(rows[i].number) for i, _ in batch]
        attended = attend(sources, targets, names)
        for (i, _), attention in zip(batch, attended, strict=True):
            before, behind = words[i]
            links[i] += [(before + source, behind + target) for source, target in to_pairs(attention.links(config))]
            words[i] = before + len(attention.source_words), behind + len(attention.target_words)
    return links
