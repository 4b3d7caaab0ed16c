"""A scalar of a recipe, still text -> the value that its field has: a code, a number, true or false.

`target_lang: no` is the code of Norwegian and `muon: no` is false, because the one field is a text, the other a truth.
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

NOTHING = ("", "~", "null", "Null", "NULL")
TRUE, FALSE = ("true", "yes", "on", "y"), ("false", "no", "off", "n")  # where only a truth is possible
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
LISTED = {dict: "a list of names and values", list: "a list"}
AMBIGUOUS = re.compile(r"[+-]?0[0-9_]")  # 0123 is 83 to some and 123 to others
MOST = 2**63  # of a number
LONGEST_SHOWN = 60  # characters of a value in a message


class Plain(str):
    """A scalar without quotes, which may stand for anything."""


def read_as(kind: Any, value: Any, key: str) -> Any:
    """Read a value as its field has it.

    Args:
        kind: of the field, as it is annotated: `int`, `str | None`, `dict[str, Any]`, ...
        value: `Plain`, `str`, or dictionaries and lists of them.
        key: what messages call the field.

    Raises:
        ValueError: it is none, with what is wanted.
    """
    kinds = list(_kinds(kind))
    if Any in kinds:
        return _untyped_tree(value, key)
    origins = [get_origin(each) or each for each in kinds]
    if isinstance(value, dict) and dict in origins:
        (_, of_each) = get_args(kinds[origins.index(dict)]) or (str, Any)
        return {name: read_as(of_each, each, f"{key}.{name}") for name, each in value.items()}
    if isinstance(value, list) and list in origins:
        (of_each,) = get_args(kinds[origins.index(list)]) or (Any,)
        return [read_as(of_each, each, key) for each in value]
    if isinstance(value, str):
        is_nothing = isinstance(value, Plain) and value in NOTHING
        if is_nothing and NoneType in origins:
            return None
        for read in (_truth, _number, _text):
            if not is_nothing and (found := read(value, origins)) is not None:
                return found
    wanted = " or ".join(dict.fromkeys(_words(origins)))
    raise ValueError(f"{key} must be {wanted}, got {shown(value)}")


def untyped(value: Plain, key: str = "it") -> Any:
    """Read a scalar of which nothing says what it is. Raises `ValueError` for `no` and the like, which could be two."""
    if value in NOTHING:
        return None
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value.lower() in (*TRUE, *FALSE):
        raise ValueError(f'{key} is {value}: write true or false, or "{value}" in quotes for the word')
    number = _number(value, [int, float])
    return str(value) if number is None else number


def shown(value: Any) -> str:
    """Show a value in a message, cut where it is long."""
    text = _shown(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_shown(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return "null" if isinstance(value, Plain) and value in NOTHING else " ".join(value.split())


def _untyped_tree(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _untyped_tree(each, f"{key}.{name}") for name, each in value.items()}
    if isinstance(value, list):
        return [_untyped_tree(each, key) for each in value]
    return untyped(value, key) if isinstance(value, Plain) else value


def _kinds(kind: Any) -> Iterator[Any]:
    """List the kinds that an annotation allows; a choice of words is a text."""
    if get_origin(kind) in (Union, UnionType):
        for each in get_args(kind):
            yield from _kinds(each)
    elif get_origin(kind) is Literal:
        yield from (type(each) for each in get_args(kind))
    else:
        yield str if isinstance(kind, type) and issubclass(kind, Enum) else kind


def _truth(text: str, kinds: Iterable[Any]) -> bool | None:
    if bool not in kinds:
        return None
    has_words = str in kinds  # then `no` may be one of them
    for truth, words in ((True, TRUE), (False, FALSE)):
        if text.lower() in (words[:1] if has_words else words):
            return truth
    return None


def _number(text: str, kinds: Iterable[Any]) -> int | float | None:
    """Read 12, 1_000, 0x1f, 1e-3 or .5, and 1e4 as a whole number; `None` for what is none, or beyond `MOST`."""
    if not (int in kinds or float in kinds) or not text.isascii() or AMBIGUOUS.match(text):
        return None
    number: int | float
    try:
        number = int(text, 0)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            return None
    if not abs(number) < MOST:  # nor inf and nan
        return None
    if isinstance(number, float) and float not in kinds:
        return int(number) if number.is_integer() else None
    return number


def _text(text: str, kinds: Iterable[Any]) -> str | None:
    return str(text) if str in kinds else None


def _words(kinds: Iterable[Any]) -> Iterator[str]:
    for kind in kinds:
        if kind is int and float in kinds:
            continue
        if found := WORDS.get(kind) or LISTED.get(kind):
            yield found
