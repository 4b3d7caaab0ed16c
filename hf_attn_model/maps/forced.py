"""force: one teacher-forced pass over (source, target) pairs gives the attention of every target token.

The decoder reads the start mark and the target, and writes the target and the end mark. Over a translation made by
beam search this shows what the search saw when it kept that translation, at the cost of a single forward pass, provided
that the text is cut into the tokens which the search chose.

Shapes: B batch, L layers, H heads, T target tokens, S source tokens.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import UserError
from ..text.words import join_words, split_words, word_of_token
from .record import record_attention
from .recording import AttentionRecord
from .sentence import SentenceMaps, Word
from .words import give_spaces_to_words


def force(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str],
    targets: Sequence[str],
    ids: Sequence[str] | None = None,
) -> list[SentenceMaps]:
    """Read the attention off one forward pass over a batch of sentence pairs.

    The model runs in evaluation mode, which is undone afterwards, and without its output projection.

    Args:
        model: any encoder-decoder model that `record_attention` can record.
        tokenizer: its tokenizer; it must be a fast one, which knows where in the text a token comes from.
        sources, targets: B sentences each.
        ids: B names; the position in the batch unless given.

    Raises:
        UserError: the lists differ in length, the tokenizer is not a fast one, or a sentence is longer than
            the model's positions.
    """
    return force_and_record(model, tokenizer, sources, targets, ids)[0]


@torch.no_grad()
def force_and_record(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str],
    targets: Sequence[str],
    ids: Sequence[str] | None = None,
) -> tuple[list[SentenceMaps], AttentionRecord]:
    """Do what `force` does, and return the record too, with queries, keys, values and all steps."""
    names = [str(i) for i in range(len(sources))] if ids is None else list(ids)
    if not len(sources) == len(targets) == len(names):
        raise UserError(f"{len(sources)} sources, {len(targets)} targets and {len(names)} ids do not pair up")
    if not names:
        return [], AttentionRecord()
    source = _tokenize(tokenizer, sources, names, model, is_target=False)
    target = _tokenize(tokenizer, targets, names, model, is_target=True)
    body = cast(PreTrainedModel, model.base_model)
    with _evaluation_mode(model), record_attention(body, keep=("query", "key", "value")) as record:
        body(
            input_ids=source.input_ids,
            attention_mask=source.attention_mask,
            decoder_input_ids=_shift_right(model, target),
            decoder_attention_mask=target.attention_mask,
        )
    maps = [
        SentenceMaps(
            id=name,
            source=sources[i],
            target=targets[i],
            source_tokens=source.tokens[i],
            target_tokens=target.tokens[i],
            source_words=source.words[i],
            target_words=target.words[i],
            source_word_of_token=source.word_of_token[i],
            target_word_of_token=target.word_of_token[i],
            encoder=record[i].encoder.attention_weights.cpu().numpy(),
            decoder=record[i].decoder.attention_weights.cpu().numpy(),
            cross=record[i].cross.attention_weights.cpu().numpy(),
        )
        for i, name in enumerate(names)
    ]
    return maps, record


@dataclass(frozen=True)
class _Batch:
    """B tokenized sentences: ids and mask (B,T) int64, padded; tokens and words per sentence, not padded."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    tokens: list[list[str]]
    words: list[list[Word]]
    word_of_token: list[list[int | None]]


def _tokenize(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    names: Sequence[str],
    model: PreTrainedModel,
    *,
    is_target: bool,
) -> _Batch:
    """Tokenize one side of the batch, pad it on the right, and find the word of every token."""
    if not tokenizer.is_fast:
        raise UserError(f"{type(tokenizer).__name__} cannot tell where a token comes from; use a fast tokenizer")
    encoding = tokenizer(
        **{"text_target" if is_target else "text": list(texts)},
        padding=True,
        padding_side="right",
        return_tensors="pt",
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )
    lengths = encoding.attention_mask.sum(dim=1).tolist()
    limit = getattr(model.config, "max_position_embeddings", None)
    for name, length in zip(names, lengths, strict=True):
        if limit is not None and length > limit:
            side = "target" if is_target else "source"
            raise UserError(f"sentence {name}: the {side} has {length} tokens, the model {limit} positions; shorten it")
    words, indices = [], []
    for i, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        offsets = [(start, end) for start, end in encoding.offset_mapping[i, :length].tolist()]
        spans = join_words(split_words(text), offsets)
        words.append([Word(text[start:end], start, end) for start, end in spans])
        is_special = encoding.special_tokens_mask[i, :length].tolist()
        indices.append(give_spaces_to_words(word_of_token(offsets, spans), is_special))
    return _Batch(
        input_ids=encoding.input_ids.to(model.device),
        attention_mask=encoding.attention_mask.to(model.device),
        tokens=[encoding.tokens(i)[:length] for i, length in enumerate(lengths)],
        words=words,
        word_of_token=indices,
    )


def _shift_right(model: PreTrainedModel, target: _Batch) -> torch.Tensor:
    """Turn what the decoder writes, (B,T), into what it reads: start mark first, last token left out."""
    shift = cast(Callable, model.prepare_decoder_input_ids_from_labels)
    return shift(target.input_ids.masked_fill(target.attention_mask == 0, -100))


@contextmanager
def _evaluation_mode(model: PreTrainedModel) -> Iterator[None]:
    """Switch dropout off, and restore the mode of every module afterwards."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
