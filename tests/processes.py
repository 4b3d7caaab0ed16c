"""Processes of their own that need not import torch and transformers again: they are forked from one that has.

`python(...)` takes what stands behind `python` on a command line, and ends as that does: what it runs finds streams,
arguments, environment, folder, signals and `__main__` of its own, and neither hf_attn_model nor datasets imported. Only
what other packages read from the environment when they are imported is the same for all: the cache of the Hub begins
empty, and the Hub is at `hub_url()` on this machine, where nobody listens until a test does.

What is about the start of Python itself starts it; what is about the order of imports takes `bare=True`, where none of
Hugging Face's packages is imported.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import types
from functools import cache

BARE = ("torch", "numpy", "pandas", "pyarrow", "sympy", "torch.distributed.tensor", "torch._dynamo")
WARM = (
    "transformers.models.auto.modeling_auto",
    "transformers.training_args_seq2seq",
    "accelerate",
    "peft",
    "sacrebleu",
)
GIVEN = 5  # file descriptors of a request: the request itself, standard streams, and where to tell what becomes of it


class Process:
    """A process, much as `subprocess.Popen` has it.

    Args:
        argv: what follows `python` on a command line: `-m NAME ...`, `-c PROGRAM ...` or `SCRIPT ...`.
        env: variables besides those of this process.
        cwd: its folder; by default that of this process.
        stdin, stdout, stderr: file descriptors, or files that have one; /dev/null by default.
        bare: without Hugging Face's packages.

    Attributes:
        pid: its number.
        returncode: minus the number of the signal that ended it, else its exit status; None before `wait`.
    """

    def __init__(self, *argv, env=None, cwd=None, stdin=None, stdout=None, stderr=None, bare=False):
        request = {"argv": [str(word) for word in argv], "cwd": str(cwd or os.getcwd())}
        request["env"] = environment() | {name: str(value) for name, value in (env or {}).items()}
        told, tell = os.pipe()
        self._told, self.returncode = open(told), None  # noqa: SIM115
        with tempfile.TemporaryFile() as file, open(os.devnull, "r+b") as null:
            file.write(json.dumps(request).encode())
            file.seek(0)
            streams = [null if stream is None else stream for stream in (stdin, stdout, stderr)]
            streams = [stream if isinstance(stream, int) else stream.fileno() for stream in streams]
            socket.send_fds(forker(bare), [b"."], [file.fileno(), *streams, tell])
        os.close(tell)
        self.pid = int(self._told.readline())

    def wait(self):
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(int(self._told.readline()))
            self._told.close()
        return self.returncode

    def send_signal(self, number):
        os.kill(self.pid, number)


def python(*argv, input="", text=True, **options):
    """Run Python to its end; returns a `subprocess.CompletedProcess` with what it wrote."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(input.encode())
        stdin.seek(0)
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        status = Process(*argv, **streams | options).wait()
        outputs = []
        for file in (stdout, stderr):
            file.seek(0)
            outputs.append(file.read().decode() if text else file.read())
    return subprocess.CompletedProcess(argv, status, *outputs)


def hf_attn(*typed, **options):
    """Run `hf-attn` to its end, as `python` does."""
    return python("-m", "hf_attn_model.cli", *typed, **options)


@cache
def hub_socket():
    """The socket for a Hub of ours, bound to a port of this machine, on which nobody listens yet."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(("127.0.0.1", 0))
    return found


@cache
def hub_url():
    return "http://{}:{}".format(*hub_socket().getsockname())


@cache
def home():
    """An empty folder, for as long as this process runs."""
    folder = tempfile.mkdtemp(prefix="processes-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def environment():
    """The variables of this process, but for those by which it finds a Hub and what it has of it."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(("HF_", "HTTP"))}
    inherited |= {"HF_HOME": home(), "HF_ENDPOINT": hub_url()}
    return inherited | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "*"}


def forker(bare):
    """The socket of a process that forks."""
    return start()[0 if bare else 1]


@cache
def start():
    """Start both processes that fork, the second being a fork of the first; they end with this one."""
    (ours, bare), (ours_too, warm) = socket.socketpair(), socket.socketpair()
    fds = bare.fileno(), warm.fileno()
    program = [sys.executable, __file__, *map(str, fds)]
    running = subprocess.Popen(program, env=environment(), pass_fds=fds, stdin=subprocess.DEVNULL)
    bare.close()
    warm.close()
    return ours, ours_too, running


def serve(bare, warm):
    """Fork for each request, from a process with `BARE` imported and from one with `WARM`, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load(BARE)
    if os.fork():
        warm.close()
        return fork_for(bare)
    bare.close()
    load(WARM)
    return fork_for(warm)


def load(names):
    for name in names:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a fork that collects would copy all of it


def fork_for(requests):
    """Fork whenever somebody asks for it. Returns, in the forked process, what it is to run."""
    while True:
        _, fds, *_ = socket.recv_fds(requests, 1, GIVEN)
        if not fds:  # nobody will ask any more
            os._exit(0)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not os.fork():
            requests.close()
            return become(*fds)
        for fd in fds:
            os.close(fd)


def become(request, stdin, stdout, stderr, tell):
    """Fork the process that was asked for, and tell its number and its end; returns in that process."""
    if pid := os.fork():
        os.write(tell, f"{pid}\n".encode())
        os.write(tell, b"%d\n" % os.waitpid(pid, 0)[1])
        os._exit(0)
    os.close(tell)
    with open(request, encoding="utf-8") as file:
        asked = json.load(file)
    for number, fd in enumerate((stdin, stdout, stderr)):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which the jobs in a shell's background ignore
    open_streams(os.environ.get("PYTHONIOENCODING") or "utf-8")
    return asked["argv"]


def open_streams(encoding):
    def stream(number, mode, errors):
        binary = open(number, mode, closefd=False)  # noqa: SIM115
        is_flushed = number == 2 or bool(os.environ.get("PYTHONUNBUFFERED"))
        return io.TextIOWrapper(binary, encoding, errors, line_buffering=is_flushed)

    sys.stdin = sys.__stdin__ = stream(0, "rb", "strict")
    sys.stdout = sys.__stdout__ = stream(1, "wb", "strict")
    sys.stderr = sys.__stderr__ = stream(2, "wb", "backslashreplace")


def run(argv):
    """Do what `python ARGV` does."""
    first, *rest = argv
    sys.path[0] = os.path.dirname(os.path.abspath(first)) if first[0] != "-" else ""
    sys.path[1:1] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in sys.path]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(sys.modules["__main__"]))
    else:
        sys.argv = argv
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    run(serve(*(socket.socket(fileno=int(fd)) for fd in sys.argv[1:])))
