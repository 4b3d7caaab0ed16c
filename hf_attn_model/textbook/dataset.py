"""Offer the textbook as a `datasets.Dataset`: three splits, with word pairs that training never shows together."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import chain, islice, product

from datasets import Dataset, Features, List, Translation, Value, concatenate_datasets

from ..errors import UserError
from . import chinese, english, spanish
from .composing import Composer, phrases
from .entries import Lexicon
from .reading import read_lexicon
from .roles import role
from .sentences import Action, NounPhrase, Pronoun, Quality, Sentence, Word, align

SIZES = {"train": 120_000, "dev": 1_000, "test": 2_000}
SPEAKERS: dict[str, Callable[[Sentence], list[Word]]] = {"es": spanish.say, "zh": chinese.say}
NAMED_PAIRS = {("blue", "ball"), ("black", "cat"), ("drink", "milk"), ("love", "dog")}
HELD_OUT = {"test": 0.08, "dev": 0.04}  # the share of the word pairs
PARTNERS = 6  # a word with fewer partners keeps them all for training
BATCH = 2_000  # rows that wait as Python objects: collecting the garbage of all would take longer than making them
PATIENCE = 100_000  # plans in a row that bring nothing new, before a split is said to be exhausted

WordPair = tuple[str, str]


def load_textbook(
    pair: str = "en-es", split: str = "train", seed: int = 0, size: int | None = None, *, roles: bool = False
) -> Dataset:
    """Generate a split of the textbook corpus; the same arguments always give the same rows.

    Some adjective-noun and verb-object pairs are held out: for "test" and for "dev" each row has at least one of the
    split's own pairs, and no row of "train" has both words of any held-out pair. The held-out pairs do not depend
    on the seed. A smaller `size` gives the first rows of a larger one, "test" begins with "The ball is blue".

    Args:
        pair: "en-es" (Spanish) or "en-zh" (Chinese, traditional characters).
        split: "train", "dev" or "test".
        seed: another seed gives other sentences.
        size: how many rows; None stands for 120,000 of "train", 1,000 of "dev", 2,000 of "test".
        roles: add the columns `source_roles` and `target_roles`: for each word the part that it plays, such as
            "subject.adjective", "verb" or ""; see `roles`.

    Returns:
        Rows with distinct English sentences and the columns `translation` ({"en": ..., "es": ...}), `source_words`,
        `target_words` (their words, a full stop is one of them), `sure` and `possible`: gold links
        [source index, target index] into the word lists, 0-based, none in both.

    Raises:
        UserError: for an unknown pair or split, a size below 1, or one beyond what the lexicon can say.
    """
    if pair not in ("en-es", "en-zh"):
        raise UserError(f"textbook: there is no pair {pair!r}; choose en-es or en-zh")
    if split not in SIZES:
        raise UserError(f"textbook: there is no split {split!r}; choose train, dev or test")
    size = SIZES[split] if size is None else size
    if size < 1:
        raise UserError(f"textbook: the size must be at least 1, not {size}")
    target = pair.removeprefix("en-")
    words = List(Value("string"))
    links = List(List(Value("int64")))
    features = Features(
        translation=Translation(languages=["en", target]),
        source_words=words,
        target_words=words,
        sure=links,
        possible=links,
    )
    if roles:
        features |= Features(source_roles=words, target_roles=words)
    rows = (_row(sentence, words, target, roles) for sentence, words in islice(_sentences(split, seed), size))
    batches = iter(lambda: list(islice(rows, BATCH)), [])
    parts = [Dataset.from_list(batch, features=features) for batch in batches]
    made = sum(len(part) for part in parts)
    if made < size:
        raise UserError(f"textbook: {size} rows of {split!r} are too many; the lexicon has {made}, ask for fewer")
    return concatenate_datasets(parts)


def _row(sentence: Sentence, source_words: list[Word], target: str, roles: bool) -> dict[str, object]:
    target_words = SPEAKERS[target](sentence)
    sure, possible = align(source_words, target_words)
    row: dict[str, object] = {
        "translation": {"en": _text(source_words, " "), target: _text(target_words, "" if target == "zh" else " ")},
        "source_words": [word.text for word in source_words],
        "target_words": [word.text for word in target_words],
        "sure": sure,
        "possible": possible,
    }
    if roles:
        row |= {"source_roles": list(map(role, source_words)), "target_roles": list(map(role, target_words))}
    return row


def _text(words: list[Word], space: str) -> str:
    return space.join(word.text for word in words).replace(" .", ".")


def _sentences(split: str, seed: int) -> Iterator[tuple[Sentence, list[Word]]]:
    """The plans of a split with their English words, no two of which read the same but for the full stop."""
    lexicon = read_lexicon()
    rng = random.Random(f"{split} {seed}")
    held_out = held_out_pairs(lexicon)
    seen = set()
    tried = 0
    for sentence in chain(_named_sentences(lexicon) if split == "test" else (), Composer(lexicon, rng)):
        if _belongs(sentence, split, held_out):
            words = english.say(sentence)
            text = _text(words, " ").removesuffix(".")
            if text not in seen:
                seen.add(text)
                tried = 0
                yield sentence, words
        tried += 1
        if tried > PATIENCE:
            return


def _belongs(sentence: Sentence, split: str, held_out: dict[WordPair, str]) -> bool:
    splits = {held_out[pair] for pair in _neighbors(sentence) if pair in held_out}
    if split == "train":
        return not splits
    related = {held_out[pair] for pair in _related(sentence) if pair in held_out}
    return split in related and splits == {split}


def held_out_pairs(lexicon: Lexicon) -> dict[WordPair, str]:
    """The (adjective, noun) and (verb, noun) pairs kept from training, each with the split that has them.

    A word with several translations (*old* is 老 of people and 舊 of things) keeps all its pairs: only they tell which
    is right. So does a word that has few partners.
    """
    translations: dict[str, set[tuple[str, str]]] = defaultdict(set)
    partners: dict[str, set[str]] = defaultdict(set)
    for adjective in lexicon.adjectives:
        translations[adjective.english].add((adjective.spanish[0], adjective.chinese))
        partners[adjective.english].update(noun.english for noun in lexicon.members(adjective.describes))
    for verb in lexicon.verbs:
        translations[verb.name].add((verb.infinitive, verb.chinese))
        partners[verb.name].update(noun.english for noun in lexicon.members(verb.objects))
    partners_of_noun = Counter(noun for nouns in partners.values() for noun in nouns)

    held_out = dict.fromkeys(NAMED_PAIRS, "test")
    for word, nouns in partners.items():
        if len(nouns) >= PARTNERS and len(translations[word]) == 1:
            for noun in nouns:
                chance = _hash_chance(f"{word} {noun}")
                if partners_of_noun[noun] >= PARTNERS and chance < HELD_OUT["test"] + HELD_OUT["dev"]:
                    held_out.setdefault((word, noun), "test" if chance < HELD_OUT["test"] else "dev")
    return held_out


def _hash_chance(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) / 2**32


def _related(sentence: Sentence) -> Iterator[WordPair]:
    """The adjectives with the nouns that they describe, the verb with its object."""
    for phrase in phrases(sentence):
        if phrase.adjective is not None:
            yield phrase.adjective.english, phrase.noun.english
    match sentence.predicate, sentence.subject:
        case Quality(adjective), NounPhrase(noun):
            yield adjective.english, noun.english
        case Action(verb=verb, object=NounPhrase(noun)), _:
            yield verb.name, noun.english


def _neighbors(sentence: Sentence) -> Iterator[WordPair]:
    """Every adjective or verb of the sentence with every noun of it, related or not."""
    nouns = [phrase.noun.english for phrase in phrases(sentence)]
    words = [phrase.adjective.english for phrase in phrases(sentence) if phrase.adjective is not None]
    match sentence.predicate:
        case Quality(adjective):
            words.append(adjective.english)
        case Action(verb=verb):
            words.append(verb.name)
    yield from product(words, nouns)


def _named_sentences(lexicon: Lexicon) -> list[Sentence]:
    """The sentences of the tutorials on attention that the project follows."""
    noun = {noun.english: noun for noun in lexicon.nouns}
    adjective = {adjective.english: adjective for adjective in lexicon.adjectives}
    verb = {verb.english: verb for verb in lexicon.verbs}
    cat = NounPhrase(noun["cat"], adjective=adjective["black"])
    return [
        Sentence(NounPhrase(noun["ball"]), Quality(adjective["blue"])),
        Sentence(cat, Action(verb["drink"], past=True, object=NounPhrase(noun["milk"]))),
        Sentence(Pronoun.ME, Action(verb["love"], object=NounPhrase(noun["dog"], owner=Pronoun.ME))),
    ]
