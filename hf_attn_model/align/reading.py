"""A reading: which heads, at which step, by which rule. Links are cross-attention, read so.

The heads that align differ from model to model, so none are built in. `hf-attn heads` chooses a reading on gold links
and writes it to `alignment.json` beside the model.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from transformers import PreTrainedModel
from transformers.utils.hub import cached_file

from ..errors import UserError
from .cross import MEASURES, STEPS, CrossAttention, Head
from .links import RULES, link_words

READING_FILE = "alignment.json"


@dataclass(frozen=True)
class Reading:
    """How links are read off cross-attention.

    Attributes:
        heads: layers and heads, counted from 0, that are read together, see `CrossAttention.word_maps`; a layer and
            `None` stand for all its heads, and `None` for all heads of all layers.
        step: "output" or "input".
        measure: "weights" or "norms".
        rule, least: see `link_words`.
    """

    heads: tuple[tuple[int, int | None], ...] | None = None
    step: str = "output"
    measure: str = "weights"
    rule: str = "grow-diag-final-and"
    least: float = 0.0

    def __post_init__(self) -> None:
        for name, values in (("step", STEPS), ("measure", MEASURES), ("rule", RULES)):
            if getattr(self, name) not in values:
                raise UserError(f"no {name} is called {getattr(self, name)!r}; choose from {', '.join(values)}")

    def word_map(self, attention: CrossAttention) -> np.ndarray:
        """The one map of words, (Tw,Sw), that links are read off.

        Raises:
            UserError: there is no such head, or norms are asked for where only weights are.
        """
        if self.measure == "norms" and attention.products is None:
            raise UserError("norms need the model itself, not an export of its attention weights")
        return attention.word_maps([self.heads_of(attention)], self.step)[0]

    def heads_of(self, attention: CrossAttention) -> list[Head]:
        """List the heads to read. Raises `UserError` for one that is not there."""
        if self.heads is None:
            return attention.heads
        there = attention.heads
        for layer, head in self.heads:
            if not any(layer == number and head in (None, other) for number, other in there):
                layers, heads = (", ".join(map(str, sorted(set(numbers)))) for numbers in zip(*there, strict=True))
                raise UserError(f"there is no head {_name((layer, head))}: layers are {layers}, heads {heads}")
        return [head for head in attention.heads if head in self.heads or (head[0], None) in self.heads]

    def links(self, attention: CrossAttention) -> np.ndarray:
        """Links of one sentence pair, bool (Tw,Sw). Raises what `word_map` raises."""
        return link_words(self.word_map(attention), self.rule, self.least)

    def __str__(self) -> str:
        heads = "all heads" if self.heads is None else "heads " + " ".join(map(_name, self.heads))
        least = f", at least {self.least:g}" if self.least else ""
        return f"{heads}, {self.step} step, {self.measure}, {self.rule}{least}"

    def save(self, folder: str | os.PathLike, facts: dict[str, Any]) -> None:
        """Write the reading, and facts about its choice, to `alignment.json` in a folder."""
        text = json.dumps({**asdict(self), **facts}, ensure_ascii=False, indent=2)
        Path(folder, READING_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, model: str, revision: str | None = None) -> Self | None:
        """Read the `alignment.json` of a model, in a folder or on the Hub; `None` if it has none.

        Raises:
            UserError: the file cannot be understood.
        """
        path = find_reading(model, revision)
        if path is None:
            return None
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            heads = known["heads"] and tuple((layer, head) for layer, head in known["heads"])
            return cls(heads, known["step"], known["measure"], known["rule"], float(known["least"]))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is damaged ({error!r}); write it again with hf-attn heads") from error


def parse_heads(text: str) -> tuple[tuple[int, int | None], ...]:
    """Read heads as they are typed: "2:1,2:3", or "2" for all heads of a layer.

    Raises:
        UserError: it cannot be read so.
    """
    chosen: list[tuple[int, int | None]] = []
    for part in text.split(","):
        layer, colon, head = part.strip().partition(":")
        if not layer.isdecimal() or bool(colon) != head.isdecimal():
            raise UserError(f"--heads {text}: write LAYER:HEAD, as in 2:1,2:3, or LAYER for all of its heads")
        chosen.append((int(layer), int(head) if colon else None))
    return tuple(chosen)


def _name(head: tuple[int, int | None]) -> str:
    return str(head[0]) if head[1] is None else f"{head[0]}:{head[1]}"


def origin_of(model: PreTrainedModel) -> tuple[str, str | None]:
    """Tell where a model was loaded from: its folder or its name on the Hub, and there the commit."""
    return str(model.name_or_path), getattr(model.config, "_commit_hash", None)


def find_reading(model: str, revision: str | None = None) -> Path | None:
    """Find the file of a model in its folder, or else in its repository on the Hub."""
    if Path(model).is_dir():
        path = Path(model, READING_FILE)
        return path if path.is_file() else None
    found = cached_file(
        model,
        READING_FILE,
        revision=revision,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return None if found is None else Path(found)
