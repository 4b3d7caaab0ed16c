"""What a reader needs to repeat a measurement: command, code, machine, versions; and the fingerprint of its pairs."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from .._version import __version__
from ..files.processes import count_cores
from ..secrets import redact_command
from ..text.fingerprint import fingerprint

__all__ = ["command", "commit", "fingerprint", "hardware", "versions"]

PACKAGE = Path(__file__).parents[1]
LAUNCHED = "HF_ATTN_LAUNCHED"  # set in the processes that a training of ours has started
LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "datasets", "numpy")


def command() -> str:
    """Return the command line of this process, to be typed again: `hf-attn train textbook-en-es --out runs/x`.

    Of several processes that `torchrun` or the like started it begins with `torchrun --nproc_per_node 2`, a script is
    named as it is seen from here, and secrets are left out.
    """
    program = Path(sys.argv[0])
    processes = 1 if LAUNCHED in os.environ else int(os.environ.get("WORLD_SIZE", 1))
    if processes == 1 and program.name == "hf-attn":
        return redact_command(["hf-attn", *sys.argv[1:]])
    launcher = ["python"] if processes == 1 else ["torchrun", "--nproc_per_node", str(processes)]
    if program.name == "hf-attn" or program.absolute().is_relative_to(PACKAGE):
        named = ["-m", f"{PACKAGE.name}.cli"]
    else:
        is_below = program.absolute().is_relative_to(Path.cwd())
        named = [str(program.absolute().relative_to(Path.cwd()) if is_below else program.name)]
    return redact_command([*launcher, *named, *sys.argv[1:]])


def hardware() -> str:
    """Name the device that computes, such as `2 CPU cores (x86_64, AVX512)`."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cores = count_cores()
    unit = "CPU core" if cores == 1 else "CPU cores"
    return f"{cores} {unit} ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def versions() -> dict[str, str]:
    """Return the versions of what computes: `{"python": "3.11.7", "torch": "2.13.0", ...}`."""
    libraries = {name: version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), **libraries, "hf-attn-model": __version__}


def commit() -> dict[str, str | bool] | None:
    """Return the git commit of this package's own checkout, and whether the package was changed since.

    Returns:
        `{"commit": 40 hexadecimal digits, "changed": bool}`; `None` for an installed package, even where its
        environment lies inside somebody's checkout, and on a machine without git.
    """

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain", "--", "."))}
    except (OSError, subprocess.CalledProcessError):
        return None
