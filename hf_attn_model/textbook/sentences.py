"""What a sentence says, before it is said in a language, and how two ways to say it align.

A plan (`Sentence`) is a small tree of phrases without any word order. The realisers `english`, `spanish` and
`chinese` walk the same tree and return `Word`s, each marked with the concepts it expresses: the place of the phrase
in the tree ("subject", "object.owner") and the part it plays ("noun", "adjective"). Two words that share a concept
are linked; nothing else is known about word order, so the gold alignment is right by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from .entries import Adjective, Adverb, Noun, Verb


class Pronoun(Enum):
    """A speaker, as subject, object or owner: the value is (person, plural, feminine)."""

    ME = (1, False, False)
    YOU = (2, False, False)
    HE = (3, False, False)
    SHE = (3, False, True)
    WE = (1, True, False)
    THEY = (3, True, False)

    @property
    def person(self) -> int:
        """1, 2 or 3."""
        return self.value[0]

    @property
    def plural(self) -> bool:
        """True of we and they; *you* always speaks to one friend (Spanish tú, Chinese 你)."""
        return self.value[1]

    @property
    def feminine(self) -> bool:
        """True of she only; they is masculine (Spanish ellos, Chinese 他們)."""
        return self.value[2]


class Determiner(Enum):
    """How a phrase without an owner is introduced."""

    THE = "the"
    A = "a"
    THIS = "this"
    NONE = ""


@dataclass(frozen=True, eq=False, slots=True)
class NounPhrase:
    """A noun with what surrounds it: *the two black cats*, *my brother's car*, *the door of the house*.

    An `owner` takes the place of the determiner. `count` is a numeral from 2 on; a phrase with a count is plural.
    """

    noun: Noun
    determiner: Determiner = Determiner.THE
    plural: bool = False
    count: int | None = None
    adjective: Adjective | None = None
    owner: Pronoun | NounPhrase | None = None
    whole: NounPhrase | None = None

    @property
    def definite(self) -> bool:
        """True where the phrase points at something known: *the*, *this*, an owner."""
        return self.owner is not None or self.determiner in (Determiner.THE, Determiner.THIS)


@dataclass(frozen=True, eq=False, slots=True)
class Quality:
    """The subject *is* ADJECTIVE."""

    adjective: Adjective


@dataclass(frozen=True, eq=False, slots=True)
class Location:
    """The subject *is in* the PLACE."""

    place: NounPhrase


@dataclass(frozen=True, eq=False, slots=True)
class Action:
    """The subject does something: in the past (completed), or in the present (a habit or a state)."""

    verb: Verb
    past: bool = False
    object: NounPhrase | Pronoun | None = None
    recipient: NounPhrase | Pronoun | None = None
    place: NounPhrase | None = None
    adverb: Adverb | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Sentence:
    """A subject and what is said of it."""

    subject: NounPhrase | Pronoun
    predicate: Quality | Location | Action
    negated: bool = False
    full_stop: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a realised sentence, with the concepts that it surely and only possibly expresses."""

    text: str
    sure: frozenset[str] = frozenset()
    possible: frozenset[str] = frozenset()


def word(text: str, *sure: str, possible: Sequence[str] = ()) -> Word:
    """Make a `Word` from the names of its concepts."""
    return Word(text, frozenset(sure), frozenset(possible))


def capitalized(words: list[Word]) -> list[Word]:
    """The same words, the first with a capital letter (nothing changes in a script without capitals)."""
    first = words[0]
    return [Word(first.text[0].upper() + first.text[1:], first.sure, first.possible), *words[1:]]


Links = list[tuple[int, int]]


def align(source: Sequence[Word], target: Sequence[Word]) -> tuple[Links, Links]:
    """Link the words of two realisations of one plan that share a concept.

    Returns:
        (sure, possible): sorted lists of (source index, target index), 0-based. A link is sure where both words
        surely express the shared concept, otherwise possible; no link is in both lists.
    """
    sure: Links = []
    possible: Links = []
    for i, s in enumerate(source):
        for j, t in enumerate(target):
            if not s.sure.isdisjoint(t.sure):
                sure.append((i, j))
            elif not (s.sure | s.possible).isdisjoint(t.sure | t.possible):
                possible.append((i, j))
    return sure, possible
