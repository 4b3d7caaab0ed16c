"""Say a sentence in Spanish: agreement, ser and estar, al and del, personal *a*, clitics, dropped subjects."""

from __future__ import annotations

from .entries import Adjective, Noun
from .sentences import Action, Determiner, Location, NounPhrase, Pronoun, Quality, Sentence, Word, capitalized, word

KEPT_SUBJECTS = {Pronoun.HE: "él", Pronoun.SHE: "ella", Pronoun.THEY: "ellos"}
OBJECTS = {
    Pronoun.ME: "me",
    Pronoun.YOU: "te",
    Pronoun.HE: "lo",
    Pronoun.SHE: "la",
    Pronoun.WE: "nos",
    Pronoun.THEY: "los",
}
RECIPIENTS = {**OBJECTS, Pronoun.HE: "le", Pronoun.SHE: "le", Pronoun.THEY: "les"}
POSSESSIVES = {  # masculine, feminine, masculine plural, feminine plural
    Pronoun.ME: ("mi", "mi", "mis", "mis"),
    Pronoun.YOU: ("tu", "tu", "tus", "tus"),
    Pronoun.HE: ("su", "su", "sus", "sus"),
    Pronoun.SHE: ("su", "su", "sus", "sus"),
    Pronoun.WE: ("nuestro", "nuestra", "nuestros", "nuestras"),
    Pronoun.THEY: ("su", "su", "sus", "sus"),
}
THESE = ("este", "esta", "estos", "estas")
NUMERALS = {2: "dos", 3: "tres", 4: "cuatro"}
COPULAS = {  # yo, tú, él, nosotros, ellos
    "ser": ("soy", "eres", "es", "somos", "son"),
    "estar": ("estoy", "estás", "está", "estamos", "están"),
}


def say(sentence: Sentence) -> list[Word]:
    """Realise a plan as Spanish words, the first capitalised, a full stop as a word of its own."""
    subject = sentence.subject
    negation = [word("no", "negation")] if sentence.negated else []
    match sentence.predicate:
        case Quality(adjective):
            described = [word(_agreeing(adjective, subject), "quality")]
            words = [*_subject(subject), *negation, _copula(adjective.copula, subject), *described]
        case Location(place):
            words = [*_subject(subject), *negation, _copula("estar", subject), *_in(place)]
        case Action() as action:
            words = _action(action, subject, negation)
    if sentence.full_stop:
        words.append(word(".", "full stop"))
    return capitalized(words)


def _subject(subject: NounPhrase | Pronoun) -> list[Word]:
    if isinstance(subject, NounPhrase):
        return noun_phrase(subject, "subject")
    return [word(KEPT_SUBJECTS[subject], "subject")] if subject in KEPT_SUBJECTS else []


def _dropped(subject: NounPhrase | Pronoun) -> list[str]:
    """The concept of a subject that only the verb's ending tells: I, you and we."""
    return ["subject"] if isinstance(subject, Pronoun) and subject not in KEPT_SUBJECTS else []


def _conjugated(forms: tuple[str, ...], subject: NounPhrase | Pronoun) -> str:
    person = 3 if isinstance(subject, NounPhrase) else subject.person
    if subject.plural:
        return forms[3] if person == 1 else forms[4]
    return forms[person - 1]


def _copula(name: str, subject: NounPhrase | Pronoun) -> Word:
    return word(_conjugated(COPULAS[name], subject), "copula", possible=_dropped(subject))


def _agreeing(adjective: Adjective, subject: NounPhrase | Pronoun) -> str:
    feminine = subject.noun.gender == "f" if isinstance(subject, NounPhrase) else subject.feminine
    return adjective.spanish[2 * subject.plural + feminine]


def _action(action: Action, subject: NounPhrase | Pronoun, negation: list[Word]) -> list[Word]:
    verb, adverb = action.verb, action.adverb
    phrase = [] if adverb is None else [word(text, "adverb") for text in adverb.spanish.split()]
    position = None if adverb is None else adverb.spanish_position
    concepts = ["verb"] if verb.spanish_preposition else ["verb", "particle"]
    forms = verb.preterite if action.past else verb.present
    clitics: list[Word] = []
    after: list[Word] = []
    if isinstance(action.recipient, Pronoun):
        clitics.append(word(RECIPIENTS[action.recipient], "recipient"))
    elif action.recipient is not None:
        clitics.append(word("les" if action.recipient.plural else "le", possible=["recipient.noun"]))
    if isinstance(action.object, Pronoun):
        clitics.append(word(OBJECTS[action.object], "object"))
    elif action.object is not None:
        words = noun_phrase(action.object, "object")
        if verb.spanish_preposition:
            words = _joined(word(verb.spanish_preposition, "particle"), words)
        elif takes_personal_a(action.object):
            words = _joined(word("a"), words)
        after += words
    if isinstance(action.recipient, NounPhrase):
        after += _joined(word("a"), noun_phrase(action.recipient, "recipient"))
    if action.place is not None:
        after += _in(action.place)
    return [
        *(phrase if position == "start" else []),
        *_subject(subject),
        *(phrase if position == "middle" else []),
        *negation,
        *clitics,
        word(_conjugated(forms, subject), *concepts, possible=_dropped(subject)),
        *after,
        *(phrase if position == "end" else []),
    ]


def takes_personal_a(phrase: NounPhrase) -> bool:
    """Whether a direct object is announced by *a*: known people and pets (tener dos hijos, ver a mi hijo)."""
    return phrase.definite and phrase.noun.is_a("person", "pet")


def _in(place: NounPhrase) -> list[Word]:
    return _joined(word("en", "in"), noun_phrase(place, "place"))


def _joined(preposition: Word, words: list[Word]) -> list[Word]:
    """Put *a*, *de*, *en* or *con* before a phrase; a + el is *al*, de + el is *del*, with the concepts of both."""
    contraction = {"a": "al", "de": "del"}.get(preposition.text)
    article = words[0]
    if contraction is None or article.text != "el":
        return [preposition, *words]
    return [Word(contraction, preposition.sure | article.sure, preposition.possible | article.possible), *words[1:]]


def noun_phrase(phrase: NounPhrase, role: str) -> list[Word]:
    """Realise a noun phrase whose concepts begin with `role`: determiner, numeral, noun, adjective, *de* phrase."""
    noun = phrase.noun
    form = 2 * phrase.plural + (noun.gender == "f")
    words: list[Word] = []
    determiner = _determiner(phrase, form)
    if determiner:
        words.append(word(determiner, f"{role}.determiner"))
    if phrase.count is not None:
        words.append(word(NUMERALS[phrase.count], f"{role}.count"))
    words.append(word(noun.spanish_plural if phrase.plural else noun.spanish, f"{role}.noun"))
    if phrase.adjective is not None:
        words.append(word(phrase.adjective.spanish[form], f"{role}.adjective"))
    if isinstance(phrase.owner, NounPhrase):
        words += _joined(word("de", f"{role}.of"), noun_phrase(phrase.owner, f"{role}.owner"))
    if phrase.whole is not None:
        words += _joined(word("de", f"{role}.of"), noun_phrase(phrase.whole, f"{role}.whole"))
    return words


def _determiner(phrase: NounPhrase, form: int) -> str:
    if isinstance(phrase.owner, Pronoun):
        return POSSESSIVES[phrase.owner][form]
    if phrase.owner is None:
        match phrase.determiner:
            case Determiner.NONE:
                return ""
            case Determiner.A:
                return "un" if phrase.noun.article == "el" else "una"
            case Determiner.THIS:
                return THESE[form]
    return _the(phrase.noun, phrase.plural)


def _the(noun: Noun, plural: bool) -> str:
    if plural:
        return "las" if noun.gender == "f" else "los"
    return noun.article
