"""A text with more tokens than a model reads -> what becomes of it: nothing, its beginning, parts that fit, an error.

A part ends where a sentence does, or else a clause, or else a word; only a single word that is too long is cut inside.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from ..errors import UserError
from .tally import Tally
from .words import UNSPACED, split_words

OnLong = Literal["skip", "truncate", "split", "error"]
CLOSING = r"[\p{Pe}\p{Pf}\"']*"
SENTENCE_END = regex.compile(rf"[.!?…]{CLOSING}(?=\s)|[。！？]{CLOSING}")
CLAUSE_END = regex.compile(rf"[,;:]{CLOSING}(?=\s)|[，；：、]{CLOSING}")
NO_SPACE_AFTER = regex.compile(rf"[{UNSPACED}。！？，；：、」』）》]\Z")


@dataclass(frozen=True)
class LengthLimit:
    """How long a text may be, and what becomes of a longer one.

    Attributes:
        count: gives the tokens of a text, with all marks that the model reads.
        most: tokens that fit; `None` where the model has no limit.
        on_long: "skip": it is left out; "truncate": its beginning is read; "split": its parts are, one after the other;
            "error": it is refused.
    """

    count: Callable[[str], int]
    most: int | None
    on_long: OnLong

    def fit(self, text: str, place: str, tally: Tally) -> list[str]:
        """Give what is read of a text: itself where it fits, else nothing, its beginning, or all its parts.

        A caller that has counted the tokens of many texts at once needs it for those alone that are too long.

        Args:
            text: one row.
            place: where it stands in the user's file, for messages.
            tally: counts it, where it does not fit.

        Raises:
            UserError: it does not fit, with `on_long="error"`; or nothing does.
        """
        end = self._fitting(text)
        if end == len(text):
            return [text]
        if self.on_long == "error":
            raise UserError(
                f"{place}: {self.count(text):,} tokens, but the model reads at most {self.most}: shorten it, "
                "or choose with --on-long what becomes of it"
            )
        if self.on_long == "skip":
            tally.add("too long, left out", place)
            return []
        if end == 0:
            raise UserError(f"{place}: no text fits into {self.most} tokens")
        if self.on_long == "truncate":
            tally.add("too long, cut", place)
            return [text[: _word_end(text, end)].rstrip()]
        parts = []
        tally.add("too long, split", place)
        while text:
            end = self._fitting(text)
            cut = end if end == len(text) else _good_end(text, end)
            parts.append(text[:cut].rstrip())
            text = text[cut:].lstrip()
        return parts

    def _fitting(self, text: str) -> int:
        """Find how many characters at the beginning of a text fit, in about as much time as reading them takes."""
        if self.most is None:
            return len(text)
        fits, ends = 0, max(self.most, 1)
        while self.count(text[:ends]) <= self.most:
            if ends >= len(text):
                return len(text)
            fits, ends = ends, 2 * ends
        ends = min(ends, len(text))
        while ends - fits > 1:
            middle = (fits + ends) // 2
            if self.count(text[:middle]) <= self.most:
                fits = middle
            else:
                ends = middle
        return fits


def join_parts(parts: Sequence[str]) -> str:
    """Join the translations of the parts of a text: by a space, where the script has spaces."""
    joined = ""
    for part in filter(None, parts):
        space = " " if joined and not NO_SPACE_AFTER.search(joined) else ""
        joined += space + part
    return joined


def _good_end(text: str, most: int) -> int:
    """Find the last end of a sentence, or else of a clause, or else of a word, within so many characters."""
    for end in (SENTENCE_END, CLAUSE_END):
        if found := [match.end() for match in end.finditer(text, endpos=most + 1) if match.end() <= most]:
            return found[-1]
    return _word_end(text, most)


def _word_end(text: str, most: int) -> int:
    """Find the last end of a word within so many characters; of a character with its marks where there is none."""
    for ends in (split_words(text[: most + 1]), [match.span() for match in regex.finditer(r"\X", text[: most + 1])]):
        if found := [end for _, end in ends if end <= most]:
            return found[-1]
    return most
