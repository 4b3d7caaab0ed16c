"""The sources of one batch -> their hypotheses, by `generate` of transformers.

Shapes: B sentences, R hypotheses, of each sentence one after the other, T tokens of the longest one.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from transformers import LogitsProcessorList, PreTrainedModel, PreTrainedTokenizerBase, StoppingCriteriaList

from ..errors import UserError
from ..model.decoding import ForcedEnds, OwnLimits, RefuseNonFinite, find_written, longest_translation
from ..text.multilingual import special_ids
from .sampling import NextToken, Number
from .settings import SearchSettings


@dataclass(frozen=True)
class Translation:
    """What a search found.

    Attributes:
        ids: token ids, without start mark and padding, up to the first end mark.
        is_cut: whether the search came to the sentence's limit: it may end too early, or repeat itself.
        log_probability: of these tokens, in nats, as the search saw it: what is given (a prefix, marks that are forced)
            adds nothing. `None` where no scores are asked for.
        score: `log_probability` divided by the number of tokens that are not given, to the power of the length
            penalty: what a beam ranks by.
    """

    ids: list[int]
    is_cut: bool
    log_probability: float | None = None
    score: float | None = None


def search_batch(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[list[int]],
    settings: SearchSettings,
    numbers: Sequence[Number] | None = None,
) -> list[list[Translation]]:
    """Translate sentences in one batch.

    Args:
        model, tokenizer: see `search`.
        sources: token ids of B sentences, none of them empty.
        settings: how to search.
        numbers: of the sentences, for what is drawn; their positions in the batch unless given.

    Returns:
        of each sentence `settings.hypotheses` hypotheses, the best first; samples as they are drawn.

    Raises:
        NonFiniteLogits: for one of them.
        UserError: the prefix is too long.
    """
    generation: Any = model.generation_config
    given = given_ids(model, tokenizer, settings.prefix)
    limits = [limit_of(model, len(ids), settings, len(given)) for ids in sources]
    forced = generation.forced_eos_token_id
    processors = LogitsProcessorList([RefuseNonFinite(len(sources))])
    if forced is not None:
        processors.append(ForcedEnds(limits, forced))
    next_token = NextToken(settings, [(i,) for i in range(len(sources))] if numbers is None else numbers)
    if settings.sampling is not None or (settings.with_scores and not settings.has_beams):
        processors.append(next_token)
    with torch.inference_mode():
        outputs = model.generate(  # type: ignore[operator]
            **_inputs(model, tokenizer, sources, settings, given),
            num_beams=settings.width if settings.has_beams else 1,
            num_return_sequences=settings.hypotheses if settings.has_beams else 1,
            do_sample=False,  # samples are drawn by `NextToken`
            max_length=max(limits),
            stopping_criteria=StoppingCriteriaList([OwnLimits(limits)]),
            logits_processor=processors,
            remove_invalid_values=False,  # they are refused
            **settings.generation_options(),
        )
    hypotheses = getattr(outputs, "sequences", outputs)[:, 1:].cpu()  # (R,T)
    is_written, is_cut = find_written(hypotheses, _end_ids(model, tokenizer), limits, forced is not None)
    lengths = is_written.sum(dim=-1)
    found = [
        Translation(ids[:length], cut)
        for ids, length, cut in zip(hypotheses.tolist(), lengths.tolist(), is_cut.tolist(), strict=True)
    ]
    if settings.with_scores:
        searched = lengths - max(len(given) - 1, 0)
        divisor = searched.clamp(min=1).double() ** length_penalty(model, settings)  # (R)
        summed = outputs.sequences_scores.cpu().double() * divisor if settings.has_beams else next_token.sums(searched)
        found = [
            replace(translation, log_probability=one, score=score)
            for translation, one, score in zip(found, summed.tolist(), (summed / divisor).tolist(), strict=True)
        ]
    return [found[i : i + settings.hypotheses] for i in range(0, len(found), settings.hypotheses)]


def _inputs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[list[int]],
    settings: SearchSettings,
    given: list[int],
) -> dict[str, torch.Tensor]:
    """Pad the sources; each sample is a row of its own, each beam is not yet."""
    copies = 1 if settings.has_beams else settings.hypotheses
    rows = [ids for ids in sources for _ in range(copies)]
    inputs = dict(tokenizer.pad({"input_ids": rows}, return_tensors="pt").to(model.device))
    if given:
        inputs["decoder_input_ids"] = torch.tensor([given] * len(rows), device=model.device)
    return inputs


def given_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prefix: str) -> list[int]:
    """List what a decoder is given of a translation with a prefix: start mark, mark of a language, prefix.

    Returns:
        their ids; none without a prefix, as `generate` then gives the first ones.

    Raises:
        UserError: the prefix has more tokens than the model has positions.
    """
    if not prefix.strip():
        return []
    generation: Any = model.generation_config
    start, mark = generation.decoder_start_token_id, generation.forced_bos_token_id
    special = special_ids(tokenizer)
    words = [number for number in tokenizer(text_target=prefix)["input_ids"] if number not in special]
    given = [generation.bos_token_id if start is None else start, *([] if mark is None else [mark]), *words]
    if len(given) >= most_positions(model):
        raise UserError(
            f"the prefix has {len(words)} tokens, too many for a model of {most_positions(model)} positions"
        )
    return given


def limit_of(model: PreTrainedModel, source_length: int, settings: SearchSettings, given: int = 0) -> int:
    """Bound the tokens of a translation, start mark included, of which so many are given."""
    own = longest_translation(source_length, ratio=settings.max_length_ratio) + max(given - 1, 0)
    return min(own, most_positions(model))


def most_positions(model: PreTrainedModel) -> int:
    """Count the tokens that a model reads; for one without a limit, such as T5, more than there ever are."""
    return getattr(model.config, "max_position_embeddings", sys.maxsize)


def length_penalty(model: PreTrainedModel, settings: SearchSettings) -> float:
    """Return the power of the length that log-probabilities are divided by; 1 where nothing says another."""
    generation: Any = model.generation_config
    chosen = (settings.length_penalty, generation.length_penalty, 1.0)
    return next(value for value in chosen if value is not None)


def blank_translation(tokenizer: PreTrainedTokenizerBase) -> Translation:
    """Return the translation of nothing: the end mark."""
    return Translation([tokenizer.eos_token_id], is_cut=False)


def _end_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Find the marks that end a translation."""
    generation = model.generation_config
    assert generation is not None
    ends = generation.eos_token_id
    found = {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])}
    return found - {None}
