"""text -> words -> which word each token belongs to.

A span is a half-open pair of character positions, as in the tokenizer's offset mapping: `text[start:end]`. Word
boundaries follow the defaults of Unicode Standard Annex #29 (https://unicode.org/reports/tr29/), except that a
hyphen inside a word does not end it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

import regex

from ..errors import UserError

Span = tuple[int, int]

# Scripts whose words only a dictionary could tell apart; katakana is not among them, as its runs are words.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
JOINERS = r"\u200c\u200d\u00ad"  # inside a word, and invisible: zero-width (non-)joiner, soft hyphen
WORD = regex.compile(
    rf"""(?xV1)
      \p{{Nd}}+ (?: [.,] \p{{Nd}}+ )+                        # 3.14  1,000
    | [{UNSPACED}] \p{{M}}*                                  # 我
    | (?: (?! [{UNSPACED}] ) [\p{{L}}\p{{M}}\p{{N}}{JOINERS}] )+
      (?: ['’‐-] (?: (?! [{UNSPACED}] ) [\p{{L}}\p{{M}}\p{{N}}{JOINERS}] )+ )*  # don't  mother-in-law
    | (?! [\s\p{{Cc}}\p{{Cf}}] ) \X                          # a punctuation mark, an emoji
    """
)


def split_words(text: str) -> list[Span]:
    """The words of a text, in order, as character spans.

    A word is a run of letters, marks and digits with the apostrophes and hyphens inside it, or a decimal number.
    In scripts without spaces (Han, hiragana, Thai, Lao, Khmer, Burmese) each character with its marks is a word.
    Every punctuation mark and every symbol or emoji is a word. White space and invisible characters are in none.
    """
    return [match.span() for match in WORD.finditer(text)]


def locate_words(text: str, words: Iterable[str]) -> list[Span]:
    """Where the given words stand in the text: each at its first occurrence after the one before.

    Raises:
        UserError: a word does not follow in the text, or is empty.
    """
    spans: list[Span] = []
    end = 0
    for number, word in enumerate(words, start=1):
        start = text.find(word, end) if word else -1
        if start < 0:
            raise UserError(f"word {number}, {word!r}, does not follow in the text {text[end:]!r}")
        end = start + len(word)
        spans.append((start, end))
    return spans


def word_of_token(offsets: Iterable[Span], spans: Sequence[Span]) -> list[int | None]:
    """For each token the index of the word it shares most characters with; of equals, the first.

    Args:
        offsets: the span of each token, as `tokenizer(text, return_offsets_mapping=True)` gives it.
        spans: the words, in order and without overlap.

    Returns:
        One index for each token; None for special tokens and for white space alone.
    """
    owners: list[int | None] = []
    for token, (first, stop) in _touched_words(offsets, spans):
        if stop - first > 1:
            owners.append(max(range(first, stop), key=lambda word: _shared(token, spans[word])))
        else:
            owners.append(first if first < stop else None)
    return owners


def join_words(spans: Sequence[Span], offsets: Iterable[Span]) -> list[Span]:
    """Join neighbouring words that one token covers, so that no word is left without a token.

    It matters where words are single characters: with the token すき, the words す and き become one.
    """
    joined_to_next: set[int] = set()
    for _, (first, stop) in _touched_words(offsets, spans):
        joined_to_next.update(range(first, stop - 1))
    if not joined_to_next:
        return list(spans)
    joined: list[Span] = []
    for index, (start, end) in enumerate(spans):
        if index - 1 in joined_to_next:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _touched_words(offsets: Iterable[Span], spans: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    """Each token with the words it shares characters with, which are neighbours: first and, not included, last."""
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    return (
        (token, (bisect_right(ends, token[0]), bisect_left(starts, token[1]) if token[0] < token[1] else 0))
        for token in offsets
    )


def _shared(token: Span, word: Span) -> int:
    """How many characters a token and a word share."""
    return min(token[1], word[1]) - max(token[0], word[0])


def check_characters(name: str, text: str) -> None:
    """Raise `UserError` for a text with half a surrogate pair.

    Half a surrogate pair stands in no valid UTF-8, but `"\\ud83d"` in JSON is one.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{name} has half a surrogate pair at character {error.start}") from None
