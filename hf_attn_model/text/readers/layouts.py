"""Tables without names of columns whose layout is known by their first line: each recognition is said."""

import logging
import re
from pathlib import Path

from ...errors import UserError
from ...languages import find_column, is_same_language, meaning_of
from .columns import Sides

BARS = "|||"
SPLITS = ("train", "dev", "test", "valid", "validation")  # the first of them that is a language's code is Domung

logger = logging.getLogger(__name__)


def known_layout(path: Path, cells: list[str], sides: Sides) -> list[str] | None:
    """Name the columns of a table that came from manythings.org or tatoeba.org; `None` for others.

    Args:
        path: the file; its name may tell languages.
        cells: of its first line.
        sides: what is asked for.

    Raises:
        UserError: it does not have the languages that are asked for.
    """
    if len(cells) == 3 and cells[2].startswith("CC-BY"):
        other = _other_than_english(path, sides)
        say(f"{path}: no line of names; as of manythings.org, column 1 is en, column 2 {other}", sides)
        return ["en", other, "licence"]
    if len(cells) == 4 and [cell.isdecimal() for cell in cells] == [True, False, True, False]:
        first, second = _named_languages(path, sides)
        say(f"{path}: no line of names; as of tatoeba.org, column 2 is {first}, column 4 {second}", sides)
        return ["id", first, "id of the other", second]
    return None


def say(text: str, sides: Sides) -> None:
    """Say once how a file is read."""
    if text not in sides.said:
        sides.said.add(text)
        logger.warning(text)


def _other_than_english(path: Path, sides: Sides) -> str:
    """Find the language of the second column of manythings.org: that of the name, such as `spa.txt`."""
    others = [language for language in sides.languages if not is_same_language(language, "en")]
    stem = path.name.split(".")[0]
    named = stem if stem.lower() not in SPLITS and meaning_of(stem) else None
    wrong = [language for language in others if named and not is_same_language(language, named)]
    if wrong or len(others) > 1:
        there = f"English and {named}" if named else "English and another language"
        raise UserError(f"{path}: there is nothing for {(wrong or others)[0]}; its columns are {there}")
    return named or (others or ["another language"])[0]


def _named_languages(path: Path, sides: Sides) -> tuple[str, str]:
    """Find the order of languages in the name of a file: "Sentence pairs in English-Spanish - 2024-01-01.tsv"."""
    if len(sides.languages) == 1:
        sides = Sides([*sides.languages, "another language"])
    source, target = sides.languages
    for first, second in re.findall(r"(?=\b(\w+)-(\w+)\b)", path.name):
        if find_column(source, [first]) and (target == "another language" or find_column(target, [second])):
            return source, target
        if find_column(source, [second]) and (target == "another language" or find_column(target, [first])):
            return target, source
    return source, target
