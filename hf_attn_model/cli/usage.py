"""Typing errors in a user's words: `translate knows no option --fiel; did you mean --file?`."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from typer import TyperException


def explain(error: TyperException, arguments: Sequence[str], command: Any) -> str:
    """Say in one line what is wrong with the arguments.

    Args:
        error: what typer makes of them.
        arguments: what was typed, the verb first.
        command: the group of verbs.
    """
    verb = arguments[0]
    if verb not in command.commands and not verb.startswith("-"):
        return f"there is no verb {verb}{_did_you_mean(verb, command.commands) or '; hf-attn --help lists them'}"
    options = [option for each in _params(command, verb) for option in (*each.opts, *each.secondary_opts)]
    whole = f"{verb} " if verb in command.commands else ""
    name, param = getattr(error, "option_name", None), getattr(error, "param", None)
    if hasattr(error, "possibilities"):  # no such option
        return f"{whole or 'hf-attn '}knows no option {name}{_did_you_mean(str(name), options)}"
    if name is not None and "does not take" in error.message:
        return f"{whole}{name} takes no value"
    if name is not None:
        return f"{whole}{name} needs a value"
    if param is not None and hasattr(error, "param_type"):  # missing
        return f"{whole}needs {_name(param)}{_help(param)}"
    if param is not None:
        return f"{whole}{_name(param)}: {_bad_value(error, param)}"
    if "extra argument" in error.message:
        extra = error.message.partition("(s) (")[2].removesuffix(")")
        return f"{whole}takes fewer arguments: what is {extra}? A sentence stands in quotes"
    return " ".join(error.format_message().split())


def _params(command: Any, verb: str) -> list[Any]:
    return command.commands.get(verb, command).params


def _did_you_mean(typed: str, known: Iterable[str]) -> str:
    known = [each for each in known if each.startswith("--") or not each.startswith("-")]
    close = [each for each in known if each.startswith(typed)] or get_close_matches(typed, known, n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _name(param: Any) -> str:
    return param.metavar if param.param_type_name == "argument" else param.opts[0]


def _help(param: Any) -> str:
    return f": {param.help}" if param.help else ""


def _bad_value(error: TyperException, param: Any) -> str:
    """Say what was typed, and what could be."""
    cause: Any = error.__cause__  # pydantic's
    causes = cause.errors() if hasattr(cause, "errors") else []
    typed = f'"{causes[0]["input"]}"' if causes else "this"
    expected = param.type_descriptor
    if expected.choices:
        return f"{typed} is not one of {', '.join(map(str, expected.choices))}"
    if expected.annotation in (int, float):
        return f"{typed} is not a {'whole ' * (expected.annotation is int)}number"
    return error.message.rstrip(".")
