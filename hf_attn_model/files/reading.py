"""Reading what a user names: `UserError` alone, names that stay in their folder, digests."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ..errors import UserError, in_words

PIECE = 2**20  # bytes read at once


@contextmanager
def reading(path: str | os.PathLike, advice: str = "") -> Iterator[None]:
    """Turn whatever is raised while a user's file is read into a `UserError` that names the file.

    Args:
        path: the file, or what it is called.
        advice: ends the message, such as "; export again into another folder".
    """
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"cannot read {path}: {reason(error)}{advice}") from error
    except Exception as error:  # what libraries raise over a damaged file is not foreseeable
        raise UserError(f"{path} is damaged: {in_words(error) or type(error).__name__}{advice}") from error


def read_json(path: str | os.PathLike, advice: str = "") -> dict[str, Any]:
    """Read a JSON object. Raises `UserError` where there is none, with `advice` at its end."""
    with reading(path, advice):
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise UserError(f"{path} is damaged: it holds no JSON object{advice}")
    return value


def within(folder: str | os.PathLike, name: str) -> Path:
    """Find a file by the name that another file of its folder gives. Raises `UserError` for one outside the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name or not path.parts:
        raise UserError(f"{folder} names a file that does not lie in it: {name!r}")
    return Path(folder, *path.parts)


def digest(file: IO[bytes]) -> tuple[int, str]:
    """Read a file through: its bytes and their SHA-256 in hex."""
    sha, count = hashlib.sha256(), 0
    while piece := file.read(PIECE):
        sha.update(piece)
        count += len(piece)
    return count, sha.hexdigest()


def reason(error: OSError) -> str:
    """Say in a few words why a file could not be written or read."""
    return error.strerror or str(error) or type(error).__name__
