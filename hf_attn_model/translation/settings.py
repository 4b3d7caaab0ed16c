"""How to search: all that a user may choose, in one place that every engine can be asked with.

No model is needed to check it, so that what contradicts is refused before one is loaded.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from ..errors import UserError
from ..recipes.limits import MOST_BEAMS

RANGES = {
    "n_best": (1, MOST_BEAMS),
    "mbr": (2, MOST_BEAMS),
    "length_penalty": (-10, 10),
    "no_repeat_ngram_size": (0, 1000),
    "max_length_ratio": (0, 1000),
    "temperature": (0.01, 100),
    "top_k": (1, 10**7),
    "top_p": (0.001, 1),
    "seed": (0, 2**63 - 1),
}


@dataclass(frozen=True)
class Sampling:
    """How translations are drawn at random; what is drawn for a sentence depends on its number and the seed alone.

    Attributes:
        temperature: the logits are divided by it.
        top_k: only so many of the likeliest tokens are drawn from; `None` for all.
        top_p: only the likeliest tokens that together have this probability are drawn from.
        seed: other numbers give other translations.

    Raises:
        UserError: a value is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        _check_ranges(self)


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    Attributes:
        num_beams: width of the search; 1 is greedy. At least as wide as `n_best`.
        n_best: hypotheses of each sentence, the best first; of a sampling, in the order they are drawn.
        length_penalty: hypotheses of a beam are ranked by their log-probability divided by their number of tokens to
            the power of it; `None` leaves it to the model's own settings, which have 1 unless they say otherwise.
        no_repeat_ngram_size: no sequence of so many tokens comes twice in a translation; 0 for any, `None` leaves it to
            the model's own settings.
        max_length_ratio: the most tokens of a translation for each token of its source, ten tokens aside.
        prefix: a text that every translation begins with.
        sampling: draws translations in place of the search; `None` for the search.
        mbr: draw so many translations, and keep the one of least risk (see `risk`); `None` for what ranks first.
        with_scores: whether `Translation.score` is wanted.

    Raises:
        UserError: a value is out of range, or one makes another one void.
    """

    num_beams: int = 5
    n_best: int = 1
    length_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    max_length_ratio: float = 2.0
    prefix: str = ""
    sampling: Sampling | None = None
    mbr: int | None = None
    with_scores: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.num_beams <= MOST_BEAMS:
            raise UserError(f"a beam must be 1 to {MOST_BEAMS} wide, got {self.num_beams}")
        _check_ranges(self)
        if self.mbr is not None and self.sampling is None:
            raise UserError("minimum Bayes risk chooses among samples: give a sampling, too")
        if self.mbr is not None and self.n_best > 1:
            raise UserError("minimum Bayes risk keeps one translation: leave out n_best")

    @property
    def hypotheses(self) -> int:
        """How many hypotheses of each sentence the search ends with."""
        return self.mbr or self.n_best

    @property
    def width(self) -> int:
        """How many hypotheses of each sentence go through the model together."""
        return self.hypotheses if self.sampling is not None else max(self.num_beams, self.n_best)

    @property
    def has_beams(self) -> bool:
        """Whether hypotheses are ranked, not each made by itself."""
        return self.sampling is None and self.width > 1

    def generation_options(self) -> dict[str, Any]:
        """Return what `generate` of transformers is told beside width and limits."""
        chosen = {"length_penalty": self.length_penalty, "no_repeat_ngram_size": self.no_repeat_ngram_size}
        options = {name: value for name, value in chosen.items() if value is not None}
        if self.has_beams and self.with_scores:
            options |= {"return_dict_in_generate": True, "output_scores": True}
        return options


def _check_ranges(settings: Sampling | SearchSettings) -> None:
    """Raise `UserError` for a value that no search can use."""
    for name, (low, high) in RANGES.items():
        value = getattr(settings, name, None)
        if value is not None and not (isfinite(value) and low <= value <= high):
            raise UserError(f"{name.replace('_', ' ')} must lie in {low} to {high:,}, got {value}")
