"""Names of a package that are loaded from its modules when they are used: importing the package takes no time."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and `__dir__` of a package (PEP 562).

    Args:
        package: its `__name__`.
        homes: for each of its modules, the public names that live there.
    """
    home_of = {name: module for module, names in homes.items() for name in names}
    loaded = vars(sys.modules[package])

    def load(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        loaded[name] = found = getattr(import_module(f".{home_of[name]}", package), name)
        return found

    return load, lambda: sorted({*loaded, *home_of})
