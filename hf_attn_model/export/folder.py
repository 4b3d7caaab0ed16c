"""Folder: where an export lies, on this machine or behind any URL that fsspec knows."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from ..errors import UserError, in_words
from ..files import LOCK, digest, locked, reading, reason, replacing, writing


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
        except Exception as error:  # of afar it may be anything
            why = reason(error) if isinstance(error, OSError) else in_words(error)
            raise UserError(f"cannot write to {self}: {why}; choose another folder") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold a local folder against other processes; see `files.locked`."""
        with locked(self.path) if self.is_local else nullcontext():
            yield

    def exists(self, name: str = "") -> bool:
        """Tell whether a file, or the folder itself, is there."""
        return self.files.exists(self.locate(name))

    @contextmanager
    def reading(self, name: str = "", advice: str = "") -> Iterator[None]:
        """Turn whatever is raised while a file is read into a `UserError`; of afar it may be anything."""
        try:
            with reading(self.locate(name), advice) if self.is_local else nullcontext():
                yield
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"cannot read {self.locate(name)}: {in_words(error) or type(error).__name__}{advice}"
            ) from error

    def names(self) -> list[str]:
        """List the files below, with `/` between folder and name. Raises `UserError` where that cannot be."""
        with self.reading():
            self.files.invalidate_cache()
            found = self.files.find(self.path) if self.exists() else []
        names = (self.files._strip_protocol(path).removeprefix(f"{self.path}/") for path in found)
        return sorted(name for name in names if not name.startswith(LOCK))

    def read(self, name: str) -> bytes | None:
        """Read a small file; `None` where there is none. Raises `UserError` for one that cannot be read."""
        with self.reading(name), suppress(FileNotFoundError):
            return self.files.cat_file(self.locate(name))
        return None

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""
        return self.files.open(self.locate(name), "rb")

    def measure(self, name: str) -> tuple[int, str] | None:
        """Read a file through: its bytes and their SHA-256 in hex; `None` where there is none, or none can be read."""
        with suppress(UserError), self.reading(name), self.open(name) as file:
            return digest(file)
        return None

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            self.files.rm_file(self.locate(name))

    @contextmanager
    def writing(self, name: str, advice: str = "") -> Iterator[IO[bytes]]:
        """Write a file, which gets its name only when it is whole and on the disk; see `files.replacing`."""
        path = self.locate(name)
        if self.is_local:
            with replacing(path, advice) as unfinished, unfinished.open("wb") as file:
                yield file
            return
        with tempfile.NamedTemporaryFile() as file:
            with writing(file.name, advice):
                yield file
                file.flush()
            try:  # an upload appears when it is complete
                self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
                self.files.put_file(file.name, path)
            except Exception as error:  # of afar it may be anything
                raise UserError(f"cannot write {path}: {in_words(error) or type(error).__name__}{advice}") from error

    def write(self, name: str, content: bytes) -> None:
        """Write a small file at once. Raises `UserError` where that cannot be."""
        with self.writing(name) as file:
            file.write(content)
