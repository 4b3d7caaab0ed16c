"""Compressed files are read as what they hold; archives, which hold many files, are refused with what opens them."""

import bz2
import gzip
import lzma
import shlex
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ...errors import UserError
from ...files import reading

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKINGS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": zstd.open}
DAMAGES = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstd.ZstdError)
OPENERS = {
    "tar -xf": (".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", *(f".tar{packing}" for packing in PACKINGS)),
    "unzip": (".zip",),
    "7z x": (".7z",),
    "unrar x": (".rar",),
}


def packing_of(path: Path) -> str | None:
    """Tell by its name how a file is compressed: ".gz", ".bz2", ".xz" or ".zst", in any case of letters."""
    suffix = path.suffix.lower()
    return suffix if suffix in PACKINGS else None


def bare_name(path: Path) -> str:
    """The name of a file without that of its compression: `train.EN` of `train.EN.gz`."""
    packing = packing_of(path)
    return path.name[: -len(packing)] if packing else path.name


def refuse_archive(path: Path) -> None:
    """Raise `UserError` for an archive, by its name, with the command that opens it."""
    for command, suffixes in OPENERS.items():
        if path.name.lower().endswith(suffixes):
            raise UserError(
                f"{path}: an archive of files: open it with {command} {shlex.quote(str(path))}, "
                "and give the file or folder that comes out"
            )


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading what it holds, uncompressed.

    Raises:
        UserError: it cannot be read, or its compressed data are not whole; also from within the context.
    """
    packing = packing_of(path)
    with reading(path):
        try:
            with PACKINGS[packing](path, "rb") if packing else open(path, "rb") as file:
                yield file
        except DAMAGES as error:
            name = "gzip" if packing == ".gz" else packing
            raise UserError(f"{path}: not a whole {name} file ({error})") from None
