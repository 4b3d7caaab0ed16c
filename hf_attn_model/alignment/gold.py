"""Gold sets: pairs whose words annotators have linked, as files of words and links, or links beside the text.

- JSON lines: `{"source": ["the", "dog"], "target": ["el", "perro"], "sure": [[0, 0], [1, 1]], "possible": []}`;
- `the dog ||| el perro ||| 0-0 1p1` a line: `-` is a sure link, `p` a possible one, words counted from 0 (Pharaoh);
- links alone, in Pharaoh's form, or in that of NAACL 2003: `1 2 2 P`, sentence, words counted from 1, S or P. Their
  words lie beside them: for `dev.align` in `dev.txt`, as `the dog ||| el perro`, or in `dev.en` and `dev.es`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ..errors import UserError
from ..text.corpora import TEXTBOOK, load_corpus, local_path, stream_corpus
from ..text.readers import read_lines, read_rows, suffix_of
from ..text.readers.layouts import BARS
from .formats import from_gold_pharaoh
from .pairs import GoldPair, gold_pair, is_tokenised

NAACL = re.compile(r"(?P<sentence>\d{1,9})\s+(?P<source>\d{1,9})\s+(?P<target>\d{1,9})(\s+(?P<kind>[SP]))?(\s+[\d.]+)?")
SENTENCE = re.compile(r'<s snum="?(\d{1,9})"?>(.*)</s>')  # what stands around a sentence of NAACL's texts
FORMS = "a .jsonl file of words and links, or links in the form of Pharaoh or NAACL"
Links = list[tuple[int, int]]


def read_gold(data: str, source_lang: str | None, target_lang: str | None, split: str) -> list[GoldPair]:
    """Read a gold set in any of the forms above, or the built-in textbook.

    Args:
        data: "textbook:en-es", or a file.
        source_lang, target_lang: of the textbook, and of texts beside the links.
        split: of the textbook.

    Raises:
        UserError: there is no such set, a row of it has no words, or links of words that are not there; or no row has a
            sure link.
    """
    if data.startswith(TEXTBOOK):
        source_lang, target_lang = _languages(data, source_lang, target_lang)
        rows = load_corpus(data, source_lang, target_lang, split).dataset
        columns = ("source", "target", "source_words", "target_words", "sure", "possible")
        return [GoldPair(*(row[column] for column in columns)) for row in rows]
    path = local_path(data)
    if path is None or not path.is_file():
        raise UserError(f"{data}: no gold set: give textbook:en-es, or {FORMS}")
    if is_tokenised(data):
        pairs = []
        for where, row in read_rows(path):
            if isinstance(row, UserError):
                raise row
            if row is not None:
                pairs.append(gold_pair(where, row))
    elif (suffix_of(path) or ".txt").startswith(".txt"):
        pairs = list(_linked_text(path, source_lang, target_lang))
    else:
        raise UserError(f"{data}: no gold set: its rows have no lists of words; give {FORMS}")
    if not any(pair.sure for pair in pairs):
        raise UserError(f"{data}: no row has a sure link")
    return pairs


def _linked_text(path: Path, source_lang: str | None, target_lang: str | None) -> Iterator[GoldPair]:
    """Read links in text, with their words in the same line or beside."""
    lines = ((where, line) for where, line in read_lines(path) if line.strip())
    first = next(lines, None)
    if first is None:
        raise UserError(f"{path}: an empty file; expected links of words")
    if BARS in first[1]:
        for where, line in chain([first], lines):
            yield _with_words(where, line)
        return
    texts = _words_beside(path, *_languages(str(path), source_lang, target_lang))
    if NAACL.fullmatch(first[1].strip()):
        sure, possible = _naacl_links(path)
        for number, (place, source, target) in enumerate(texts, start=1):
            number, source = _numbered(source, number)
            _, target = _numbered(target, number)
            yield _pair(place, source.split(), target.split(), sure.pop(number, []), possible.pop(number, []))
        if beyond := [*sure, *possible]:
            raise UserError(f"{path}: links of sentence {min(beyond)}, but its text is not there")
        return
    links = [from_gold_pharaoh(line, where) for where, line in read_lines(path)]
    if len(texts) != len(links):
        raise UserError(f"{path} has {len(links):,} lines, the text beside it {len(texts):,}: expected as many")
    for (place, source, target), (sure_links, possible_links) in zip(texts, links, strict=True):
        yield _pair(place, source.split(), target.split(), sure_links, possible_links)


def _with_words(where: str, line: str) -> GoldPair:
    parts = line.split(BARS)
    if len(parts) != 3:
        raise UserError(
            f"{where}: expected SOURCE {BARS} TARGET {BARS} LINKS, such as the dog {BARS} el perro {BARS} 0-0 1p1"
        )
    return _pair(where, parts[0].split(), parts[1].split(), *from_gold_pharaoh(parts[2], where))


def _words_beside(path: Path, source_lang: str, target_lang: str) -> list[tuple[str, str, str]]:
    """Find the texts of links, and read them: places, sources and targets."""
    beside = [path.with_suffix(".txt"), path.with_suffix("")]
    found = [name for name in beside if name != path and local_path(str(name)) is not None]
    if not found:
        names = f"{beside[1]}.{source_lang} and {beside[1]}.{target_lang}"
        raise UserError(
            f"{path} holds links alone: their words are sought in {beside[0]} (SOURCE {BARS} TARGET), or {names}"
        )
    rows = stream_corpus(str(found[0]), source_lang, target_lang).rows()
    return [(row.place, *row.texts) for row in rows]  # type: ignore[misc]


def _naacl_links(path: Path) -> tuple[dict[int, Links], dict[int, Links]]:
    """Read links by sentence: the sure ones, and the possible ones."""
    kinds: dict[str, dict[int, Links]] = {"S": defaultdict(list), "P": defaultdict(list)}
    for where, line in read_lines(path):
        if not line.strip():
            continue
        link = NAACL.fullmatch(line.strip())
        if link is None or "0" in {link["source"].lstrip("0") or "0", link["target"].lstrip("0") or "0"}:
            raise UserError(f"{where}: expected SENTENCE SOURCE TARGET, counted from 1, and S or P: 1 2 2 P")
        found = kinds[link["kind"] or "S"][int(link["sentence"])]
        found.append((int(link["source"]) - 1, int(link["target"]) - 1))
    return kinds["S"], kinds["P"]


def _numbered(text: str, number: int) -> tuple[int, str]:
    """Read the number of a sentence where it has one of its own: `<s snum=0007> the dog </s>`."""
    own = SENTENCE.fullmatch(text.strip())
    return (int(own[1]), own[2]) if own else (number, text)


def _pair(where: str, source: list[str], target: list[str], sure: Links, possible: Links) -> GoldPair:
    row = {"source": source, "target": target, "sure": [*map(list, sure)], "possible": [*map(list, possible)]}
    return gold_pair(where, row)


def _languages(data: str, source_lang: str | None, target_lang: str | None) -> tuple[str, str]:
    if source_lang is None or target_lang is None:
        raise UserError(f"{data}: name its languages with --source-lang and --target-lang")
    return source_lang, target_lang
