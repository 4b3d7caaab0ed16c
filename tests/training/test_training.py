"""The public names of the room: complete, and loaded when they are asked for."""

import subprocess
import sys

import pytest

from hf_attn_model import training


def test_every_name_is_what_it_says():
    for name in training.__all__:
        assert getattr(training, name).__name__ == name
    assert set(training.__all__) <= set(dir(training))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'TokenBatch'"):
        training.TokenBatch  # noqa: B018
    with pytest.raises(ImportError):
        from hf_attn_model.training import TokenBatch  # noqa: F401


def test_importing_the_room_loads_none_of_it():
    code = "import sys, hf_attn_model.training; print([name for name in sys.modules if 'attn_model.training.' in name])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
