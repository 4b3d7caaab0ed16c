"""Downloads of tatoeba.org: sentences by number, and the file that says which translate which."""

from collections.abc import Iterator
from pathlib import Path

from ...errors import UserError
from ...languages import is_same_language
from .columns import Row, Sides
from .lines import read_lines, try_lines
from .packed import bare_name


def linked_files(folder: Path) -> tuple[Path, list[Path]] | None:
    """Find `links.csv` (or `eng-spa_links.tsv`) in a folder, and the files of sentences; `None` where they are not."""
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    links = [path for path in paths if bare_name(path).lower().endswith(("links.csv", "links.tsv"))]
    sentences = [path for path in paths if "sentences" in path.name.lower() and path not in links]
    return (links[0], sentences) if links and sentences else None


def linked_rows(links: Path, sentences: list[Path], sides: Sides) -> Iterator[Row]:
    """The pairs that the links make, in their order; the sentences of the two languages are held in memory.

    Raises:
        UserError: a language has no sentence, or a file cannot be read.
    """
    texts = [_sentences(sentences, language) for language in sides.languages]
    for language, found in zip(sides.languages, texts, strict=True):
        if not found:
            raise UserError(f"{', '.join(map(str, sentences))}: there is no sentence of language {language!r}")
    if len(texts) == 1:
        for path, number, text in texts[0].values():
            yield f"{path}, line {number}", {sides.languages[0]: text}
        return
    source, target = texts
    for where, line in try_lines(links):
        if isinstance(line, UserError):
            yield where, line
            continue
        one, _, other = line.partition("\t")
        if one in source and other in target:
            yield where, {sides.languages[0]: source[one][2], sides.languages[1]: target[other][2]}


def _sentences(paths: list[Path], language: str) -> dict[str, tuple[Path, int, str]]:
    """Read the sentences of a language, by their numbers: lines of number, code and text (and more)."""
    found: dict[str, tuple[Path, int, str]] = {}
    is_it: dict[str, bool] = {}
    for path in paths:
        for line_number, (where, line) in enumerate(read_lines(path), start=1):
            cells = line.split("\t")
            if len(cells) < 3 or not cells[0].isdecimal():
                raise UserError(f"{where}: expected a number, a language and a sentence, with tabs between them")
            if cells[1] not in is_it:
                is_it[cells[1]] = is_same_language(language, cells[1])
            if is_it[cells[1]]:
                found.setdefault(cells[0], (path, line_number, cells[2]))
    return found
