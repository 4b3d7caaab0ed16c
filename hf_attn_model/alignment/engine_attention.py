"""The cross-attention that CTranslate2 gives over given translations: the mean of the heads that align."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..attention.teacher_forcing import check_lengths
from ..attention.tokenized import TokenizedText
from ..checkpoint import AlignmentConfig, Checkpoint
from ..engines.choice import engine_of
from ..errors import UserError
from .cross_attention import Attend, CrossAttention, cross_attention

if TYPE_CHECKING:
    from ..engines.ctranslate2 import CTranslate2Engine


def choose_attention(checkpoint: Checkpoint, reading: AlignmentConfig, typed: str | None = None) -> Attend | None:
    """Choose what attends to given translations: CTranslate2 for what was converted for it, or where it was asked for.

    Args:
        checkpoint: of `open_translator`.
        reading: what is read off the attention.
        typed: one of `ENGINES`.

    Returns:
        for `read_cross_attention`; `None` for a teacher-forced pass of the model itself.

    Raises:
        UserError: the engine does not give the attention that is read.
    """
    engine = engine_of(checkpoint, typed)
    if engine is None and typed != "ctranslate2":
        return None
    where = f"--engine {typed}" if engine is None else str(checkpoint)
    try:
        from ..engines.ctranslate2 import open_engine
        from ..engines.ctranslate2_spec import aligning_heads

        wanted = aligning_heads(reading, checkpoint.model)
        if engine is None:
            engine = open_engine(checkpoint.model, checkpoint.tokenizer, aligning=wanted)
        if engine.aligning != wanted:
            raise UserError(f"it was not converted to give {reading}: convert the model again")
        return partial(attend_by_engine, engine)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def attend_by_engine(
    engine: "CTranslate2Engine",
    sources: Sequence[TokenizedText],
    targets: Sequence[TokenizedText],
    names: Sequence[str],
) -> Iterator[CrossAttention]:
    """Read the cross-attention of one batch of pairs.

    Each of the aligning heads is given the mean of them all, which is what is read of them.

    Raises:
        UserError: a sentence is longer than the model's positions, or has ids that the model does not know.
    """
    assert engine.aligning is not None
    check_lengths(engine.model, "encoder", "source", sources, names)
    check_lengths(engine.model, "decoder", "target", targets, names)
    layer, heads = engine.aligning
    maps = engine.attend([text.ids for text in sources], [text.ids for text in targets])
    for name, weights, source, target in zip(names, maps, sources, targets, strict=True):
        of_heads = np.broadcast_to(weights, (1, len(heads), *weights.shape))
        yield cross_attention(name, of_heads, None, source, target, ([layer], heads))
