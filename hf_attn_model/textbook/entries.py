"""The entries of the lexicon: nouns, verbs, adjectives and adverbs in three languages.

They hold what the files of `lexicon/` say (see its README.md) and no grammar; `reading` makes them from the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, eq=False, slots=True)
class NounClass:
    """A kind of thing: what it is a kind of, and the kinds of places where it is found."""

    name: str
    parents: tuple[str, ...]
    found_in: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Noun:
    """A noun in three languages; `kinds` holds the noun itself and every class above it."""

    english: str
    plural: str  # empty: never used in the plural
    spanish: str
    spanish_plural: str
    gender: str  # m or f
    article: str  # el or la: el águila is feminine
    chinese: str
    classifier: str  # empty: a mass noun, never counted
    preposition: str  # in, on or at, of a place; empty: not a place
    localiser: str  # 裡 or 上 after the noun as a place
    part_of: tuple[str, ...]
    kinds: frozenset[str]
    found_in: tuple[str, ...]

    @property
    def mass(self) -> bool:
        """True of *milk*: no plural, no number, no *a*."""
        return not self.classifier

    def is_a(self, *kinds: str) -> bool:
        """Whether the noun belongs to any of the classes (or is the noun named)."""
        return not self.kinds.isdisjoint(kinds)


@dataclass(frozen=True, eq=False, slots=True)
class Adjective:
    """An adjective in three languages, with the nouns it can describe."""

    english: str
    spanish: tuple[str, ...]  # masculine, feminine, masculine plural, feminine plural
    copula: str  # ser or estar
    chinese: str
    predicate: str  # 很 (很大) or 是 (是藍色的)
    attributive: tuple[str, ...]  # the words before a noun: 大, or 藍色 的
    describes: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Verb:
    """A verb in three languages, with the nouns that can be its subject, object, recipient and place."""

    english: str
    third_person: str
    past: str
    particle: str  # look for, listen to; empty: none
    infinitive: str
    present: tuple[str, ...]  # yo, tú, él, nosotros, ellos
    preterite: tuple[str, ...]
    spanish_preposition: str
    chinese: str
    coverb: str  # 跟 and its object stand before the verb
    uses: tuple[str, ...]  # event (past), habit (present), state (present, without adverb)
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    object_form: str  # definite, indefinite, matching (as many as subjects); empty: any
    recipients: tuple[str, ...]
    places: tuple[str, ...]

    @property
    def name(self) -> str:
        """The verb with its particle: *look for*."""
        return f"{self.english} {self.particle}".rstrip()


@dataclass(frozen=True, eq=False, slots=True)
class Adverb:
    """A phrase of time in three languages, with its position in the two that vary."""

    english: str
    position: str  # middle (before the verb) or end
    spanish: str
    spanish_position: str  # start, middle or end
    chinese: str
    use: str  # event or habit


@dataclass(frozen=True, eq=False)
class Lexicon:
    """All the words of the textbook."""

    nouns: tuple[Noun, ...]
    verbs: tuple[Verb, ...]
    adjectives: tuple[Adjective, ...]
    adverbs: tuple[Adverb, ...]

    def members(self, kinds: tuple[str, ...]) -> tuple[Noun, ...]:
        """The nouns that belong to any of the classes, in the order of the file."""
        if kinds not in self._members:
            self._members[kinds] = tuple(noun for noun in self.nouns if noun.is_a(*kinds))
        return self._members[kinds]

    @cached_property
    def _members(self) -> dict[tuple[str, ...], tuple[Noun, ...]]:
        return {}

    @cached_property
    def descriptions(self) -> dict[str, tuple[Adjective, ...]]:
        """For each English noun the adjectives that can describe it."""
        return {
            noun.english: tuple(adjective for adjective in self.adjectives if noun.is_a(*adjective.describes))
            for noun in self.nouns
        }
