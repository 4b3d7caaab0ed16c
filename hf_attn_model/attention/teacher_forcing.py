"""One teacher-forced pass over (source, target) pairs gives the attention of every target token.

The decoder reads the start mark and the target, and writes the target and the end mark. Over a translation made by
any search, greedy, beam or sampled, this shows what the search saw when it wrote that translation, at the cost of a
single forward pass. Rejected hypotheses are read like the best one.

Shapes: B batch, T target tokens, S source tokens.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any, cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import UserError
from .edges import check_ids, check_texts, not_finite, vocabulary_size
from .modules import stacks_of
from .places import PLACES, rows_and_columns
from .record import record_attention
from .recorded import RecordedForward
from .sentence import SentenceMaps, Word
from .tokenized import TokenizedText, read_hypotheses, tokenize_with_words

IMAGES = ("pixel_values", "flattened_patches")  # what the main input of a model that reads images is called


def teacher_forced_attention(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str] | Mapping[str, torch.Tensor],
    targets: Sequence[str] | Sequence[Sequence[int]],
    ids: Sequence[str] | None = None,
    *,
    places: Iterable[str] = PLACES,
    source_words: Sequence[Sequence[str]] | None = None,
    target_words: Sequence[Sequence[str]] | None = None,
) -> list[SentenceMaps]:
    """Read the attention off one forward pass over a batch of sentence pairs.

    The model runs in evaluation mode, which is undone afterwards, and without its output projection.

    Args:
        model: any encoder-decoder model that `record_attention` can record.
        tokenizer: its tokenizer.
        sources: B sentences; or what a feature extractor or an image processor returned for B sounds or images: the
            positions of the source are then called "frame 0" and so on, or "patch 0".
        targets: B sentences; or the token ids of B hypotheses, as the search wrote them behind the start mark.
        ids: B names; the position in the batch unless given.
        places: see `record_attention`; of the others there are no maps.
        source_words, target_words: the words of each sentence as the caller counts them; see `tokenize_with_words`.

    Raises:
        UserError: the lists differ in length, given words do not stand in their text, or see `teacher_forced_pass`.
    """
    names = name_pairs(next(iter(sources.values())) if isinstance(sources, Mapping) else sources, targets, ids)
    if not names:
        return []
    target = read_targets(tokenizer, targets, target_words)
    if isinstance(sources, Mapping):
        forward = teacher_forced_pass(model, sources, target, names=names, places=places)
        return sentence_maps(forward, _source_positions(model, forward), target, names)
    check_texts(sources, [f"sentence {name}" for name in names])
    source = tokenize_with_words(tokenizer, sources, words=source_words)
    forward = teacher_forced_pass(model, source, target, names=names, places=places)
    return sentence_maps(forward, source, target, names)


def name_pairs(sources: Sequence[Any] | torch.Tensor, targets: Sequence[Any], ids: Sequence[str] | None) -> list[str]:
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
    sources: Sequence[TokenizedText] | Mapping[str, torch.Tensor],
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
        sources, targets: B sides each, at least one; sources of sound or images as in `teacher_forced_attention`.
        names: of the pairs, for error messages; their positions unless given.
        places, layers, heads, keep: what to record; see `record_attention`.

    Raises:
        UserError: there is no pair, or no partner; a sentence is longer than the model's positions, or has token ids
            that it does not know; the model has no start mark, or computes NaN or infinity; or see `record_attention`.
    """
    count = len(next(iter(sources.values())) if isinstance(sources, Mapping) else sources)
    names = name_pairs(range(count), targets, names)
    if not names:
        raise UserError("there is no sentence pair to pass through the model")
    start, pad = _start_and_pad(model)
    if isinstance(sources, Mapping):
        inputs = {name: tensor.to(model.device) for name, tensor in sources.items()}
    elif model.main_input_name != "input_ids":
        raise UserError(
            f"{type(model).__name__} does not read text but {model.main_input_name}: give it what its processor returns"
        )
    else:
        check_lengths(model, "encoder", "source", sources, names)
        source_ids, source_mask = _pad([side.ids for side in sources], pad, model.device)
        inputs = {"input_ids": source_ids, "attention_mask": source_mask}
    check_lengths(model, "decoder", "target", targets, names)
    target_ids, target_mask = _pad([[start, *side.ids[:-1]] for side in targets], pad, model.device)
    body = cast(PreTrainedModel, model.base_model)
    if "decoder_input_ids" not in inspect.signature(body.forward).parameters:  # the head embeds them, too
        body = model
    recording = record_attention(body, places=places, layers=layers, heads=heads, keep=keep)
    with _evaluation_mode(model), recording as record:
        try:
            outputs = body(**inputs, decoder_input_ids=target_ids, decoder_attention_mask=target_mask, use_cache=False)
        except ValueError as error:
            raise UserError(f"{type(model).__name__} does not run on these inputs: {error}") from error
    states = outputs[0]  # (B,T,D)
    is_wrong = (~states.isfinite().all(dim=-1) & target_mask.bool().to(states.device)).any(dim=-1)  # (B)
    if is_wrong.any():  # whatever is no number on the way here stays none
        first = int(is_wrong.nonzero()[0])
        text = targets[first].text if isinstance(sources, Mapping) else sources[first].text
        raise not_finite(model, f"sentence {names[first]}", text)
    return record.forwards[0]


def check_lengths(
    model: PreTrainedModel, stack: str, kind: str, sides: Sequence[TokenizedText], names: Sequence[str]
) -> None:
    """Raise `UserError` for a sentence that has more tokens than a stack has positions, or ids that are none."""
    limit, size = most_tokens(model, stack), vocabulary_size(model, stack)
    for name, side in zip(names, sides, strict=True):
        if limit is not None and len(side.ids) > limit:
            raise UserError(
                f"sentence {name}: the {kind} has {len(side.ids)} tokens, the model {limit} positions; shorten it"
            )
        check_ids(f"sentence {name}: the {kind}", side.ids, size)


def most_tokens(model: PreTrainedModel, stack: str) -> int | None:
    """Tell how many tokens the "encoder" or the "decoder" has positions for; `None` where nothing limits them."""
    configs = (model.config, getattr(stacks_of(model)[stack], "config", None))
    fields = ("max_position_embeddings", f"max_{'source' if stack == 'encoder' else 'target'}_positions")
    limits = [getattr(config, field, None) for config in configs for field in fields]
    return next((limit for limit in limits if limit is not None), None)


def _source_positions(model: PreTrainedModel, forward: RecordedForward) -> list[TokenizedText]:
    """Name the positions of a source that is no text: each is a word of its own, up to the padding at the end."""
    unit = "patch" if model.main_input_name in IMAGES else "frame"
    length = next(call.shape[3] for (place, _), call in forward.calls.items() if place != "decoder")
    sides = []
    for i in range(len(forward)):
        mask = forward.source_mask
        count = length if mask is None else int(mask[i].sum())
        tokens = [f"{unit} {position}" for position in range(count)]
        starts = [sum(map(len, tokens[:position])) + position for position in range(count)]
        words = [Word(token, start, start + len(token)) for token, start in zip(tokens, starts, strict=True)]
        sides.append(TokenizedText(" ".join(tokens), list(range(count)), tokens, words, list(range(count))))
    return sides


def sentence_maps(
    forward: RecordedForward, sources: Sequence[TokenizedText], targets: Sequence[TokenizedText], names: Sequence[str]
) -> list[SentenceMaps]:
    """Put names to what one forward pass recorded; there are no maps of places that it did not record."""
    weights = {place: forward.weights(place).cpu().numpy() for place in PLACES if forward.layers(place)}  # (B,L,H,T,S)
    maps = []
    for i, (source, target, name) in enumerate(zip(sources, targets, names, strict=True)):
        of_sentence: dict[str, Any] = {}
        for place, of_batch in weights.items():
            rows, columns = rows_and_columns(place, len(source.ids), len(target.ids))
            of_sentence[place] = of_batch[i, ..., :rows, :columns].copy()
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
                **of_sentence,
            )
        )
    return maps


def _start_and_pad(model: PreTrainedModel) -> tuple[int, int]:
    """Find the ids of the start mark, as `generate` does, and of padding. Raises `UserError` for no start mark."""
    start = _token_id(model, "decoder_start_token_id", "bos_token_id")
    if start is None:
        raise UserError(
            f"the configuration of {type(model).__name__} has no decoder_start_token_id and no bos_token_id"
        )
    pad = _token_id(model, "pad_token_id", "eos_token_id")
    return start, start if pad is None else pad  # it stands where nothing looks


def _token_id(model: PreTrainedModel, *names: str) -> int | None:
    """Find the first of some special tokens that a model has."""
    decoder = getattr(stacks_of(model)["decoder"], "config", None)
    configs = (getattr(model, "generation_config", None), model.config, decoder)
    for name in names:
        for config in configs:
            found = getattr(config, name, None)
            if found is not None:
                return found[0] if isinstance(found, list) else found
    return None


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
