"""Secrets: refused where somebody types one, taken out of whatever is written down or sent.

A secret is what a name says is one (`hub_token`, `api_key`, `password`), what looks like a token of the Hub, and the
password in an address. The marks of a tokenizer (`pad_token`) are none.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

REDACTED = "[redacted]"
ADVICE = "log in with hf auth login, or keep it in an environment variable"
NAMES = re.compile(
    r"(?:^|[_.-])(?:token|password|passwd|secret|credentials?)$|[_-]key$|(?:^|[.])apikey$", re.IGNORECASE
)
MARKS = re.compile(  # of a tokenizer, and what is said of tokens
    r"(?:^|[_.-])(?:pad|bos|eos|unk|sep|cls|mask|start|end|language|lang|image|audio|video|special|of|per|each)[_-]token$",
    re.IGNORECASE,
)
TOKENS = re.compile(r"\b(?:hf_(?:oauth|jwt)_[\w.-]{20,}|(?:hf|api_org)_[A-Za-z0-9]{20,})")  # not hf_attn_model
ADDRESSES = re.compile(r"(?<=://)([^\s/?#:@]*):[^\s/?#]+@")  # user:password@
ASSIGNMENT = r"-{0,2}([A-Za-z][\w.-]*)="
ASSIGNMENTS = re.compile(rf"""(['"]){ASSIGNMENT}(.+?)\1|(?<![\w.-]){ASSIGNMENT}([^\s&'"]+)""")


def is_secret_name(name: str) -> bool:
    """Tell whether what bears a name is a secret."""
    return bool(NAMES.search(name)) and not MARKS.search(name)


def redact_text(text: str) -> str:
    """Take tokens of the Hub, and passwords in addresses, out of a text."""
    return ADDRESSES.sub(rf"\1:{REDACTED}@", TOKENS.sub(REDACTED, text))


def redact(value: Any, name: str = "") -> Any:
    """Take the secrets out of a record.

    Args:
        value: a text, or lists and dictionaries of texts; all else is no secret.
        name: of the record in its own record.

    Returns:
        the same with `REDACTED` in place of secrets; texts that hold none are the very same.
    """
    if isinstance(value, dict):
        return {key: redact(each, name if is_secret_name(name) else str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(redact(each, name) for each in value)
    if not isinstance(value, str):
        return value
    clean = REDACTED if value and is_secret_name(name) else _redact_assignments(redact_text(value))
    return value if clean == value else clean


def redact_command(words: Sequence[str]) -> str:
    """Join the words of a command line, without the secrets among them."""
    shown = []
    is_value = False  # of an option whose name is in the word before
    for word in words:
        name, equals, _ = word.partition("=")
        names_secret = is_secret_name(name.lstrip("-"))
        is_value = is_value and not word.startswith("-")
        shown.append(REDACTED if is_value else f"{name}={REDACTED}" if equals and names_secret else redact(word))
        is_value = word.startswith("-") and names_secret and not equals
    return shlex.join(shown)


def secrets_in(value: Any) -> Iterator[str]:
    """Name the secrets of a record by their places in it, such as `training.hub_token`."""
    if isinstance(value, dict):
        for key, each in value.items():
            if redact({key: each}) != {key: each}:
                is_whole = is_secret_name(str(key)) or not isinstance(each, dict)
                yield from [str(key)] if is_whole else (f"{key}.{below}" for below in secrets_in(each))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from secrets_in(each)


def _redact_assignments(text: str) -> str:
    """Take the secrets out of `name=value`, as in the words of a command and the queries of an address."""

    def redacted(found: re.Match[str]) -> str:
        number = 2 if found[1] else 4  # the group of the name, before that of the value
        begin, end = (place - found.start() for place in found.span(number + 1))
        return found[0][:begin] + REDACTED + found[0][end:] if is_secret_name(found[number]) else found[0]

    return ASSIGNMENTS.sub(redacted, text)
