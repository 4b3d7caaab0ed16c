"""A process that is forked ends as one that Python starts."""

import subprocess
import sys

from processes import Process, python

LOOK = """
import json, os, sys
print(__name__, json.dumps(sys.argv[1:]), os.getcwd(), os.environ["OF_ITS_OWN"], sys.path[0] in ("", os.getcwd()))
print(sys.stdin.read(), "é", sys.stdout.encoding, file=sys.stderr)
print({"transformers", "datasets", "hf_attn_model"} & set(sys.modules))
sys.exit("because")
"""


def test_it_ends_as_one_that_python_starts(tmp_path, monkeypatch):
    (tmp_path / "look.py").write_text(LOOK)
    monkeypatch.setenv("OF_ITS_OWN", "set")
    for command in (
        ["-c", LOOK, "a b", "ü"],
        ["look.py", "c"],
        ["-m", "look"],
        ["-c", "1 / 0"],
    ):
        done = python(*command, cwd=tmp_path, input="typed", bare=True)
        theirs = subprocess.run([sys.executable, *command], cwd=tmp_path, input="typed", capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (theirs.returncode, theirs.stdout)
        assert done.stderr.splitlines()[-1:] == theirs.stderr.splitlines()[-1:]


def test_a_signal_ends_it():
    process = Process("-c", "import time; time.sleep(60)")
    process.send_signal(15)
    assert process.wait() == -15
