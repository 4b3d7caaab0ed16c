"""What cannot go through a model, told in a user's words: texts that are none, ids it does not know, no numbers."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from transformers import PreTrainedModel

from ..errors import UserError
from ..text.words import check_characters
from .modules import stacks_of

SHOWN = 40  # characters of a sentence that is named


def check_texts(texts: Sequence[Any], names: Sequence[str]) -> None:
    """Raise `UserError` for the first item that is no text, or has half a surrogate pair."""
    for name, text in zip(names, texts, strict=True):
        if not isinstance(text, str):
            raise UserError(f"{name} must be a text, got {type(text).__name__}")
        check_characters(name, text)


def check_ids(name: str, ids: Sequence[int], size: int | None) -> None:
    """Raise `UserError` unless a sentence has token ids, and the model knows all of them.

    Args:
        name: of the sentence.
        ids: of its tokens.
        size: what `vocabulary_size` says of the stack that reads them.
    """
    if not ids:
        raise UserError(f"{name} has no tokens, not even an end mark")
    if wrong := [i for i in ids if not 0 <= i < (size or i + 1)]:
        raise UserError(
            f"{name} has the token id {wrong[0]}, but the model knows 0 to {(size or 1) - 1}: "
            "its tokenizer is of another model"
        )


def vocabulary_size(model: PreTrainedModel, stack: str) -> int | None:
    """Count the word vectors of the "encoder" or "decoder", each of which may have a vocabulary of its own.

    Returns:
        their number; `None` where the stack does not tell, as one that reads sound or images: it takes all ids.
    """
    try:
        embeddings: Any = cast(PreTrainedModel, stacks_of(model)[stack]).get_input_embeddings()
        return len(embeddings.weight)
    except (AttributeError, NotImplementedError):
        return None


def not_finite(model: PreTrainedModel, name: str, text: str) -> UserError:
    """Name a sentence for which a model computes no numbers."""
    shown = text if len(text) <= SHOWN else text[:SHOWN] + "..."
    advice = "its weights are damaged"
    if model.dtype in (torch.float16, torch.bfloat16):
        advice += f", or {str(model.dtype).removeprefix('torch.')} is too narrow for them: load it in float32"
    return UserError(f'{name} ("{shown}"): the model computes NaN or infinity: {advice}')
