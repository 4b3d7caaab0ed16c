"""Two files with a line for each sentence, `train.en` and `train.es`, as Moses has them."""

from collections.abc import Iterator
from pathlib import Path

from ...errors import UserError
from ...files import reading
from ...languages import find_column
from .columns import Row, Sides
from .lines import count_lines, try_lines
from .packed import bare_name


def files_beside(prefix: Path, sides: Sides) -> tuple[Path, ...] | None:
    """Find the file of each side, `prefix.CODE`, perhaps compressed; `None` where one is missing.

    Raises:
        UserError: a side is there twice.
    """
    there = sides_beside(prefix)
    found = []
    for language, column in zip(sides.languages, sides.columns, strict=True):
        code = column if column in there else find_column(language, there)
        if code is None:
            return None
        if len(files := there[code]) > 1:
            raise UserError(f"{' and '.join(map(str, files))} are the same side: remove one of them")
        found.append(files[0])
    return tuple(found) or None


def sides_beside(prefix: Path) -> dict[str, list[Path]]:
    """List the files `prefix.CODE` by their codes, whatever they mean; empty where there is no such folder."""
    if not prefix.name or not prefix.parent.is_dir():
        return {}
    found: dict[str, list[Path]] = {}
    with reading(prefix.parent):
        for path in sorted(prefix.parent.iterdir()):
            code = bare_name(path).removeprefix(f"{prefix.name}.")
            if path.name.startswith(f"{prefix.name}.") and code and "." not in code and path.is_file():
                found.setdefault(code, []).append(path)
    return found


def paired_rows(files: tuple[Path, ...], sides: Sides) -> Iterator[Row]:
    """The lines of the files, one beside the other; their numbers of lines are compared first.

    Raises:
        UserError: they differ, or a file cannot be read.
    """
    counts = [count_lines(path) for path in files] if len(files) > 1 else []
    if len(set(counts)) > 1:
        told = " and ".join(f"{path} has {count:,} lines" for path, count in zip(files, counts, strict=True))
        raise UserError(f"{told}: each line must stand beside its translation")
    for lines in zip(*map(try_lines, files), strict=True):
        wrong = [line for _, line in lines if isinstance(line, UserError)]
        texts = {language: line for language, (_, line) in zip(sides.languages, lines, strict=True)}
        yield lines[0][0], wrong[0] if wrong else texts
