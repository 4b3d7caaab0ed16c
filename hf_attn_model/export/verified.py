"""A shard behind a URL, of which only what is read comes here: each block is compared with its digest when it comes."""

import io
from collections import OrderedDict
from typing import IO, Any

from ..errors import UserError
from .metadata import AGAIN, BLOCK, Shard, block_digest

HELD = 8  # blocks


class VerifiedFile(io.RawIOBase):
    """Reads a file in blocks, none of which is given out before it is known to be what was written.

    Args:
        file: at any distance.
        shard: what its note says.
        path: what messages call it.

    Raises:
        UserError: while reading: a block is not what was written.
    """

    def __init__(self, file: IO[bytes], shard: Shard, path: str):
        self._file, self._shard, self._path = file, shard, path
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._shard.bytes}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with bytes of one block; returns how many."""
        number, start = divmod(self._at, BLOCK)
        if self._at >= self._shard.bytes:
            return 0
        part = self._block(number)[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        """Close the file behind."""
        self._file.close()
        super().close()

    def _block(self, number: int) -> bytes:
        """Fetch a block, or find it among the last ones."""
        if number not in self._blocks:
            self._file.seek(number * BLOCK)
            content = self._file.read(min(BLOCK, self._shard.bytes - number * BLOCK))
            if block_digest(content) != self._shard.digest_of_block(number):
                raise UserError(f"{self._path} is damaged: block {number} is not what was written; {AGAIN}")
            self._blocks[number] = content
            if len(self._blocks) > HELD:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]
