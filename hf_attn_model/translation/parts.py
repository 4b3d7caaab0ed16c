"""A text -> the parts that are translated by themselves: sentences on request, and pieces that the model can read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.teacher_forcing import most_tokens
from ..model.decoding import is_blank
from ..text.multilingual import encode_sources
from ..text.tally import Tally
from ..text.too_long import LengthLimit, OnLong

JUST_READ = 64  # texts whose ids are kept: those of the row at hand


@dataclass(frozen=True)
class Cutter:
    """Cuts texts into parts.

    Attributes:
        model, tokenizer: who reads them.
        on_long: what becomes of a part that has more tokens than the model has positions; see `LengthLimit`.
        split: cuts a text into sentences; `None` leaves it whole.
        tally: counts the texts that are too long.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    on_long: OnLong = "split"
    split: Callable[[str], list[str]] | None = None
    tally: Tally = field(default_factory=Tally)

    def cut(self, text: str, place: str) -> list[str]:
        """List the parts of a text: none of one that is blank, or left out as a part of it is too long.

        Raises:
            UserError: a part is too long, with `on_long="error"`; `place` is what the message calls the text.
        """
        most = most_tokens(self.model, "encoder")
        limit = LengthLimit(self._count, most, self.on_long)
        parts: list[str] = []
        for sentence in [text] if self.split is None else self.split(text):
            if is_blank(sentence):
                continue
            is_short = most is None or self._count(sentence) <= most
            fitting = [sentence] if is_short else limit.fit(sentence, place, self.tally)
            if not fitting:
                return []
            parts += fitting
        return parts

    @cached_property
    def encode(self) -> Callable[[str], list[int]]:
        """Tokenizes a text; a part that was counted is not tokenized again when it is searched."""
        return lru_cache(JUST_READ)(lambda text: encode_sources(self.tokenizer, [text])[0])

    def _count(self, text: str) -> int:
        return len(self.encode(text))
