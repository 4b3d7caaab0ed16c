"""A process that uses the Hub of the tests, and no other."""

import json
import os
from pathlib import Path

from processes import Process
from safetensors.torch import load_file, save_file

from hf_attn_model.checkpoint.digests import renew_digests

WORKER = Path(__file__).with_name("worker.py")
ALICE = "hf_alice"


class Client:
    """Runs `hf-attn` and Python in one process of its own, in which HF_ENDPOINT is set before any import."""

    def __init__(self):
        asked, self.requests = os.pipe()
        self.answers, answer = os.pipe()
        self.process = Process(WORKER, stdin=asked, stdout=answer)
        os.close(asked)
        os.close(answer)
        self.requests, self.answers = open(self.requests, "w"), open(self.answers)  # noqa: SIM115

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.requests.close()
        assert self.process.wait() == 0
        self.answers.close()

    def start(self, *arguments, token=ALICE, **request):
        if arguments:
            request["arguments"] = [str(argument) for argument in arguments]
        self.requests.write(json.dumps(request | {"token": token}) + "\n")
        self.requests.flush()

    def finish(self):
        return tuple(json.loads(self.answers.readline()))

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
