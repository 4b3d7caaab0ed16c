"""What a reader needs to repeat a measurement: the command, the machine and the versions."""

import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import torch


def command() -> str:
    """Return the command line of this process, such as `hf-attn train textbook-en-es --out runs/x`."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def hardware() -> str:
    """Name the device that computes, such as `2 CPU cores (x86_64, AVX512)`."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} CPU cores ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def versions() -> str:
    """List the versions of what computes: `python 3.11.7, torch 2.13.0, ...`."""
    names = ("torch", "transformers", "tokenizers", "hf-attn-model")
    return ", ".join([f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])
