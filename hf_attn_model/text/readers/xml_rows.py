"""TMX and XLIFF, the files of translators' tools, unit by unit: what was read is let go.

Formatting stands inside the text as elements: what such an element hides is its own code, unless it marks up text.
Entities that a file defines itself are refused, and nothing outside of it is fetched; a DTD may be named.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from ...errors import UserError
from .columns import Row, Sides
from .packed import opened

LANG = "{http://www.w3.org/XML/1998/namespace}lang"
MARKUP = {"hi", "g", "mrk", "pc", "sm", "em"}  # around text; ph, bpt, ept, it, ut and the like hold codes
UNITS = ("tu", "trans-unit", "segment")  # of TMX, XLIFF 1.2 and XLIFF 2


def tmx_rows(path: Path, sides: Sides) -> Iterator[Row]:
    """The units of a TMX file: its languages are the columns, and of several texts in one language the first counts.

    Raises:
        UserError: it is no such file, or no unit has one of the languages; one that some units lack is empty there.
    """
    languages: dict[str, None] = {}
    lacking = set(sides.languages)
    for where, row in _rows(path, "tmx", _translation_unit):
        if isinstance(row, dict):
            languages |= dict.fromkeys(row)
            found = dict(zip(sides.languages, sides.find(row), strict=True))
            lacking -= {language for language, name in found.items() if name}
            row |= {sides.columns[i] or side: None for i, (side, name) in enumerate(found.items()) if name is None}
        yield where, row
    if lacking and languages:
        raise UserError(f"{path}: nothing for language {min(lacking)!r}; there is {', '.join(languages)}")


def xliff_rows(path: Path, sides: Sides) -> Iterator[Row]:
    """The units of an XLIFF file of version 1.2, or the segments of one of version 2.

    The columns are the languages that the file names, or else "source" and "target".
    """
    return _rows(path, "xliff", _source_and_target)


def _rows(path: Path, root: str, read: Callable[[Element, list[Element]], dict[str, Any] | None]) -> Iterator[Row]:
    number = 0
    above: list[Element] = []
    with opened(path) as file:
        try:
            for event, element in iterparse(file, events=("start", "end")):
                name = _local(element)
                if event == "start":
                    if not above and name != root:
                        raise UserError(f"{path}: its first element is {name}; expected {root}")
                    above.append(element)
                    continue
                above.pop()
                if name in UNITS:
                    number += 1
                    yield f"{path}, unit {number}", read(element, above)
                if above and not any(_local(each) in UNITS for each in above):
                    above[-1].remove(element)
        except DefusedXmlException:
            raise UserError(f"{path}: it defines entities of its own, which are not read") from None
        except ParseError as error:
            raise UserError(f"{path}: not whole XML ({error})") from None


def _translation_unit(unit: Element, above: list[Element]) -> dict[str, Any] | None:
    row: dict[str, Any] = {}
    for variant in unit:
        language = variant.get(LANG) or variant.get("lang")
        segment = _child(variant, "seg")
        if language and segment is not None:
            row.setdefault(language, _text(segment))
    return row or None


def _source_and_target(unit: Element, above: list[Element]) -> dict[str, Any] | None:
    row: dict[str, Any] = {}
    for side, old, new in (("source", "source-language", "srcLang"), ("target", "target-language", "trgLang")):
        element = _child(unit, side)
        own = None if element is None else element.get(LANG)
        named = [language for each in above for language in (each.get(old), each.get(new)) if language]
        row[own or (named[-1] if named else side)] = None if element is None else _text(element)
    return row


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element if _local(child) == name), None)


def _text(element: Element) -> str:
    """Join the text of an element and of what marks up text in it."""
    parts = [element.text or ""]
    for child in element:
        if _local(child) in MARKUP:
            parts.append(_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _local(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
