"""TranslateBatch: translation as a stage of a pipeline over batches of rows, on this machine or many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from ..checkpoint import Checkpoint
from ..cluster import check_room
from ..errors import UserError
from ..text.tally import Tally
from ..text.too_long import OnLong
from .sentences import sentence_splitter
from .settings import SearchSettings
from .stream import BATCH_TOKENS, TranslatedRow, translate_stream


@dataclass(frozen=True)
class TranslateBatch:
    """Adds translations to batches of rows: for `datasets.map(batched=True)` and `map_batches` of Ray Data.

        rows = dataset.map(TranslateBatch("textbook", column="en"), batched=True)
        rows = ray_dataset.map_batches(TranslateBatch, fn_constructor_kwargs={"model": "textbook", "column": "en"})

    It can be pickled, and takes no time to make: the model is loaded for the first batch, once in a process. A
    translation does not depend on the batch it came in.

    Attributes:
        model: name of a checkpoint; see `Checkpoint`.
        settings: how to search; unless given, as wide as the checkpoint says.
        column: with the texts to translate.
        source_lang, target_lang: codes, of a model with several languages.
        split_sentences: translate each sentence by itself; see `sentence_splitter`.
        on_long, batch_tokens: see `translate_stream`.

    Raises:
        UserError: when made: it would hold the only CPU that Ray Data has. When called: see `translate_stream`; there
            is no such column; or translations are to be drawn at random, by row numbers, which no batch knows.
    """

    model: str
    settings: SearchSettings | None = None
    column: str = "source"
    source_lang: str | None = None
    target_lang: str | None = None
    split_sentences: bool = False
    on_long: OnLong | None = None
    batch_tokens: int = BATCH_TOKENS

    def __post_init__(self) -> None:
        check_room()

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Translate a batch.

        Args:
            batch: columns, each a list or an array of as many values.

        Returns:
            the same columns, and `translation`, `is_cut`, and `score` where the settings ask for it; lists of the
            n best where they ask for several.
        """
        if self.column not in batch:
            raise UserError(f"there is no column {self.column}; there are {', '.join(batch)}")
        if self.settings is not None and self.settings.sampling is not None:
            raise UserError(
                "what is drawn depends on the number of a row, which a batch does not know: sample elsewhere"
            )
        rows, _ = self.translate(list(batch[self.column]))
        names = {"translation": "text", "is_cut": "is_cut"}
        if self.settings is not None and self.settings.with_scores:
            names["score"] = "score"
        columns: dict[str, list[Any]] = {
            column: [[getattr(each, name) for each in row.translations] for row in rows]
            for column, name in names.items()
        }
        if self.settings is None or self.settings.n_best == 1:
            columns = {column: [value for (value,) in values] for column, values in columns.items()}
        return {**batch, **columns}

    def translate(
        self,
        rows: Sequence[str | UserError],
        first: int = 0,
        on_bad_row: Literal["skip", "error"] = "error",
        name: str = "row {}",
    ) -> tuple[list[TranslatedRow], Tally]:
        """Translate rows of which the first has this number, counted from 0; also tells which could not be used."""
        checkpoint = load_once(self.model, self.source_lang, self.target_lang)
        splitter = sentence_splitter(self.source_lang or checkpoint.source_lang) if self.split_sentences else None
        found = translate_stream(
            checkpoint.model,
            checkpoint.tokenizer,
            rows,
            self.settings or SearchSettings(checkpoint.num_beams),
            split=splitter,
            on_long=self.on_long,
            on_bad_row=on_bad_row,
            tally=(tally := Tally()),
            name=lambda number: name.format(number + 1),
            batch_tokens=self.batch_tokens,
            first_window=max(len(rows), 1),
            first_row=first,
        )
        return list(found), tally

    def translate_numbered(
        self, piece: tuple[int, Sequence[str | UserError], Literal["skip", "error"]]
    ) -> tuple[list[TranslatedRow], Tally]:
        """Translate lines of a file: the number of the first, the lines, and what becomes of those that are no text."""
        first, lines, on_bad_row = piece
        return self.translate(lines, first, on_bad_row, "line {}")


@lru_cache(maxsize=1)
def load_once(model: str, source_lang: str | None, target_lang: str | None) -> Checkpoint:
    """Open a checkpoint, told its languages, that stays loaded in this process."""
    checkpoint = Checkpoint(model)
    if source_lang or target_lang or checkpoint.has_languages:
        checkpoint.set_languages(source_lang, target_lang)
    return checkpoint
