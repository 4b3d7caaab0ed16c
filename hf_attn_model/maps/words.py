"""Maps of tokens -> maps of words.

Shapes: T query tokens, S key tokens, Tw and Sw query and key words.
"""

from collections.abc import Sequence

import numpy as np


def group_tokens(words: Sequence[int | None]) -> list[list[int]]:
    """Group the tokens of each word, in the order of their first token.

    Args:
        words: the index of each token's word; `None` for a token outside all words (`</s>`, the start mark),
            which stays a group of its own.

    Returns:
        the token positions of each group.
    """
    groups: dict[object, list[int]] = {}
    for position, word in enumerate(words):
        groups.setdefault(("outside", position) if word is None else word, []).append(position)
    return list(groups.values())


def merge_words(weights: np.ndarray, row_words: Sequence[int | None], column_words: Sequence[int | None]) -> np.ndarray:
    """Merge a token map into a word map: summed over the keys of a word, averaged over its queries.

    Whatever attention a word's tokens receive or pay is kept, so that each row still sums to 1.

    Args:
        weights: (..,T,S), any leading axes.
        row_words: for each of the T queries the index of its word, `None` outside all words.
        column_words: the same for each of the S keys.

    Returns:
        (..,Tw,Sw) in the dtype of `weights`: words in the order of their first token, tokens outside all
        words as words of their own.

    Raises:
        ValueError: the word lists do not fit the shape of the map.
    """
    if weights.shape[-2:] != (len(row_words), len(column_words)):
        raise ValueError(f"a map of {weights.shape} with {len(row_words)} rows, {len(column_words)} columns")
    rows, columns = group_tokens(row_words), group_tokens(column_words)
    summed = np.stack([weights[..., group].sum(axis=-1) for group in columns], axis=-1)  # (..,T,S) -> (..,T,Sw)
    return np.stack([summed[..., group, :].mean(axis=-2) for group in rows], axis=-2)  # (..,T,Sw) -> (..,Tw,Sw)


def give_spaces_to_words(words: Sequence[int | None], is_special: Sequence[int]) -> list[int | None]:
    """Let a token of white space alone belong to the word after it, as the space inside a token does.

    Args:
        words: the index of each token's word, `None` outside all words.
        is_special: for each token 1 or 0; special tokens belong to no word.
    """
    given: list[int | None] = []
    following = None
    for word, special in zip(reversed(words), reversed(is_special), strict=True):
        following = word if word is not None or special else following
        given.append(following)
    return given[::-1]
