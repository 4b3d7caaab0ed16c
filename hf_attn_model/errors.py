"""The one exception that stands for a user's mistake, and what libraries say of one in a user's words."""

import re


class UserError(Exception):
    """A mistake of the user, told in one line: what is wrong, where, and what to do.

    The command line prints the message without a traceback and leaves with exit status 2.
    """


NAMES = {  # of types, as libraries write them
    **{"int": "a whole number", "Integer": "a whole number", "float": "a number", "Float": "a number"},
    **{"bool": "true or false", "Boolean": "true or false", "str": "a text", "String": "a text"},
}


def in_words(error: BaseException) -> str:
    """Tell in one line, without words of Python, what a library finds wrong with a setting.

    Known are strict configurations (huggingface_hub), recipes (OmegaConf) and the choices of `TrainingArguments`.
    """
    text = " ".join(str(error).split())
    if found := re.match(r"Class validation error for validator '\w+': \w+: (.*)", text):
        return found[1]
    if re.match(r"Validation error for field '\w+'", text) and (expected := re.findall(r"expected (\w+), got", text)):
        wanted = next(name for name in ("float", "int", *expected) if name in expected)
        field, value = re.findall(r"field '(\w+)'", text)[0], re.findall(r"\(value: '?(.*?)'?\)", text)
        return f"{field} must be {NAMES.get(wanted, wanted)}, got {value[0]}"
    if found := re.match(
        r"Value '(.*)' (?:of type .* could not be converted to|is not a valid) (\w+).* full_key: (\S+)", text
    ):
        return f"{found[3]} must be {NAMES.get(found[2], found[2])}, got {found[1]}"
    if found := re.match(r"Cannot convert '\w+' to string: '(.*)' full_key: (\S+)", text):
        return f"{found[2]} must be a text, got {found[1]}"
    if found := re.match(r"(.*) is not a valid \w+, please select one of \[(.*)\]", text):
        return f"{found[1]} is not one of {found[2].replace(chr(39), '')}"
    if found := re.match(r"Incompatible value 'None' for field of type '(\w+)' full_key: (\S+)", text):
        return f"{found[2]} must be {NAMES.get(found[1], found[1])}, got null"
    if found := re.match(r"Cannot assign \w+ to Dict.* full_key: (\S+)", text):
        return f"{found[1]} must be a list of names and values"
    text, _, key = text.partition(" full_key: ")
    return f"{key.split()[0]}: {text}" if key.strip() else text
