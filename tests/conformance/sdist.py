"""The tests of the installed transformers: taken through pip from its source distribution, kept in the user's cache."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import transformers
from filelock import FileLock


class Unavailable(Exception):
    """The source distribution cannot be had here, and why."""


def obtain_tests() -> Path:
    """Return the unpacked `tests` folder of the installed transformers, a Python package; fetch it on the first call.

    Raises:
        Unavailable: no network, no pip, no writable cache, or no source distribution of this version. Every worker of
            one pytest-xdist run gets the same answer, as all have to collect the same tests.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "hf_attn_model"
    folder = cache / f"transformers-{transformers.__version__}-tests"
    refusal = cache / f"{folder.name}.refusal"
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{folder.name}.lock"):
            if folder.is_dir():
                return folder
            if run and refusal.is_file() and json.loads(refusal.read_text())["run"] == run:
                raise Unavailable(json.loads(refusal.read_text())["reason"])
            try:
                _fetch(folder)
            except Unavailable as reason:
                refusal.write_text(json.dumps({"run": run, "reason": str(reason)}))
                raise
    except OSError as error:
        raise Unavailable(f"the cache cannot be used: {error}") from error
    return folder


def _fetch(folder: Path) -> None:
    """Download the source distribution and put its tests into `folder`, all or nothing."""
    with TemporaryDirectory(dir=folder.parent) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--retries=1", "--timeout=20", "--no-deps", "--no-build-isolation", "--no-binary=transformers"]
        command += ["--dest", scratch, f"transformers=={transformers.__version__}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired as error:
            raise Unavailable("pip download took longer than 300 s") from error
        archives = list(Path(scratch).glob("*.tar.gz"))
        if done.returncode or not archives:
            last_line = done.stderr.strip().rpartition("\n")[2]
            raise Unavailable(f"pip download failed: {last_line or 'no source distribution came'}")

        with tarfile.open(archives[0]) as archive:
            members = [member for member in archive.getmembers() if Path(member.name).parts[1:2] == ("tests",)]
            archive.extractall(scratch, members, filter="data")
        try:
            (tests,) = Path(scratch).glob("*/tests")
        except ValueError as error:
            raise Unavailable("the source distribution carries no tests") from error
        (tests / "__init__.py").touch()  # one of the modules opens this file, which is not distributed
        tests.rename(folder)
