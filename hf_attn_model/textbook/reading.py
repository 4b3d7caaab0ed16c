"""Read the lexicon: the tab-separated files of `lexicon/`, one word a row, checked while they are read.

What each column means, and how to add a word, is told to teachers in `lexicon/README.md`. A mistake in a file is
a `UserError` that names the file, the line and the column.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn

from ..errors import UserError
from .entries import Adjective, Adverb, Lexicon, Noun, NounClass, Verb

FOLDER = Path(__file__).parent / "lexicon"

Members = Mapping[str, Sequence[Noun]]  # for each class and each noun by name: the nouns that belong to it

CLASS_COLUMNS = ("class", "parents", "found_in", "examples")
NOUN_COLUMNS = (
    *("english", "plural", "spanish", "spanish_plural", "gender", "article"),
    *("chinese", "classifier", "classes", "preposition", "localiser", "part_of"),
)
ADJECTIVE_COLUMNS = ("english", "spanish", "copula", "chinese", "predicate", "attributive", "describes")
VERB_COLUMNS = (
    *("english", "third_person", "past", "particle", "infinitive", "present", "preterite", "spanish_preposition"),
    *("chinese", "coverb", "uses", "subjects", "objects", "object_form", "recipients", "places"),
)
ADVERB_COLUMNS = ("english", "position", "spanish", "spanish_position", "chinese", "use")


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of a file: its cells by column, and the place to name in a complaint."""

    path: Path
    line: int
    cells: dict[str, str]

    def fail(self, column: str, problem: str) -> NoReturn:
        raise UserError(f"{self.path.name}, line {self.line}, column {column!r}: {problem}")

    def text(self, column: str, *, optional: bool = False) -> str:
        value = self.cells[column].strip()
        if not value and not optional:
            self.fail(column, "the cell is empty; fill it in")
        return value

    def choice(self, column: str, *choices: str) -> str:
        value = self.text(column, optional="" in choices)
        if value not in choices:
            self.fail(column, f"{value!r} is not one of {', '.join(filter(None, choices))}")
        return value

    def words(self, column: str, *, count: int | None = None, known: Collection[str] | None = None) -> tuple[str, ...]:
        values = tuple(self.text(column, optional=count is None).split())
        if count is not None and len(values) != count:
            self.fail(column, f"needs {count} forms separated by spaces, has {len(values)}")
        for value in values:
            if known is not None and value not in known:
                self.fail(column, f"{value!r} is neither a class of classes.tsv nor a noun of nouns.tsv")
        return values

    def kinds(self, column: str, members: Members, *, optional: bool = True, places: bool = False) -> tuple[str, ...]:
        """The classes and nouns that a cell names: none without a member, and places have a preposition."""
        self.text(column, optional=optional)
        names = self.words(column, known=members)
        for name in names:
            if not members[name]:
                self.fail(column, f"no noun of nouns.tsv belongs to the class {name!r}")
            for noun in members[name]:
                if places and not noun.preposition:
                    self.fail(column, f"{noun.english!r} is not a place; nouns.tsv gives it no preposition")
        return names


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[_Row]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except OSError as error:
        raise UserError(f"{path}: cannot read the lexicon file ({error.strerror})") from error
    if not table or tuple(table[0]) != columns:
        raise UserError(f"{path.name}, line 1: the columns must be {', '.join(columns)}")
    for line, cells in enumerate(table[1:], start=2):
        if len(cells) > len(columns):
            raise UserError(f"{path.name}, line {line}: {len(cells)} cells for {len(columns)} columns")
        if any(cells):
            cells += [""] * (len(columns) - len(cells))
            yield _Row(path, line, dict(zip(columns, cells, strict=True)))


@cache
def read_lexicon(folder: Path = FOLDER) -> Lexicon:
    """Read the five files of a lexicon folder.

    Raises:
        UserError: naming the file, the line and the column of the first cell that cannot be right.
    """
    noun_rows = list(_rows(folder / "nouns.tsv", NOUN_COLUMNS))
    names = {row.text("english") for row in noun_rows}
    class_rows = list(_rows(folder / "classes.tsv", CLASS_COLUMNS))
    classes = _classes(class_rows, names)
    nouns = _nouns(noun_rows, classes)
    members = {name: [noun for noun in nouns if noun.is_a(name)] for name in names | classes.keys()}
    for row in class_rows:
        row.kinds("found_in", members, places=True)
    for row in noun_rows:
        row.kinds("part_of", members)
    lexicon = Lexicon(
        nouns=nouns,
        verbs=tuple(_verb(row, members) for row in _rows(folder / "verbs.tsv", VERB_COLUMNS)),
        adjectives=tuple(_adjective(row, members) for row in _rows(folder / "adjectives.tsv", ADJECTIVE_COLUMNS)),
        adverbs=tuple(_adverb(row) for row in _rows(folder / "adverbs.tsv", ADVERB_COLUMNS)),
    )
    _check_one_translation(lexicon)
    return lexicon


def _classes(rows: list[_Row], nouns: set[str]) -> dict[str, NounClass]:
    known = nouns | {row.text("class") for row in rows}
    classes: dict[str, NounClass] = {}
    for row in rows:
        name = row.text("class")
        if name in classes:
            row.fail("class", f"{name!r} has a row already")
        parents = row.words("parents", known=classes)  # only rows above: there are no circles
        inherited = tuple(place for parent in parents for place in classes[parent].found_in)
        classes[name] = NounClass(name, parents, row.words("found_in", known=known) or inherited)
    return classes


def _nouns(rows: list[_Row], classes: dict[str, NounClass]) -> tuple[Noun, ...]:
    known = {*classes, *(row.text("english") for row in rows)}
    nouns: dict[str, Noun] = {}
    for row in rows:
        english = row.text("english")
        if english in nouns or english in classes:
            row.fail("english", f"{english!r} is taken: each noun has one row, and no class has its name")
        nouns[english] = _noun(row, classes, known)
    return tuple(nouns.values())


def _noun(row: _Row, classes: dict[str, NounClass], known: Collection[str]) -> Noun:
    own = row.words("classes", known=classes)
    if not own:
        row.fail("classes", "the cell is empty; name a class of classes.tsv")
    kinds = {row.text("english")}
    waiting = list(own)
    while waiting:
        name = waiting.pop()
        kinds.add(name)
        waiting += classes[name].parents
    gender = row.choice("gender", "m", "f")
    article = row.choice("article", "el", "la")
    if (gender, article) == ("m", "la"):
        row.fail("article", "a masculine noun takes 'el'")
    plural = row.text("plural", optional=True)
    classifier = row.text("classifier", optional=True)
    if plural and not classifier:
        row.fail("classifier", "a noun with a plural can be counted, so it needs a classifier")
    if bool(plural) != bool(row.text("spanish_plural", optional=True)):
        row.fail("spanish_plural", "give the plural in both English and Spanish, or in neither")
    return Noun(
        english=row.text("english"),
        plural=plural,
        spanish=row.text("spanish"),
        spanish_plural=row.text("spanish_plural", optional=True),
        gender=gender,
        article=article,
        chinese=row.text("chinese"),
        classifier=classifier,
        preposition=row.choice("preposition", "in", "on", "at", ""),
        localiser=row.choice("localiser", "裡", "上", ""),
        part_of=row.words("part_of", known=known),
        kinds=frozenset(kinds),
        found_in=tuple(place for name in own for place in classes[name].found_in),
    )


def _adjective(row: _Row, members: Members) -> Adjective:
    return Adjective(
        english=row.text("english"),
        spanish=row.words("spanish", count=4),
        copula=row.choice("copula", "ser", "estar"),
        chinese=row.text("chinese"),
        predicate=row.choice("predicate", "很", "是"),
        attributive=tuple(row.text("attributive").split()),
        describes=row.kinds("describes", members, optional=False),
    )


def _verb(row: _Row, members: Members) -> Verb:
    uses = row.words("uses")
    if not uses or not {"event", "habit", "state"}.issuperset(uses):
        row.fail("uses", "needs one or more of event, habit, state")
    return Verb(
        english=row.text("english"),
        third_person=row.text("third_person"),
        past=row.text("past"),
        particle=row.text("particle", optional=True),
        infinitive=row.text("infinitive"),
        present=row.words("present", count=5),
        preterite=row.words("preterite", count=5),
        spanish_preposition=row.text("spanish_preposition", optional=True),
        chinese=row.text("chinese"),
        coverb=row.text("coverb", optional=True),
        uses=uses,
        subjects=row.kinds("subjects", members, optional=False),
        objects=row.kinds("objects", members),
        object_form=row.choice("object_form", "definite", "indefinite", "matching", ""),
        recipients=row.kinds("recipients", members),
        places=row.kinds("places", members, places=True),
    )


def _adverb(row: _Row) -> Adverb:
    return Adverb(
        english=row.text("english"),
        position=row.choice("position", "middle", "end"),
        spanish=row.text("spanish"),
        spanish_position=row.choice("spanish_position", "start", "middle", "end"),
        chinese=row.text("chinese"),
        use=row.choice("use", "event", "habit"),
    )


def _check_one_translation(lexicon: Lexicon) -> None:
    """Rows with the same English word must not meet at the same noun, or a sentence would have two translations."""
    described: set[tuple[str, str]] = set()
    for adjective in lexicon.adjectives:
        for noun in lexicon.members(adjective.describes):
            pair = (adjective.english, noun.english)
            if pair in described:
                raise UserError(
                    f"adjectives.tsv: two rows of {pair[0]!r} describe {pair[1]!r}; leave it in one of them"
                )
            described.add(pair)
    translations: dict[tuple[str, bool, str], tuple[str, str]] = {}
    for verb in lexicon.verbs:
        translation = (verb.infinitive, verb.chinese)
        for noun in lexicon.members(verb.objects):
            use = (verb.name, bool(verb.recipients), noun.english)
            if translations.setdefault(use, translation) != translation:
                raise UserError(f"verbs.tsv: two rows of {use[0]!r} translate it otherwise before {use[2]!r}; keep one")
