"""Files that are whole or absent, folders that one process at a time writes to, and digests.

A file is written under another name in the same folder, brought to the disk, and moved: whoever looks meanwhile, and
whatever ends the process, finds the old file or the new one.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any

import psutil

from .errors import UserError, in_words

UNFINISHED = ".unfinished"  # ends the name of a file that is being written
LOCK = ".lock"  # in a folder that a process writes to
PIECE = 2**20  # bytes read at once


@contextmanager
def replacing(path: str | os.PathLike, advice: str = "") -> Iterator[Path]:
    """Give a name to write to; the file gets its own name when the context ends, and is removed after an exception.

    Folders above it are made. What killed writers of the same file have left here is removed.

    Args:
        path: the file.
        advice: ends the message of an error, such as "; choose another file".

    Raises:
        UserError: the file cannot be written; the one that was there before is untouched.
    """
    path = Path(path)
    unfinished = _unfinished(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise UserError(f"cannot write {path}: {reason(error)}{advice}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


@contextmanager
def new_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Give a folder to fill, which gets its name when the context ends, and is removed after an exception.

    Args:
        path: a folder that is not there yet, or empty.

    Raises:
        UserError: the folder cannot be made.
    """
    path = Path(path)
    unfinished = _unfinished(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        unfinished.mkdir()
        yield unfinished
        if path.exists():
            path.rmdir()
        unfinished.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise UserError(f"cannot write {path}: {reason(error)}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file whole, in UTF-8 with line feeds. Raises `UserError` where that cannot be."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Write a JSON value as a text file. Raises `UserError` where that cannot be."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


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


@contextmanager
def locked(folder: str | os.PathLike) -> Iterator[None]:
    """Hold a folder, which is made if need be, against other processes until the context ends.

    The lock is a file that names host, process and start time, as locks of the system do not hold on every network
    file system. One that a killed process of this host has left is taken over; one of another host is never broken.

    Raises:
        UserError: another process holds the folder, or it cannot be written to.
    """
    path = Path(folder, LOCK)
    own = json.dumps({"host": socket.gethostname(), "process": os.getpid(), "started": _started(os.getpid())})
    is_new = not path.parent.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while not _create(path, own):
            _remove_stale(path)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {reason(error)}; choose another folder") from error
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        if is_new:
            with suppress(OSError):
                path.parent.rmdir()  # it stays if anything was written


def _unfinished(path: Path) -> Path:
    """Name what one thread of one process writes in place of a file."""
    writer = f"{socket.gethostname()}-{os.getpid()}-{threading.get_ident()}"
    return path.with_name(f"{path.name}.{writer}{UNFINISHED}")


def _remove_leftovers(path: Path) -> None:
    """Remove the unfinished files and folders of processes of this host that are no more."""
    writers = re.compile(rf"{re.escape(f'{path.name}.{socket.gethostname()}')}-(\d+)-\d+{re.escape(UNFINISHED)}")
    for other in path.parent.glob(f"*{UNFINISHED}"):
        writer = writers.fullmatch(other.name)
        if writer and not psutil.pid_exists(int(writer[1])):
            shutil.rmtree(other) if other.is_dir() else other.unlink(missing_ok=True)


def _create(path: Path, content: str) -> bool:
    """Make a file that is not there yet, whole from the first moment on; tell whether that was so."""
    unfinished = _unfinished(path)
    unfinished.write_text(content, encoding="utf-8")
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink()
    return True


def _remove_stale(path: Path) -> None:
    """Remove the lock of a process that is no more. Raises `UserError` if it may still be there."""
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:  # it has just been given up
        return
    try:
        holder = json.loads(content)
        host, process, started = holder["host"], int(holder["process"]), holder["started"]
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path} is no lock of this program: remove it if no process writes to its folder") from None
    if host != socket.gethostname() or _started(process) == started:
        raise UserError(
            f"{path.parent} is being written to by process {process} on {host}: wait for it, or choose another folder"
            + ("" if host == socket.gethostname() else f"; if it is no more, remove {path}")
        )
    taken = _unfinished(path)
    with suppress(FileNotFoundError):
        path.rename(taken)
        if taken.read_text(encoding="utf-8") != content:  # another process was faster: give it its lock back
            with suppress(FileExistsError):
                os.link(taken, path)
        taken.unlink()


def _started(process: int) -> float | None:
    """Tell when a process of this host began; `None` if there is no such process."""
    try:
        return psutil.Process(process).create_time()
    except psutil.NoSuchProcess:
        return None


def _sync_folder(folder: Path) -> None:
    """Bring a new name to the disk, where the system can do that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
