"""A process that uses the Hub on this machine, and what there is to push."""

import shutil

import pytest
from hub.client import Client

from hf_attn_model.cli import main


@pytest.fixture(scope="session")
def client(hub):
    with Client() as client:
        yield client


@pytest.fixture(autouse=True)
def undisturbed(hub):
    """Leave no disturbance to the next test."""
    yield
    hub.cut, hub.full, hub.stall, hub.meanwhile = None, False, False, lambda: None


@pytest.fixture(scope="session")
def checkpoint(translator_folder, tmp_path_factory):
    """An evaluated translator, in a folder with what a training and its owner leave there."""
    folder = tmp_path_factory.mktemp("trained") / "counting"
    shutil.copytree(translator_folder, folder)
    assert main(["evaluate", str(folder)]) == 0
    (folder / "notes.txt").write_text("a secret")
    (folder / "stacks.py").write_text("raise RuntimeError('code of yesterday')")
    (folder / "layers.py").unlink()
    return folder


@pytest.fixture(scope="session")
def maps(checkpoint, corpus, tmp_path_factory):
    """The attention of the checkpoint over the test split."""
    folder = tmp_path_factory.mktemp("exported") / "maps"
    assert main(["export", str(checkpoint), "--data", str(corpus), "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def copy(checkpoint, tmp_path):
    """A copy of the checkpoint to change."""
    return shutil.copytree(checkpoint, tmp_path / "copy")
