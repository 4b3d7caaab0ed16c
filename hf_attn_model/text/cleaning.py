"""Pairs that a corpus is better without, each left out for a named reason, and counted.

Rules look at one pair at a time, in the order of `RULES`; the first that a pair breaks counts. `entities` alone leaves
nothing out: it repairs.
"""

import html
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

import regex

from ..errors import UserError
from ..languages import HAN, is_same_language, meaning_of
from .corpora import TextRow

RULES = {
    "entities": "HTML entities are written as the characters they stand for",
    "copies": "both sides are the same",
    "ratio": "one side is many times longer than the other",
    "scripts": "most letters of a side are of another script than its language's",
    "languages": "a side is in another language, as CLD2 is sure",
    "duplicates": "the pair was there before",
    "sources": "the source was there before",
}
DEFAULT = ("entities", "copies", "ratio", "scripts", "duplicates")
ROOM = 20  # bytes by which a side may always be longer: "No." and "De ninguna manera."
SCRIPTS = {"Jpan": ("Hani", "Hira", "Kana"), "Kore": ("Hang", "Hani"), **dict.fromkeys(HAN, ("Hani",))}
ENTITY = regex.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);")
LETTER = regex.compile(r"\p{L}")


class Cleaned(NamedTuple):
    """A pair, where it stood, and the rule for which it is left out; `None` where it stays."""

    place: str
    source: str
    target: str
    reason: str | None


class Cleaner:
    """Goes once through the pairs of a corpus.

    Args:
        rules: names of `RULES`.
        source_lang, target_lang: codes of the two languages, for `scripts` and `languages`.
        max_ratio: how many times longer than the other, in UTF-8 bytes, a side may be, and `ROOM` more: bytes weigh a
            Chinese character as much as an English syllable.

    Attributes:
        counts: how many pairs each rule has left out; those that `entities` repaired.

    Raises:
        UserError: there is no such rule, CLD2 is missing or does not know a language, or the ratio is below 1.
    """

    def __init__(self, rules: Sequence[str], source_lang: str, target_lang: str, *, max_ratio: float = 3.0):
        for rule in rules:
            if rule not in RULES:
                raise UserError(f"there is no rule {rule} to clean by: choose from {', '.join(RULES)}")
        if not max_ratio >= 1:
            raise UserError(f"the ratio of lengths must be at least 1, got {max_ratio:g}")
        self.repairs = "entities" in rules
        self.counts: Counter[str] = Counter()
        languages = (source_lang, target_lang)
        if "languages" in rules:
            for language in languages:
                _code_of_cld(language)  # or it is refused, before the work
        seen_pairs: set[int] = set()
        seen_sources: set[int] = set()
        breaks: dict[str, Callable[[str, str], bool]] = {
            "copies": lambda source, target: source.strip() == target.strip(),
            "ratio": lambda source, target: _is_uneven(source, target, max_ratio),
            "scripts": _on_each_side(_other_script, languages),
            "languages": _on_each_side(_other_language, languages),
            "duplicates": lambda *pair: _was_seen(pair, seen_pairs),
            "sources": lambda source, target: _was_seen((source,), seen_sources),
        }
        self.breaks = {rule: breaks[rule] for rule in RULES if rule in rules and rule in breaks}

    def clean(self, rows: Iterable[TextRow]) -> Iterator[Cleaned]:
        """Judge each pair, in order; rows that cannot be used are passed over."""
        for place, (source, target) in rows:
            if not source:
                continue
            if self.repairs and (ENTITY.search(source) or ENTITY.search(target)):
                repaired = unescape(source), unescape(target)
                self.counts["entities"] += repaired != (source, target)
                source, target = repaired
            reason = next((rule for rule, is_broken in self.breaks.items() if is_broken(source, target)), None)
            if reason is not None:
                self.counts[reason] += 1
            yield Cleaned(place, source, target, reason)

    def summary(self) -> str:
        """One line to print, such as "repaired: 3 entities; left out: 12 copies, 5 duplicates"; may be empty."""
        out = ", ".join(f"{self.counts[rule]:,} {rule}" for rule in self.breaks if self.counts[rule])
        parts = [f"repaired: {self.counts['entities']:,} entities" if self.counts["entities"] else ""]
        return "; ".join(filter(None, [*parts, f"left out: {out}" if out else ""]))


def unescape(text: str) -> str:
    """Write HTML entities as the characters they stand for, also where they were escaped twice (`&amp;quot;`)."""
    for _ in range(2):
        text = ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return text


def _is_uneven(source: str, target: str, max_ratio: float) -> bool:
    shorter, longer = sorted((len(source.encode()), len(target.encode())))
    return longer > max_ratio * shorter + ROOM


def _on_each_side(judge: Callable[[str, str], bool], languages: tuple[str, str]) -> Callable[[str, str], bool]:
    return lambda *pair: any(judge(text, language) for text, language in zip(pair, languages, strict=True))


def _other_script(text: str, language: str) -> bool:
    own = _letters_of(language)
    return own is not None and 2 * len(own.findall(text)) < len(LETTER.findall(text))


@cache
def _letters_of(language: str) -> regex.Pattern | None:
    """The letters of the scripts in which a language is written; `None` for one of which that is not known."""
    meaning = meaning_of(language)
    if meaning is None or meaning.script is None:
        return None
    scripts = "".join(rf"\p{{Script={script}}}" for script in SCRIPTS.get(meaning.script, (meaning.script,)))
    try:
        return regex.compile(rf"(?=\p{{L}})[{scripts}]")
    except regex.error:
        return None


def _other_language(text: str, language: str) -> bool:
    import pycld2

    printable = "".join(character if character.isprintable() else " " for character in text)
    try:
        is_sure, _, found = pycld2.detect(printable, isPlainText=True, hintLanguage=_code_of_cld(language))
    except pycld2.error:  # characters that it does not know
        return False
    code = found[0][1]
    return is_sure and code != "un" and not is_same_language(code, language) and code != _code_of_cld(language)


@cache
def _code_of_cld(language: str) -> str:
    """Find the code by which CLD2 knows a language. Raises `UserError` for one that it does not know, or without it."""
    try:
        import pycld2
    except ImportError:
        raise UserError("the rule languages needs CLD2: pip install 'hf-attn-model[clean]'") from None
    known = sorted({code for _, code in pycld2.LANGUAGES}, key=len)
    found = next((code for code in known if is_same_language(code, language)), None)
    if found is None:
        raise UserError(f"the rule languages cannot tell {language}: CLD2 does not know it")
    return found


def _was_seen(texts: Iterable[str], seen: set[int]) -> bool:
    """Tell whether the same texts came before, by 64 bits of a hash: 70 bytes of memory a pair."""
    key = int.from_bytes(blake2b("\0".join(texts).encode(), digest_size=8).digest(), "little")
    is_new = key not in seen
    seen.add(key)
    return not is_new
