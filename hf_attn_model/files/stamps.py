"""A file's size and times: whether it was touched since it was read through, without reading it again."""

import os
import time

TICK = 2_000_000_000  # nanoseconds: the coarsest clock of a file system, FAT's


def stamp(path: str | os.PathLike) -> list[int]:
    """Look at a file from outside: its size, the times of its last writing and change (ns), and its number.

    Who edits a file may restore its size and the time of writing; the time of change is the system's own.
    """
    seen = os.stat(path)
    return [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]


def is_settled(seen: list[int]) -> bool:
    """Tell whether the last change of a file is so long ago that any later one gives it another stamp."""
    return abs(time.time_ns() - seen[2]) > TICK
