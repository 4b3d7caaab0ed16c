"""Say a sentence in English: third-person -s, irregular pasts, do/does/did with *not*, a/an, possessives."""

from __future__ import annotations

from .entries import Verb
from .sentences import Action, Determiner, Location, NounPhrase, Pronoun, Quality, Sentence, Word, capitalized, word

SUBJECTS = {
    Pronoun.ME: "I",
    Pronoun.YOU: "you",
    Pronoun.HE: "he",
    Pronoun.SHE: "she",
    Pronoun.WE: "we",
    Pronoun.THEY: "they",
}
OBJECTS = {
    Pronoun.ME: "me",
    Pronoun.YOU: "you",
    Pronoun.HE: "him",
    Pronoun.SHE: "her",
    Pronoun.WE: "us",
    Pronoun.THEY: "them",
}
POSSESSIVES = {
    Pronoun.ME: "my",
    Pronoun.YOU: "your",
    Pronoun.HE: "his",
    Pronoun.SHE: "her",
    Pronoun.WE: "our",
    Pronoun.THEY: "their",
}
NUMERALS = {2: "two", 3: "three", 4: "four"}


def say(sentence: Sentence) -> list[Word]:
    """Realise a plan as English words, the first capitalised, a full stop as a word of its own."""
    subject = sentence.subject
    words = [word(SUBJECTS[subject], "subject")] if isinstance(subject, Pronoun) else noun_phrase(subject, "subject")
    negation = [word("not", "negation")] if sentence.negated else []
    match sentence.predicate:
        case Quality(adjective):
            words += [word(_be(subject), "copula"), *negation, word(adjective.english, "quality")]
        case Location(place):
            words += [word(_be(subject), "copula"), *negation, *_in(place)]
        case Action() as action:
            words += _action(action, subject, negation)
    if sentence.full_stop:
        words.append(word(".", "full stop"))
    return capitalized(words)


def third_person(subject: NounPhrase | Pronoun) -> bool:
    """Whether the verb takes -s in the present."""
    return not subject.plural and (isinstance(subject, NounPhrase) or subject.person == 3)


def _be(subject: NounPhrase | Pronoun) -> str:
    if subject is Pronoun.ME:
        return "am"
    return "is" if third_person(subject) else "are"


def _action(action: Action, subject: NounPhrase | Pronoun, negation: list[Word]) -> list[Word]:
    verb, adverb = action.verb, action.adverb
    words: list[Word] = []
    if adverb is not None and adverb.position == "middle":
        words.append(word(adverb.english, "adverb"))
    if negation:
        words += [word(_do(action, subject), possible=["verb", "past"]), *negation]
    concepts = ["verb"] if verb.particle else ["verb", "particle"]
    words.append(word(verb.english if negation else _finite(verb, action.past, subject), *concepts))
    if verb.particle:
        words.append(word(verb.particle, "particle"))
    if action.recipient is not None:
        words += _object(action.recipient, "recipient")
    if action.object is not None:
        words += _object(action.object, "object")
    if action.place is not None:
        words += _in(action.place)
    if adverb is not None and adverb.position == "end":
        words += [word(text, "adverb") for text in adverb.english.split()]
    return words


def _do(action: Action, subject: NounPhrase | Pronoun) -> str:
    if action.past:
        return "did"
    return "does" if third_person(subject) else "do"


def _finite(verb: Verb, past: bool, subject: NounPhrase | Pronoun) -> str:
    if past:
        return verb.past
    return verb.third_person if third_person(subject) else verb.english


def _object(phrase: NounPhrase | Pronoun, role: str) -> list[Word]:
    return [word(OBJECTS[phrase], role)] if isinstance(phrase, Pronoun) else noun_phrase(phrase, role)


def _in(place: NounPhrase) -> list[Word]:
    return [word(place.noun.preposition, "in"), *noun_phrase(place, "place")]


def noun_phrase(phrase: NounPhrase, role: str) -> list[Word]:
    """Realise a noun phrase whose concepts begin with `role`."""
    inner: list[Word] = []
    if phrase.count is not None:
        inner.append(word(NUMERALS[phrase.count], f"{role}.count"))
    if phrase.adjective is not None:
        inner.append(word(phrase.adjective.english, f"{role}.adjective"))
    noun = phrase.noun
    inner.append(word(noun.plural if phrase.plural else noun.english, f"{role}.noun"))
    if phrase.whole is not None:
        inner += [word("of", f"{role}.of"), *noun_phrase(phrase.whole, f"{role}.whole")]
    return [*_determiner(phrase, role, inner[0].text), *inner]


def _determiner(phrase: NounPhrase, role: str, following: str) -> list[Word]:
    match phrase.owner:
        case Pronoun() as owner:
            return [word(POSSESSIVES[owner], f"{role}.determiner")]
        case NounPhrase() as owner:
            words = noun_phrase(owner, f"{role}.owner")
            last = words[-1]  # "brother's" says the owner and the belonging
            marked = word(f"{last.text}'s", *last.sure, f"{role}.of", possible=[f"{role}.determiner"])
            return [*words[:-1], marked]
    match phrase.determiner:
        case Determiner.NONE:
            return []
        case Determiner.A:
            return [word(_a(following), f"{role}.determiner")]
        case Determiner.THIS:
            return [word("these" if phrase.plural else "this", f"{role}.determiner")]
    return [word("the", f"{role}.determiner")]


def _a(following: str) -> str:
    """*a* or *an*, by the sound that follows: a uniform, a useful map, an honest man."""
    if following.startswith(("honest", "hour")):
        return "an"
    return "an" if following[0] in "aeiou" and not following.startswith(("uni", "use")) else "a"
