"""What was typed in the version before, for one release: old spellings are read as the new ones, and a line says so."""

import sys
from collections.abc import Sequence

RENAMED = {  # verb, option and perhaps value as they were -> as they are
    "align --least": "--threshold",
    "align --step input": "--shift",
    "align --step output": "--no-shift",
    "ablate --how": "--mode",
    "ablate --how remove": "--mode zero",
    "ablate --mode remove": "--mode zero",
}
SEVERAL = {"view --compare": "--compare"}  # takes all words up to the next option


def rename(arguments: Sequence[str]) -> list[str]:
    """Put new spellings in the place of old ones, with a line on standard error for each."""
    if not arguments:
        return []
    verb, *rest = arguments
    renamed, several = [verb], None
    rest = [part for argument in rest for part in _parts(verb, argument)]
    while rest:
        option = rest.pop(0)
        if option == "--":
            return [*renamed, option, *rest]
        with_value = f"{verb} {option} {rest[0]}" if rest else ""
        if with_value in RENAMED:
            value, new = rest.pop(0), RENAMED[with_value]
            _say(f"{option} {value}", new)
            renamed += new.split()
        elif f"{verb} {option}" in RENAMED:
            new = RENAMED[f"{verb} {option}"]
            _say(option, new)
            renamed.append(new)
        elif several and not option.startswith("-"):
            renamed += [several, option]
        else:
            several = SEVERAL.get(f"{verb} {option}")
            if several is None or not rest or rest[0].startswith("-"):
                renamed.append(option)
    return renamed


def _parts(verb: str, argument: str) -> list[str]:
    """Take "--least=0.4" apart, if it is an option from here."""
    option, equals, value = argument.partition("=")
    is_here = any(name.startswith(f"{verb} {option}") for name in (*RENAMED, *SEVERAL))
    return [option, value] if equals and option.startswith("--") and is_here else [argument]


def _say(old: str, new: str) -> None:
    print(f"hf-attn: {old} is now {new}; the old spelling goes with the next version", file=sys.stderr)
