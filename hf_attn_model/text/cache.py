"""What takes long to make of a corpus is made once, kept in a folder by its content, and found again.

    KIND/KEY/          the key is a digest of all that decides over what was made
      facts.json       the key in words, what else is known, and the SHA-256 of each file and of these lines
      stamps.json      size and times of the files when they were last compared with their digests
      ...              the files
    sources/           for each file of a user: size and times when it was read through, and its SHA-256

One process makes it, others wait. A file whose size and times are those of before is not read through again.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from huggingface_hub.constants import HF_HOME

from ..errors import UserError
from ..files import (
    LOCK,
    digest,
    is_settled,
    new_folder,
    read_json,
    reading,
    stamp,
    waiting,
    within,
    write_json,
    writing,
)

VARIABLE = "HF_ATTN_CACHE"
FACTS, STAMPS = "facts.json", "stamps.json"
DIGITS = 32  # of a key
ADVICE = f"; make room there, or choose another folder with --cache-dir or {VARIABLE}"

logger = logging.getLogger(__name__)


class Cache:
    """A folder of what can be made again.

    Args:
        folder: default: what `HF_ATTN_CACHE` says, or `hf_attn_model` in the cache of Hugging Face.
    """

    def __init__(self, folder: str | os.PathLike | None = None):
        self.folder = Path(folder or os.environ.get(VARIABLE) or Path(HF_HOME, "hf_attn_model")).expanduser().absolute()

    def find_or_make(
        self, kind: str, key: Mapping[str, Any], make: Callable[[Path], dict[str, Any]]
    ) -> tuple[Path, dict[str, Any]]:
        """Find what was made of this key, or make it. What is damaged is made anew, and that is said.

        Args:
            kind: the folder for what is of one kind.
            key: a JSON object: all that decides over the content.
            make: fills an empty folder, and returns a JSON object with what else is to be known.

        Returns:
            the folder, and what `make` had returned.

        Raises:
            UserError: the cache cannot be written to; and what `make` raises: nothing is kept then.
        """
        folder = self.folder / kind / hashlib.sha256(_canonical(key)).hexdigest()[:DIGITS]
        known = _open(folder, key)
        if known is None:
            with waiting(folder.with_name(f"{folder.name}.made{LOCK}"), folder):
                known = _open(folder, key)  # another process may have made it meanwhile
                if known is None:
                    known = _make(folder, key, make)
        return folder, known

    def digest_of(self, path: Path) -> str:
        """Return the SHA-256 of a user's file, which is read through only where its size or its times are new.

        Raises:
            UserError: it cannot be read, or changes meanwhile.
        """
        with reading(path):
            seen, name = stamp(path), hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:DIGITS]
        record = self.folder / "sources" / f"{name}.json"
        with suppress(UserError, KeyError):  # without a record, or with a damaged one, it is read through
            known = read_json(record)
            if known["stamp"] == seen:
                return str(known["sha256"])
        with reading(path), path.open("rb") as file:
            sha256 = digest(file)[1]
        check_unchanged(path, seen)
        if is_settled(seen):
            write_json(record, {"path": ascii(str(path)), "stamp": seen, "sha256": sha256})
        return sha256


def check_unchanged(path: Path, seen: list[int]) -> None:
    """Raise `UserError` for a file that was written to since it was seen (see `files.stamp`)."""
    with reading(path):
        if stamp(path) != seen:
            raise UserError(f"{path} was written to while it was read: start again when it is whole")


@cache
def code_digest() -> str:
    """Digest the code of this room: what it reads otherwise tomorrow is read anew."""
    sha = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        sha.update(path.read_bytes())
    return sha.hexdigest()


def _make(folder: Path, key: Mapping[str, Any], make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """Make a folder of the cache, whole or not at all."""
    if folder.exists():
        logger.warning("%s is damaged: it is made anew", folder)
        with writing(folder):
            shutil.rmtree(folder)
    with new_folder(folder, ADVICE) as unfinished:
        known = make(unfinished)
        paths = [path for path in sorted(unfinished.rglob("*")) if path.is_file()]
        names = [path.relative_to(unfinished).as_posix() for path in paths]
        record = {"key": dict(key), "known": known, "files": dict(zip(names, map(_digest, paths), strict=True))}
        write_json(unfinished / FACTS, record | {"sha256": hashlib.sha256(_canonical(record)).hexdigest()})
        write_json(unfinished / STAMPS, dict(zip(names, map(stamp, paths), strict=True)))
    return known


def _open(folder: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is known of a folder of the cache; `None` for one that is not there, is damaged or of another key."""
    if not folder.is_dir():
        return None
    with suppress(UserError, OSError, KeyError, TypeError, AttributeError):
        record = read_json(folder / FACTS)
        sha256 = record.pop("sha256")
        if sha256 != hashlib.sha256(_canonical(record)).hexdigest() or record["key"] != json.loads(_canonical(key)):
            return None
        seen = {name: stamp(within(folder, name)) for name in record["files"]}
        if seen != _stamps(folder):
            if any(_digest(within(folder, name)) != known for name, known in record["files"].items()):
                return None
            with suppress(UserError):  # a cache that others filled may be read alone
                write_json(folder / STAMPS, seen)
        return record["known"]
    return None


def _stamps(folder: Path) -> dict[str, Any]:
    with suppress(UserError):
        return read_json(folder / STAMPS)
    return {}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return digest(file)[1]


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
