"""Options that steer a search: how they are declared, which of them contradict, and the settings they make."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import UserError
from .options import check_beams, refuse

if TYPE_CHECKING:
    from ..translation import SearchSettings

OnBadRowName = Literal["skip", "error"]
OnLongName = Literal["skip", "truncate", "split", "error"]
OF_MODEL = "default: the model's own"

NBest = Annotated[int | None, typer.Option(metavar="N", help="so many translations of each line, the best first")]
Scores = Annotated[bool, typer.Option("--scores", help="with each its log-probability, as a beam ranks by it")]
LengthPenalty = Annotated[
    float | None, typer.Option(metavar="X", help=f"power of the length that scores are divided by; {OF_MODEL}, or 1")
]
NoRepeat = Annotated[
    int | None,
    typer.Option("--no-repeat-ngram-size", metavar="N", help=f"no N tokens in a row come twice; {OF_MODEL}, or any"),
]
MaxLengthRatio = Annotated[
    float | None, typer.Option(metavar="X", help="tokens for each one of the source, ten aside; default: 2")
]
Prefix = Annotated[str | None, typer.Option(metavar="TEXT", help="what every translation begins with")]
Sample = Annotated[bool, typer.Option("--sample", help="draw at random instead of searching")]
Temperature = Annotated[float | None, typer.Option(metavar="X", help="of what is drawn: below 1 the likelier")]
TopK = Annotated[int | None, typer.Option(metavar="K", help="draw from the K likeliest tokens")]
TopP = Annotated[float | None, typer.Option(metavar="P", help="draw from the likeliest tokens of probability P")]
Seed = Annotated[int | None, typer.Option(metavar="N", help="of what is drawn; default: 0")]
Mbr = Annotated[
    int | None, typer.Option(metavar="N", help="draw N, and keep the one most like all others (chrF; least risk)")
]

NO_PENALTY = "leave out --length-penalty: it ranks hypotheses, and greedy search (--num-beams 1) has one"
OF_SAMPLES = ("temperature", "top_k", "top_p", "seed")
OF_BEAMS = ("num_beams", "length_penalty")


def check_search(typed: Mapping[str, Any]) -> None:
    """Refuse what contradicts, or would change nothing, before a model is loaded.

    Args:
        typed: the options of a search by their names, `None` or `False` where they were not typed.

    Raises:
        UserError: names the option.
    """
    check_beams(typed["num_beams"])
    is_drawn = typed["sample"] or typed["mbr"] is not None
    if not is_drawn:
        refuse(typed, OF_SAMPLES, "it is for --sample and --mbr")
    else:
        refuse(typed, OF_BEAMS, f"it is for a search, not for {'--mbr' if typed['mbr'] is not None else '--sample'}")
    if typed["mbr"] is not None:
        refuse(typed, ("n_best", "sample"), "--mbr draws, and keeps one translation")
    wanted, width = typed["n_best"], typed["num_beams"]
    if wanted is not None and width is not None and wanted > width:
        raise UserError(f"--n-best {wanted} needs a beam as wide: --num-beams {wanted}, or leave it out")
    if typed["length_penalty"] is not None and max(width or 2, wanted or 1) == 1:
        raise UserError(NO_PENALTY)
    settings_of(typed, width or 1)


def settings_of(typed: Mapping[str, Any], num_beams: int) -> "SearchSettings":
    """Make the settings of a search. Raises `UserError` for a value out of range."""
    from ..translation import Sampling, SearchSettings

    drawn = {name: typed[name] for name in OF_SAMPLES if typed[name] is not None}
    named = ("n_best", "length_penalty", "no_repeat_ngram_size", "max_length_ratio", "prefix", "mbr")
    return SearchSettings(
        num_beams,
        sampling=Sampling(**drawn) if typed["sample"] or typed["mbr"] is not None else None,
        with_scores=typed["scores"],
        **{name: typed[name] for name in named if typed[name] is not None},
    )
