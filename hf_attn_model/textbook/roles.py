"""Words -> the parts that they play in the sentence, and which of them belong together.

A role is the place of a word in the plan of its sentence: `verb`, `subject`, `object`, `recipient`, `place`, `adverb`,
`quality` (a predicate: *is blue*), and below a noun phrase `subject.adjective`, `object.owner` and so on. Nouns, and
the pronouns in their place, have the role of their phrase; other words have none, "".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from .sentences import Word

PHRASES = ("subject", "object", "recipient", "place", "owner", "whole")
RELATED = ("verb-object", "subject-verb", "adjective-noun")
CONTRASTS = ("subject-object", "adjective-object")  # what tutorials compare with: "cat" and "milk", "black" and "milk"
FREE = "free"


def role(word: Word) -> str:
    """Find the role of a word, "" for an article, a preposition, a copula or a full stop."""
    for concept in sorted(word.sure):
        path = concept.removesuffix(".noun")
        if path in ("verb", "quality", "adverb") or path.rpartition(".")[2] in (*PHRASES, "adjective"):
            return path
    return ""


def pairs_of_words(roles: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """List the pairs of words (i, j) of each kind, i as the kind names it first.

    The adjective of "adjective-object" describes the subject: *the black cat drank the milk*. Pairs of the kind "free"
    (i < j) have roles and are of no other kind, and neither word depends on the other.
    """
    pairs: dict[str, list[tuple[int, int]]] = {kind: [] for kind in (*RELATED, *CONTRASTS, FREE)}
    for (i, first), (j, second) in permutations(enumerate(roles), 2):
        kind = _kind(first, second)
        if kind:
            pairs[kind].append((i, j))
        elif i < j and first and second and not _kind(second, first) and not _depend(first, second):
            pairs[FREE].append((i, j))
    return pairs


def _kind(first: str, second: str) -> str:
    match first, second:
        case "verb", "object":
            return "verb-object"
        case "subject", "verb":
            return "subject-verb"
        case "subject", "object":
            return "subject-object"
        case "subject.adjective", "object":
            return "adjective-object"
    describes = first == "quality" or first.endswith(".adjective")
    return "adjective-noun" if describes and _governor(first) == second else ""


def _depend(first: str, second: str) -> bool:
    return first == second or _governor(first) == second or _governor(second) == first


def _governor(role: str) -> str:
    """Name the role that a role depends on: an adjective on its noun, a phrase on the verb."""
    if role == "quality":
        return "subject"
    return role.rpartition(".")[0] or ("" if role == "verb" else "verb")
