"""Files and folders that are whole or absent.

A file is written under another name in the same folder, brought to the disk, and moved: whoever looks meanwhile, and
whatever ends the process, finds the old file or the new one.
"""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import UserError
from .locks import LOCK, holding
from .processes import UNFINISHED, remove_leftovers, unfinished_name
from .reading import reason

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextmanager
def writing(path: str | os.PathLike, advice: str = "") -> Iterator[None]:
    """Turn what is raised when a file cannot be written, by Python or by a library, into a `UserError` that names it.

    Args:
        path: the file, or the folder with many, or what it is called.
        advice: ends the message, such as "; choose another file".
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if (why := _refusal(error)) is None:
            raise
        raise UserError(f"cannot write {path}: {why}{advice}") from error


def _refusal(error: BaseException) -> str | None:
    """Say why the system refused to write, if that is what the error is about."""
    if isinstance(error, OSError):
        return reason(error)
    if told := re.search(r"\(os error (\d+)\)", str(error)):  # safetensors, tokenizers
        return os.strerror(int(told[1]))
    if isinstance(error, RuntimeError) and "inline_container" in str(error):  # torch.save
        return "its end cannot be written; is the disk full?"
    earlier = error.__context__
    while earlier is not None:  # matplotlib stumbles when it tidies up after the first error
        if isinstance(earlier, OSError) and earlier.errno in NO_ROOM:
            return reason(earlier)
        earlier = earlier.__context__
    return None


@contextmanager
def replacing(path: str | os.PathLike, advice: str = "") -> Iterator[Path]:
    """Give a name to write to; the file gets its own name when the context ends, and is removed after an exception.

    Folders above it are made. What killed writers of the same file have left here is removed. Where the name is a link,
    the file that it leads to is replaced.

    Args:
        path: the file.
        advice: ends the message of an error, such as "; choose another file".

    Raises:
        UserError: the file cannot be written, or there is something else of this name; what was there is untouched.
    """
    target = Path(os.path.realpath(path))
    unfinished = unfinished_name(target)
    try:
        with writing(path, advice):
            if target.exists() and not target.is_file():
                raise UserError(f"cannot write {path}: it is no file{advice}")
            target.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers(target)
            yield unfinished
            _sync(unfinished)
            os.replace(unfinished, target)
        _sync_folder(target.parent)
    finally:
        with suppress(OSError):
            unfinished.unlink()


@contextmanager
def new_folder(path: str | os.PathLike, advice: str = "") -> Iterator[Path]:
    """Give a folder to fill, which gets its name when the context ends, and is removed after an exception.

    Meanwhile a lock lies beside it, `NAME.lock`; see `locked`.

    Args:
        path: a folder that is not there yet, or empty.
        advice: ends the message where it cannot be written, such as "; make room".

    Raises:
        UserError: the folder cannot be made, holds something, or another process is about to make it.
    """
    target = Path(os.path.realpath(path))
    unfinished = unfinished_name(target)
    with holding(target.with_name(target.name + LOCK), path):
        try:
            with writing(path, advice):
                if target.exists() and (not target.is_dir() or any(target.iterdir())):
                    raise UserError(f"{path} is not empty: choose another folder")
                remove_leftovers(target)
                unfinished.mkdir()
                yield unfinished
                for file in unfinished.rglob("*"):
                    if file.is_file():
                        _sync(file)
                if target.exists():
                    target.rmdir()
                unfinished.rename(target)
            _sync_folder(target.parent)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def filling(folder: str | os.PathLike, advice: str = "") -> Iterator[Path]:
    """Give an empty folder to fill, whose files move into another one, each whole, when the context ends.

    Args:
        folder: where to, made if need be; what lies there is replaced where names are the same, and else stays.
        advice: ends the message of an error.

    Raises:
        UserError: a file cannot be written; after any exception nothing has moved.
    """
    folder = Path(folder)
    unfinished = unfinished_name(folder / "files")
    try:
        with writing(folder, advice):
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder / "files")
            unfinished.mkdir()
            yield unfinished
            files = sorted(unfinished.iterdir())
            for file in files:
                _sync(file)
            for file in files:
                os.replace(file, folder / file.name)
        _sync_folder(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file whole, in UTF-8 with line feeds. Raises `UserError` where that cannot be."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write a JSON value as a text file. Raises `UserError` where that cannot be."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def check_writable(path: str | os.PathLike) -> None:
    """Raise `UserError` where a file could not be written: before long work."""
    target = Path(os.path.realpath(path))
    unfinished = unfinished_name(target)
    with writing(path):
        if target.exists() and not target.is_file():
            raise UserError(f"cannot write {path}: it is no file")
        if target.parent.is_dir():  # else it will be made
            unfinished.touch()
            unfinished.unlink()


def holds_something(folder: str | os.PathLike) -> bool:
    """Tell whether a folder holds anything but a lock and what writers have left unfinished."""
    return any(not is_scratch(path.name) for path in Path(folder).iterdir())


def is_scratch(name: str) -> bool:
    """Tell whether a file is a lock, or what a writer has left unfinished."""
    return name.startswith(LOCK) or name.endswith(UNFINISHED)


def _sync(file: Path) -> None:
    """Bring a file to the disk."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def _sync_folder(folder: Path) -> None:
    """Bring a new name to the disk, where the system can do that."""
    if os.name != "posix":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
