"""force: one teacher-forced pass over (source, target) pairs gives the attention of every target token.

The decoder reads the start mark and the target, and writes the target and the end mark. Over a translation made by
any search, greedy, beam or sampled, this shows what the search saw when it wrote that translation, at the cost of a
single forward pass. Rejected hypotheses are read like the best one.

Shapes: B batch, T target tokens, S source tokens.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any, cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import UserError
from .edges import check_ids, check_texts, not_finite
from .places import PLACES
from .record import record_attention
from .recorded import RecordedForward
from .sentence import SentenceMaps
from .tokenized import TokenizedText, read_hypotheses, tokenize_with_words


def teacher_forced_attention(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str],
    targets: Sequence[str] | Sequence[Sequence[int]],
    ids: Sequence[str] | None = None,
    *,
    source_words: Sequence[Sequence[str]] | None = None,
    target_words: Sequence[Sequence[str]] | None = None,
) -> list[SentenceMaps]:
    """Read the attention off one forward pass over a batch of sentence pairs.

    The model runs in evaluation mode, which is undone afterwards, and without its output projection.

    Args:
        model: any encoder-decoder model that `record_attention` can record.
        tokenizer: its tokenizer.
        sources: B sentences.
        targets: B sentences; or the token ids of B hypotheses, as the search wrote them behind the start mark.
        ids: B names; the position in the batch unless given.
        source_words, target_words: the words of each sentence as the caller counts them; see `tokenize_with_words`.

    Raises:
        UserError: the lists differ in length, given words do not stand in their text, or see `teacher_forced_pass`.
    """
    names = name_pairs(sources, targets, ids)
    if not names:
        return []
    check_texts(sources, [f"sentence {name}" for name in names])
    source = tokenize_with_words(tokenizer, sources, words=source_words)
    target = read_targets(tokenizer, targets, target_words)
    forward = teacher_forced_pass(model, source, target, names=names)
    return sentence_maps(forward, source, target, names)


def name_pairs(sources: Sequence[Any], targets: Sequence[Any], ids: Sequence[str] | None) -> list[str]:
    """Name sentence pairs: as given, else by their position. Raises `UserError` where the lists differ in length."""
    names = [str(i) for i in range(len(sources))] if ids is None else list(ids)
    if not len(sources) == len(targets) == len(names):
        raise UserError(f"{len(sources)} sources, {len(targets)} targets and {len(names)} ids do not pair up")
    return names


def read_targets(
    tokenizer: PreTrainedTokenizerBase,
    targets: Sequence[str] | Sequence[Sequence[int]],
    words: Sequence[Sequence[str]] | None = None,
) -> list[TokenizedText]:
    """Read sentences, or hypotheses where they are token ids. Raises `UserError` for anything else."""
    if all(isinstance(target, str) for target in targets):
        return tokenize_with_words(tokenizer, cast(Sequence[str], targets), is_target=True, words=words)
    if words is not None:
        raise UserError("hypotheses have the words of their own text: give no target_words")
    for number, target in enumerate(targets, start=1):
        is_list = isinstance(target, Iterable) and not isinstance(target, str)
        if not is_list or not all(isinstance(token, Integral) and int(token) >= 0 for token in target):
            raise UserError(f"target {number}: give texts alone, or token ids alone, whole numbers from 0 on")
    return read_hypotheses(tokenizer, cast(Sequence[Sequence[int]], targets))


@torch.no_grad()
def teacher_forced_pass(
    model: PreTrainedModel,
    sources: Sequence[TokenizedText],
    targets: Sequence[TokenizedText],
    *,
    names: Sequence[str] | None = None,
    places: Iterable[str] = PLACES,
    layers: Iterable[int] | None = None,
    heads: Iterable[int] | None = None,
    keep: Iterable[str] = ("query", "key"),
) -> RecordedForward:
    """Run the model once over B pairs, padded on the right, and record its attention.

    Args:
        model: see `teacher_forced_attention`.
        sources, targets: B sides each, at least one.
        names: of the pairs, for error messages; their positions unless given.
        places, layers, heads, keep: what to record; see `record_attention`.

    Raises:
        UserError: there is no pair, or no partner; a sentence is longer than the model's positions, or has token ids
            that it does not know; the model computes NaN or infinity for one; or see `record_attention`.
    """
    names = name_pairs(sources, targets, names)
    if not names:
        raise UserError("there is no sentence pair to pass through the model")
    limit = getattr(model.config, "max_position_embeddings", None)
    for kind, sides in (("source", sources), ("target", targets)):
        for name, side in zip(names, sides, strict=True):
            if limit is not None and len(side.ids) > limit:
                raise UserError(
                    f"sentence {name}: the {kind} has {len(side.ids)} tokens, the model {limit} positions; shorten it"
                )
            check_ids(model, f"sentence {name}: the {kind}", side.ids, is_target=kind == "target")
    start, pad = _start_and_pad(model)
    source_ids, source_mask = _pad([side.ids for side in sources], pad, model.device)
    target_ids, target_mask = _pad([[start, *side.ids[:-1]] for side in targets], pad, model.device)
    body = cast(PreTrainedModel, model.base_model)
    recording = record_attention(body, places=places, layers=layers, heads=heads, keep=keep)
    with _evaluation_mode(model), recording as record:
        states = body(
            input_ids=source_ids,
            attention_mask=source_mask,
            decoder_input_ids=target_ids,
            decoder_attention_mask=target_mask,
            use_cache=False,
        )[0]  # (B,T,D)
    is_wrong = (~states.isfinite().all(dim=-1) & target_mask.bool().to(states.device)).any(dim=-1)  # (B)
    if is_wrong.any():  # whatever is no number on the way here stays none
        first = int(is_wrong.nonzero()[0])
        raise not_finite(model, f"sentence {names[first]}", sources[first].text)
    return record.forwards[0]


def sentence_maps(
    forward: RecordedForward, sources: Sequence[TokenizedText], targets: Sequence[TokenizedText], names: Sequence[str]
) -> list[SentenceMaps]:
    """Put names to what one forward pass recorded of all three places."""
    weights = {place: forward.weights(place).cpu().numpy() for place in PLACES}  # (B,L,H,T,S)
    maps = []
    for i, (source, target, name) in enumerate(zip(sources, targets, names, strict=True)):
        s, t = len(source.ids), len(target.ids)
        maps.append(
            SentenceMaps(
                id=name,
                source=source.text,
                target=target.text,
                source_tokens=source.tokens,
                target_tokens=target.tokens,
                source_words=source.words,
                target_words=target.words,
                source_word_of_token=source.word_of_token,
                target_word_of_token=target.word_of_token,
                encoder=weights["encoder"][i, ..., :s, :s].copy(),
                decoder=weights["decoder"][i, ..., :t, :t].copy(),
                cross=weights["cross"][i, ..., :t, :s].copy(),
            )
        )
    return maps


def _start_and_pad(model: PreTrainedModel) -> tuple[int, int]:
    """Find the ids of the start mark and of padding. Raises `UserError` for a model that has none."""
    for config in (model.generation_config, model.config):
        start, pad = getattr(config, "decoder_start_token_id", None), getattr(config, "pad_token_id", None)
        if start is not None and pad is not None:
            return start, pad
    raise UserError(f"the configuration of {type(model).__name__} has no decoder_start_token_id or no pad_token_id")


def _pad(rows: Sequence[list[int]], pad: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn B lists of ids into ids and mask (B,T), int64, padded on the right."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
    return ids, mask


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
