"""A file that is about to be written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make the folder of a file, and say in a `UserError` why it cannot be written, where it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
