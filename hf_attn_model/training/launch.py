"""A piece of work in several processes of this machine that compute together, as members of torch.distributed."""

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

import torch
from accelerate.state import AcceleratorState
from torch.multiprocessing import get_context, start_processes
from torch.multiprocessing.spawn import ProcessException

from ..errors import UserError
from .provenance import LAUNCHED

own_process = False  # set by a program that has computed nothing yet: threads that compute do not survive a fork
PATIENCE = 3.0  # seconds in which processes end by themselves, when one of them has failed


@dataclass(frozen=True)
class Layout:
    """How many processes of this machine train together, and how many threads each of them has."""

    processes: int
    threads: int

    def __str__(self) -> str:
        processes = "1 process" if self.processes == 1 else f"{self.processes} processes"
        return f"{processes} of {'1 thread' if self.threads == 1 else f'{self.threads} threads'}"


def is_distributed() -> bool:
    """Whether this process is one of several that a launcher, ours or another such as `torchrun`, has started."""
    return int(os.environ.get("WORLD_SIZE", 1)) > 1


def launch(layout: Layout, work: Callable[..., Any], *arguments: Any) -> Any:
    """Call `work(*arguments)` in all processes of a layout at once, and return what it gives in the first.

    They are started anew, and import what they need, unless `own_process` is true and nothing computes on a device:
    then they are forked. Ctrl-C or SIGTERM here, and an error in one of them, end all.

    Raises:
        UserError: that of the first process that raised one; or a process was killed.
    """
    method = "fork" if own_process and not torch.accelerator.is_available() else "spawn"
    outcomes = get_context(method).SimpleQueue()
    members = start_processes(
        _member,
        (layout, _free_port(), outcomes, work, arguments),
        layout.processes,
        join=False,
        start_method=method,
    )
    try:
        while not members.join(grace_period=PATIENCE):
            pass
    except ProcessException as error:
        if not outcomes.empty():
            raise outcomes.get() from None  # the first is the cause; that the others lost it is not
        _name_the_killed(members.processes)
        raise error
    finally:
        _end(members.processes)
    return outcomes.get()


def _member(rank: int, layout: Layout, port: int, outcomes: Any, work: Callable[..., Any], arguments: Any) -> None:
    """Be one of the processes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(layout.processes),
        "LOCAL_WORLD_SIZE": str(layout.processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": str(layout.threads),  # accelerate would choose for itself
        "MKL_NUM_THREADS": str(layout.threads),
        LAUNCHED: "1",
    }
    AcceleratorState._reset_state(reset_partial_state=True)  # the parent's, which is alone
    torch.set_num_threads(layout.threads)
    try:
        outcome = work(*arguments)
    except (UserError, OSError, MemoryError) as error:
        outcomes.put(error)
        raise SystemExit(2) from None
    if rank == 0:
        outcomes.put(outcome)
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _stop(number: int, frame: Any) -> NoReturn:
    """Unwind without a word: the parent says it."""
    raise KeyboardInterrupt


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _name_the_killed(processes: list[BaseProcess]) -> None:
    """Raise `UserError` if the system has ended one of the processes."""
    for number, process in enumerate(processes, start=1):
        if process.exitcode is not None and process.exitcode == -signal.SIGKILL:
            raise UserError(
                f"process {number} of {len(processes)} was killed: if memory ran out, give --processes 1 or a smaller "
                "max_tokens; --resume goes on after the last checkpoint"
            )


def _end(processes: list[BaseProcess]) -> None:
    """End the processes that are left, when this one is interrupted."""
    for process in processes:
        process.terminate()
    end = time.monotonic() + PATIENCE
    for process in processes:
        process.join(max(0.0, end - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()
