"""The search of a translator by CTranslate2: the same weights, several times faster on a CPU.

What it finds is what `generate` finds, but where two hypotheses are as good as each other to the last digits.
"""

from collections.abc import Sequence
from copy import deepcopy
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ctranslate2
import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase

from ..attention.tokenized import token_namer
from ..errors import UserError
from ..model import AttnConfig, AttnForConditionalGeneration
from ..model.decoding import NonFiniteLogits
from ..translation.hypotheses import Translation, length_penalty, limit_of
from ..translation.settings import SearchSettings
from .ctranslate2_spec import AligningHeads, build_spec

QUANTIZATIONS = ("int8", "int8_float32", "int16", "bfloat16", "float16")
NOT_KNOWN = {  # of generation settings: what they are where they change nothing
    **{"min_length": (None, 0), "min_new_tokens": (None, 0), "encoder_no_repeat_ngram_size": (None, 0)},
    **{"encoder_repetition_penalty": (None, 1.0), "diversity_penalty": (None, 0.0), "guidance_scale": (None, 1.0)},
    **{"exponential_decay_length_penalty": (None,), "sequence_bias": (None,), "begin_suppress_tokens": (None, [])},
    **{"early_stopping": (None, False), "renormalize_logits": (None, False)},
}


class CTranslate2Engine:
    """Translates token ids.

    Args:
        engine: a converted model.
        config, generation_config: of the model that it was made of.
        source_tokens, target_tokens: of its vocabularies, in the order of their ids.

    Raises:
        UserError: a generation setting has no counterpart in CTranslate2.
    """

    name = "ctranslate2"

    def __init__(
        self,
        engine: ctranslate2.Translator,
        config: AttnConfig,
        generation_config: GenerationConfig,
        source_tokens: Sequence[str],
        target_tokens: Sequence[str],
    ):
        check_generation(generation_config)
        self.engine = engine
        self.config = config
        self.generation_config = generation_config
        self.source_tokens, self.target_tokens = source_tokens, target_tokens
        self._ids = {token: i for i, token in enumerate(target_tokens)}

    def check(self, settings: SearchSettings) -> None:
        """Raise `UserError` for a search that this engine cannot do as transformers does."""
        if settings.sampling is not None:
            raise UserError("the engine ctranslate2 draws no samples that can be drawn again: use transformers")

    def search_batch(self, sources: Sequence[list[int]], settings: SearchSettings) -> list[list[Translation]]:
        """Translate sentences in one batch; see `translation.hypotheses.search_batch`.

        Raises:
            NonFiniteLogits: for one of them.
            UserError: see `check`.
        """
        self.check(settings)
        limits = [limit_of(self, len(ids), settings) - 1 for ids in sources]  # type: ignore[arg-type]  without the start
        found = self._search(sources, settings, max(limits))
        for i, limit in enumerate(limits):
            if any(len(each.ids) > limit for each in found[i]):
                (found[i],) = self._search([sources[i]], settings, limit)
        return found

    def _search(self, sources: Sequence[list[int]], settings: SearchSettings, limit: int) -> list[list[Translation]]:
        """Search under one limit of written tokens."""
        penalty = length_penalty(self, settings)  # type: ignore[arg-type]
        forced = self.generation_config.forced_bos_token_id
        results = self.engine.translate_batch(
            [[self.source_tokens[i] for i in ids] for ids in sources],
            None if forced is None else [[self.target_tokens[forced]]] * len(sources),
            beam_size=settings.width,
            num_hypotheses=settings.hypotheses,
            length_penalty=penalty,
            max_decoding_length=limit,
            max_input_length=0,
            return_scores=True,
            return_end_token=True,
            **self._options(settings),
        )
        return [
            [self._read(tokens, score, penalty, limit, i) for tokens, score in zip(*_pairs(result), strict=True)]
            for i, result in enumerate(results)
        ]

    def _options(self, settings: SearchSettings) -> dict[str, Any]:
        generation = self.generation_config
        ngram = settings.no_repeat_ngram_size
        bad = generation.bad_words_ids or []
        return {
            "no_repeat_ngram_size": (generation.no_repeat_ngram_size or 0) if ngram is None else ngram,
            "repetition_penalty": generation.repetition_penalty or 1.0,
            "suppress_sequences": [[self.target_tokens[i] for i in ids] for ids in bad] or None,
        }

    def _read(self, tokens: list[str], score: float, penalty: float, limit: int, sentence: int) -> Translation:
        """Read a hypothesis. Raises `NonFiniteLogits` where its score is no number."""
        if not isfinite(score):
            raise NonFiniteLogits(sentence)
        ids = [self._ids[token] for token in tokens]
        is_cut = len(ids) >= limit and ids[-1] != self.generation_config.eos_token_id
        return Translation(ids, is_cut, score * len(ids) ** penalty, score)


def _pairs(result: Any) -> tuple[list[list[str]], list[float]]:
    return result.hypotheses, result.scores


def check_generation(generation: GenerationConfig) -> None:
    """Raise `UserError` for a setting that CTranslate2 does not know."""
    for name, nothing in NOT_KNOWN.items():
        value = getattr(generation, name, None)
        if value not in nothing:
            raise UserError(f"{name} is {value} in its generation settings, which CTranslate2 does not know")


def open_engine(
    model: AttnForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    *,
    quantization: str | None = None,
    aligning: AligningHeads | None = None,
    threads: int | None = None,
) -> CTranslate2Engine:
    """Convert a model in memory.

    Args:
        model: of ours, or converted to it.
        tokenizer: of the model.
        quantization: one of `QUANTIZATIONS`; float32 unless given.
        aligning: see `build_spec`.
        threads: of the search; those of torch unless given.

    Raises:
        UserError: the model has no counterpart in CTranslate2.
    """
    tokens = vocabularies(model.config, tokenizer)
    with TemporaryDirectory() as folder:
        write_model(model, tokens, Path(folder), quantization, aligning)
        engine = load_engine(folder, threads)
    return CTranslate2Engine(engine, model.config, model.generation_config, *tokens)


def write_model(
    model: AttnForConditionalGeneration,
    tokens: tuple[list[str], list[str]],
    folder: Path,
    quantization: str | None,
    aligning: AligningHeads | None,
) -> None:
    """Write what CTranslate2 loads into an empty folder. Arguments and errors are those of `open_engine`."""
    spec = build_spec(deepcopy(model).float(), *tokens, aligning)  # a copy, as numbers are rounded in place
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(folder))


def load_engine(folder: str | Path, threads: int | None = None) -> ctranslate2.Translator:
    """Load a converted model, to compute in the numbers that it was converted to."""
    return ctranslate2.Translator(str(folder), intra_threads=threads or torch.get_num_threads())


def vocabularies(config: AttnConfig, tokenizer: PreTrainedTokenizerBase) -> tuple[list[str], list[str]]:
    """List the tokens of source and target by their ids; what the tokenizer has no name for gets one."""
    assert config.decoder_vocab_size is not None
    sizes = {False: config.vocab_size, True: config.decoder_vocab_size}
    source, target = (_named(token_namer(tokenizer, side)(range(size))) for side, size in sizes.items())
    return source, target


def _named(tokens: Sequence[str | None]) -> list[str]:
    """Let every id have a name of its own."""
    seen: set[str] = set()
    names = []
    for i, token in enumerate(tokens):
        names.append(token if token and token not in seen else f"<id {i}>")
        seen.add(names[-1])
    return names
