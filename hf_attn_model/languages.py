"""Codes of languages: what they mean, and which of a translator's own codes means the same.

One language has many codes: `zh` and `zho` (ISO 639), `cmn` (its largest member), `zh-TW` and `zh-Hant` (BCP 47),
`zho_Hans` (NLLB), `zh_CN` (mBART), `>>cmn_Hans<<` (OPUS-MT). They are read as BCP 47 tags, by langcodes, with the data
of IANA and Unicode CLDR: deprecated codes, macrolanguages, and the script and region that are meant where none is
written.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from langcodes import Language, standardize_tag
from langcodes.tag_parser import LanguageTagError

from .errors import UserError

WRAPPERS = re.compile(r"(?:>>(.+)<<|<2(.+)>|__(.+)__)")  # OPUS-MT, MADLAD, M2M-100: how a code is written as a token
NO_REGION = re.compile(r"[-_]XX$")  # mBART: en_XX
BOKMAL = {"no": "nb"}  # CLDR keeps them apart; what is called Norwegian is written in Bokmål
ALIASES = {"ns": "nso"}  # M2M-100 calls Northern Sotho so
HAN = frozenset(["Hani", "Hans", "Hant"])
MOST_NEAR, MOST_NAMED = 3, 10  # codes that a message proposes, or lists


@dataclass(frozen=True)
class Meaning:
    """What a code says: its tag (BCP 47), a language, its macrolanguage, and the script and region written or usual."""

    tag: str
    language: str
    macrolanguage: str
    script: str | None
    region: str | None
    subtags: int


@cache
def meaning_of(code: str) -> Meaning | None:
    """Read a code in any of the spellings above; `None` for what is no language's."""
    wrapped = WRAPPERS.fullmatch(code)
    bare = NO_REGION.sub("", next(filter(None, wrapped.groups())) if wrapped else code)
    bare = ALIASES.get(bare, bare).replace("_", "-")
    try:
        if not bare or not Language.get(bare).is_valid():
            return None
        tag = standardize_tag(bare)
        narrow, wide = (Language.get(each).maximize() for each in (tag, standardize_tag(bare, macro=True)))
    except (LanguageTagError, ValueError):
        return None
    if narrow.language is None or wide.language is None or narrow.extlangs:
        return None
    return Meaning(
        tag,
        BOKMAL.get(narrow.language, narrow.language),
        BOKMAL.get(wide.language, wide.language),
        narrow.script,
        narrow.territory,
        bare.count("-"),
    )


SAMENESS: tuple[Callable[[Meaning], tuple], ...] = (  # from narrow to wide: what two codes share that mean the same
    lambda code: (code.tag,),
    lambda code: (code.language, code.script, code.region),
    lambda code: (code.macrolanguage, code.script, code.region),
    lambda code: (code.language, code.script),
    lambda code: (code.macrolanguage, code.script),
)


def find_code(typed: str, codes: Iterable[str]) -> str | None:
    """Find the one of some codes that is, or means the same as, the typed one; `None` where none or several do.

    Another region is the same language (`es-MX` finds `es_XX`), another script is not (`zh-TW` does not find `zh_CN`,
    nor `sr-Latn` Cyrillic `sr`). Of several, the one written with the fewest parts is meant.
    """
    codes = list(codes)
    if typed in codes:
        return typed
    wanted = meaning_of(typed)
    if wanted is None:
        return None
    known = {code: meaning for code in codes if (meaning := meaning_of(code)) is not None}
    for shared in SAMENESS:
        if same := [code for code, meaning in known.items() if shared(meaning) == shared(wanted)]:
            fewest = min(known[code].subtags for code in same)
            plainest = [code for code in same if known[code].subtags == fewest]
            return plainest[0] if len(plainest) == 1 else None
    return None


def find_column(typed: str, names: Iterable[str]) -> str | None:
    """Find the column of a language: called by a code that means the same (see `find_code`), or by its English name."""
    names = list(names)
    if (found := find_code(typed, names)) is not None:
        return found
    if (meaning := meaning_of(typed)) is None:
        return None
    codes = (meaning.tag.split("-")[0], meaning.language, meaning.macrolanguage)
    meant = {name.casefold() for code in codes for name in _names().get(code, ())}
    named = [name for name in names if name.strip().casefold() in meant]
    return named[0] if len(named) == 1 else None


def choose_code(typed: str, codes: Iterable[str], option: str, whose: str) -> str:
    """Find what `find_code` finds.

    Args:
        typed: the code.
        codes: those there are.
        option: what the code was typed for, such as "--target-lang".
        whose: who has the codes, such as "the model".

    Raises:
        UserError: none of them is meant, or several are; the message names near ones, and how many there are.
    """
    codes = list(codes)
    if (found := find_code(typed, codes)) is not None:
        return found
    near = ", ".join(f"{code} ({name_of(code)})" for code in near_codes(typed, codes))
    some = ", ".join(codes[:MOST_NAMED]) + (", ..." if len(codes) > MOST_NAMED else "")
    advice = f"near it: {near}" if near else f"choose from {some}"
    raise UserError(f"{option} {typed}: none of the {len(codes)} languages of {whose}; {advice}")


def near_codes(typed: str, codes: Iterable[str]) -> list[str]:
    """Find codes of the same language in other scripts or regions; or else of like spelling, or of like name."""
    codes = list(codes)
    if (wanted := meaning_of(typed)) is not None:
        same = [code for code in codes if (known := meaning_of(code)) and known.macrolanguage == wanted.macrolanguage]
        if same:
            return same[:MOST_NEAR]
    names = {_language_name(code).lower(): code for code in codes}
    spellings = {code.lower(): code for code in codes}
    found = [spellings[each] for each in get_close_matches(typed.lower(), spellings, MOST_NEAR)]
    found += [names[each] for each in get_close_matches(typed.lower(), names, MOST_NEAR, 0.75)]
    return list(dict.fromkeys(found))[:MOST_NEAR]


def name_of(code: str) -> str:
    """Name the language of a code in English: `zho_Hant` is "Chinese, Hant"; what is no code stays as it is."""
    meaning, name = meaning_of(code), _language_name(code)
    return f"{name}, {meaning.script}" if meaning and meaning.subtags else name


def target_mark(code: str) -> str:
    """Write the mark of a target language that stands before a source, as in OPUS-MT."""
    return f">>{code}<<"


def is_same_language(one: str, other: str) -> bool:
    """Tell whether two codes mean the same, whatever the region."""
    return find_code(one, [other]) is not None


def language_of_bleu(code: str) -> str:
    """Find the code by which sacreBLEU and Moses know a language: that of ISO 639-1, if there is one.

    What is written in Han characters is "zh", Cantonese too, but for Japanese; in Latin script no language is "zh",
    "ja" or "ko".
    """
    meaning = meaning_of(code)
    if meaning is None:
        return code.replace("_", "-").split("-")[0].lower()
    if meaning.script in HAN:
        return "zh"
    if meaning.script == "Latn" and meaning.macrolanguage in ("zh", "ja", "ko"):
        return ""
    return meaning.macrolanguage


def _language_name(code: str) -> str:
    meaning = meaning_of(code)
    return code if meaning is None else _names().get(meaning.language, [code])[0]


@cache
def _names() -> dict[str, list[str]]:
    """English names of languages by their shortest codes, as IANA registers them; the usual one first."""
    from langcodes.registry_parser import parse_registry

    return {entry["Subtag"]: entry["Description"] for entry in parse_registry() if entry.get("Type") == "language"}
