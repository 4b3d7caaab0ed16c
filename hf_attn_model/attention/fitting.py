"""Rows of texts -> tokens and words of what the model has positions for; see `text.too_long`."""

from collections.abc import Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..text.multilingual import encode_sources
from ..text.tally import Tally
from ..text.too_long import LengthLimit, OnLong
from ..text.words import locate_words
from .teacher_forcing import most_tokens
from .tokenized import TokenizedText, tokenize_with_words


def tokenize_fitting(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    places: Sequence[str],
    *,
    is_target: bool = False,
    words: Sequence[Sequence[str]] | None = None,
    on_long: OnLong,
    tally: Tally,
) -> list[TokenizedText | None]:
    """Tokenize texts of one side; `None` for one that is too long and to be left out.

    Args:
        model: says how long a text may be.
        tokenizer, texts, is_target, words: see `tokenize_with_words`; with the beginning of a text go its first words.
        places: where each text stands, for messages.
        on_long: "skip", "truncate" or "error"; links and maps of parts would be of no sentence.
        tally: counts what does not fit.

    Raises:
        UserError: a text is too long, with `on_long="error"`, or see `tokenize_with_words`.
    """
    assert on_long != "split"
    most = most_tokens(model, "decoder" if is_target else "encoder")
    sides: list[TokenizedText | None] = [*tokenize_with_words(tokenizer, texts, is_target=is_target, words=words)]

    def count(text: str) -> int:
        return len(tokenize_with_words(tokenizer, [text], is_target=is_target)[0].ids)

    for i, side in enumerate(sides):
        if most is None or side is None or len(side.ids) <= most:
            continue
        fitting = LengthLimit(count, most, on_long).fit(texts[i], places[i], tally)
        some = None if words is None or not fitting else [_words_within(texts[i], words[i], len(fitting[0]))]
        sides[i] = tokenize_with_words(tokenizer, fitting, is_target=is_target, words=some)[0] if fitting else None
    return sides


def fit_sources(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    places: Sequence[str],
    on_long: OnLong,
    tally: Tally,
) -> list[list[str]]:
    """Give what is to be translated of each text: itself, its beginning, its parts, or nothing; nothing of a blank one.

    Args:
        model, tokenizer, texts, places, tally: see `tokenize_fitting`.
        on_long: see `LengthLimit`.

    Raises:
        UserError: a text is too long, with `on_long="error"`.
    """
    limit = LengthLimit(lambda text: len(encode_sources(tokenizer, [text])[0]), most_tokens(model, "encoder"), on_long)
    pairs = zip(texts, places, strict=True)
    return [limit.fit(text, place, tally) if text.strip() else [] for text, place in pairs]


def _words_within(text: str, words: Sequence[str], end: int) -> list[str]:
    """Choose the words that stand before a position."""
    return [word for word, span in zip(words, locate_words(text, words), strict=True) if span[1] <= end]


def without_partners(
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[TokenizedText | None],
    targets: Sequence[TokenizedText | None],
    have_words: bool = False,
) -> tuple[list[TokenizedText], list[TokenizedText]]:
    """Make both sides of a pair empty texts where one is left out: the pair keeps its place.

    Args:
        tokenizer: of the model.
        sources, targets: as many.
        have_words: whether the pairs have words as the caller counts them.
    """
    words: list[list[str]] | None = [[]] if have_words else None
    empty = [tokenize_with_words(tokenizer, [""], is_target=is_target, words=words)[0] for is_target in (False, True)]
    pairs = [
        (source, target) if source is not None and target is not None else (empty[0], empty[1])
        for source, target in zip(sources, targets, strict=True)
    ]
    return [source for source, _ in pairs], [target for _, target in pairs]
