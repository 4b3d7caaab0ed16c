"""Several processes of one machine do a piece of work together; what ends one of them ends all."""

import os
import signal
import threading
import time

import pytest
import torch
from torch import distributed

from hf_attn_model.errors import UserError
from hf_attn_model.training.launch import Layout, is_distributed, launch

pytestmark = pytest.mark.slow  # each starts two processes, which import torch

TWO = Layout(processes=2, threads=1)


def meet():
    """Join the group as a Trainer does."""
    from accelerate import PartialState

    return PartialState(cpu=True)


def add_ranks(offset):
    state = meet()
    total = torch.tensor(float(state.process_index + offset))
    distributed.all_reduce(total)
    return float(total), is_distributed(), torch.get_num_threads(), os.getpid()


def test_members_compute_together():
    total, is_one_of_several, threads, process = launch(Layout(processes=3, threads=1), add_ranks, 5)
    assert (total, is_one_of_several, threads) == (5 + 6 + 7, True, 1)
    assert process != os.getpid()
    assert not is_distributed()
    assert not distributed.is_initialized()


def fail_in_second():
    if meet().process_index == 1:
        raise UserError("the second has no corpus")
    distributed.barrier()  # never comes


def test_error_of_one_ends_all_and_is_the_one_that_is_told():
    start = time.monotonic()
    with pytest.raises(UserError, match=r"^the second has no corpus$"):
        launch(TWO, fail_in_second)
    assert time.monotonic() - start < 60  # and not gloo's half an hour


def kill_second():
    if meet().process_index == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    distributed.barrier()


def test_killed_process_is_named():
    with pytest.raises(UserError, match=r"^process 2 of 2 was killed: .*--resume goes on"):
        launch(TWO, kill_second)


def note_and_wait(folder):
    (folder / str(os.getpid())).touch()
    time.sleep(600)


def test_interruption_ends_all(tmp_path):
    def interrupt():
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        launch(TWO, note_and_wait, tmp_path)
    for name in (path.name for path in tmp_path.iterdir()):
        with pytest.raises(ProcessLookupError):
            os.kill(int(name), 0)


def bug():
    return [][0]


def test_fault_of_ours_keeps_its_traceback():
    with pytest.raises(Exception, match="return \\[\\]\\[0\\]"):
        launch(TWO, bug)
