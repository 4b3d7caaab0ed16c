"""The search of a translator by CTranslate2: the same weights, several times faster on a CPU.

What it finds is what `generate` finds, but where two hypotheses are as good as each other to the last digits.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from ..attention.tokenized import token_namer
from ..errors import UserError
from ..model.decoding import NonFiniteLogits
from ..translation.hypotheses import Translation, blank_translation, given_ids, length_penalty, limit_of
from ..translation.sampling import Number
from ..translation.settings import SearchSettings

try:
    import ctranslate2
except ImportError as error:  # not there, or its libraries are not
    raise UserError(f'CTranslate2 cannot be loaded ({error}): pip install "hf-attn-model[ctranslate2]"') from error

from .ctranslate2_spec import AligningHeads, specify, start_and_ends

NAME = "ctranslate2"
QUANTIZATIONS = ("int8", "int8_float32", "int16", "bfloat16", "float16")
NOT_KNOWN: dict[str, tuple[Any, ...]] = {  # of generation settings: what they are where they change nothing
    **{"min_length": (None, 0), "min_new_tokens": (None, 0), "encoder_no_repeat_ngram_size": (None, 0)},
    **{"repetition_penalty": (None, 1.0), "encoder_repetition_penalty": (None, 1.0), "diversity_penalty": (None, 0.0)},
    **{"exponential_decay_length_penalty": (None,), "sequence_bias": (None,), "begin_suppress_tokens": (None, [])},
    **{"guidance_scale": (None, 1.0), "early_stopping": (None, False, True), "renormalize_logits": (None, False)},
}


class CTranslate2Engine:
    """Translates token ids.

    Args:
        engine: a converted model.
        model: what it was made of, for its settings alone: it may have no weights.
        tokenizer: of the model.
        aligning: the heads whose weights the engine can give.

    Raises:
        UserError: a generation setting has no counterpart in CTranslate2.
    """

    name = NAME

    def __init__(
        self,
        engine: ctranslate2.Translator,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        aligning: AligningHeads | None = None,
    ):
        self.engine, self.model, self.tokenizer, self.aligning = engine, model, tokenizer, aligning
        self.source_tokens, self.target_tokens = vocabularies(model.config, tokenizer)
        self._ids = {token: i for i, token in enumerate(self.target_tokens)}
        self._start = start_and_ends(model)[0]
        check_generation(model)

    def check(self, settings: SearchSettings) -> None:
        """Raise `UserError` for a search that this engine cannot do as transformers does."""
        check_search(self.model, settings)

    def search_batch(
        self, sources: Sequence[list[int]], settings: SearchSettings, numbers: Sequence[Number] | None = None
    ) -> list[list[Translation]]:
        """Translate sentences in one batch; see `translation.hypotheses.search_batch`.

        A search is given one limit for all its sentences. Those that come out longer than their own are searched again,
        but where what a shorter search writes is the same, up to its end.

        Raises:
            NonFiniteLogits: for one of them.
            UserError: see `check`.
        """
        self.check(settings)
        self._check_start()
        prefix = given_ids(self.model, self.tokenizer, settings.prefix)
        limits = [limit_of(self.model, len(ids), settings, len(prefix)) - 1 for ids in sources]
        given = prefix[1:] or self._marks()
        found = self._search(sources, settings, given, max(limits), range(len(sources)))
        if not (settings.has_beams or settings.with_scores):
            return [[self._cut(best, limit)] for (best,), limit in zip(found, limits, strict=True)]
        for limit in sorted(set(limits)):
            longer = [
                i for i, own in enumerate(limits) if own == limit and any(len(each.ids) > limit for each in found[i])
            ]
            if longer:
                again = self._search([sources[i] for i in longer], settings, given, limit, longer)
                found = [again[longer.index(i)] if i in longer else each for i, each in enumerate(found)]
        return found

    def _cut(self, found: Translation, limit: int) -> Translation:
        """Cut what a greedy search wrote to a limit."""
        generation: Any = self.model.generation_config
        if len(found.ids) <= limit:
            return found
        forced = generation.forced_eos_token_id
        return Translation(found.ids[:limit] if forced is None else [*found.ids[: limit - 1], forced], is_cut=True)

    def attend(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> list[np.ndarray]:
        """Read the mean attention of the aligning heads over given translations, each up to its end mark: (T,S) each.

        Row i is where target token i is written. CTranslate2 passes over a source that is an end mark alone; all
        attention is on that.
        """
        assert self.aligning is not None
        results = self.engine.translate_batch(
            self._names(sources),
            [[self.target_tokens[i] for i in ids[:-1]] for ids in targets],
            beam_size=1,
            max_decoding_length=max(map(len, targets)),
            max_input_length=0,
            return_end_token=True,  # with its attention
            return_attention=True,
        )
        maps = []
        for result, source, target in zip(results, sources, targets, strict=True):
            attention = result.attention[0] if len(source) > 1 else np.ones((len(target), 1))
            maps.append(np.asarray(attention, dtype=np.float32)[: len(target)])
            assert maps[-1].shape == (len(target), len(source)), (maps[-1].shape, len(target), len(source))
        return maps

    def log_probabilities(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> list[list[float]]:
        """Read those of the tokens of given translations, the end mark included."""
        results = self.engine.score_batch(
            self._names(sources), [[self.target_tokens[i] for i in ids[:-1]] for ids in targets], max_input_length=0
        )
        return [result.log_probs for result in results]

    def _check_start(self) -> None:
        """Raise `UserError` for a start mark that was chosen since the conversion, which has it in it."""
        if (start := start_and_ends(self.model)[0]) != self._start:
            own, other = self.target_tokens[self._start], self.target_tokens[start]
            raise UserError(f"CTranslate2 begins with {own}, as the model did that was converted, not with {other}")

    def _marks(self) -> list[int]:
        """List the mark of a language that a translation begins with; none for most models."""
        generation: Any = self.model.generation_config
        return [] if generation.forced_bos_token_id is None else [generation.forced_bos_token_id]

    def _names(self, sources: Sequence[list[int]]) -> list[list[str]]:
        return [[self.source_tokens[i] for i in ids] for ids in sources]

    def _search(
        self,
        sources: Sequence[list[int]],
        settings: SearchSettings,
        given: list[int],
        limit: int,
        numbers: Sequence[int],
    ) -> list[list[Translation]]:
        """Search under one limit of written tokens, those that are given included."""
        forbidden = _forbidden(self.model)
        read = _Reading(self, settings, limit, len(given) if settings.prefix.strip() else 0)
        results = self.engine.translate_batch(
            self._names(sources),
            [[self.target_tokens[i] for i in given]] * len(sources) if given else None,
            beam_size=settings.width,
            num_hypotheses=settings.hypotheses,
            length_penalty=read.penalty,
            min_decoding_length=0,
            max_decoding_length=max(limit - read.is_end_forced, 1),
            max_input_length=0,
            no_repeat_ngram_size=_ngram(self.model, settings),
            suppress_sequences=[[self.target_tokens[i] for i in ids] for ids in forbidden] or None,
            end_token=[self.target_tokens[i] for i in read.ends],
            return_scores=True,
            return_end_token=True,
        )
        return [
            [read(tokens, score, number) for tokens, score in zip(result.hypotheses, result.scores, strict=True)]
            for result, number in zip(results, numbers, strict=True)
        ]


class _Reading:
    """Makes translations of what CTranslate2 found."""

    def __init__(self, engine: CTranslate2Engine, settings: SearchSettings, limit: int, prefix: int):
        generation: Any = engine.model.generation_config
        self.ids, self.limit, self.prefix = engine._ids, limit, prefix
        self.blank = blank_translation(engine.tokenizer)
        self.penalty = length_penalty(engine.model, settings)
        self.ends = start_and_ends(engine.model)[1]
        self.forced_end = generation.forced_eos_token_id
        self.is_end_forced = self.forced_end is not None
        self.with_scores = settings.with_scores

    def __call__(self, tokens: list[str], score: float, sentence: int) -> Translation:
        """Read a hypothesis. Raises `NonFiniteLogits` where its score is no number.

        CTranslate2 passes over a source that is an end mark alone.
        """
        if not tokens:
            return self.blank
        if not isfinite(score):
            raise NonFiniteLogits(sentence)
        ids = [self.ids[token] for token in tokens]
        is_cut = ids[-1] not in self.ends
        log_probability = score * len(ids) ** self.penalty
        if is_cut and self.is_end_forced:
            ids.append(self.forced_end)
        if not self.with_scores:
            return Translation(ids, is_cut)
        searched = max(len(ids) - self.prefix, 1)
        return Translation(ids, is_cut, log_probability, log_probability / searched**self.penalty)


def check_search(model: PreTrainedModel, settings: SearchSettings) -> None:
    """Raise `UserError` for a search that CTranslate2 does not do as transformers does.

    It stops as soon as as many hypotheses have ended as the beam is wide, counts a prefix among the tokens that a score
    is divided by, and gives the probability of what is forbidden to what is not.
    """
    why = None
    if settings.sampling is not None:
        why = "draws no samples that can be drawn again"
    elif settings.n_best > 1:
        why = "stops when the best translation is found, so that the next ones are others"
    elif settings.has_beams and settings.prefix.strip():
        why = "ranks translations with a prefix in another way"
    elif settings.has_beams and _ngram(model, settings):
        why = "ranks translations in another way where tokens must not come twice in a row"
    elif settings.with_scores and (_forbidden(model) or _ngram(model, settings)):
        why = "scores in another way where some tokens are forbidden, as the settings of this model say"
    if why:
        raise UserError(f"CTranslate2 {why}")


def _forbidden(model: PreTrainedModel) -> list[list[int]]:
    """List the tokens, alone or in a row, that must not be written."""
    generation: Any = model.generation_config
    return [*(generation.bad_words_ids or ()), *([i] for i in generation.suppress_tokens or ())]


def _ngram(model: PreTrainedModel, settings: SearchSettings) -> int:
    """How many tokens in a row must not come twice; 0 for any."""
    chosen = settings.no_repeat_ngram_size
    return (getattr(model.generation_config, "no_repeat_ngram_size", None) or 0) if chosen is None else chosen


def check_generation(model: PreTrainedModel) -> None:
    """Raise `UserError` for a setting that CTranslate2 does not know."""
    for name, nothing in NOT_KNOWN.items():
        value = getattr(model.generation_config, name, None)
        if value not in nothing:
            raise UserError(f"{name} is {value} in its generation settings, which CTranslate2 does not know")


def open_engine(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    quantization: str | None = None,
    aligning: AligningHeads | None = None,
    threads: int | None = None,
) -> CTranslate2Engine:
    """Convert a model in memory.

    Args:
        model: of a class that `specify` knows.
        tokenizer: of the model.
        quantization: one of `QUANTIZATIONS`; float32 unless given.
        aligning: see `build_spec`.
        threads: of the search; those of torch unless given.

    Raises:
        UserError: the model has no counterpart in CTranslate2.
    """
    check_generation(model)
    with TemporaryDirectory(prefix="hf-attn-") as folder:
        write_model(model, tokenizer, Path(folder), quantization, aligning)
        engine = load_engine(folder, threads)
    return CTranslate2Engine(engine, model, tokenizer, aligning)


def write_model(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    quantization: str | None = None,
    aligning: AligningHeads | None = None,
) -> None:
    """Write what CTranslate2 loads into an empty folder. Arguments and errors are those of `open_engine`."""
    copy = deepcopy(model).float()  # as numbers are rounded in place
    spec = specify(copy, *vocabularies(model.config, tokenizer), aligning)
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(folder))


def load_engine(folder: str | Path, threads: int | None = None) -> ctranslate2.Translator:
    """Load a converted model, to compute in the numbers that it was converted to, on the CPU.

    Raises:
        UserError: it is damaged, or of another version.
    """
    try:
        return ctranslate2.Translator(str(folder), intra_threads=threads or torch.get_num_threads())
    except (RuntimeError, ValueError) as error:
        raise UserError(f"CTranslate2 cannot load {folder}: {' '.join(str(error).split())}") from error


def vocabularies(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> tuple[list[str], list[str]]:
    """List the tokens of source and target by their ids; what the tokenizer has no name for gets one."""
    sizes = {False: config.vocab_size, True: getattr(config, "decoder_vocab_size", None) or config.vocab_size}
    source, target = (_named(token_namer(tokenizer, side), size) for side, size in sizes.items())
    return source, target


def _named(name: Callable[[Sequence[int]], list[str]], size: int) -> list[str]:
    """Let every id have a name of its own."""
    seen: set[str] = set()
    names = []
    for i, token in enumerate(_tokens(name, size)):
        names.append(token if token and token not in seen else f"<id {i}>")
        seen.add(names[-1])
    return names


def _tokens(name: Callable[[Sequence[int]], list[str]], size: int) -> list[str | None]:
    """Name ids one by one where some are none of the tokenizer's."""
    try:
        return list(name(range(size)))
    except (IndexError, OverflowError):
        return [_token(name, i) for i in range(size)]


def _token(name: Callable[[Sequence[int]], list[str]], i: int) -> str | None:
    try:
        return name([i])[0]
    except (IndexError, OverflowError):
        return None
