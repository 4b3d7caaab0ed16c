"""What searches: transformers, or another program that computes the same. All that translates may be given one."""

from collections.abc import Sequence
from typing import Protocol

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .hypotheses import Translation, search_batch
from .sampling import Number
from .settings import SearchSettings


class Engine(Protocol):
    """Translates batches of token ids.

    Attributes:
        name: as one types it.
    """

    name: str

    def check(self, settings: SearchSettings) -> None:
        """Raise `UserError` for a search that it cannot do as transformers does."""

    def search_batch(
        self, sources: Sequence[list[int]], settings: SearchSettings, numbers: Sequence[Number] | None = None
    ) -> list[list[Translation]]:
        """Translate sentences in one batch; see `hypotheses.search_batch`."""


class TransformersEngine:
    """Searches by `generate`, with every setting. Arguments are those of `search`."""

    name = "transformers"

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase):
        self.model, self.tokenizer = model, tokenizer

    def check(self, settings: SearchSettings) -> None:
        """Nothing is refused."""

    def search_batch(
        self, sources: Sequence[list[int]], settings: SearchSettings, numbers: Sequence[Number] | None = None
    ) -> list[list[Translation]]:
        """See `hypotheses.search_batch`."""
        return search_batch(self.model, self.tokenizer, sources, settings, numbers)
