"""texts or hypotheses -> sides: the tokens of a sentence, its words, and which word each token belongs to.

A side is one sentence of one language. Where a tokenizer tells the character offsets of its tokens they are taken;
else they are found again from the pieces, whose marker ▁ (SentencePiece) says where a word begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from transformers import PreTrainedTokenizerBase

from ..errors import UserError
from ..text.words import Span, join_words, locate_words, split_words, word_of_token
from .edges import check_texts
from .sentence import Word
from .words import give_spaces_to_words

MARKER = "▁"  # begins a piece that a space stands before


@dataclass(frozen=True)
class TokenizedText:
    """One sentence of one language, cut into tokens and words.

    Attributes:
        text: the sentence.
        ids: of its tokens, the end mark included; on the target side what the decoder writes, without start mark.
        tokens: their names in the vocabulary.
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
        is_target: tokenize as target texts.
        words: for each text its words as the caller counts them, such as those of a pre-tokenised gold set, in order;
            without it the words of `split_words`, where neighbours that share a token count as one.

    Raises:
        UserError: the lists differ in length, given words do not stand in their text in this order, or one is no text.
    """
    check_texts(texts, [f"text {number}" for number in range(1, len(texts) + 1)])
    if words is not None and len(words) != len(texts):
        raise UserError(f"{len(words)} lists of words for {len(texts)} texts")
    if not texts:
        return []
    encoding = tokenizer(
        **{"text_target" if is_target else "text": list(texts)},
        return_offsets_mapping=tokenizer.is_fast,
    )
    special = _special_ids(tokenizer)
    sides = []
    for i, (text, ids) in enumerate(zip(texts, encoding["input_ids"], strict=True)):
        tokens = _tokens(tokenizer, ids)
        is_special = [token in special for token in ids]
        if tokenizer.is_fast:
            offsets = [tuple(span) for span in encoding["offset_mapping"][i]]
        else:
            offsets = offsets_of_pieces(text, tokens, is_special)
        sides.append(_side(text, ids, tokens, offsets, is_special, None if words is None else words[i]))
    return sides


def read_hypotheses(tokenizer: PreTrainedTokenizerBase, hypotheses: Sequence[Sequence[int]]) -> list[TokenizedText]:
    """Take translations as the search wrote them: token ids without start mark and padding.

    The same text may be cut into other tokens when it is tokenized again; here the tokens stay those of the search.
    """
    if not hypotheses:
        return []
    special = _special_ids(tokenizer)
    texts = tokenizer.batch_decode([[i for i in ids if i not in special] for ids in hypotheses])
    again = tokenize_with_words(tokenizer, texts, is_target=True)
    return [
        side if side.ids == list(ids) else _read_hypothesis(tokenizer, list(ids), side.text)
        for ids, side in zip(hypotheses, again, strict=True)
    ]


def _read_hypothesis(tokenizer: PreTrainedTokenizerBase, ids: list[int], text: str) -> TokenizedText:
    """Find the offsets of ids by decoding ever longer beginnings."""
    special = _special_ids(tokenizer)
    beginnings = tokenizer.batch_decode([[i for i in ids[:n] if i not in special] for n in range(len(ids) + 1)])
    ends = [_length_in_common(beginning, text) for beginning in beginnings]
    ends[-1] = len(text)
    offsets = [(start, max(start, end)) for start, end in pairwise(ends)]
    return _side(text, ids, _tokens(tokenizer, ids), offsets, [i in special for i in ids], None)


def _length_in_common(beginning: str, text: str) -> int:
    same = (a == b for a, b in zip(beginning, text, strict=False))
    return next((i for i, equal in enumerate(same) if not equal), min(len(beginning), len(text)))


def _tokens(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> list[str]:
    return cast(list[str], tokenizer.convert_ids_to_tokens(ids))


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    languages = getattr(tokenizer, "lang_token_to_id", {}).values()  # M2M-100 keeps them apart
    return {*tokenizer.all_special_ids, *languages} - {tokenizer.unk_token_id}  # an unknown word is a word


def _side(
    text: str,
    ids: list[int],
    tokens: list[str],
    offsets: Sequence[Span],
    is_special: Sequence[bool],
    words: Sequence[str] | None,
) -> TokenizedText:
    offsets = [(0, 0) if special else span for span, special in zip(offsets, is_special, strict=True)]
    spans = join_words(split_words(text), offsets) if words is None else locate_words(text, words)
    owners = give_spaces_to_words(word_of_token(offsets, spans), is_special)
    return TokenizedText(text, ids, tokens, [Word(text[start:end], start, end) for start, end in spans], owners)


def offsets_of_pieces(text: str, tokens: Sequence[str], is_special: Sequence[bool]) -> list[Span]:
    """Find where pieces stand in their text: `["▁My", "▁dog", "s", "</s>"]` of "My dogs" -> (0,2) (3,6) (6,7) (0,0).

    A piece is looked for behind the piece before it. One that stands there in another form (an unknown token, a
    normalised character) reaches to the next piece that is found, at most to the end of its word; further ones, when
    the word is used up, share its place.
    """
    offsets: list[Span] = []
    end = 0
    for position, (token, special) in enumerate(zip(tokens, is_special, strict=True)):
        if special:
            offsets.append((0, 0))
            continue
        if token.startswith(MARKER):
            end += len(text[end:]) - len(text[end:].lstrip())
        surface = token.replace(MARKER, " ").lstrip()
        is_used_up = end == len(text) or text[end].isspace()
        if offsets and is_used_up and not token.startswith(MARKER):
            offsets.append(offsets[-1])
            continue
        if text.startswith(surface, end):
            start, end = end, end + len(surface)
        else:
            start, end = end, _next_found(text, tokens[position + 1 :], end)
        offsets.append((start, end))
    return offsets


def _next_found(text: str, following: Sequence[str], start: int) -> int:
    """Find where the token at `start` must end: before the next piece, or at the end of its word."""
    word_end = start + len(text[start:].split(maxsplit=1)[0]) if text[start:].strip() else len(text)
    for token in following:
        if token.startswith(MARKER):
            break
        found = text.find(token, start + 1, word_end)
        if found >= 0:
            return found
    return word_end
