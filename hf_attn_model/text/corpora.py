"""A corpus of the Hub, of local files, of memory or of the package -> sentence pairs: columns `source` and `target`.

Whatever the origin, rows keep their order and their place in the original. For training only pairs with text on both
sides are kept, and the others counted; who writes beside a corpus reads every row, an unusable one as empty texts.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import datasets
import pyarrow as pa

from ..errors import UserError
from ..files import reading
from ..languages import find_code, meaning_of
from ..secrets import ADVICE, redact
from ..textbook import load_textbook
from .readers import Row, Sides, arrow_rows, read_rows, refuse_archive, suffix_of
from .readers.folders import DATA, saved_files, split_files
from .readers.packed import bare_name
from .readers.side_by_side import files_beside, paired_rows, sides_beside
from .readers.tatoeba import linked_files, linked_rows
from .tally import Tally

TEXTBOOK = "textbook:"
ROWS_AT_ONCE = 10_000
LEFT_OUT = ("blank", "one-sided", "unreadable")  # why a row is
IN_MEMORY = (datasets.Dataset, datasets.IterableDataset)

Data = str | os.PathLike | datasets.Dataset | datasets.IterableDataset | dict
OnBadRow = Literal["skip", "error"]


class Opened(NamedTuple):
    """A corpus that was found.

    Attributes:
        name: in short, for people: "tatoeba_en-es/train.jsonl.gz".
        files: what it is read from, where that lies on this machine.
        rows: reads them, each with its place.
    """

    name: str
    files: tuple[Path, ...]
    rows: Callable[[], Iterator[Row]]


class TextRow(NamedTuple):
    """A row of a corpus.

    Attributes:
        place: where it stands: "data/train.tsv, line 7".
        texts: source and target, or the source alone; all empty where one of them is, or where it cannot be read.
    """

    place: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """Sentence pairs ready to train on, and what was left out of them.

    Attributes:
        dataset: string columns `source` and, where a target language was asked for, `target`. The textbook
            then adds `source_words`, `target_words` (lists of strings) and `sure`, `possible` (lists of 0-based
            [source word, target word] links).
        name: the origin in short, e.g. "tatoeba_en-es/train.jsonl.gz".
        blank: pairs left out because both sides are empty or white space.
        one_sided: pairs left out because one side is.
        unreadable: rows left out because they could not be read.
        places: where each pair stands, if every row of the corpus was kept.
    """

    dataset: datasets.Dataset
    name: str
    blank: int
    one_sided: int
    unreadable: int = 0
    places: list[str] | None = None

    def summary(self) -> str:
        """One line to print, e.g. "113,153 pairs from tatoeba_en-es/train.jsonl.gz; left out: 3 blank"."""
        kind = "pairs" if "target" in self.dataset.column_names else "sentences"
        counts = {"blank": self.blank, "one-sided": self.one_sided, "unreadable": self.unreadable}
        unused = sum(counts.values()) if self.places else 0
        return _summary(len(self.dataset) - unused, kind, self.name, counts)


def load_corpus(
    corpus: Data,
    source_lang: str,
    target_lang: str | None,
    split: str = "train",
    *,
    config: str | None = None,
    source_column: str | None = None,
    target_column: str | None = None,
    on_bad_row: OnBadRow = "error",
    keep_rows: bool = False,
) -> Corpus:
    """Read sentence pairs, or the sources alone.

    Args:
        corpus: "textbook:en-es"; a file of any format in the table of `docs/guide/corpora.md`; the beginning of the
            names of two files, `PREFIX` for `PREFIX.en` and `PREFIX.es`; a directory with the files of each split; the
            id of a data set on the Hub; or an object of `datasets`, such as a `Dataset` or a `DatasetDict`.
        source_lang: a key of the `translation` column or, where there is none, the name of a column; or another code
            of the same language ("spa" finds "es"), or one whose column has its English name ("Spanish").
        target_lang: the same for the other side; None reads sources to translate.
        split: of the textbook, the Hub or a `DatasetDict`; in a directory, the name of the files without their
            suffixes; a file is its own only split.
        config: configuration of a Hub data set that has several.
        source_column, target_column: names of the columns; numbers in a table without names: "1" is the first.
        on_bad_row: "error", or "skip": a row that cannot be read is left out, and counted.
        keep_rows: keep a pair for every row, of empty texts where the row cannot be used, and all their places.

    Raises:
        UserError: there is no such corpus, split, language or column, a row cannot be read, or no pair is left.
    """
    _check_languages(source_lang, target_lang)
    if isinstance(corpus, str) and corpus.startswith(TEXTBOOK):
        _refuse_columns(corpus, source_column, target_column)
        return _textbook(corpus, source_lang, target_lang, split)
    sides = sides_of(source_lang, target_lang, source_column, target_column)
    opened = open_rows(corpus, sides, split, config)
    return _collect(opened.rows(), opened.name, sides, on_bad_row, keep_rows)


class CorpusStream:
    """Sentence pairs one by one, `(source, target)` or `(source,)`, in constant memory; each iteration reads anew.

    Attributes:
        name: see `Corpus`.
        tally: what was left out, or is empty, so far in the newest iteration.
    """

    def __init__(self, name: str, read: Callable[[Tally], Iterator[TextRow]]):
        self.name = name
        self.tally = Tally()
        self._read = read
        self._full = 0

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Go through the pairs that are full."""
        return (row.texts for row in self.rows() if row.texts[0])

    def rows(self) -> Iterator[TextRow]:
        """Go through all rows, each with its place: what is written beside them has as many."""
        self.tally, self._full = Tally(), 0
        for row in self._read(self.tally):
            self._full += bool(row.texts[0])
            yield row

    def summary(self) -> str:
        """One line to print when all were read; see `Corpus.summary`."""
        return _summary(self._full, "sentences", self.name, self.tally.counts)


def stream_corpus(
    corpus: Data,
    source_lang: str,
    target_lang: str | None,
    split: str = "train",
    *,
    config: str | None = None,
    source_column: str | None = None,
    target_column: str | None = None,
    on_bad_row: OnBadRow = "error",
) -> CorpusStream:
    """Read what `load_corpus` reads, without holding it in memory (but for the textbook), data of the Hub streaming.

    Arguments and errors are those of `load_corpus`; a row that cannot be read is found when it is its turn.
    """
    _check_languages(source_lang, target_lang)
    if isinstance(corpus, str) and corpus.startswith(TEXTBOOK):
        held = load_corpus(corpus, source_lang, target_lang, split)
        columns = [held.dataset[name] for name in ("source", "target") if name in held.dataset.column_names]

        def read_held(tally: Tally) -> Iterator[TextRow]:
            for number, texts in enumerate(zip(*columns, strict=True), start=1):
                yield TextRow(f"{held.name}, row {number}", texts)

        return CorpusStream(held.name, read_held)
    sides = sides_of(source_lang, target_lang, source_column, target_column)
    opened = open_rows(corpus, sides, split, config, streaming=True)
    return CorpusStream(opened.name, lambda tally: read_texts(opened.rows(), opened.name, sides, tally, on_bad_row))


def sides_of(
    source_lang: str, target_lang: str | None, source_column: str | None = None, target_column: str | None = None
) -> Sides:
    """Say what to take from each row, in the words of `load_corpus`. Raises `UserError` for a column without a use."""
    if target_lang is None:
        return Sides([source_lang], [source_column])
    if source_column is not None and source_column == target_column:
        raise UserError(f"source and target are both column {source_column!r}: name two columns")
    return Sides([source_lang, target_lang], [source_column, target_column])


def read_texts(
    rows: Iterable[Row], name: str, sides: Sides, tally: Tally, on_bad_row: OnBadRow = "error"
) -> Iterator[TextRow]:
    """Take the texts of each row; those of a row that cannot be used are empty, and `tally` counts it.

    Raises:
        UserError: a row cannot be read, unless that is to be skipped; or there is no row that can be used.
    """
    nothing = ("",) * len(sides.languages)
    full, total, first_error = 0, 0, None
    for total, (place, row) in enumerate(rows, start=1):  # noqa: B007
        texts: tuple[str, ...] = nothing
        try:
            if isinstance(row, UserError):
                raise row
            if row is not None:
                texts = sides.texts(row, place)
        except UserError as error:
            if on_bad_row == "error":
                raise
            first_error = first_error or error
            tally.add("unreadable", place)
            yield TextRow(place, nothing)
            continue
        filled = sum(bool(text.strip()) for text in texts)
        if filled == len(texts):
            full += 1
            yield TextRow(place, texts)
        else:
            tally.add("one-sided" if filled else "blank", place)
            yield TextRow(place, nothing)
    if not full:
        none = f"none of the {total:,} rows has text in {' and '.join(sides.languages)}" if total else "no rows"
        raise UserError(f"{name}: an empty corpus ({none}{f'; {first_error}' if first_error else ''})")


def local_path(corpus: str) -> Path | None:
    """Find a corpus on this machine; `None` for the textbook, and where there is no such file, folder or pair of files.

    Raises:
        UserError: no file can bear this name.
    """
    if corpus.startswith(TEXTBOOK):
        return None
    with reading(corpus):
        try:
            path = Path(corpus).expanduser()
        except RuntimeError:
            raise UserError(f"{corpus}: there is no home of that name") from None
        is_there = path.exists() or sum(meaning_of(code) is not None for code in sides_beside(path)) > 1
    return path if is_there else None


def open_rows(corpus: Data, sides: Sides, split: str, config: str | None = None, *, streaming: bool = False) -> Opened:
    """Find a file, two files side by side, a split of a folder, a data set on the Hub, or one in memory.

    Args:
        corpus, split, config: see `load_corpus`; not the textbook.
        sides: what is asked for.
        streaming: read the Hub without a copy on the disk.

    Raises:
        UserError: it is not there.
    """
    if not isinstance(corpus, str | os.PathLike):
        return _in_memory(corpus, split)
    corpus = os.fspath(corpus)
    if redact(corpus) != corpus:
        raise UserError(f"{redact(corpus)}: the name of a corpus is kept with what is made of it: {ADVICE}")
    path = local_path(corpus)
    if path is None:
        if suffix_of(Path(corpus)) or corpus.startswith((".", "/", "~")):
            raise UserError(f"{corpus}: no such file or directory")
        name = "/".join(part for part in (corpus, config, split) if part)
        return Opened(name, (), lambda: _hub_rows(corpus, config, split, streaming=streaming))
    if path.is_dir():
        return _open_folder(path, split, sides)
    if not path.exists():
        return _side_by_side(path, sides)
    if not path.is_file():
        raise UserError(f"{corpus}: neither a file nor a folder, but a pipe or a device: write it into a file")
    refuse_archive(path)
    code = Path(bare_name(path)).suffix.removeprefix(".")
    if suffix_of(path) is None and any(sides.is_called(code, side) for side in range(len(sides.languages))):
        return _side_by_side(path.with_name(bare_name(path).removesuffix(f".{code}")), sides)
    return _files([path], lambda: read_rows(path, sides))


def _open_folder(folder: Path, split: str, sides: Sides) -> Opened:
    """Find a split in a folder."""
    if (saved := saved_files(folder, split)) is not None:
        return _files(saved, lambda: chain.from_iterable(map(arrow_rows, saved)))
    with reading(folder):
        linked = linked_files(folder)
        below = folder / DATA
        paths = [*sorted(folder.iterdir()), *(sorted(below.iterdir()) if below.is_dir() else [])]
    if linked is not None:
        links, sentences = linked
        return _files([links, *sentences], lambda: linked_rows(links, sentences, sides))
    if (pair := files_beside(folder / split, sides)) is not None:
        return _files(pair, lambda: paired_rows(pair, sides))
    suffixes = {path: suffix for path in paths if (suffix := suffix_of(path)) and path.is_file()}
    files = split_files(folder, split, suffixes, sides)
    return _files(files, lambda: chain.from_iterable(read_rows(path, sides) for path in files))


def _side_by_side(prefix: Path, sides: Sides) -> Opened:
    pair = files_beside(prefix, sides)
    if pair is None:
        there = ", ".join(sides_beside(prefix)) or "none"
        wanted = " and ".join(f"{prefix}.{language}" for language in sides.languages)
        raise UserError(f"{prefix}: expected the files {wanted}; there is {prefix}.* for: {there}")
    return _files(pair, lambda: paired_rows(pair, sides))


def _files(paths: Iterable[Path], rows: Callable[[], Iterator[Row]]) -> Opened:
    """Name a corpus by its files."""
    paths = tuple(paths)
    names = [paths[0].name, *(["..."] if len(paths) > 2 else []), *(path.name for path in paths[1:][-1:])]
    return Opened(f"{paths[0].absolute().parent.name}/{' + '.join(names)}", paths, rows)


def _in_memory(corpus: Any, split: str) -> Opened:
    """Take a data set that a program holds, or one of several by its split."""
    if isinstance(corpus, dict):
        if split not in corpus:
            raise UserError(f"the data sets in memory have no split {split!r}; splits there: {', '.join(corpus)}")
        corpus = corpus[split]
    if not isinstance(corpus, IN_MEMORY):
        kind = type(corpus).__name__
        raise UserError(f"a corpus is a name, a Dataset or a DatasetDict of the library datasets, not {kind}")
    name = f"data in memory/{split}"
    return Opened(name, (), lambda: ((f"{name}, row {number}", row) for number, row in enumerate(corpus, start=1)))


def _hub_rows(corpus: str, config: str | None, split: str, *, streaming: bool) -> Iterator[Row]:
    try:
        dataset = datasets.load_dataset(corpus, config, split=split, streaming=streaming)
    except ConnectionError as error:
        raise UserError(f"{corpus}: no such file here, and the Hub cannot be reached ({error})") from None
    except (datasets.exceptions.DatasetsError, OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{corpus}: cannot be loaded from the Hub: {reason}") from None
    return ((f"{corpus}, row {number}", row) for number, row in enumerate(dataset, start=1))


def _summary(full: int, kind: str, name: str, counts: dict[str, int]) -> str:
    left_out = ", ".join(f"{counts[why]:,} {why}" for why in LEFT_OUT if counts[why])
    return f"{full:,} {kind} from {name}" + (f"; left out: {left_out}" if left_out else "")


def _collect(rows: Iterable[Row], name: str, sides: Sides, on_bad_row: OnBadRow, keep_rows: bool) -> Corpus:
    """Keep the pairs with text on both sides, or all; count the others."""
    tally, places = Tally(), list[str]()

    def texts() -> Iterator[tuple[str, ...]]:
        for row in read_texts(rows, name, sides, tally, on_bad_row):
            if keep_rows:
                places.append(row.place)
            if keep_rows or row.texts[0]:
                yield row.texts

    table = _as_table(texts(), ["source", "target"][: len(sides.languages)])
    left_out = [tally.counts[why] for why in LEFT_OUT]
    return Corpus(datasets.Dataset(table), name, *left_out, places if keep_rows else None)


def _as_table(pairs: Iterator[tuple[str, ...]], columns: list[str]) -> pa.Table:
    """String columns, built piece by piece: Arrow takes far less memory than Python strings."""
    schema = pa.schema([(column, pa.string()) for column in columns])
    batches = []
    while piece := list(islice(pairs, ROWS_AT_ONCE)):
        batches.append(pa.record_batch([list(texts) for texts in zip(*piece, strict=True)], schema=schema))
    return pa.Table.from_batches(batches, schema)


def _check_languages(source_lang: str, target_lang: str | None) -> None:
    if source_lang == target_lang:
        raise UserError(f"source and target language are both {source_lang!r}: name two languages")


def _refuse_columns(corpus: str, *columns: str | None) -> None:
    if any(columns):
        raise UserError(f"{corpus} has no columns to choose from: leave out --source-column and --target-column")


def _textbook(corpus: str, source_lang: str, target_lang: str | None, split: str) -> Corpus:
    """The built-in corpus, in either direction."""
    pair = corpus.removeprefix(TEXTBOOK)
    dataset = load_textbook(pair, split)
    languages = pair.split("-")
    for language in (source_lang, target_lang):
        if language is not None and find_code(language, languages) is None:
            raise UserError(f"{corpus}: nothing for language {language!r}; there is {', '.join(languages)}")
    source_lang = find_code(source_lang, languages) or source_lang
    target_lang = target_lang and find_code(target_lang, languages)
    name = f"{corpus}/{split}"
    columns = dataset[:]
    sentences = {language: [row[language] for row in columns["translation"]] for language in languages}
    if target_lang is None:
        return Corpus(datasets.Dataset.from_dict({"source": sentences[source_lang]}), name, 0, 0)
    words = [columns["source_words"], columns["target_words"]]
    links = [columns["sure"], columns["possible"]]
    if source_lang != languages[0]:
        words.reverse()
        links = [[sorted([target, source] for source, target in row) for row in rows] for rows in links]
    pairs = {
        "source": sentences[source_lang],
        "target": sentences[target_lang],
        "source_words": words[0],
        "target_words": words[1],
        "sure": links[0],
        "possible": links[1],
    }
    return Corpus(datasets.Dataset.from_dict(pairs), name, 0, 0)
