"""transformers' common tests as a package that can be imported: what is distributed, with stand-ins for the rest."""

import importlib
import importlib.util
import sys
from types import ModuleType

from conformance.sdist import Unavailable, obtain_tests
from conformance.stubs import install_stubs

PACKAGE = "tests_of_transformers"


def import_suite(*names: str) -> list[ModuleType]:
    """Import modules such as "test_modeling_common" from the tests of the installed transformers.

    Raises:
        Unavailable: the tests cannot be had, or need a package that is not installed.
    """
    if PACKAGE not in sys.modules:
        folder = obtain_tests()
        spec = importlib.util.spec_from_file_location(
            PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
        install_stubs(PACKAGE)
    try:
        return [importlib.import_module(f"{PACKAGE}.{name}") for name in names]
    except ModuleNotFoundError as error:
        raise Unavailable(f"they need a module that is not there: {error.name}") from error
