"""Work on many machines: pieces of it go to the workers of a Ray cluster, each as soon as one is free.

A faster worker takes more of them, and what was begun on a machine that ends is begun again elsewhere. This process
only reads, hands out and collects, and takes no CPU of the cluster: a cluster of one CPU suffices.
"""

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from .errors import UserError, in_words

AHEAD = 4  # pieces handed out for each worker, so that a slow one holds up nobody for long
TRIES = 6  # of a piece whose worker or machine ends
PAUSE, PATIENCE = 5.0, 60.0  # seconds between two looks at a silent cluster, and how long it may have no CPU at all
LOCAL = "local"
MISSING = "sharing work among machines needs Ray: pip install 'hf-attn-model[ray]'"

Piece = TypeVar("Piece")
Done = TypeVar("Done")


@contextmanager
def connected(address: str) -> Iterator["Cluster"]:
    """Be connected to a cluster until the context ends.

    Args:
        address: `local` for one that is started on this machine and ends with the context; `auto` for the one that runs
            here; or the address of another, such as `10.0.0.5:6379`.

    Raises:
        UserError: Ray is not installed, there is no such cluster, or it has no CPU.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    try:
        import ray
    except ImportError:
        raise UserError(MISSING) from None
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    options: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
    try:
        ray.init(address=address, logging_level="error", log_to_driver=False, configure_logging=False, **options)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        raise UserError(f"cannot reach a Ray cluster at {address}: {in_words(error)}") from None
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)  # Ray has its own
        yield Cluster(ray, address)
    finally:
        ray.shutdown()


class Cluster:
    """A cluster that this process is connected to; see `connected`.

    Raises:
        UserError: it has no CPU.
    """

    def __init__(self, ray: Any, address: str):
        self._ray, self._address = ray, address
        if not self._workers():
            raise UserError(f"the Ray cluster at {address} has no CPU: give it a node that has one")

    def map(self, work: Callable[[Piece], Done], pieces: Iterable[Piece]) -> Iterator[Done]:
        """Do work on each piece somewhere, and give what becomes of it, in the order of the pieces.

        Args:
            work: pickled; every process of a worker is given it anew, so what it loads it keeps in its module.
            pieces: pickled; read no further ahead than the workers have use for.

        Raises:
            UserError: `work` raises one; a piece ends its workers time and again; or no CPU is left.
        """
        ray = self._ray
        options = {"num_gpus": 1} if ray.cluster_resources().get("GPU", 0) >= 1 else {}  # all of one kind
        task = ray.remote(work_on).options(num_cpus=1, max_retries=TRIES - 1, **options)
        shared = ray.put(work)
        unread, begun = iter(pieces), deque[Any]()
        is_read = False
        while True:
            while not is_read and len(begun) < AHEAD * max(self._workers(), 1):
                try:
                    begun.append(task.remote(shared, next(unread)))
                except StopIteration:
                    is_read = True
            if not begun:
                return
            yield self._wait(begun.popleft())

    def _workers(self) -> int:
        """How many pieces can be worked on at once."""
        resources = self._ray.cluster_resources()
        return int(resources.get("GPU", 0)) or int(resources.get("CPU", 0))

    def _wait(self, begun: Any) -> Any:
        """Wait for a piece, for as long as there is somebody to work on it."""
        ray, seen = self._ray, time.monotonic()
        while not ray.wait([begun], timeout=PAUSE)[0]:
            if self._workers():
                seen = time.monotonic()
            elif time.monotonic() - seen > PATIENCE:
                raise UserError(f"the Ray cluster at {self._address} has no CPU left: run the same command again")
        try:
            return ray.get(begun)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            why = " ".join(str(error).split())[:200]
            raise UserError(f"a worker of the Ray cluster ended {TRIES} times over the same work: {why}") from None


def work_on(work: Callable[[Piece], Done], piece: Piece) -> Done:
    """Be what a worker does."""
    return work(piece)


def check_room() -> None:
    """Refuse to be a worker of Ray Data that holds the only CPU, as Ray Data would wait for ever for one to read with.

    Raises:
        UserError: this process is one.
    """
    ray: Any = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return
    context = ray.get_runtime_context()
    if context.get_actor_id() is None:
        return
    held = context.get_assigned_resources().get("CPU", 0)
    if held and ray.cluster_resources().get("CPU", 0) - held < 1:
        raise UserError(
            "this Ray cluster has one CPU, and none would be left to read with: give map_batches num_cpus=0"
        )
