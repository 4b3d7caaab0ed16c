"""COMET in another environment: what is sent there, and every answer that is none."""

import json
import os
import subprocess
import sys

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.training.metrics.comet import SCRIPT, Comet

SCORES = {"version": "2.2.7", "scores": [0.5, 0.25], "system_score": 0.375}


@pytest.fixture
def python(tmp_path):
    """Make an interpreter that keeps what it is asked, and answers as it is told."""

    def make(answer="", status=0, error=""):
        path = tmp_path / "python"
        (tmp_path / "answer").write_text(answer)
        path.write_text(
            f'#!/bin/sh\necho "$1|$PYTHONPATH" > {tmp_path}/called\ncat > {tmp_path}/asked\n'
            f"cat {tmp_path}/answer\necho '{error}' >&2\nexit {status}\n"
        )
        path.chmod(0o755)
        return str(path)

    return make


def test_what_is_asked_and_what_is_answered(python, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/ours")
    comet = Comet(python("Downloading ...\n" + json.dumps(SCORES) + "\n"), "some/model")
    found = comet.score(["a", "b"], ["c", "d"], ["e", "f"])
    assert found == {"comet": 0.375, "comet_model": "some/model", "comet_version": "2.2.7", "scores": [0.5, 0.25]}
    asked = json.loads((tmp_path / "asked").read_text())
    assert asked["data"] == [{"src": "a", "mt": "c", "ref": "e"}, {"src": "b", "mt": "d", "ref": "f"}]
    assert asked["model"] == "some/model"
    assert (tmp_path / "called").read_text() == f"{SCRIPT}|\n", "nothing of this environment is found there"
    assert comet.check() == "2.2.7"
    assert json.loads((tmp_path / "asked").read_text()) == {"model": None}


@pytest.mark.parametrize(
    ("answer", "status", "error", "message"),
    [
        ("", 1, "No module named comet", "does not run in .*python: No module named comet"),
        ("", 3, "", "does not run in .*: exit status 3"),
        ("", 0, "", "no JSON object with a version"),
        ("[1, 2]", 0, "", "no JSON object with a version"),
        (json.dumps(SCORES | {"scores": [0.5]}), 0, "", "expected 2 scores, got something else"),
        (json.dumps(SCORES | {"scores": ["a", "b"]}), 0, "", "expected 2 scores"),
        (json.dumps({"version": "2"}), 0, "", "expected 2 scores"),
    ],
)
def test_other_answers_are_one_line(python, answer, status, error, message):
    with pytest.raises(UserError, match=message):
        Comet(python(answer, status, error)).score(["a", "b"], ["c", "d"], ["e", "f"])


def test_no_interpreter_is_named(tmp_path):
    with pytest.raises(UserError, match=r"--comet-python .*nowhere: No such file"):
        Comet(str(tmp_path / "nowhere")).check()


STAND_IN = """
from types import SimpleNamespace
def download_model(name):
    return "downloaded " + name
def load_from_checkpoint(path):
    def predict(data, batch_size, gpus, progress_bar):
        scores = [float(len(row["mt"])) for row in data]
        return SimpleNamespace(scores=scores, system_score=sum(scores) / len(scores))
    assert path == "downloaded some/model"
    return SimpleNamespace(predict=predict)
"""


def test_the_script_scores_with_the_comet_of_its_interpreter(tmp_path):
    (tmp_path / "comet").mkdir()
    (tmp_path / "comet" / "__init__.py").write_text(STAND_IN)
    (tmp_path / "unbabel_comet-2.0.dist-info").mkdir()
    (tmp_path / "unbabel_comet-2.0.dist-info" / "METADATA").write_text("Name: unbabel-comet\nVersion: 2.0\n")
    request = {"model": "some/model", "data": [{"src": "a", "mt": "four", "ref": "e"}], "gpus": 0}
    done = subprocess.run(
        [sys.executable, "-S", str(SCRIPT)],
        input=json.dumps(request),
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == {"version": "2.0", "scores": [4.0], "system_score": 4.0}, done.stderr
