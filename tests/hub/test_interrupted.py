"""A push that breaks off half-way leaves the repository, and whoever loads from it, at the old commit."""

import shutil
import signal
from itertools import count

import pytest
from hub.client import other_weights

SENTENCE = "one two three"
FACTORS = count(2)  # other weights for each test: what the Hub has is not uploaded again


@pytest.fixture
def repository(hub, client, checkpoint, request):
    """A repository with the checkpoint, named after the test."""
    name = f"alice/{request.node.name.split('[')[0]}"
    assert client.run("push", checkpoint, name)[0] == 0
    return name, hub.repositories["models", name]


@pytest.fixture
def changed(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint, tmp_path / "changed")
    other_weights(folder, factor=-next(FACTORS))
    return folder


@pytest.mark.parametrize("where", ["lfs", "commit"])
def test_a_broken_connection(hub, client, repository, changed, where):
    name, commits = repository
    old, translation = commits.head, client.run("translate", name, SENTENCE)[1]
    new_translation = client.run("translate", changed, SENTENCE)[1]
    assert translation != new_translation

    hub.cut = where
    status, _, error = client.run("push", changed, name)
    assert status == 2
    assert f"hf-attn: cannot push to {name}: {hub.url} cannot be reached, or broke off" in error.splitlines()[-1]
    assert commits.head == old
    assert client.run("translate", name, SENTENCE)[1] == translation

    hub.cut = None
    assert client.run("push", changed, name)[0] == 0
    assert client.run("translate", name, SENTENCE)[1] == new_translation
    assert client.run("translate", f"{name}@{old}", SENTENCE)[1] == translation


def test_ctrl_c_during_the_upload(hub, client, repository, changed):
    name, commits = repository
    old, translation = commits.head, client.run("translate", name, SENTENCE)[1]
    hub.stall = True
    client.start("push", changed, name)
    if hub.stalled.wait(timeout=60):
        client.process.send_signal(signal.SIGINT)
    hub.go_on.set()
    status, _, error = client.finish()
    assert (status, error.endswith("hf-attn: interrupted\n")) == (130, True), error
    assert commits.head == old
    assert client.run("translate", name, SENTENCE)[1] == translation
