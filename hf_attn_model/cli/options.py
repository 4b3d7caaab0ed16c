"""Options that several verbs share: how they are declared, and what stands for one that was not typed.

What rooms know that take seconds to import (places, rules, names of recipes) is spelled out here once more;
`tests/cli/test_options.py` compares.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from ..errors import UserError
from .terminal import announce

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..text.tally import Tally

RECIPES = (
    "finetune",
    "iwslt-de-en",
    "multi30k-de-en",
    "multi30k-en-de",
    "multi30k-en-fr",
    "tatoeba-en-es",
    "tatoeba-en-es-both",
    "tatoeba-en-zh",
    "textbook-en-es",
    "textbook-en-zh",
    "wmt-en-de",
)
PlaceName = Literal["encoder", "decoder", "cross"]
RuleName = Literal[
    "target", "source", "threshold", "intersection", "union", "grow-diag", "grow-diag-final", "grow-diag-final-and"
]
ModeName = Literal["uniform", "zero"]
OnBadRowName = Literal["error", "skip"]
OnLongName = Literal["skip", "truncate", "split", "error"]
OnLongPairName = Literal["skip", "truncate", "error"]
OnLongGoldName = Literal["skip", "error"]
SpecialName = Literal["keep", "drop", "column"]
StyleName = Literal["text", "markdown", "tsv"]
FormatName = Literal["arrow", "parquet"]
FormName = Literal["hf_attn", "marian", "pegasus", "bart", "mbart", "m2m_100", "ctranslate2"]
QuantizationName = Literal["int8", "int8_float32", "int16", "bfloat16", "float16"]
EngineName = Literal["transformers", "ctranslate2"]
PAGE_SUFFIXES = (".html", ".htm")
FILM_SUFFIX = ".gif"

ON_PICTURES = ("place", "layer", "head", "subwords")  # what a page shows all of
MOST_BEAMS = 1000
A_MODEL = "textbook, the folder of a checkpoint, or a model on the Hub: user/name, user/name@revision"
A_CORPUS = "file, PREFIX of two files, folder, Hub id or textbook:en-es"
A_GOLD_SET = "file of words and links, or textbook:en-es"
OF_RECIPE = "that of the model's recipe"

Model = Annotated[str, typer.Argument(metavar="MODEL", help=A_MODEL)]
ModelOrMaps = Annotated[str, typer.Argument(metavar="MODEL|MAPS", help="a model, or the folder of an export")]
Config = Annotated[str | None, typer.Option(metavar="NAME", help="of a Hub data set that has several")]
SourceLang = Annotated[str | None, typer.Option(metavar="CODE", help=f"default: {OF_RECIPE}, or its own setting")]
TargetLang = Annotated[str | None, typer.Option(metavar="CODE", help=f"default: {OF_RECIPE}, or its own setting")]
FromLang = Annotated[str | None, typer.Option("--source-lang", metavar="CODE", help="of a model with several")]
IntoLang = Annotated[str | None, typer.Option("--target-lang", metavar="CODE", help="of a model with several")]
NumBeams = Annotated[int | None, typer.Option(metavar="N", help="1 is greedy search; default: as the model came, or 5")]
EngineChoice = Annotated[
    EngineName | None,
    typer.Option("--engine", help="what searches; default: ctranslate2 where it does the same, on the same device"),
]
Place = Annotated[PlaceName | None, typer.Option(help="default: all three")]
Layer = Annotated[int | None, typer.Option(metavar="N", help="counted from 0; default: the mean over all")]
Head = Annotated[int | None, typer.Option(metavar="N", help="counted from 0; default: the mean over all")]
Target = Annotated[str | None, typer.Option(metavar="TEXT", help="look at this translation, not the model's own")]
Subwords = Annotated[bool, typer.Option("--subwords", help="label by subwords instead of words")]
Norms = Annotated[bool, typer.Option("--norms", help="norms of what is carried, instead of attention weights")]


SourceColumn = Annotated[
    str | None, typer.Option(metavar="NAME|N", help="of the corpus; default: the one of the language")
]
TargetColumn = Annotated[
    str | None, typer.Option(metavar="NAME|N", help="of the corpus; default: the one of the language")
]
OnBadRow = Annotated[OnBadRowName, typer.Option(help="a row that cannot be read: refuse the corpus, or leave it empty")]
OnLongPair = Annotated[OnLongPairName, typer.Option(help="a pair with more tokens than the model reads")]
Ray = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="share the work among a Ray cluster: local, auto, or HOST:PORT"),
]


class Verb(TyperCommand):
    """A verb whose help calls its arguments as one types them: `MODEL`, not `{MODEL} <str>`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Write `[OPTIONS] MODEL [TEXT]...`."""
        arguments: list[Any] = [each for each in self.get_params(ctx) if each.param_type_name == "argument"]
        names = [str(each.metavar) if each.required else f"[{each.metavar}]" for each in arguments]
        return ["[OPTIONS]", *(name + "..." * (each.nargs != 1) for name, each in zip(names, arguments, strict=True))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, and then the options."""
        arguments, options = [], []
        for each in self.get_params(ctx):
            if (record := each.get_help_record(ctx)) is None:
                continue
            if each.param_type_name == "argument":
                arguments.append((each.metavar, record[1].removesuffix("  [required]")))
            else:
                options.append(record)
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def complete_recipe(incomplete: str) -> list[str]:
    """Complete the name of a recipe."""
    return [name for name in RECIPES if name.startswith(incomplete)]


def language(typed: str | None, checkpoint: "Checkpoint", side: str) -> str:
    """Find the code of the "source" or "target" language: as typed, else as in the recipe beside the model.

    Raises:
        UserError: nothing says it.
    """
    return required(typed or getattr(checkpoint, f"{side}_lang"), f"--{side}-lang")


def set_languages(
    checkpoint: "Checkpoint", source: str | None, target: str | None, *, are_columns: bool = False
) -> None:
    """Tell a translator between which languages to translate; say those that it takes from its own settings.

    Args:
        checkpoint: the translator.
        source, target: codes as they were typed.
        are_columns: the codes name columns of a corpus, too, and have an effect in any case.

    Raises:
        UserError: it has no such language, or needs to be told; or it has no choice, and the code is not of its own.
    """
    from ..languages import is_same_language

    chosen = checkpoint.set_languages(source, target)
    for side, typed, holds in (("source", source, chosen.source), ("target", target, chosen.target)):
        if typed and not are_columns and (holds is None or not is_same_language(typed, holds)):
            why = f"its {side} language is {holds}" if holds else "it has no languages to choose from"
            raise UserError(f"leave out --{side}-lang {typed}: {checkpoint} is as it is, {why}")
        if typed is None and holds and checkpoint.has_languages:
            announce(f"{checkpoint}: its {side} language is {holds}, as it says itself; --{side}-lang names another")


def check_beams(typed: int | None) -> None:
    """Raise `UserError` for a search that is too narrow, or wider than any machine has memory for."""
    if typed is not None and typed < 1:
        raise UserError(f"--num-beams must be at least 1, got {typed}")
    if typed is not None and typed > MOST_BEAMS:
        raise UserError(f"--num-beams must be at most {MOST_BEAMS}, got {typed}")


def say_tally(tally: "Tally", done: str) -> None:
    """Say what became of rows that could not be used as they are, if there are any."""
    if tally:
        announce(f"{done}: {tally.summary()}")


def at_least_one(option: str, typed: int | None) -> None:
    """Raise `UserError` for a number below 1."""
    if typed is not None and typed < 1:
        raise UserError(f"{option} must be at least 1, got {typed}")


def numbers(option: str, typed: str | None) -> tuple[int, ...] | None:
    """Read numbers as they are typed: "0,2". Raises `UserError` for anything else."""
    if typed is None:
        return None
    parts = [part.strip() for part in typed.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise UserError(f"{option} {typed}: write numbers counted from 0, such as 0,2")
    return tuple(map(int, parts))


def refuse(typed: Mapping[str, Any], names: Iterable[str], why: str) -> None:
    """Raise `UserError` for the first of these options that was typed: it would not be heard."""
    for name in names:
        if typed[name] is not None and typed[name] is not False:
            raise UserError(f"leave out --{name.replace('_', '-')}: {why}")


def required(value: str | None, option: str) -> str:
    """Return the value of an option. Raises `UserError` where there is none."""
    if not value:
        raise UserError(f"give {option}")
    return value


def check_new_file(file: str) -> None:
    """Refuse, before long work, to write over a file, or into a folder that is not there or cannot be written to."""
    from ..files import check_writable

    if Path(file).exists():
        raise UserError(f"{file} exists: choose another name")
    if not Path(file).parent.is_dir():
        raise UserError(f"{file}: there is no folder {Path(file).parent}")
    check_writable(file)


def users_folder(checkpoint: "Checkpoint") -> Path | None:
    """The folder of a checkpoint, to write into; `None` for one on the Hub, or in this package."""
    package = Path(__file__).parents[1]
    folder = checkpoint.folder
    return None if folder is None or folder.resolve().is_relative_to(package.resolve()) else folder
