"""Files that are whole or absent, folders that one process at a time writes to, reading that raises `UserError` alone.

Reading order: `reading`; `processes` -> `locks` -> `writing`; `stamps`.
"""

from .locks import LOCK, locked, waiting
from .processes import UNFINISHED
from .reading import digest, read_json, reading, reason, within
from .stamps import is_settled, stamp
from .writing import (
    check_writable,
    filling,
    holds_something,
    is_scratch,
    new_folder,
    replacing,
    write_json,
    write_text,
    writing,
)

__all__ = [
    "LOCK",
    "UNFINISHED",
    "check_writable",
    "digest",
    "filling",
    "holds_something",
    "is_scratch",
    "is_settled",
    "locked",
    "new_folder",
    "read_json",
    "reading",
    "reason",
    "replacing",
    "stamp",
    "waiting",
    "within",
    "write_json",
    "write_text",
    "writing",
]
