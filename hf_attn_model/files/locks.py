"""Folders that one process at a time writes to."""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import UserError
from .processes import host_name, is_alive, remove_leftovers, start_of, unfinished_name
from .reading import reason

LOCK = ".lock"  # in a folder that a process writes to, or after the name of one that it makes
PAUSE, PATIENCE = 0.1, 10.0  # seconds between two looks at a lock that is waited for, and until that is said

logger = logging.getLogger(__name__)


class Held(UserError):
    """Another process holds what one wants to write to."""


@contextmanager
def locked(folder: str | os.PathLike) -> Iterator[None]:
    """Hold a folder, which is made if need be, against other processes until the context ends.

    The lock is a file that names host, process and start time, as locks of the system do not hold on every network
    file system. One that a killed process of this host has left is taken over; one of another host is never broken.

    Raises:
        UserError: another process holds the folder (`Held`), or it cannot be written to.
    """
    folder = Path(folder)
    is_new = not folder.exists()
    try:
        with holding(folder / LOCK, folder):
            yield
    finally:
        if is_new:
            with suppress(OSError):
                folder.rmdir()  # it stays if anything was written


@contextmanager
def holding(lock: Path, what: str | os.PathLike) -> Iterator[None]:
    """Hold what stands behind a lock; see `locked`."""
    own = json.dumps({"host": host_name(), "process": os.getpid(), "started": start_of(os.getpid())})
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(lock)
        while not _create(lock, own):
            _remove_stale(lock, what)
    except OSError as error:
        raise UserError(f"cannot write to {what}: {reason(error)}; choose another folder") from error
    try:
        yield
    finally:
        with suppress(OSError):
            if lock.read_text(encoding="utf-8") == own:  # a user may have removed it, and another process made one
                lock.unlink()


@contextmanager
def waiting(lock: Path, what: str | os.PathLike) -> Iterator[None]:
    """Hold what stands behind a lock as soon as nobody else does, however long that takes; else see `holding`."""
    with ExitStack() as held:
        is_said, begin = False, time.monotonic()
        while True:
            try:
                held.enter_context(holding(lock, what))
                break
            except Held as error:
                if not is_said and time.monotonic() - begin >= PATIENCE:
                    logger.warning("waiting: %s", error)
                    is_said = True
                time.sleep(PAUSE)
        yield


def _create(path: Path, content: str) -> bool:
    """Make a file that is not there yet, whole from the first moment on; tell whether that was so."""
    unfinished = unfinished_name(path)
    try:
        unfinished.write_text(content, encoding="utf-8")
        os.link(unfinished, path)
    except FileExistsError:
        return False
    except OSError:  # FAT, and some file systems of networks, have no links; what is wrong beside that shows again
        return _create_exclusively(path, content)
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return True


def _create_exclusively(path: Path, content: str) -> bool:
    """Make a file that is not there yet, which for a moment is empty; tell whether that was so."""
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(content)
    except BaseException:
        path.unlink()
        raise
    return True


def _remove_stale(path: Path, what: str | os.PathLike) -> None:
    """Remove the lock of a process that is no more. Raises `UserError` if it may still be there."""
    try:
        content = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        if path.is_symlink():
            raise UserError(f"{path} is no lock of this program: remove it") from None
        return  # it has just been given up
    try:
        holder = json.loads(content)
        host, process, start = holder["host"], holder["process"], holder["started"]
    except (ValueError, KeyError, TypeError, RecursionError):
        host = process = start = None
    if not isinstance(host, str) or not isinstance(process, int) or process not in range(1, 2**31):
        raise UserError(f"{path} is no lock of this program: remove it if no process writes to {what}")
    if host != host_name() or is_alive(process, start):
        raise Held(
            f"{what} is being written to by process {process} on {host}: wait for it, or choose another folder"
            + ("" if host == host_name() else f"; if it is no more, remove {path}")
        )
    with holding(path.with_name(f"{path.name}.stale"), what), suppress(FileNotFoundError):  # one at a time breaks it
        if path.read_text("utf-8", "replace") == content:
            path.unlink()
