"""Work in processes of their own, forked from one in which everything is imported, which may be killed at any moment.

A fork begins within milliseconds, so that a kill meets the work and not its imports. The process that is forked from
has done nothing else: a fork of the one that tests would inherit its threads.
"""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import matplotlib.backends.backend_agg  # noqa: F401
import pytest
import torch

import hf_attn_model.alignment.corpus
import hf_attn_model.alignment.selection
import hf_attn_model.cli.app
import hf_attn_model.study.ablation
import hf_attn_model.training.card
import hf_attn_model.training.train
import hf_attn_model.view.page  # noqa: F401
from hf_attn_model.cli import main
from hf_attn_model.files import UNFINISHED, is_scratch

torch.set_num_threads(1)
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(  # not this module: the server knows no path to the tests
    [
        "matplotlib.backends.backend_agg",
        "hf_attn_model.alignment.corpus",
        "hf_attn_model.alignment.selection",
        "hf_attn_model.cli.app",
        "hf_attn_model.study.ablation",
        "hf_attn_model.training.card",
        "hf_attn_model.training.train",
        "hf_attn_model.view.page",
    ]
)


class Work:
    """A call in a process of its own, which is under way.

    Args:
        work: a function of a module, not of a test.
        arguments: what it is called with.
    """

    def __init__(self, work, *arguments):
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")  # noqa: SIM115
        self.process = FORKS.Process(target=_call, args=(self.log.name, work, *arguments))
        self.process.start()

    def status(self):
        """Wait until it ends; returns its exit status, or minus the number of the signal that ended it."""
        self.process.join()
        return self.process.exitcode

    @property
    def said(self):
        """What it has printed, on either stream."""
        return Path(self.log.name).read_text(errors="replace")

    @property
    def is_over(self):
        return not self.process.is_alive()

    def kill(self, number=signal.SIGKILL):
        os.kill(self.process.pid, number)


def _call(log, work, *arguments):
    with open(log, "w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    sys.exit(work(*arguments))


def verb(*typed):
    """`hf-attn` with these words; returns the exit status."""
    return main([str(word) for word in typed])


def run(*typed):
    """Run `hf-attn` to its end; returns its exit status, what it printed, and the seconds it took."""
    begun = time.monotonic()
    work = Work(verb, *typed)
    return work.status(), work.said, time.monotonic() - begun


def kill_while_writing(work, folder, chosen: random.Random):
    """Kill work soon after it has begun to write into a folder, if it has not ended before."""
    delay = chosen.choice([0, 0.001, 0.005, 0.02])
    while not work.is_over:
        if any(UNFINISHED in name for name in names(folder)):
            time.sleep(delay)
            break
        time.sleep(0.0005)
    return kill_now(work)


def kill_within(work, seconds, chosen: random.Random):
    """Kill work at a random moment of its time."""
    work.process.join(chosen.uniform(0, seconds))
    return kill_now(work)


def kill_now(work):
    if not work.is_over:
        work.kill()
    return work.status() == -signal.SIGKILL


def names(folder):
    """All that lies below a folder."""
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


def scratch(folder):
    """The locks and the unfinished files below a folder."""
    return [name for name in names(folder) if any(map(is_scratch, Path(name).parts))]


@contextmanager
def small_disk(path, size):
    """A file system of `size` bytes, mounted on a folder; skips the test where that may not be."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here: it takes root")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def enlarge(path, size):
    """Make room on a small disk."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(path)], check=True)
