"""Processes that are forks of the one that tests, warm within milliseconds, and what may befall them."""

import os
import resource
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path


def fork(body, *arguments):
    """Call `body` in a fork, whose number this returns. It ends with status 0, or with 1 after an exception."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        body(*arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def status_of(child):
    """Wait until a fork ends; returns its exit status, or minus the number of the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def begun(body, *arguments):
    """Call `body(*arguments, wait)` in a fork, and go on when it calls `wait`, which returns when this context ends."""
    (is_ready, ready), (is_over, over) = os.pipe(), os.pipe()

    def wait():
        os.write(ready, b"!")
        os.read(is_over, 1)

    def call():
        os.close(over)
        body(*arguments, wait)

    child = fork(call)
    os.close(is_over)
    os.close(ready)
    try:
        assert os.read(is_ready, 1) == b"!", "it has ended before"
        yield child
    finally:
        for descriptor in (over, is_ready):
            os.close(descriptor)
        status_of(child)


@contextmanager
def largest_file(size):
    """Let this process write no file of more bytes: stands for a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def drop_rights():
    """Be somebody who may not write everywhere, as root may."""
    if os.geteuid() == 0:
        os.setresuid(65534, 65534, 65534)


@contextmanager
def open_folder():
    """A folder that every user may look into, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
