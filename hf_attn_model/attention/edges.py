"""What cannot go through a model, told in a user's words: texts that are none, ids it does not know, no numbers."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from transformers import PreTrainedModel

from ..errors import UserError
from .modules import stacks_of

SHOWN = 40  # characters of a sentence that is named


def check_texts(texts: Sequence[Any], names: Sequence[str]) -> None:
    """Raise `UserError` for the first item that is no text, or has half a surrogate pair.

    Half a surrogate pair stands in no valid UTF-8, but `"\\ud83d"` in JSON is one.
    """
    for name, text in zip(names, texts, strict=True):
        if not isinstance(text, str):
            raise UserError(f"{name} must be a text, got {type(text).__name__}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UserError(f"{name} has half a surrogate pair at character {error.start}") from None


def check_ids(model: PreTrainedModel, name: str, ids: Sequence[int], *, is_target: bool = False) -> None:
    """Raise `UserError` unless a sentence has token ids, and the model knows all of them.

    Args:
        model: any model; one that does not say how large its vocabulary is takes all.
        name: of the sentence.
        ids: of its tokens.
        is_target: look at the vocabulary of the decoder, which may be one of its own.
    """
    size = _vocabulary_size(model, "decoder" if is_target else "encoder")
    if not ids:
        raise UserError(f"{name} has no tokens, not even an end mark")
    if wrong := [i for i in ids if not 0 <= i < (size or i + 1)]:
        raise UserError(
            f"{name} has the token id {wrong[0]}, but the model knows 0 to {(size or 1) - 1}: "
            "its tokenizer is of another model"
        )


def _vocabulary_size(model: PreTrainedModel, stack: str) -> int | None:
    """Count the word vectors of a stack; `None` where it does not tell, as one that reads sound or images."""
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
