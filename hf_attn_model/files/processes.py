"""Who writes: processes of this host, whether they are still there, and what they call a file that is not whole yet."""

import os
import re
import shutil
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

UNFINISHED = ".unfinished"  # ends the name of a file that is being written
BOOT = Path("/proc/sys/kernel/random/boot_id")
PROCESSES = Path("/proc/self/ns/pid")  # of a container, or of the whole machine
OUTSIDE_OF_CONTAINERS = 0xEFFFFFFC  # what Linux calls the processes of the whole machine


def count_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def unfinished_name(path: Path) -> Path:
    """Name what one thread of one process writes in place of a file."""
    return path.with_name(f"{path.name}.{host_name()}-{os.getpid()}-{threading.get_ident()}{UNFINISHED}")


def remove_leftovers(path: Path) -> None:
    """Remove the unfinished files and folders of processes of this host that are no more."""
    writers = re.compile(rf"{re.escape(f'{path.name}.{host_name()}')}-(\d+)-\d+{re.escape(UNFINISHED)}")
    for other in path.parent.glob(f"*{UNFINISHED}"):
        writer = writers.fullmatch(other.name)
        if writer and not psutil.pid_exists(int(writer[1])):
            with suppress(OSError):  # it may be another user's
                shutil.rmtree(other) if other.is_dir() else other.unlink()


def is_alive(process: int, start: Any) -> bool:
    """Tell whether the process of this host that began then (see `start_of`) is still there."""
    now = start_of(process)
    if now is not None or os.name != "posix":
        return now == start
    try:
        os.kill(process, 0)
    except PermissionError:  # of another user, where the system shows nobody the processes of others
        return True
    except OSError:
        return False
    return False  # it has ended, and its parent has not looked yet


def start_of(process: int) -> str | None:
    """Tell when a process of this host began, however the clock is set since; `None` if nothing is seen of it."""
    try:
        seen = psutil.Process(process)
        if seen.status() == psutil.STATUS_ZOMBIE:
            return None
        if not psutil.LINUX:
            return str(seen.create_time())
        ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]  # proc(5): starttime
    except (psutil.Error, OSError):
        return None
    return f"{ticks} ticks after boot {_boot()}"


def _boot() -> str:
    """Name the time since this machine was started, where the system does."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""


def host_name() -> str:
    """Name what process numbers are counted on: this machine, and the container where there is one."""
    try:
        counted = PROCESSES.stat().st_ino
    except OSError:
        return socket.gethostname()
    return socket.gethostname() + (f"+{counted}" if counted != OUTSIDE_OF_CONTAINERS else "")
