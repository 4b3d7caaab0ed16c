"""Rows of any number -> their translations, in order, each as soon as it and those before it are there.

A row has parts: itself, its sentences, or pieces that the model can read. Parts wait in a window; the next batch holds
the oldest one and those of like length. The window is small at first, so that the first rows soon come out, and grows.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.edges import check_ids, check_texts, not_finite, vocabulary_size
from ..errors import UserError
from ..model.decoding import NonFiniteLogits
from ..text.multilingual import check_search, decode_targets
from ..text.tally import Tally
from ..text.too_long import OnLong, join_parts
from .batches import Source, Waiting
from .engine import Engine, TransformersEngine
from .hypotheses import Translation, given_ids, length_penalty, limit_of
from .parts import Cutter
from .risk import least_risk
from .settings import SearchSettings

FIRST_WINDOW, LARGEST_WINDOW = 64, 2048  # rows that are held
BATCH_TOKENS = 4096
MOST_BYTES = 2**30  # of the scores that `generate` keeps of every beam, step and token of the vocabulary


@dataclass
class Part:
    """What is translated by itself.

    Attributes:
        text: a row, a sentence of it, or a piece.
        found: its hypotheses, the best first; empty until they are there.
    """

    text: str
    found: list[Translation]


@dataclass(frozen=True)
class RowTranslation:
    """A translation of a whole row, on one line.

    Attributes:
        text: those of its parts, joined.
        is_cut: whether that of a part came to its limit.
        log_probability, score: see `Translation`; over all parts.
    """

    text: str
    is_cut: bool
    log_probability: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class TranslatedRow:
    """A row and what became of it.

    Attributes:
        number: of the row, from 0.
        source: its text.
        parts: what of it was translated; of a blank row, and of one that is left out, nothing.
        translations: the best first; of a row without parts a single empty one.
    """

    number: int
    source: str
    parts: list[Part]
    translations: list[RowTranslation]


def translate_stream(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Iterable[str | UserError],
    settings: SearchSettings | None = None,
    *,
    split: Callable[[str], list[str]] | None = None,
    on_long: OnLong | None = None,
    on_bad_row: Literal["skip", "error"] = "error",
    tally: Tally | None = None,
    name: Callable[[int], str] = "row {}".format,
    batch_tokens: int = BATCH_TOKENS,
    first_window: int = FIRST_WINDOW,
    engine: Engine | None = None,
    first_row: int = 0,
) -> Iterator[TranslatedRow]:
    """Translate rows as they come, one out for each one in.

        for row in translate_stream(model, tokenizer, open("english.txt"), SearchSettings(num_beams=4)):
            print(row.translations[0].text)

    Args:
        model, tokenizer: see `search`.
        rows: texts, read as far ahead as the window is large; an error in the place of one that cannot be read.
        settings: how to search.
        split: cuts a row into sentences; see `sentence_splitter`.
        on_long: what becomes of a text with more tokens than the model has positions, see `LengthLimit`: "split", but
            "truncate" where a row has to be translated as one, with `n_best` or `prefix`.
        on_bad_row: whether such an error is raised, or the row is left out.
        tally: counts texts that are too long, and rows that cannot be read.
        name: what messages call a row by its number.
        batch_tokens: the most source tokens of a batch, padding included, each counted for every beam or sample.
        first_window: rows that are read before the first ones are translated.
        engine: see `search`.
        first_row: number of the first row.

    Raises:
        UserError: see `search`; or rows are to be cut into parts that have to be translated as one.
    """
    settings = settings or SearchSettings()
    engine = engine or TransformersEngine(model, tokenizer)
    engine.check(settings)
    is_whole = settings.n_best > 1 or bool(settings.prefix)
    if is_whole and (split is not None or on_long == "split"):
        raise UserError("a row is translated as one where it has n best translations or a prefix: do not split it")
    check_search(model, tokenizer)
    given_ids(model, tokenizer, settings.prefix)
    tally = Tally() if tally is None else tally
    cutter = Cutter(model, tokenizer, on_long or ("truncate" if is_whole else "split"), split, tally)
    numbered = _readable(rows, first_row, on_bad_row, tally, name)
    search = _Search(model, tokenizer, engine, cutter.encode, settings, name, batch_tokens)
    return _stream(numbered, cutter, search, first_window)


def _readable(
    rows: Iterable[str | UserError], first_row: int, on_bad_row: str, tally: Tally, name: Callable[[int], str]
) -> Iterator[tuple[int, str]]:
    """Give the rows that are texts, and nothing in place of those that cannot be read. Raises `UserError` for one."""
    for number, text in enumerate(rows, start=first_row):
        if isinstance(text, UserError):
            if on_bad_row == "error":
                raise text
            tally.add("unreadable", name(number))
            text = ""
        check_texts([text], [name(number)])
        yield number, text


def _stream(
    unread: Iterator[tuple[int, str]], cutter: Cutter, search: "_Search", window: int
) -> Iterator[TranslatedRow]:
    held = deque[_Held]()
    while True:
        while len(held) < window and (row := next(unread, None)) is not None:
            number, text = row
            parts = [Part(part, []) for part in cutter.cut(text, search.name(number))]
            held.append(search.hold(_Held(number, text, parts)))
        if not held:
            return
        if not held[0].is_done:
            search.next_batch(held)
            window = min(2 * window, LARGEST_WINDOW)
        while held and held[0].is_done:
            yield search.finish(held.popleft())


@dataclass
class _Held:
    """A row in the window."""

    number: int
    source: str
    parts: list[Part]

    @property
    def is_done(self) -> bool:
        return all(part.found for part in self.parts)


class _Search:
    """Searches the translations of parts that wait."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        engine: Engine,
        encode: Callable[[str], list[int]],
        settings: SearchSettings,
        name: Callable[[int], str],
        batch_tokens: int,
    ):
        self.model, self.tokenizer, self.engine, self.encode = model, tokenizer, engine, encode
        self.settings, self.name, self.batch_tokens = settings, name, batch_tokens
        self._vocabulary = vocabulary_size(model, "encoder")
        self._waiting = Waiting(self._share)

    def _share(self, length: int) -> float:
        """Tell what part of a batch a source of so many tokens takes, with all its beams or samples."""
        tokens = self.settings.width * length / self.batch_tokens
        if not (self.settings.has_beams and self.settings.with_scores):
            return tokens
        head: Any = self.model.get_output_embeddings()
        scores = 4 * self.settings.width * limit_of(self.model, length, self.settings) * len(head.weight)
        return max(tokens, scores / MOST_BYTES)

    def hold(self, row: _Held) -> _Held:
        """Let the parts of a row wait."""
        for i, part in enumerate(row.parts):
            ids = self.encode(part.text)
            check_ids(self.name(row.number), ids, self._vocabulary)
            self._waiting.add(Source(len(ids), row.number, i, ids))
        return row

    def next_batch(self, held: deque[_Held]) -> None:
        """Translate the first part that waits, and those that go with it."""
        number, part = held[0].number, next(i for i, part in enumerate(held[0].parts) if not part.found)
        batch = self._waiting.take(number, part)
        rows = [held[source.row - number] for source in batch]
        try:
            numbers = [(source.row, source.part) for source in batch]
            found = self.engine.search_batch([each.ids for each in batch], self.settings, numbers)
        except NonFiniteLogits as error:
            row = rows[error.sentence]
            raise not_finite(self.model, self.name(row.number), row.source) from None
        for row, source, hypotheses in zip(rows, batch, found, strict=True):
            row.parts[source.part].found = self._best(hypotheses)

    def _best(self, hypotheses: list[Translation]) -> list[Translation]:
        if self.settings.mbr is None:
            return hypotheses
        return [hypotheses[least_risk(self._decode(hypotheses))]]

    def _decode(self, hypotheses: Iterable[Translation]) -> list[str]:
        return decode_targets(self.tokenizer, [each.ids for each in hypotheses])

    def finish(self, row: _Held) -> TranslatedRow:
        """Join the translations of the parts of a row."""
        ranked = zip(*(part.found for part in row.parts), strict=True) if row.parts else [()]
        return TranslatedRow(row.number, row.source, row.parts, [self._join(one_of_each) for one_of_each in ranked])

    def _join(self, translations: tuple[Translation, ...]) -> RowTranslation:
        """Join one translation of each part."""
        text = join_parts([" ".join(text.splitlines()) for text in self._decode(translations)])
        is_cut = any(each.is_cut for each in translations)
        if len(translations) == 1:
            return RowTranslation(text, is_cut, translations[0].log_probability, translations[0].score)
        if not translations or not self.settings.with_scores:
            return RowTranslation(text, is_cut)
        log_probability = sum(each.log_probability or 0.0 for each in translations)
        length = sum(len(each.ids) for each in translations)
        penalty = length_penalty(self.model, self.settings)
        return RowTranslation(text, is_cut, log_probability, log_probability / length**penalty)
