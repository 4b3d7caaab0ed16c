"""Folder: where an export lies, on this machine or behind any URL that fsspec knows."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from ..errors import UserError

UNFINISHED = ".partial"
PIECE = 2**20  # bytes read at once


class Folder:
    """A folder by its path or URL, such as `maps`, `s3://bucket/maps` or `memory://maps`.

    Raises:
        UserError: the protocol is unknown, or its package is not installed.
    """

    def __init__(self, url: str | os.PathLike):
        self.url = os.fspath(url)
        try:
            self.files, self.path = fsspec.core.url_to_fs(self.url)
        except (ValueError, ImportError) as error:
            raise UserError(f"cannot open {self.url}: {error}") from error

    def __str__(self) -> str:
        return self.url

    @property
    def is_local(self) -> bool:
        """Whether files can be mapped into memory."""
        return isinstance(self.files, LocalFileSystem)

    def locate(self, name: str = "") -> str:
        """Return the path of a file, as the file system knows it."""
        return f"{self.path}/{name}".rstrip("/")

    def local_path(self, name: str) -> Path:
        """Return the path of a file of a local folder."""
        return Path(self.locate(name))

    def make(self) -> None:
        """Make the folder if it is not there. Raises `UserError` where that cannot be."""
        try:
            self.files.makedirs(self.path, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to {self}: {reason(error)}; choose another folder") from error

    def exists(self, name: str = "") -> bool:
        """Tell whether a file, or the folder itself, is there."""
        return self.files.exists(self.locate(name))

    def names(self) -> list[str]:
        """List the files below, with `/` between folder and name."""
        self.files.invalidate_cache()
        found = self.files.find(self.path) if self.exists() else []
        return sorted(self.files._strip_protocol(path).removeprefix(f"{self.path}/") for path in found)

    def read(self, name: str) -> bytes | None:
        """Read a small file; `None` where there is none."""
        try:
            return self.files.cat_file(self.locate(name))
        except FileNotFoundError:
            return None

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""
        return self.files.open(self.locate(name), "rb")

    def measure(self, name: str) -> tuple[int, str] | None:
        """Read a file through: its bytes and their SHA-256 in hex; `None` where there is none."""
        digest, count = hashlib.sha256(), 0
        try:
            with self.open(name) as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
                    count += len(piece)
        except FileNotFoundError:
            return None
        return count, digest.hexdigest()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            self.files.rm_file(self.locate(name))

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """Write a file, which gets its name only when it is whole and on the disk. After an exception there is none."""
        path = self.locate(name)
        self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
        if not self.is_local:  # an upload appears when it is complete
            with tempfile.NamedTemporaryFile() as file:
                yield file
                file.flush()
                self.files.put_file(file.name, path)
            return
        try:
            with open(path + UNFINISHED, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(path + UNFINISHED, path)
            _sync_folder(os.path.dirname(path))
        except BaseException:
            with suppress(OSError):
                os.remove(path + UNFINISHED)
            raise

    def write(self, name: str, content: bytes) -> None:
        """Write a small file at once. Raises `UserError` where that cannot be."""
        try:
            with self.writing(name) as file:
                file.write(content)
        except OSError as error:
            raise UserError(f"cannot write {self.locate(name)}: {reason(error)}") from error


def reason(error: OSError) -> str:
    """Say in a few words why a file could not be written or read."""
    return error.strerror or str(error) or type(error).__name__


def _sync_folder(path: str) -> None:
    """Bring a new name to the disk, where the system can do that."""
    if os.name != "posix":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
