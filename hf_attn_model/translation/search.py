"""sentences -> translations, line for line.

What becomes of a sentence does not depend on its neighbours: each has a limit of its own, and padding is masked.
"""

import logging
from collections.abc import Iterable, Sequence

from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.edges import check_ids, check_texts, not_finite, vocabulary_size
from ..errors import UserError
from ..model.decoding import NonFiniteLogits, is_blank
from ..text.multilingual import check_search, decode_targets, encode_sources
from .engine import Engine, TransformersEngine
from .hypotheses import Translation, blank_translation, most_positions, search_batch
from .settings import SearchSettings

MOST_NAMED = 10  # sentences in one message

logger = logging.getLogger(__name__)


def translate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[str],
    *,
    num_beams: int = 5,
    batch_size: int = 64,
    first_line: int = 1,
    progress: bool = False,
    engine: Engine | None = None,
) -> list[str]:
    """Translate each sentence; an empty or blank one becomes the empty string.

    Args:
        model, tokenizer, sentences, num_beams, batch_size, progress, engine: see `translate_to_ids`.
        first_line: number by which messages call the first sentence.

    Raises:
        UserError: see `translate_to_ids`.
    """
    hypotheses = translate_to_ids(
        model,
        tokenizer,
        sentences,
        num_beams=num_beams,
        batch_size=batch_size,
        names=[f"line {first_line + i}" for i in range(len(sentences))],
        progress=progress,
        engine=engine,
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
    engine: Engine | None = None,
) -> list[list[int]]:
    """Translate each sentence into token ids, as the search wrote them: without start mark and padding.

    Those that came to their limit are counted and named in a warning of this module's logger.

    Args:
        model, tokenizer, sentences, num_beams, batch_size, names, progress, engine: see `search`.

    Raises:
        UserError: see `search`.
    """
    names = [f"sentence {i}" for i in range(len(sentences))] if names is None else names
    found = search(
        model,
        tokenizer,
        sentences,
        num_beams=num_beams,
        batch_size=batch_size,
        names=names,
        progress=progress,
        engine=engine,
    )
    warn_of_limits([name for name, translation in zip(names, found, strict=True) if translation.is_cut])
    return [translation.ids for translation in found]


def search(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[str],
    *,
    num_beams: int = 5,
    batch_size: int = 64,
    names: Sequence[str] | None = None,
    progress: bool = False,
    engine: Engine | None = None,
) -> list[Translation]:
    """Search the translation of each sentence.

    Sentences of like length are translated together and come back in the order given. A translation ends at its end
    mark, or after twice as many tokens as its source, plus ten. That of an empty or blank sentence is the end mark
    alone.

    Args:
        model: a sequence-to-sequence model; it is used as it is, on its own device.
        tokenizer: of the model.
        sentences: one text each.
        num_beams: 1 is greedy search; at most `MOST_BEAMS`.
        batch_size: sentences translated together.
        names: by which messages call each sentence; `sentence 0` and so on unless given.
        progress: show a progress bar on standard error.
        engine: what searches in place of `generate`; the model may then have no weights.

    Raises:
        UserError: a sentence is no text or has more tokens than the model has positions, the tokenizer writes ids that
            the model does not know, the model computes NaN or infinity, there is no such beam, or a model of many
            languages was not told into which one to translate (see `set_languages`).
    """
    names = [f"sentence {i}" for i in range(len(sentences))] if names is None else names
    settings = SearchSettings(num_beams)
    engine = engine or TransformersEngine(model, tokenizer)
    check_texts(sentences, names)
    check_search(model, tokenizer)
    filled = [i for i, text in enumerate(sentences) if not is_blank(text)]
    encoded = dict(zip(filled, encode_sources(tokenizer, [sentences[i] for i in filled]), strict=True))
    _check_sources(model, ((names[i], ids) for i, ids in encoded.items()))

    translations = [blank_translation(tokenizer)] * len(sentences)
    by_length = sorted(encoded, key=lambda i: len(encoded[i]), reverse=True)  # the longest first: no late surprise
    with tqdm(total=len(encoded), desc="Translating", unit=" sentences", disable=not progress) as bar:
        for start in range(0, len(by_length), batch_size):
            chosen = by_length[start : start + batch_size]
            try:
                found = engine.search_batch([encoded[i] for i in chosen], settings)
            except NonFiniteLogits as error:
                i = chosen[error.sentence]
                raise not_finite(model, names[i], sentences[i]) from None
            for i, (best,) in zip(chosen, found, strict=True):
                translations[i] = best
            bar.update(len(chosen))
    return translations


def decode(tokenizer: PreTrainedTokenizerBase, translations: Sequence[Translation]) -> list[str]:
    """Turn what a search found into texts; nothing is said of limits."""
    return decode_targets(tokenizer, [translation.ids for translation in translations])


def warn_of_limits(names: Sequence[str]) -> None:
    """Count and name the sentences whose translations were cut, where there are any, in a warning."""
    if names:
        those = "translation reached its limit" if len(names) == 1 else "translations reached their limit"
        others = f", and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
        logger.warning(f"{len(names):,} {those} ({', '.join(names[:MOST_NAMED])}{others})")


def best_translations(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sentence: str, count: int, *, num_beams: int = 5
) -> list[list[int]]:
    """Find the best translations of a sentence that a beam search ends with, the best first: their token ids.

    Args:
        model, tokenizer: see `search`.
        sentence: an empty or blank one has a single translation, the end mark alone.
        count: how many; the beam is at least as wide.
        num_beams: width of the search.

    Raises:
        UserError: see `search`, or `count` is less than 1.
    """
    if count < 1:
        raise UserError(f"there is no best of {count} translations: give a number from 1 on")
    settings = SearchSettings(max(num_beams, count), n_best=count)
    check_texts([sentence], ["the sentence"])
    if is_blank(sentence):
        return [blank_translation(tokenizer).ids]
    check_search(model, tokenizer)
    (ids,) = encode_sources(tokenizer, [sentence])
    _check_sources(model, [("the sentence", ids)])
    try:
        (found,) = search_batch(model, tokenizer, [ids], settings)
    except NonFiniteLogits:
        raise not_finite(model, "the sentence", sentence) from None
    return [translation.ids for translation in found]


def _check_sources(model: PreTrainedModel, sources: Iterable[tuple[str, list[int]]]) -> None:
    """Raise `UserError` for the first sentence, a name and its ids, that the model cannot read."""
    limit, size = most_positions(model), vocabulary_size(model, "encoder")
    for name, ids in sources:
        if len(ids) > limit:
            raise UserError(f"{name} has {len(ids)} tokens, but the model reads at most {limit}: split it")
        check_ids(name, ids, size)
