"""The one exception that stands for a user's mistake, and what libraries say of one in a user's words."""

import re


class UserError(Exception):
    """A mistake of the user, told in one line: what is wrong, where, and what to do.

    The command line prints the message without a traceback and leaves with exit status 2. Names and values in it may
    come from anywhere: their line breaks become spaces.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(message.splitlines()))


NAMES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}  # of types


def in_words(error: BaseException) -> str:
    """Tell in one line, without words of Python, what a library finds wrong with a setting or a file.

    Known are strict configurations (huggingface_hub), the choices of `TrainingArguments`, and what `json` and decoders
    say.
    """
    text = " ".join(str(error).split())
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 ({error.reason} at byte {error.start})"
    if isinstance(error, OSError) and error.filename is not None:
        return f"cannot read {error.filename}: {error.strerror}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, KeyError) and error.args:
        return f"it lacks {error.args[0]}"
    if text.startswith("Exceeds the limit"):  # of the digits that Python reads
        return "a number too long to be one"
    if found := re.match(r"Class validation error for validator '\w+': \w+: (.*)", text):
        return found[1]
    if re.match(r"Validation error for field '\w+'", text) and (expected := re.findall(r"expected (\w+), got", text)):
        wanted = next(name for name in ("float", "int", *expected) if name in expected)
        field, value = re.findall(r"field '(\w+)'", text)[0], re.findall(r"\(value: '?(.*?)'?\)", text)
        return f"{field} must be {NAMES.get(wanted, wanted)}, got {value[0]}"
    if found := re.search(r"unexpected keyword argument '(\w+)'", text):
        return f"there is no {found[1]} to set"
    if found := re.match(r"(.*) is not a valid \w+, please select one of \[(.*)\]", text):
        return f"{found[1]} is not one of {found[2].replace(chr(39), '')}"
    return text
