"""Files of links: Pharaoh, a line `0-0 1-2` of source-target for each pair, and JSON lines, which name the words."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shortened

from ..errors import UserError
from ..files import replacing
from ..text.readers import read_lines, read_rows
from .pairs import read_json_links
from .scores import Link

JSON_SUFFIX = ".jsonl"
LINK = re.compile(r"([0-9]{1,9})([-p])([0-9]{1,9})")  # of two words; p: a possible one, of annotators


@dataclass(frozen=True)
class LinkedPair:
    """The words of a pair and their links (source index, target index), counted from 0."""

    id: str
    source: Sequence[str]
    target: Sequence[str]
    links: Sequence[Link]


def to_pharaoh(links: Iterable[Link]) -> str:
    """Write links as a line: `0-0 1-2`, empty where there are none."""
    return " ".join(f"{source}-{target}" for source, target in links)


def from_pharaoh(line: str, where: str = "Pharaoh") -> list[tuple[int, int]]:
    """Read the links of a line.

    Raises:
        UserError: something there is no link; `where` is what the message calls the line.
    """
    links = []
    for part in line.split():
        link = LINK.fullmatch(part)
        if link is None or link[2] != "-":
            raise UserError(f"{where}: {shortened(part)} is no link; expected SOURCE-TARGET, such as 0-2")
        links.append((int(link[1]), int(link[3])))
    return links


def from_gold_pharaoh(line: str, where: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Read the sure links of a line, `0-2`, and the possible ones, `0p2`.

    Raises:
        UserError: something there is no link; `where` is what the message calls the line.
    """
    links: dict[str, list[tuple[int, int]]] = {"-": [], "p": []}
    for part in line.split():
        link = LINK.fullmatch(part)
        if link is None:
            raise UserError(f"{where}: {shortened(part)} is no link; expected SOURCE-TARGET, such as 0-2, or 0p2")
        links[link[2]].append((int(link[1]), int(link[3])))
    return links["-"], links["p"]


def to_line(pair: LinkedPair, as_json: bool) -> str:
    """Write one pair, in either format."""
    if not as_json:
        return to_pharaoh(pair.links)
    row = {"id": pair.id, "source": list(pair.source), "target": list(pair.target), "links": pair.links}
    return json.dumps(row, ensure_ascii=False)


def write_links(pairs: Iterable[LinkedPair], path: str | os.PathLike) -> int:
    """Write a file, JSON lines if its name ends in `.jsonl`, else Pharaoh; it appears when it is complete.

    Returns:
        the number of pairs.

    Raises:
        UserError: the file cannot be written.
    """
    path = Path(path)
    count = 0
    with replacing(path, "; choose another file") as unfinished, unfinished.open("w", encoding="utf-8") as file:
        for pair in pairs:
            file.write(to_line(pair, path.suffix == JSON_SUFFIX) + "\n")
            count += 1
    return count


def read_links(path: str | os.PathLike) -> Iterator[list[tuple[int, int]]]:
    """Read the links of each pair from a file that `write_links`, or another aligner, wrote.

    Raises:
        UserError: the file cannot be read, or a line has something that is no link.
    """
    path = Path(path)
    if path.suffix != JSON_SUFFIX:
        yield from (from_pharaoh(line, where) for where, line in read_lines(path))
        return
    for where, row in read_rows(path):
        if isinstance(row, UserError):
            raise row
        try:
            yield read_json_links((row or {}).get("links"))
        except ValueError:
            raise UserError(f"{where}: `links` must be pairs [source word, target word], counted from 0") from None
