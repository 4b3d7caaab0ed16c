"""Options that several verbs share: how they are declared, and what stands for one that was not typed."""

import argparse
from collections.abc import Iterable
from typing import Any

from .errors import UserError

PLACES = ("encoder", "decoder", "cross")
ON_PICTURES = ("place", "layer", "head", "subwords")  # what a page shows all of
MODEL = "folder of a checkpoint, or a model on the Hub: user/name, user/name@revision"


def add_languages(parser: argparse.ArgumentParser) -> None:
    """Declare `--source-lang` and `--target-lang`, which `language` reads."""
    parser.add_argument("--source-lang", help="default: that of the model's recipe")
    parser.add_argument("--target-lang", help="default: that of the model's recipe")


def add_beams(parser: argparse.ArgumentParser) -> None:
    """Declare `--num-beams`, which `num_beams` reads."""
    parser.add_argument("--num-beams", type=int, help="1 is greedy search; default: as the model came, or 5")


def add_head(parser: argparse.ArgumentParser, place: str | None, number: int | None) -> None:
    """Declare `--place`, `--layer` and `--head`, with their defaults."""
    whole = "all three" if place is None else place
    mean = "the mean over all" if number is None else str(number)
    parser.add_argument("--place", choices=PLACES, default=place, help=f"default: {whole}")
    parser.add_argument("--layer", type=int, default=number, help=f"counted from 0; default: {mean}")
    parser.add_argument("--head", type=int, default=number, help=f"counted from 0; default: {mean}")


def add_target(parser: argparse.ArgumentParser) -> None:
    """Declare `--target`."""
    parser.add_argument("--target", help="look at this translation instead of the model's own")


def typed_or_recipe_language(arguments: argparse.Namespace, side: str) -> str | None:
    """Find the code of the "source" or "target" language: as typed, else as in the recipe beside the model."""
    from .checkpoint import Checkpoint

    return getattr(arguments, f"{side}_lang") or getattr(Checkpoint(arguments.model), f"{side}_lang")


def language(arguments: argparse.Namespace, side: str) -> str:
    """Find the code of a language as `typed_or_recipe_language` does. Raises `UserError` where nothing says it."""
    return required(typed_or_recipe_language(arguments, side), f"--{side}-lang")


def check_beams(arguments: argparse.Namespace) -> None:
    """Raise `UserError` for a search that is too narrow."""
    if arguments.num_beams is not None and arguments.num_beams < 1:
        raise UserError(f"--num-beams must be at least 1, got {arguments.num_beams}")


def num_beams(arguments: argparse.Namespace, model: Any) -> int:
    """Find the width of the search: as typed, else as in the recipe beside the model, else as the model itself says."""
    from .checkpoint import Checkpoint

    check_beams(arguments)
    if arguments.num_beams is not None:
        return arguments.num_beams
    recipe = Checkpoint(arguments.model).recipe
    return recipe.num_beams if recipe else model.generation_config.num_beams or 5


def refuse(arguments: argparse.Namespace, names: Iterable[str], why: str) -> None:
    """Raise `UserError` for the first of these options that was typed: it would not be heard."""
    for name in names:
        value = getattr(arguments, name)
        if value is not None and value is not False:
            raise UserError(f"leave out --{name.replace('_', '-')}: {why}")


def required(value: str | None, option: str) -> str:
    """Return the value of an option. Raises `UserError` where there is none."""
    if not value:
        raise UserError(f"give {option}")
    return value
