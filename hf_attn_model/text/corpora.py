"""A corpus of the Hub, of a local file or of the package -> sentence pairs: columns `source` and `target`.

Whatever the origin, rows keep their order, and only pairs with text on both sides are kept; the others are
counted. Pairs are held in memory as Arrow columns, without a cache on disk: an edited file is read anew.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from reprlib import repr as shortened
from typing import Any

import datasets
import pyarrow as pa

from ..errors import UserError
from ..files import reading
from ..languages import find_code
from ..model.decoding import is_blank
from ..secrets import ADVICE, redact
from ..textbook import load_textbook
from .readers import SUFFIXES, Row, read_lines, read_rows, suffix_of
from .words import check_characters

TEXTBOOK = "textbook:"
ROWS_AT_ONCE = 10_000
MOST_NAMED = 20  # columns in a message


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
    """

    dataset: datasets.Dataset
    name: str
    blank: int
    one_sided: int

    def summary(self) -> str:
        """One line to print, e.g. "113,153 pairs from tatoeba_en-es/train.jsonl.gz; left out: 3 blank"."""
        kind = "pairs" if "target" in self.dataset.column_names else "sentences"
        return _summary(len(self.dataset), kind, self.name, self.blank, self.one_sided)


def load_corpus(
    corpus: str,
    source_lang: str,
    target_lang: str | None,
    split: str = "train",
    *,
    config: str | None = None,
) -> Corpus:
    """Read sentence pairs, or the sources alone.

    Args:
        corpus: "textbook:en-es"; a file (`.jsonl`, `.csv`, `.tsv`, `.txt`, each also `.gz`, or `.parquet`);
            a directory of such files, one for each split; or the id of a data set on the Hub.
        source_lang: a key of the `translation` column or, where there is none, the name of a column; or another code
            of the same language ("spa" finds "es").
        target_lang: the same for the other side; None reads sources to translate.
        split: of the textbook or the Hub; in a directory, the name of the file without its suffix; a file
            is its own only split.
        config: configuration of a Hub data set that has several.

    Raises:
        UserError: there is no such corpus, split or language, a row cannot be read, or no pair is left.
    """
    if source_lang == target_lang:
        raise UserError(f"source and target language are both {source_lang!r}: name two languages")
    if corpus.startswith(TEXTBOOK):
        return _textbook(corpus, source_lang, target_lang, split)
    name, rows = _open_rows(corpus, source_lang, target_lang, split, config, streaming=False)
    return _collect(rows, name, source_lang, target_lang)


class CorpusStream:
    """Sentence pairs one by one, `(source, target)` or `(source,)`, in constant memory; each iteration reads anew.

    Attributes:
        name: see `Corpus`.
    """

    def __init__(self, name: str, read: Callable[[Counter[str]], Iterator[tuple[str, ...]]]):
        self.name = name
        self._read = read
        self._counts: Counter[str] = Counter()

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        self._counts.clear()
        return self._read(self._counts)

    def summary(self) -> str:
        """One line to print when all were read; see `Corpus.summary`."""
        return _summary(self._counts["full"], "sentences", self.name, self._counts["blank"], self._counts["one-sided"])


def stream_corpus(
    corpus: str,
    source_lang: str,
    target_lang: str | None,
    split: str = "train",
    *,
    config: str | None = None,
) -> CorpusStream:
    """Read what `load_corpus` reads, without holding it in memory (but for the textbook), data of the Hub streaming.

    Arguments and errors are those of `load_corpus`; a row that cannot be read is found when it is its turn.
    """
    if source_lang == target_lang or corpus.startswith(TEXTBOOK):
        held = load_corpus(corpus, source_lang, target_lang, split, config=config)
        columns = [held.dataset[name] for name in ("source", "target") if name in held.dataset.column_names]

        def read_held(counts: Counter[str]) -> Iterator[tuple[str, ...]]:
            for texts in zip(*columns, strict=True):
                counts["full"] += 1
                yield texts

        return CorpusStream(held.name, read_held)
    languages = [source_lang] if target_lang is None else [source_lang, target_lang]
    name, _ = _open_rows(corpus, source_lang, target_lang, split, config, streaming=True)

    def read(counts: Counter[str]) -> Iterator[tuple[str, ...]]:
        _, rows = _open_rows(corpus, source_lang, target_lang, split, config, streaming=True)
        return (tuple(texts) for texts in _full_pairs(rows, languages, counts))

    return CorpusStream(name, read)


def local_path(corpus: str) -> Path | None:
    """Find a corpus on this machine; `None` for the textbook, and where there is no such file or folder.

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
        return path if path.exists() else None


def _open_rows(
    corpus: str, source_lang: str, target_lang: str | None, split: str, config: str | None, *, streaming: bool
) -> tuple[str, Iterator[Row]]:
    """Find a file, a split of a folder or a data set on the Hub: its name and its rows."""
    if redact(corpus) != corpus:
        raise UserError(f"{redact(corpus)}: the name of a corpus is kept with what is made of it: {ADVICE}")
    path = local_path(corpus)
    if path is not None and path.is_dir():
        path = _file_of_split(path, split)
    if path is not None:
        if not path.is_file():
            raise UserError(f"{corpus}: neither a file nor a folder, but a pipe or a device: write it into a file")
        return f"{path.absolute().parent.name}/{path.name}", _file_rows(path, source_lang, target_lang)
    if suffix_of(Path(corpus)) or corpus.startswith((".", "/", "~")):
        raise UserError(f"{corpus}: no such file or directory")
    name = "/".join(part for part in (corpus, config, split) if part)
    return name, _hub_rows(corpus, config, split, streaming=streaming)


def _file_of_split(folder: Path, split: str) -> Path:
    """The file `split` + one of `SUFFIXES`."""
    with reading(folder):
        paths = sorted(folder.iterdir())
    files = {path: path.name.removesuffix(suffix) for path in paths if (suffix := suffix_of(path))}
    found = [path for path, stem in files.items() if stem == split]
    if len(found) > 1:
        raise UserError(f"{folder}: split {split!r} is in {' and '.join(path.name for path in found)}: name the file")
    if not found:
        there = ", ".join(files.values()) or f"none, expected files such as {split}{SUFFIXES[0]}"
        raise UserError(f"{folder}: no split {split!r}; splits there: {there}")
    return found[0]


def _file_rows(path: Path, source_lang: str, target_lang: str | None) -> Iterator[Row]:
    if suffix_of(path) not in (".txt", ".txt.gz"):
        return read_rows(path)
    if target_lang is not None:
        raise UserError(f"{path}: plain text has one language; pairs need a .jsonl, .csv, .tsv or .parquet file")
    return ((where, {source_lang: line}) for where, line in read_lines(path))


def _hub_rows(corpus: str, config: str | None, split: str, *, streaming: bool) -> Iterator[Row]:
    try:
        dataset = datasets.load_dataset(corpus, config, split=split, streaming=streaming)
    except ConnectionError as error:
        raise UserError(f"{corpus}: no such file here, and the Hub cannot be reached ({error})") from None
    except (datasets.exceptions.DatasetsError, OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{corpus}: cannot be loaded from the Hub: {reason}") from None
    return ((f"{corpus}, row {number}", row) for number, row in enumerate(dataset, start=1))


def _summary(full: int, kind: str, name: str, blank: int, one_sided: int) -> str:
    counts = {"blank": blank, "one-sided": one_sided}
    left_out = ", ".join(f"{count:,} {why}" for why, count in counts.items() if count)
    return f"{full:,} {kind} from {name}" + (f"; left out: {left_out}" if left_out else "")


def _collect(rows: Iterable[Row], name: str, source_lang: str, target_lang: str | None) -> Corpus:
    """Keep the pairs with text on both sides, count the others."""
    languages = [source_lang] if target_lang is None else [source_lang, target_lang]
    counts: Counter[str] = Counter()
    table = _as_table(_full_pairs(rows, languages, counts), ["source", "target"][: len(languages)])
    if not table.num_rows:
        found = f"none of the {counts.total():,} rows has text in {' and '.join(languages)}" if counts else "no rows"
        raise UserError(f"{name}: an empty corpus ({found})")
    return Corpus(datasets.Dataset(table), name, counts["blank"], counts["one-sided"])


def _full_pairs(rows: Iterable[Row], languages: list[str], counts: Counter[str]) -> Iterator[list[str]]:
    """The pairs (or single texts) with text everywhere; `counts` receives how many there are of each kind."""
    for where, row in rows:
        texts = [] if row is None else [_text(row, language, where) for language in languages]
        filled = sum(not is_blank(text) for text in texts)
        kind = "full" if filled == len(languages) else "one-sided" if filled else "blank"
        counts[kind] += 1
        if kind == "full":
            yield texts


def _as_table(pairs: Iterator[list[str]], columns: list[str]) -> pa.Table:
    """String columns, built piece by piece: Arrow takes far less memory than Python strings."""
    schema = pa.schema([(column, pa.string()) for column in columns])
    batches = []
    while piece := list(islice(pairs, ROWS_AT_ONCE)):
        batches.append(pa.record_batch([list(texts) for texts in zip(*piece, strict=True)], schema=schema))
    return pa.Table.from_batches(batches, schema)


def _text(row: dict[str, Any], language: str, where: str) -> str:
    """The text of a row in a language; null counts as empty."""
    cells = row.get("translation", row)
    if not isinstance(cells, dict):
        raise UserError(f"{where}: `translation` is {shortened(cells)}; expected a text for each language")
    language = find_code(language, cells) or language
    if language not in cells:
        there = ", ".join(map(repr, islice(cells, MOST_NAMED))) + (", ..." if len(cells) > MOST_NAMED else "")
        raise UserError(f"{where}: nothing for language {language!r}; there is {there or 'nothing'}")
    text = cells[language]
    if text is None:
        return ""
    if not isinstance(text, str):
        raise UserError(f"{where}: {language!r} is {shortened(text)}; expected text")
    check_characters(f"{where}: {language!r}", text)
    return text


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
