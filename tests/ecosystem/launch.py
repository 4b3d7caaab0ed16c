"""How the tests start training scripts: in this process, or under a launcher that starts processes of its own."""

import contextlib
import json
import os
import subprocess
import sys

import psutil
import pytest


def arguments(model, out, train=None, evaluate=None, *more):
    """Words after `stock_trainer.py` for a quiet run on the CPU: folders, files of pairs, and any other options."""
    words = ["--model", model, "--output_dir", out, "--cache_dir", out / "cache"]
    words += ["--use_cpu", "--report_to", "none", "--disable_tqdm", "True"]
    if train:
        words += ["--do_train", "--train_file", train]
    if evaluate:
        words += ["--do_eval", "--eval_file", evaluate, "--predict_with_generate", "--generation_max_length", 31]
    return [str(word) for word in [*words, *more]]


def history(folder, key):
    """Read the values that a training logged under `key`, in their order."""
    state = json.loads((folder / "trainer_state.json").read_text())
    return [entry[key] for entry in state["log_history"] if key in entry]


def launch(*command, timeout=180):
    """Run `python -m COMMAND` to its end, and return its output; the test fails if it fails or takes too long."""
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill(process)
        output, _ = process.communicate()
        pytest.fail(f"no end after {timeout} s\n{output}")
    assert process.returncode == 0, output
    return output


def kill(process):
    """Kill a process and its descendants: launchers put their workers into sessions of their own."""
    parent = psutil.Process(process.pid)
    for descendant in [*parent.children(recursive=True), parent]:
        with contextlib.suppress(psutil.NoSuchProcess):
            descendant.kill()
