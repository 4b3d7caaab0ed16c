"""Processes that use the Hub of the tests, and no other."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

from hf_attn_model.checkpoint.digests import renew_digests

WORKER = Path(__file__).with_name("worker.py")
ALICE = "hf_alice"


def environment(home, endpoint):
    """Variables of a process that knows no Hub but `endpoint`, and has nothing of it yet."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(("HF_", "HTTP"))}
    inherited |= {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*"}
    return inherited | {"OMP_NUM_THREADS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


class Client:
    """Runs `hf-attn` and Python in one process of its own, in which HF_ENDPOINT is set before any import."""

    def __init__(self, home, endpoint):
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(home, endpoint),
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
        )

    def start(self, *arguments, token=ALICE, **request):
        if arguments:
            request["arguments"] = [str(argument) for argument in arguments]
        self.process.stdin.write(json.dumps(request | {"token": token}) + "\n")
        self.process.stdin.flush()

    def finish(self):
        return tuple(json.loads(self.process.stdout.readline()))

    def run(self, *arguments, token=ALICE):
        """Run `hf-attn`; returns the exit status, standard output and standard error."""
        self.start(*arguments, token=token)
        return self.finish()

    def python(self, lines, token=ALICE):
        """Run Python; returns what it printed."""
        self.start(python=lines, token=token)
        status, out, err = self.finish()
        assert status == 0, err
        return out


def other_weights(folder, factor):
    """Multiply the weights of a checkpoint, on purpose."""
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: factor * tensor for name, tensor in weights.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    renew_digests(folder)
