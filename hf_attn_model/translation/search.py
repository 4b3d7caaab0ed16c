"""sentences -> translations, line for line."""

import sys
from collections.abc import Sequence

import torch
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import UserError
from ..text.multilingual import check_search, decode_targets, encode_source


def translate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[str],
    *,
    num_beams: int = 5,
    batch_size: int = 64,
    first_line: int = 1,
    progress: bool = False,
) -> list[str]:
    """Translate each sentence; an empty or blank one becomes the empty string.

    Args:
        model, tokenizer, sentences, num_beams, batch_size, progress: see `translate_to_ids`.
        first_line: number by which an error message calls the first sentence.

    Raises:
        UserError: a sentence has more tokens than the model has positions, or a model of many languages was not told
            into which one to translate (see `set_languages`).
    """
    hypotheses = translate_to_ids(
        model,
        tokenizer,
        sentences,
        num_beams=num_beams,
        batch_size=batch_size,
        names=[f"line {first_line + i}" for i in range(len(sentences))],
        progress=progress,
    )
    return decode_targets(tokenizer, hypotheses)


def translate_to_ids(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[str],
    *,
    num_beams: int = 5,
    batch_size: int = 64,
    names: Sequence[str] | None = None,
    progress: bool = False,
) -> list[list[int]]:
    """Translate each sentence into token ids, as the search wrote them: without start mark and padding.

    Sentences of like length are translated together and come back in the order given. A translation ends at its end
    mark, or after twice as many tokens as the longest source translated with it, plus ten. That of an empty or blank
    sentence is the end mark alone.

    Args:
        model: a sequence-to-sequence model; it is used as it is, on its own device.
        tokenizer: of the model.
        sentences: one text each.
        num_beams: 1 is greedy search.
        batch_size: sentences translated together.
        names: by which an error message calls each sentence.
        progress: show a progress bar on standard error.

    Raises:
        UserError: a sentence has more tokens than the model has positions.
    """
    check_search(model, tokenizer)
    encoded = {i: encode_source(tokenizer, text) for i, text in enumerate(sentences) if text.strip()}
    for i, ids in encoded.items():
        _check_length(model, names[i] if names else f"sentence {i}", ids)

    hypotheses = [[tokenizer.eos_token_id] for _ in sentences]
    by_length = sorted(encoded, key=lambda i: len(encoded[i]), reverse=True)  # the longest first: no late surprise
    with tqdm(total=len(encoded), desc="Translating", unit=" sentences", disable=not progress) as bar:
        for start in range(0, len(by_length), batch_size):
            chosen = by_length[start : start + batch_size]
            found = _search(model, tokenizer, [encoded[i] for i in chosen], num_beams)
            for i, ids in zip(chosen, found, strict=True):
                hypotheses[i] = ids
            bar.update(len(chosen))
    return hypotheses


def best_translations(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sentence: str, count: int, *, num_beams: int = 5
) -> list[list[int]]:
    """Find the best translations of a sentence that a beam search ends with, the best first: their token ids.

    Args:
        model, tokenizer: see `translate_to_ids`.
        sentence: an empty or blank one has a single translation, the end mark alone.
        count: how many; the beam is at least as wide.
        num_beams: width of the search.

    Raises:
        UserError: the sentence has more tokens than the model has positions, or `count` is less than 1.
    """
    if count < 1:
        raise UserError(f"there is no best of {count} translations: give a number from 1 on")
    if not sentence.strip():
        return [[tokenizer.eos_token_id]]
    check_search(model, tokenizer)
    ids = encode_source(tokenizer, sentence)
    _check_length(model, "the sentence", ids)
    return _search(model, tokenizer, [ids], max(num_beams, count), count)


def _check_length(model: PreTrainedModel, name: str, ids: list[int]) -> None:
    """Raise `UserError` for a sentence that the model cannot read."""
    limit = _most_positions(model)
    if len(ids) > limit:
        raise UserError(f"{name} has {len(ids)} tokens, but the model reads at most {limit}: split it")


def _most_positions(model: PreTrainedModel) -> int:
    return getattr(model.config, "max_position_embeddings", sys.maxsize)  # T5 has no limit


def _search(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: list[list[int]],
    num_beams: int,
    count: int = 1,
) -> list[list[int]]:
    """Translate sentences in one batch, into the `count` best hypotheses each, one after the other."""
    batch = tokenizer.pad({"input_ids": sources}, return_tensors="pt")
    longest = batch["input_ids"].shape[1]
    with torch.inference_mode():
        outputs = model.generate(  # type: ignore[operator]
            **batch.to(model.device),
            num_beams=num_beams,
            num_return_sequences=count,
            do_sample=False,
            max_length=min(2 * longest + 11, _most_positions(model)),  # the start mark counts
        )
    ends = _end_ids(model, tokenizer)
    return [_until_end(ids, ends) for ids in outputs[:, 1:].tolist()]


def _end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Find the marks that end a translation."""
    generation = model.generation_config
    assert generation is not None
    ends = generation.eos_token_id
    found = {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])}
    return found - {None}


def _until_end(ids: list[int], ends: set[int]) -> list[int]:
    """Cut a hypothesis behind its end mark."""
    end = next((position for position, token in enumerate(ids) if token in ends), len(ids) - 1)
    return ids[: end + 1]
