"""Say a sentence in Chinese: classifiers, 的, 是...的 and 很, 在 before the verb, 把, 了 and 不 against 沒."""

from __future__ import annotations

from .entries import Adjective
from .sentences import Action, Determiner, Location, NounPhrase, Pronoun, Quality, Sentence, Word, word

PRONOUNS = {
    Pronoun.ME: "我",
    Pronoun.YOU: "你",
    Pronoun.HE: "他",
    Pronoun.SHE: "她",
    Pronoun.WE: "我們",
    Pronoun.THEY: "他們",
}
NUMERALS = {2: "兩", 3: "三", 4: "四"}


def say(sentence: Sentence) -> list[Word]:
    """Realise a plan as Chinese words, a full stop as a word of its own."""
    words = _phrase(sentence.subject, "subject")
    match sentence.predicate:
        case Quality(adjective):
            words += _quality(adjective, sentence.negated)
        case Location(place):
            words += [*_not("不", sentence.negated), word("在", "copula", "in"), *_place(place)]
        case Action() as action:
            words += _action(action, sentence.negated)
    if sentence.full_stop:
        words.append(word("。", "full stop"))
    return words


def _not(text: str, negated: bool) -> list[Word]:
    return [word(text, "negation", possible=["past"] if text == "沒" else ())] if negated else []


def _quality(adjective: Adjective, negated: bool) -> list[Word]:
    negation = _not("沒" if adjective.chinese.startswith("有") else "不", negated)  # 沒有禮貌
    described = word(adjective.chinese, "quality")
    if adjective.predicate == "是":
        return [*negation, word("是", "copula"), described, word("的", possible=["quality"])]
    return [*negation, described] if negated else [word("很", possible=["copula"]), described]


def _action(action: Action, negated: bool) -> list[Word]:
    verb = action.verb
    words: list[Word] = []
    if action.adverb is not None:
        words.append(word(action.adverb.chinese, "adverb"))
    words += _not("沒" if action.past or verb.chinese == "有" else "不", negated)
    if action.place is not None:
        words += [word("在", "in"), *_place(action.place)]
    concepts = ["verb"] if verb.coverb else ["verb", "particle"]
    core = [word(verb.chinese, *concepts)]
    if action.past and not negated:
        core.append(word("了"))
    recipient = [] if action.recipient is None else _phrase(action.recipient, "recipient")
    thing = [] if action.object is None else _phrase(action.object, "object")
    if verb.coverb:
        return [*words, word(verb.coverb, "particle"), *thing, *core]
    if recipient and isinstance(action.object, NounPhrase) and action.object.definite:
        return [*words, word("把"), *thing, *core, *recipient]
    return [*words, *core, *recipient, *thing]


def _place(place: NounPhrase) -> list[Word]:
    """A place after 在: its noun is bare where English says *the*, and 裡 or 上 follows where the noun needs it."""
    noun = place.noun
    bare = place.owner is None and place.adjective is None
    words = [word(noun.chinese, "place.noun")] if bare else noun_phrase(place, "place")
    return [*words, word(noun.localiser, "in")] if noun.localiser else words


def _phrase(phrase: NounPhrase | Pronoun, role: str) -> list[Word]:
    return [word(PRONOUNS[phrase], role)] if isinstance(phrase, Pronoun) else noun_phrase(phrase, role)


def noun_phrase(phrase: NounPhrase, role: str, *, before_de: bool = False) -> list[Word]:
    """Realise a noun phrase whose concepts begin with `role`: owner, determiner, numeral, adjective, noun.

    Of several 的 in a row only the last is said (我哥哥的車, 我藍色的車), so an owner loses its own before an
    adjective that ends in 的, or where the whole phrase is an owner (`before_de`) without adjective (我的大房子的門).
    """
    attributive = () if phrase.adjective is None else phrase.adjective.attributive
    silent = phrase.count is None and ("的" in attributive or (before_de and not attributive))
    words = _owner(phrase, role, silent=silent)
    if not words:
        words = _determiner(phrase, role)
    elif phrase.count is not None:
        words += _counted(NUMERALS[phrase.count], phrase, f"{role}.count")
    for text in attributive:
        concepts = [f"{role}.adjective"]
        words.append(word(text, possible=concepts) if text == "的" else word(text, *concepts))
    return [*words, word(phrase.noun.chinese, f"{role}.noun")]


def _owner(phrase: NounPhrase, role: str, *, silent: bool) -> list[Word]:
    if isinstance(phrase.owner, Pronoun):
        words = [word(PRONOUNS[phrase.owner], f"{role}.determiner")]
        concept = f"{role}.determiner"
    else:
        path, owner = ("owner", phrase.owner) if phrase.owner is not None else ("whole", phrase.whole)
        if owner is None:
            return []
        words = noun_phrase(owner, f"{role}.{path}", before_de=True)
        concept = f"{role}.of"
    return words if silent else [*words, word("的", concept)]


def _determiner(phrase: NounPhrase, role: str) -> list[Word]:
    noun, count = phrase.noun, phrase.count
    concept = f"{role}.determiner"
    match phrase.determiner:
        case Determiner.NONE:
            return [] if count is None else _counted(NUMERALS[count], phrase, f"{role}.count")
        case Determiner.A:
            return _counted("一", phrase, concept)
        case Determiner.THIS:
            pointer = "這"
        case Determiner.THE:
            if noun.mass or (noun.is_a("known") and not phrase.plural and phrase.adjective is None):
                return []
            pointer = "那"
    if count is not None:
        return [word(pointer, concept), *_counted(NUMERALS[count], phrase, f"{role}.count")]
    if phrase.plural:
        return [word(f"{pointer}些", concept)]
    return _counted(pointer, phrase, concept)


def _counted(text: str, phrase: NounPhrase, concept: str) -> list[Word]:
    return [word(text, concept), word(phrase.noun.classifier, possible=[concept])]
