"""Files that are whole or absent, folders that one process at a time writes to, reading that raises `UserError` alone.

Reading order: `reading`; `processes` -> `locks` -> `writing`.
"""

from .locks import LOCK, locked
from .processes import UNFINISHED
from .reading import digest, read_json, reading, reason, within
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
    "locked",
    "new_folder",
    "read_json",
    "reading",
    "reason",
    "replacing",
    "within",
    "write_json",
    "write_text",
    "writing",
]
