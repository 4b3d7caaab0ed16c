"""texts or hypotheses -> sides: the tokens of a sentence, its words, and which word each token belongs to.

A side is one sentence of one language. Where a tokenizer tells the character offsets of its tokens they are taken;
else they are found by decoding ever longer beginnings, and setting what comes out beside the text.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any, cast

from transformers import PreTrainedTokenizerBase

from ..errors import UserError
from ..text.multilingual import before_source, check_targets, decode_targets, own_mark, special_ids
from ..text.words import Span, join_words, locate_words, split_words, word_of_token
from .edges import check_texts
from .sentence import Word
from .words import give_spaces_to_words


@dataclass(frozen=True)
class TokenizedText:
    """One sentence of one language, cut into tokens and words.

    Attributes:
        text: the sentence.
        ids: of its tokens, the end mark included; on the target side what the decoder writes, without start mark.
        tokens: their names in the vocabulary, the source's or the target's where a tokenizer has two.
        words: the words of the text.
        word_of_token: for each token the index of its word, `None` outside all words (`</s>`, a language mark).
    """

    text: str
    ids: list[int]
    tokens: list[str]
    words: list[Word]
    word_of_token: list[int | None]


def tokenize_with_words(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    *,
    is_target: bool = False,
    words: Sequence[Sequence[str]] | None = None,
) -> list[TokenizedText]:
    """Tokenize texts and find the word of every token.

    Args:
        tokenizer: any tokenizer, with offsets or without.
        texts: the sentences.
        is_target: tokenize as target texts; sources get what the model wants before them, the mark of a language or a
            task, whose tokens are outside all words.
        words: for each text its words as the caller counts them, such as those of a pre-tokenised gold set, in order;
            without it the words of `split_words`, where neighbours that share a token count as one.

    Raises:
        UserError: the lists differ in length, given words do not stand in their text in this order, one is no text, or
            a model of many languages was not told which (see `set_languages`).
    """
    check_texts(texts, [f"text {number}" for number in range(1, len(texts) + 1)])
    if words is not None and len(words) != len(texts):
        raise UserError(f"{len(words)} lists of words for {len(texts)} texts")
    if not texts:
        return []
    if is_target:
        check_targets(tokenizer)
    prefixes = ["" if is_target else before_source(tokenizer, text) for text in texts]
    marks = ["" if is_target else own_mark(tokenizer, text) for text in texts]
    whole = [prefix + text.rstrip() for prefix, text in zip(prefixes, texts, strict=True)]
    with _two_vocabularies(tokenizer, is_target):
        encoding = tokenizer(
            **{"text_target" if is_target else "text": whole}, return_offsets_mapping=tokenizer.is_fast
        )
        pieces = None if tokenizer.is_fast else [_pieces(tokenizer, text, is_target) for text in whole]
    special, names = special_ids(tokenizer), token_namer(tokenizer, is_target)
    sides = []
    for i, (text, ids) in enumerate(zip(texts, encoding["input_ids"], strict=True)):
        if pieces is None:
            offsets = [tuple(span) for span in encoding["offset_mapping"][i]]
        else:
            found = offsets_by_decoding(tokenizer, whole[i], pieces[i])
            offsets = _among_specials(tokenizer, found, len(ids))
        before, begin = len(prefixes[i]), len(marks[i])
        offsets = [(start - before, end - before) for start, end in offsets]
        is_special = [
            number in special or (start < begin and end <= begin)
            for number, (start, end) in zip(ids, offsets, strict=True)
        ]
        sides.append(_side(text, ids, names(ids), offsets, is_special, None if words is None else words[i], begin))
    return sides


def read_hypotheses(tokenizer: PreTrainedTokenizerBase, hypotheses: Sequence[Sequence[int]]) -> list[TokenizedText]:
    """Take translations as the search wrote them: token ids without start mark and padding.

    The same text may be cut into other tokens when it is tokenized again; here the tokens stay those of the search.
    """
    special, names = special_ids(tokenizer), token_namer(tokenizer, is_target=True)
    texts = decode_targets(tokenizer, hypotheses, keep_unknown=True)
    sides = []
    for ids, text in zip(hypotheses, texts, strict=True):
        tokens = names(ids)
        pieces = [token for token, number in zip(tokens, ids, strict=True) if number not in special]
        found = iter(offsets_by_decoding(tokenizer, text, pieces))
        offsets = [(0, 0) if number in special else next(found) for number in ids]
        sides.append(_side(text, list(ids), tokens, offsets, [number in special for number in ids], None))
    return sides


def offsets_by_decoding(tokenizer: PreTrainedTokenizerBase, text: str, pieces: Sequence[str]) -> list[Span]:
    """Find where pieces stand in their text: each decodes to what it adds to the pieces before it.

    `["▁My", "▁dog", "s"]` of "My dogs" is (0,2) (3,6) (6,7), and so is `["My", "dog@@", "s"]`. A piece that by itself
    adds nothing (a space, a part of a character) has the place of the next one that does; one that completes what was
    begun (`&`, `amp;`) that of the one before.

    Args:
        tokenizer: whose pieces they are.
        text: what was tokenized; decoding may give it in another form (lower case, NFKC, without double spaces).
        pieces: without special tokens.
    """
    decoded = [tokenizer.convert_tokens_to_string(list(pieces[:count])) for count in range(len(pieces) + 1)]
    whole = decoded[-1]
    places = _places_of_characters(whole, text)
    offsets: list[Span | None] = []  # None: with the next one
    end, unfinished = 0, None  # characters that are told; the last span within what is not finished yet
    for before, now in pairwise(decoded):
        last = max(end, _length_in_common(now, whole))
        if whole.startswith(before):
            unfinished = None
        if spans := [span for span in places[end:last] if span is not None]:
            unfinished = min(spans)[0], max(stop for _, stop in spans)
        offsets.append(unfinished)
        end = last
    return _filled(offsets)


def _filled(offsets: Sequence[Span | None]) -> list[Span]:
    """Give the place of the next one, or at the end of the last one, to what has none."""
    filled: list[Span] = []
    following = next((span for span in reversed(offsets) if span is not None), (0, 0))
    for span in reversed(offsets):
        following = following if span is None else span
        filled.append(following)
    return filled[::-1]


def _length_in_common(beginning: str, text: str) -> int:
    same = (a == b for a, b in zip(beginning, text, strict=False))
    return next((i for i, equal in enumerate(same) if not equal), min(len(beginning), len(text)))


def _places_of_characters(decoded: str, text: str) -> list[Span | None]:
    """For each character that was decoded its span in the text; `None` for white space, and for what is not there.

    The two are compared in lower case and NFKC, without white space. Where they differ nevertheless (quotation marks
    that Moses has normalised), a stretch of one is put beside a stretch of the other.
    """
    (ours, owners), (theirs, places) = _folded(decoded), _folded(text)
    found: list[Span | None] = [None] * len(decoded)
    for first, last, start, stop in _stretches(ours, theirs):
        is_same = ours[first:last] == theirs[start:stop]
        for number in range(first, last):
            there = (start + number - first, start + number - first + 1) if is_same else (start, stop)
            if there[0] < there[1]:
                before = found[owners[number]]
                span = (places[there[0]], places[there[1] - 1] + 1)
                found[owners[number]] = span if before is None else (min(before[0], span[0]), max(before[1], span[1]))
    return found


def _stretches(ours: str, theirs: str) -> list[tuple[int, int, int, int]]:
    """Cut two strings into stretches that are the same or stand for each other: `ours[a:b]` and `theirs[c:d]`.

    A single punctuation mark that is the same among others that are not belongs to them: Moses turns `,"` into `",`.
    """
    if ours == theirs:
        return [(0, len(ours), 0, len(theirs))]
    stretches: list[tuple[int, int, int, int]] = []
    is_open = False  # whether the last stretch may go on
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    for index, (kind, *block) in enumerate(blocks):
        is_mark = block[1] - block[0] == 1 and not ours[block[0]].isalnum() and 0 < index < len(blocks) - 1
        goes_on = kind != "equal" or is_mark
        if is_open and goes_on:
            stretches[-1] = (stretches[-1][0], block[1], stretches[-1][2], block[3])
        else:
            stretches.append((block[0], block[1], block[2], block[3]))
        is_open = goes_on
    return stretches


def _folded(text: str) -> tuple[str, list[int]]:
    """A text without white space, in lower case and NFKC, and for each of its characters the one it comes from."""
    characters, positions = [], []
    for position, character in enumerate(text):
        for each in unicodedata.normalize("NFKC", character).casefold():
            if not each.isspace():
                characters.append(each)
                positions.append(position)
    return "".join(characters), positions


def _pieces(tokenizer: Any, text: str, is_target: bool) -> list[str]:
    """Cut a text into pieces as they are written in it, unknown ones too."""
    if not (is_target and hasattr(tokenizer, "_switch_to_target_mode")):
        return tokenizer.tokenize(text)
    tokenizer._switch_to_target_mode()
    try:
        return tokenizer.tokenize(text)
    finally:
        tokenizer._switch_to_input_mode()


def _among_specials(tokenizer: Any, offsets: list[Span], count: int) -> list[Span]:
    """Give empty spans to the special tokens before and behind the pieces of a text, so that there are `count`."""
    before = tokenizer.build_inputs_with_special_tokens([-1]).index(-1)
    return [(0, 0)] * before + offsets + [(0, 0)] * (count - before - len(offsets))


def token_namer(tokenizer: Any, is_target: bool) -> Callable[[Sequence[int]], list[str]]:
    """Make a function that names tokens by the vocabulary of their side."""
    if is_target or not hasattr(tokenizer, "get_src_vocab"):
        return lambda ids: cast(list[str], tokenizer.convert_ids_to_tokens(list(ids)))
    names = {number: token for token, number in tokenizer.get_src_vocab().items()}  # Marian, FSMT
    return lambda ids: [names.get(number, tokenizer.unk_token) for number in ids]


@contextmanager
def _two_vocabularies(tokenizer: Any, is_target: bool) -> Iterator[None]:
    """Let a tokenizer of two vocabularies without a mode for the second one, FSMT's, read targets by that."""
    if not (is_target and hasattr(tokenizer, "tgt_vocab_file")):
        yield
        return
    before = tokenizer.encoder, tokenizer.src_lang
    tokenizer.encoder = {token: number for number, token in tokenizer.decoder.items()}
    tokenizer.src_lang = tokenizer.tgt_lang
    try:
        yield
    finally:
        tokenizer.encoder, tokenizer.src_lang = before


def _side(
    text: str,
    ids: list[int],
    tokens: list[str],
    offsets: Sequence[Span],
    is_special: Sequence[bool],
    words: Sequence[str] | None,
    begin: int = 0,
) -> TokenizedText:
    """Find the words of a text from a character on, and the word of each token."""
    offsets = [(0, 0) if special else span for span, special in zip(offsets, is_special, strict=True)]
    if words is None:
        spans = join_words([span for span in split_words(text) if span[0] >= begin], offsets)
    else:
        spans = locate_words(text, words)
    owners = give_spaces_to_words(word_of_token(offsets, spans), is_special)
    return TokenizedText(text, ids, tokens, [Word(text[start:end], start, end) for start, end in spans], owners)
