"""Maps of tokens -> maps of words.

What becomes of tokens outside all words (the end mark, the start mark, a language mark) is a policy: "keep" them, each
with a row and a column of its own; "drop" them and let each row sum to 1 again; or show what goes to them as one
"column", the last. The maps of tokens stay as they are, so that any policy can be taken back.

Shapes: T query tokens, S key tokens, Tw and Sw query and key words.
"""

from collections.abc import Sequence

import numpy as np

from ..errors import UserError

SPECIAL = ("keep", "drop", "column")
SPECIAL_COLUMN = "<special>"  # name of the column under the policy "column"


def check_special(special: str) -> None:
    """Raise `UserError` for a policy that there is not."""
    if special not in SPECIAL:
        raise UserError(f"no policy for special tokens is called {special}; choose from {', '.join(SPECIAL)}")


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


def merge_words(
    weights: np.ndarray,
    row_words: Sequence[int | None],
    column_words: Sequence[int | None],
    special: str = "keep",
) -> np.ndarray:
    """Merge a token map into a word map: summed over the keys of a word, averaged over its queries.

    Whatever attention a word's tokens receive or pay is kept, so that each row still sums to 1.

    Args:
        weights: (..,T,S), any leading axes.
        row_words: for each of the T queries the index of its word, `None` outside all words.
        column_words: the same for each of the S keys.
        special: what becomes of tokens outside all words: "keep", "drop" or "column"; see above. A row that paid
            nothing to any word stays 0 when they are dropped.

    Returns:
        (..,Tw,Sw) in the dtype of `weights`: words in the order of their first token; tokens outside all words are
        words of their own ("keep"), missing ("drop"), or together the last column ("column").

    Raises:
        ValueError: the word lists do not fit the shape of the map.
        UserError: there is no such policy.
    """
    check_special(special)
    if weights.shape[-2:] != (len(row_words), len(column_words)):
        raise ValueError(f"a map of {weights.shape} with {len(row_words)} rows, {len(column_words)} columns")
    rows, columns = shown_groups(row_words, special), shown_groups(column_words, special)
    if special == "column":
        columns.append([position for position, word in enumerate(column_words) if word is None])
    summed = _stack([weights[..., group].sum(axis=-1) for group in columns], weights[..., :0], -1)  # (..,T,Sw)
    merged = _stack([summed[..., group, :].mean(axis=-2) for group in rows], summed[..., :0, :], -2)  # (..,Tw,Sw)
    if special == "drop":
        mass = merged.sum(axis=-1, keepdims=True)
        merged = np.divide(merged, mass, out=np.zeros_like(merged), where=mass > 0)
    return merged


def shown_groups(words: Sequence[int | None], special: str) -> list[list[int]]:
    """Choose the groups of tokens that stay a row or a column under a policy."""
    groups = group_tokens(words)
    return groups if special == "keep" else [group for group in groups if words[group[0]] is not None]


def average_words(
    weights: np.ndarray,
    row_words: Sequence[int | None],
    column_words: Sequence[int | None],
    rows: int,
    columns: int,
) -> np.ndarray:
    """Merge token maps into maps of given numbers of words: (..,T,S) -> (..,rows,columns) float.

    As `merge_words` under "drop", but what goes to tokens outside the words is left out, so that a row sums to 1 at
    most, and a word without tokens has a row and a column of zeros.
    """
    queries = membership(row_words, rows)  # (T,rows)
    queries /= np.maximum(queries.sum(axis=0), 1)
    return queries.T @ weights @ membership(column_words, columns)


def membership(words: Sequence[int | None], count: int) -> np.ndarray:
    """1 where a token belongs to a word, else 0: (tokens, count) float32."""
    belongs = np.zeros((len(words), count), dtype=np.float32)
    for token, word in enumerate(words):
        if word is not None:
            belongs[token, word] = 1
    return belongs


def _stack(parts: list[np.ndarray], empty: np.ndarray, axis: int) -> np.ndarray:
    return np.stack(parts, axis=axis) if parts else empty


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
