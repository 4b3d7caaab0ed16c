"""What `hf-attn heads` found out about a model: how links are read off its cross-attention, and what each head does.

The heads that align differ from model to model, so none are built in. `hf-attn heads` chooses them on gold links and
writes `alignment.json` beside the model; `hf-attn align` reads it, and pages show it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from ..errors import UserError, in_words
from ..files import read_json, write_json
from .weight_files import shown

ALIGNMENT_FILE = "alignment.json"
AGAIN = "; write it again with hf-attn heads"
MEASURES = ("weights", "norms")
METHODS = ("intersection", "union", "grow-diag", "grow-diag-final", "grow-diag-final-and")
RULES = ("target", "source", "threshold", *METHODS)


@dataclass(frozen=True)
class AlignmentConfig:
    """How links are read off cross-attention; `CrossAttention.links` reads them.

    Attributes:
        heads: layers and heads, counted from 0, that are read together, see `CrossAttention.word_maps`; a layer and
            `None` stand for all its heads, and `None` for all heads of all layers.
        shift: read a target word off the rows where it is the decoder's input, not where it is written (Shift-Att;
            Chen et al., 2020, "Accurate Word Alignment Induction from Neural Machine Translation").
        measure: "weights" or "norms".
        rule, threshold: see `link_words`.

    Raises:
        UserError: there is no such shift, measure or rule.
    """

    heads: tuple[tuple[int, int | None], ...] | None = None
    shift: bool = False
    measure: str = "weights"
    rule: str = "grow-diag-final-and"
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.shift, bool):
            raise UserError(f"shift is {self.shift}: choose true (where a word is read) or false (where it is written)")
        if not isfinite(self.threshold):
            raise UserError(f"threshold is {self.threshold}: choose a number")
        for name, values in (("measure", MEASURES), ("rule", RULES)):
            if getattr(self, name) not in values:
                raise UserError(f"no {name} is called {getattr(self, name)!r}; choose from {', '.join(values)}")

    def __str__(self) -> str:
        heads = "all heads" if self.heads is None else "heads " + " ".join(map(name_of, self.heads))
        threshold = f", threshold {self.threshold:g}" if self.threshold else ""
        return f"{heads}, {shift_name(self.shift)}, {self.measure}, {self.rule}{threshold}"


@dataclass(frozen=True)
class HeadSummary:
    """What is known of a head of cross-attention.

    Attributes:
        layer, head: their numbers in the model.
        role: see `alignment.heads.HeadProfile`.
        aer: its alignment error rate, from 0 to 1, with the shift that suits it better.
        shift: that shift, see `AlignmentConfig`.
    """

    layer: int
    head: int
    role: str
    aer: float
    shift: bool


def save_alignment(
    folder: Path, config: AlignmentConfig, summaries: Iterable[HeadSummary], facts: Mapping[str, Any]
) -> None:
    """Write `alignment.json` into the folder of a model, with facts about how the choice was made."""
    profiles = [asdict(summary) for summary in summaries]
    write_json(Path(folder, ALIGNMENT_FILE), {**asdict(config), **facts, "profiles": profiles})


def load_alignment(path: Path) -> tuple[AlignmentConfig, list[HeadSummary]]:
    """Read an `alignment.json`.

    Raises:
        UserError: the file cannot be understood.
    """
    known = read_json(path, AGAIN)
    try:
        threshold = float(known["threshold"] if "threshold" in known else known["least"])
        config = AlignmentConfig(_heads(known["heads"]), _shift(known), known["measure"], known["rule"], threshold)
        summaries = [
            HeadSummary(
                _count(each["layer"]), _count(each["head"]), str(each["role"]), float(each["aer"]), _shift(each)
            )
            for each in known.get("profiles", [])
        ]
    except (AttributeError, KeyError, OverflowError, TypeError, UserError, ValueError) as error:
        fault = f"it lacks {error.args[0]}" if isinstance(error, KeyError) else in_words(error)
        raise UserError(f"{path} is damaged: {shown(fault, 300)}{AGAIN}") from error
    return config, summaries


def _heads(value: Any) -> tuple[tuple[int, int | None], ...] | None:
    if value is None:
        return None
    if not value:
        raise ValueError("heads is empty")
    return tuple((_count(layer), None if head is None else _count(head)) for layer, head in value)


def _count(value: Any) -> int:
    """Read the number of a layer or a head. Raises `ValueError` for anything else."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no number of a layer or head")
    return value


def shift_name(shift: bool) -> str:
    """Say in a word which rows are read."""
    return "shifted" if shift else "unshifted"


def name_of(head: tuple[int, int | None]) -> str:
    """Write a head as it is typed: "2:1", or "2" for all heads of a layer."""
    return str(head[0]) if head[1] is None else f"{head[0]}:{head[1]}"


def _shift(facts: Mapping[str, Any]) -> bool:
    """Read the shift, which files of version 0.1 call a step."""
    return bool(facts["shift"]) if "shift" in facts else {"output": False, "input": True}[facts["step"]]
