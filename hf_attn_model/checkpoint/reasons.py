"""An exception of a library -> why a checkpoint could not be loaded, in one line."""

from collections.abc import Callable
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from huggingface_hub.utils import httpx

from ..errors import UserError, in_words
from ..files import read_json
from .hub_errors import hub_reason
from .search_settings import CONFIG_FILE, GENERATION_FILE
from .tokenizer_files import TOKENIZER_FILES
from .weight_files import AGAIN, Find, shown

SPEAKING = (OSError, ValueError, ImportError, httpx.TransportError)  # with a message for a user
HALF_SPEAKING = (AssertionError, RuntimeError)  # that say what, but not where


def reason_of(error: Exception, what: str, find: Find) -> str:
    """Say why something could not be loaded from a checkpoint that lies on this machine, or on the Hub.

    Args:
        error: as it was raised.
        what: was being read, such as "config.json".
        find: gives the path of a file of the checkpoint, or `None`; it asks no Hub that was not asked before.
    """
    if isinstance(error, UserError):
        return str(error)
    if refusal := hub_reason(error):
        return f"no folder of that name, and on the Hub {refusal}"
    if isinstance(error, StrictDataclassError):
        return f"{CONFIG_FILE}: {in_words(error)}"
    if damage := _damage(find):
        return damage
    message = str(error)
    for phrase, told in TOLD_BETTER.items():
        if phrase in message:
            return told(find)
    if not isinstance(error, SPEAKING + HALF_SPEAKING) or not message.strip():
        return f"{what} cannot be understood{AGAIN}"
    line = message.strip().splitlines()[0]
    line = " ".join(message.split()) if line.rstrip().endswith(":") else line  # the line names nothing yet
    return line if isinstance(error, SPEAKING) else f"{what} cannot be right: {line}{AGAIN}"


def check_code(value: Any, field: str = "") -> None:
    """Refuse a configuration, as its JSON reads, that asks for attention of the Hub, which is code.

    Raises:
        UserError: names the field and the repository.
    """
    if isinstance(value, dict):
        for name, each in value.items():
            check_code(each, name if "implementation" not in field else field)
    elif "implementation" in field and isinstance(value, str) and "/" in value:
        raise UserError(
            f"{CONFIG_FILE} asks with {shown(field)} for code of {shown(value)} on the Hub, which is never run: "
            "remove that setting"
        )


def _damage(find: Find) -> str | None:
    """Say which of the JSON files holds no object."""
    for name in (CONFIG_FILE, GENERATION_FILE, *TOKENIZER_FILES):
        path = find(name)
        try:
            if path is not None:
                read_json(path, AGAIN)
        except UserError as error:
            return str(error)
    return None


def _own_code(find: Find) -> str:
    """Say which model a checkpoint has code for, in which files, and that none of it is run."""
    model_type, files = "", set()
    for name in (CONFIG_FILE, TOKENIZER_FILES[0]):
        path = find(name)
        content = {} if path is None else read_json(path)
        model_type = model_type or str(content.get("model_type", ""))
        files |= {_file_of(reference) for reference in _texts(content.get("auto_map"))}
    of = f' of type "{shown(model_type)}"' if model_type else ""
    return (
        f"its model{of} is none that is known here, and its own code, {', '.join(sorted(files)) or 'which it names'}, "
        "is never run: where you trust it, load it with transformers and trust_remote_code=True"
    )


def _no_type(find: Find) -> str:
    """Say that nothing tells which model it is."""
    if find(CONFIG_FILE) is not None:
        return f"{CONFIG_FILE} does not say of which model_type it is{AGAIN}"
    only = ", but a tokenizer" if any(find(name) for name in TOKENIZER_FILES) else ""
    return f"there is no {CONFIG_FILE} in it{only}: give a folder with one, such as hf-attn train makes"


def _no_translator(find: Find) -> str:
    """Say that a model writes no other sequence."""
    path = find(CONFIG_FILE)
    model_type = "" if path is None else str(read_json(path).get("model_type", ""))
    return f'a model of type "{shown(model_type)}" turns no text into another: give one that does, such as Marian or T5'


def _no_tokenizer(find: Find) -> str:
    """Say that there is no tokenizer."""
    return "its tokenizer is missing, or one that sentencepiece or tiktoken must read: put a tokenizer.json beside it"


def _file_of(reference: str) -> str:
    """Name the file of a class: of `modeling_x.Model`, or of `user/name--modeling_x.Model` of another repository."""
    repository, _, name = reference.rpartition("--")
    return shown(f"{name.rpartition('.')[0]}.py" + (f" of {repository}" if repository else ""))


def _texts(value: Any) -> list[str]:
    """List the texts in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


TOLD_BETTER: dict[str, Callable[[Find], str]] = {  # phrases of transformers
    "contains custom code": _own_code,
    "references custom code": _own_code,
    "Unrecognized model in": _no_type,
    "Unrecognized configuration class": _no_translator,
    "instantiate the backend tokenizer": _no_tokenizer,
}
