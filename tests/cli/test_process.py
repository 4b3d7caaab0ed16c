"""The process around a verb: signals at any moment, any locale, what is imported, what is printed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from processes import Process, hf_attn

from hf_attn_model.cli import main

HF_ATTN = [sys.executable, "-m", "hf_attn_model.cli"]
HEAVY = ("torch", "transformers", "numpy", "datasets", "huggingface_hub")
MOMENTS = (0.2, 0.7)  # seconds after the verb has begun: Python imports
OTHERS = (0.05, 0.1, 0.4, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
INTERRUPT = """
import os, signal, sys, threading
moment, number = float(sys.argv[1]), int(sys.argv[2])
del sys.argv[1:3]
signal.signal(signal.SIGINT, signal.default_int_handler)  # which the jobs in a shell's background ignore
from hf_attn_model.cli import main
threading.Timer(moment, os.kill, (os.getpid(), number)).start()
sys.exit(main())
"""


ENGINE = "engine: ctranslate2\n"


def run(*typed, **environment):
    """Start Python anew for `hf-attn`; returns the finished process, its output as bytes."""
    return subprocess.run([*HF_ATTN, *typed], capture_output=True, env=os.environ | environment, timeout=300)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    path = tmp_path_factory.mktemp("many") / "sentences.txt"
    path.write_text("one two three\n" * 100_000)
    return path


@pytest.mark.parametrize(
    ("number", "word", "status", "moment"),
    [
        *((signal.SIGINT, "interrupted", 130, moment) for moment in MOMENTS),
        *((signal.SIGTERM, "terminated", 143, moment) for moment in MOMENTS[1::2]),
        *(pytest.param(signal.SIGINT, "interrupted", 130, each, marks=pytest.mark.slow) for each in OTHERS),
    ],
)
def test_a_signal_at_any_moment_is_one_line(translator_folder, many, moment, number, word, status):
    command = [sys.executable, "-c", INTERRUPT, str(moment), str(int(number)), "translate", translator_folder]
    done = subprocess.run([*command, "--file", many], capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stderr
    *before, last = done.stderr.splitlines()
    assert last == f"hf-attn: {word}"
    assert all(line.startswith(("Translating", "engine: ")) for line in before)


@pytest.mark.parametrize(
    ("number", "word", "status"), [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "terminated", 143)]
)
def test_a_signal_to_a_verb_at_work_is_one_line(many, number, word, status):
    told, tell = os.pipe()
    working = Process("-m", "hf_attn_model.cli", "translate", "textbook", "--file", many, stderr=tell)
    os.close(tell)
    with open(told) as stderr:
        assert stderr.readline().startswith("Translating")
        time.sleep(0.1)
        working.send_signal(number)
        said = stderr.read().removeprefix(ENGINE)  # or not yet
        assert (working.wait(), said) == (status, f"hf-attn: {word}\n")


def test_an_exception_that_a_library_makes_of_it_is_one_line(translator_folder, capsys, monkeypatch, request):
    def stubborn(*_, **__):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            raise RuntimeError("DataLoader worker exited unexpectedly") from None

    def deaf(*_, **__):
        try:
            stubborn()
        except RuntimeError:
            return ["eins"]

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    for translate in (stubborn, deaf):
        monkeypatch.setattr("hf_attn_model.translation.translate_stream", translate)
        assert main(["translate", str(translator_folder), "one"]) == 130
        assert capsys.readouterr().err == f"{ENGINE}hf-attn: interrupted\n"
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_worker_of_ours_is_ended_as_others_are(tmp_path):
    lines = """
import os, signal, sys, time
from hf_attn_model.cli.process import Signals
with Signals(until_exit=True):
    child = os.fork()
    if not child:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{-signal.SIGTERM}\n", "")


C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
CP1252 = {"PYTHONIOENCODING": "cp1252"}


@pytest.mark.parametrize(
    ("start", "environment"), [(hf_attn, CP1252), pytest.param(run, C, marks=pytest.mark.slow)], ids=["cp1252", "C"]
)
def test_any_locale(start, environment, tmp_path):
    (tmp_path / "sätze.txt").write_text("My dog drank the milk.\nHe sleeps.\n")
    options = {"env": environment, "text": False} if start is hf_attn else environment
    done = start("translate", "textbook", "--file", tmp_path / "sätze.txt", **options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == "Mi perro bebió la leche.\nÉl duerme.\n"


@pytest.mark.parametrize("environment", [CP1252, C], ids=["cp1252", "C"])
def test_any_locale_in_a_refusal(environment, tmp_path):
    done = run("translate", tmp_path / "sätze", "He sleeps.", **environment)
    assert (done.returncode, done.stderr.decode().count("sätze")) == (2, 1)


def test_an_argument_that_is_not_utf_8():
    for environment in ({}, C):
        done = run("translate", "runs/demo", b"f\xfcnf", **environment)
        assert done.returncode == 2
        assert done.stderr == b"hf-attn: argument 3, f\\udcfcnf: not UTF-8\n"


TYPED = [
    (["--help"], 0, "Usage: hf-attn"),
    ([], 2, "Usage: hf-attn"),
    (["--version"], 0, "hf-attn-model "),
    (["view", "--help"], 0, "Usage: hf-attn view"),
    (["translate", "--fiel", "x"], 2, "did you mean --file?"),
    (["translate", "x", "--num-beams", "many"], 2, "not a whole number"),
    (["view", "x", "y", "--place", "middle"], 2, "encoder, decoder, cross"),
    (["translate", "x", "--num-beams", "0"], 2, "--num-beams must be at least 1"),
]


def test_what_runs_no_verb_imports_nothing_heavy():
    lines = f"""
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from hf_attn_model.cli import main
for typed in {[typed for typed, *_ in TYPED]}:
    with redirect_stdout(io.StringIO()) as said, redirect_stderr(said):
        status = main(typed)
    print(json.dumps([status, said.getvalue(), [name for name in {HEAVY} if name in sys.modules]]))
"""
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for (typed, status, said), line in zip(TYPED, done.stdout.splitlines(), strict=True):
        found, told, heavy = json.loads(line)
        assert (found, heavy) == (status, []), typed
        assert said in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(shell):
    script = run(_HF_ATTN_COMPLETE=f"source_{shell}").stdout.decode()
    assert "_HF_ATTN_COMPLETE=complete_" + shell in script

    def complete(line):
        words = line.split(" ")
        asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_TYPER_COMPLETE_ARGS": line}
        asked |= {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "_HF_ATTN_COMPLETE": f"complete_{shell}"}
        return run(**asked).stdout.decode()

    assert "translate" in complete("hf-attn trans")
    assert "encoder" in complete("hf-attn view m s --place e")
    assert "textbook-en-zh" in complete("hf-attn train textbook")


def test_a_normal_run_says_nothing_that_frightens(translator_folder, tmp_path):
    (tmp_path / "few.txt").write_text("one two\n")
    done = hf_attn("translate", translator_folder, "--file", tmp_path / "few.txt")
    assert done.stderr == f"Translating {tmp_path / 'few.txt'} with {translator_folder} (beam 2)\n{ENGINE}"
    done = hf_attn("translate", translator_folder, "one " * 1000)
    assert done.stderr == f"{ENGINE}lines: 1 too long, split (line 1)\n"


def test_a_training_says_what_it_does_and_nothing_that_frightens(small_recipe, tmp_path):
    small_recipe.save(tmp_path)
    done = hf_attn("train", tmp_path / "recipe.yaml", "--out", tmp_path / "run")
    assert done.returncode == 0
    assert done.stderr == f"Training counting on {small_recipe.corpus} into {tmp_path / 'run'}\n"
    for frightening in ("Loading weights", "Writing model shards", "missing keys", "Warning"):
        assert frightening not in done.stdout
