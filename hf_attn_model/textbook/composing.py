"""Compose sentence plans at random: what makes sense to say, under the selection restrictions of the lexicon.

Whatever would not have one correct translation is never composed: a past that looks like the present (*I cut the
bread*), a negated *a* (*I did not buy a book*), an indefinite person as object (Spanish *a* would be optional).
Words are dealt like cards, so that a split of the usual size has each of them in each of its forms.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from .english import third_person
from .entries import Adjective, Lexicon, Noun, Verb
from .sentences import Action, Determiner, Location, NounPhrase, Pronoun, Quality, Sentence

PEOPLE = {"person", "talker", "adult", "kin"}  # the classes that a pronoun can stand for
VISIBLE_GENDERS = (Pronoun.HE, Pronoun.SHE, Pronoun.THEY)  # "I am tired" would be cansado or cansada
CHANGING = ("person", "animal", "food", "drink")  # an object of these can be tired, fresh or cold
SHAPES = {"quality": 26, "location": 12, "transitive": 42, "ditransitive": 12, "intransitive": 8}  # in percent

T = TypeVar("T")


class Composer:
    """An endless source of sentence plans from a lexicon and a random number generator."""

    def __init__(self, lexicon: Lexicon, rng: random.Random):
        self.lexicon = lexicon
        self.rng = rng
        self.personal = [adjective for adjective in lexicon.adjectives if not PEOPLE.isdisjoint(adjective.describes)]
        self.forms: dict[tuple[Adjective, str, bool], list[Noun]] = {}  # the nouns for each adjective in each form
        for adjective in lexicon.adjectives:
            for noun in lexicon.members(adjective.describes):
                self.forms.setdefault((adjective, noun.gender, False), []).append(noun)
                if noun.plural:
                    self.forms.setdefault((adjective, noun.gender, True), []).append(noun)
        described = [noun for noun in lexicon.nouns if lexicon.descriptions[noun.english]]
        self.described = [(noun, plural) for noun in described for plural in (False, bool(noun.plural))]
        self.placed = tuple(noun for noun in lexicon.nouns if noun.found_in)
        self.owners = lexicon.members(("kin", "worker"))
        uses = [(verb, use) for verb in lexicon.verbs for use in verb.uses]
        self.by_shape = {
            "transitive": [(verb, use) for verb, use in uses if verb.objects and not verb.recipients],
            "ditransitive": [(verb, use) for verb, use in uses if verb.recipients],
            "intransitive": [(verb, use) for verb, use in uses if not verb.objects],
        }
        self.packs: dict[Hashable, list[Any]] = {}

    def __iter__(self) -> Iterator[Sentence]:
        """Sentence plans without end, one half of them with a full stop."""
        while True:
            yield replace(self._sensible_sentence(), full_stop=self._chance(0.5))

    def _sensible_sentence(self) -> Sentence:
        while True:
            shape = self.rng.choices(tuple(SHAPES), tuple(SHAPES.values()))[0]
            match shape:
                case "quality":
                    sentence = self._quality()
                case "location":
                    sentence = self._location()
                case _:
                    sentence = self._action(*self._deal(shape, self.by_shape[shape]))
            if _sensible(sentence):
                return sentence

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def _deal(self, pack: Hashable, options: Sequence[T]) -> T:
        """Choose as from a shuffled pack of cards: no option comes again before all of them came."""
        cards = self.packs.setdefault(pack, [])
        if not cards:
            cards += self.rng.sample(options, len(options))
        return cards.pop()

    def _noun(self, kinds: tuple[str, ...]) -> Noun:
        return self._deal(kinds, self.lexicon.members(kinds))

    def _pronoun(self, role: Hashable) -> Pronoun:
        return self._deal((role, "pronoun"), tuple(Pronoun))

    def _quality(self) -> Sentence:
        subject: NounPhrase | Pronoun
        if self._chance(0.1):
            adjective = self._deal("personal", self.personal)
            subject = self._deal(adjective, VISIBLE_GENDERS)
        elif self._chance(0.5):
            form = self._deal("form", tuple(self.forms))
            adjective, _, plural = form
            subject = self._phrase(self._deal(form, self.forms[form]), plural=plural, described=False)
        else:
            noun, plural = self._deal("described", self.described)
            adjective = self._deal((noun, "adjective"), self.lexicon.descriptions[noun.english])
            subject = self._phrase(noun, plural=plural, described=False)
        return Sentence(subject, Quality(adjective), negated=self._chance(0.2))

    def _location(self) -> Sentence:
        subject: NounPhrase | Pronoun
        if self._chance(0.15):
            subject = self._pronoun("place")
            place = self._place(("room", "building", "outdoors"))
        else:
            noun = self._deal("placed", self.placed)
            subject, place = self._phrase(noun), self._place(noun.found_in)
        return Sentence(subject, Location(place), negated=self._chance(0.2))

    def _action(self, verb: Verb, use: str) -> Sentence:
        past = use == "event"
        subject = self._subject(verb, use)
        timeless = verb.past == verb.english and not third_person(subject)  # "I cut the bread": today or yesterday?
        negated = timeless or self._chance(0.2)
        adverb = None
        if use != "state" and not negated and self._chance(0.4):
            adverb = self.rng.choice([adverb for adverb in self.lexicon.adverbs if adverb.use == use])
        place = self._place(verb.places) if verb.places and not negated and self._chance(0.4) else None
        thing: NounPhrase | Pronoun | None = None
        recipient: NounPhrase | Pronoun | None = None
        if verb.recipients:
            recipient = self._person(verb.recipients)
        if verb.objects:
            if self._takes_pronoun(verb) and self._chance(0.25):
                thing = self._pronoun("object")
            else:
                thing = self._object(verb, subject, past=past, negated=negated, often=adverb is not None)
        return Sentence(subject, Action(verb, past, thing, recipient, place, adverb), negated)

    def _subject(self, verb: Verb, use: str) -> NounPhrase | Pronoun:
        if self._chance(0.5) and not PEOPLE.isdisjoint(verb.subjects):
            return self._pronoun((verb, use))
        return self._phrase(self._noun(verb.subjects))

    def _takes_pronoun(self, verb: Verb) -> bool:
        people = not PEOPLE.isdisjoint(verb.objects)
        return people and verb.object_form != "indefinite" and not verb.spanish_preposition

    def _person(self, kinds: tuple[str, ...]) -> NounPhrase | Pronoun:
        return self._pronoun("recipient") if self._chance(0.4) else self._phrase(self._noun(kinds))

    def _object(
        self, verb: Verb, subject: NounPhrase | Pronoun, *, past: bool, negated: bool, often: bool
    ) -> NounPhrase:
        """An object: definite, or with *a*, a number or nothing before it where that has one translation."""
        noun = self._noun(verb.objects)
        plural: bool | None = None
        if noun.is_a("place"):
            plural = False
        elif verb.object_form == "matching":  # she wears a hat, they wear hats
            plural = subject.plural
        indefinite = verb.object_form == "indefinite" or (
            verb.object_form != "definite" and not noun.is_a("person", "pet") and self._chance(0.4)
        )
        if negated and not noun.mass and (past or plural is False):
            indefinite = False
        if not indefinite:
            return self._phrase(noun, plural=plural, counted=plural is None)
        adjective = self._adjective(noun, 0.3)
        countable = past or often or verb.uses == ("state",)
        if noun.mass:
            return NounPhrase(noun, Determiner.NONE, adjective=adjective)
        if plural is None:
            plural = negated or not countable or self._chance(0.5)
        if not plural:
            return NounPhrase(noun, Determiner.A, adjective=adjective)
        counted = countable and not negated and verb.object_form != "matching" and (past or self._chance(0.7))
        count = self._count() if counted else None
        return NounPhrase(noun, Determiner.NONE, plural=True, count=count, adjective=adjective)

    def _place(self, kinds: tuple[str, ...]) -> NounPhrase:
        noun = self._deal((kinds, "place"), [noun for noun in self.lexicon.members(kinds) if noun.preposition])
        owner = self._pronoun_owner() if noun.is_a("owned") and self._chance(0.3) else None
        return NounPhrase(noun, owner=owner, adjective=self._adjective(noun, 0.2))

    def _phrase(
        self, noun: Noun, *, plural: bool | None = None, counted: bool = True, described: bool = True
    ) -> NounPhrase:
        """A definite noun phrase of the number given, sometimes with a numeral and with an adjective."""
        if plural is None:
            plural = bool(noun.plural) and self._deal((noun, "plural"), (True, False, False))
        count = self._count() if plural and counted and self._chance(0.4) else None
        adjective = self._adjective(noun, 0.3) if described else None
        determiner = Determiner.THE
        owner: Pronoun | NounPhrase | None = None
        whole = None
        if noun.is_a("kin") or (noun.is_a("owned") and self._chance(0.5)):
            person = not noun.is_a("person") and self._chance(0.4)
            owner = self._owner() if person else self._pronoun_owner()
        elif noun.part_of and self._chance(0.7):
            whole = self._whole(self._noun(noun.part_of))
        elif not noun.mass and noun.plural and self._chance(0.15):
            determiner = Determiner.THIS
        return NounPhrase(noun, determiner, plural, count, adjective, owner, whole)

    def _owner(self) -> NounPhrase:
        noun = self._deal("owner", self.owners)
        return NounPhrase(
            noun,
            owner=self._pronoun_owner() if noun.is_a("kin") else None,
            adjective=self._adjective(noun, 0.1),
        )

    def _whole(self, noun: Noun) -> NounPhrase:
        owner = self._pronoun_owner() if noun.is_a("owned") and self._chance(0.4) else None
        return NounPhrase(noun, owner=owner, adjective=self._adjective(noun, 0.2))

    def _pronoun_owner(self) -> Pronoun:
        return self._pronoun("owner")

    def _count(self) -> int:
        return self.rng.choice((2, 3, 4))

    def _adjective(self, noun: Noun, probability: float) -> Adjective | None:
        fitting = self.lexicon.descriptions[noun.english]
        return self._deal((noun, "adjective"), fitting) if fitting and self._chance(probability) else None


def phrases(sentence: Sentence) -> Iterator[NounPhrase]:
    """Every noun phrase of a sentence, from the outside to the inside."""
    waiting: list[NounPhrase | Pronoun | None] = [sentence.subject]
    match sentence.predicate:
        case Location(place):
            waiting.append(place)
        case Action() as action:
            waiting += [action.object, action.recipient, action.place]
    while waiting:
        phrase = waiting.pop(0)
        if isinstance(phrase, NounPhrase):
            yield phrase
            waiting += [phrase.owner, phrase.whole]


def _sensible(sentence: Sentence) -> bool:
    """Whether no noun is said twice, nobody acts on himself, and an action makes sense."""
    nouns = [phrase.noun for phrase in phrases(sentence)]
    if len(set(nouns)) < len(nouns):
        return False
    action = sentence.predicate
    if not isinstance(action, Action):
        return True
    thing = action.object
    if isinstance(thing, NounPhrase) and _in_a_state(thing) and not thing.noun.is_a(*CHANGING):
        return False  # "she filled the full cup"
    people = [person for person in (sentence.subject, thing, action.recipient) if isinstance(person, Pronoun)]
    speakers = [person.person if person.person < 3 else person for person in people]
    return len(set(speakers)) == len(speakers)


def _in_a_state(phrase: NounPhrase) -> bool:
    return phrase.adjective is not None and phrase.adjective.copula == "estar"
