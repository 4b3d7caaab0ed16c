"""What the Hub refuses is told in one line, with what to do; exit status 2; never the token."""

import shutil

import pytest
from hub.client import Client
from hub.server import Repository

from hf_attn_model.cli import main

LOG_IN = "`hf auth login`, or set HF_TOKEN"


def the_line(status, error, token=None):
    """Return the last line of standard error, the only one of `hf-attn`, and check that it is a user's."""
    assert status == 2, error
    *_, last = error.splitlines()
    assert last.startswith("hf-attn: ")
    assert error.count("hf-attn: ") == 1
    assert "Traceback" not in error
    assert token is None or token not in error
    return last


@pytest.mark.parametrize(
    ("token", "repo", "message"),
    [
        (None, "alice/new", f"there is no token: log in with {LOG_IN}"),
        ("hf_stale", "alice/new", f"the Hub does not accept the token: log in with {LOG_IN}"),
        ("hf_bob", "alice/new", "cannot push to alice/new: the token has no permission"),
        ("hf_alice_reads", "alice/new", "cannot push to alice/new: the token has no permission"),
        ("hf_alice_reads", "alice/there", "cannot push to alice/there: the token has no permission"),
    ],
)
def test_push_without_the_right_token(hub, client, checkpoint, token, repo, message):
    there = hub.repositories.setdefault(("models", "alice/there"), Repository(private=False))
    there.commit({})
    status, out, error = client.run("push", checkpoint, repo, token=token)
    assert message in the_line(status, error, token)
    assert ("models", "alice/new") not in hub.repositories
    assert there.commits[there.head] == {}
    assert ("left out" in out) == ("permission" in message), "a token that is not valid is found out before any work"


def test_push_where_the_hub_is_not_reached(hub, client, checkpoint):
    hub.cut = "all"
    status, out, error = client.run("push", checkpoint, "alice/new")
    assert f"{hub.url} cannot be reached, or broke off: check the connection" in the_line(status, error)
    assert "left out" not in out


def test_push_that_somebody_else_overtakes(hub, client, checkpoint):
    assert client.run("push", checkpoint, "alice/ours")[0] == 0
    repository = hub.repositories["models", "alice/ours"]
    hub.meanwhile = lambda: repository.commit({})
    status, _, error = client.run("push", checkpoint, "alice/ours", "--sentence", "one")
    assert "cannot push to alice/ours: somebody else pushed at the same time" in the_line(status, error)
    assert repository.commits[repository.head] == {}


def test_push_of_a_card_that_the_hub_refuses(hub, client, copy):
    recipe = copy / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("license: apache-2.0", "license: not a licence"))
    status, _, error = client.run("push", copy, "alice/card")
    assert '"license" must be one of' in the_line(status, error)
    assert hub.files("models", "alice/card").keys() == {".gitattributes"}


def test_push_of_more_than_the_hub_stores(hub, client, checkpoint):
    hub.full = True
    status, _, error = client.run("push", checkpoint, "alice/large")
    assert "cannot push to alice/large: LFS batch API returned errors" in (line := the_line(status, error))
    assert "storage limit reached" in line
    assert hub.files("models", "alice/large").keys() == {".gitattributes"}


def test_private_push_to_what_is_public(hub, client, checkpoint, maps):
    assert client.run("push", checkpoint, "alice/public")[0] == 0
    repository = hub.repositories["models", "alice/public"]
    before = repository.head
    status, _, error = client.run("push", checkpoint, "alice/public", "--private", "--dataset", maps)
    assert "is public: make it private in its settings" in the_line(status, error)
    assert repository.head == before
    assert ("datasets", "alice/public-attention") not in hub.repositories

    hub.create("datasets", "alice/half-attention", private=False)
    status, _, error = client.run("push", checkpoint, "alice/half", "--private", "--dataset", maps)
    assert "alice/half-attention is public" in the_line(status, error)
    assert hub.files("models", "alice/half").keys() == {".gitattributes"}, "all or nothing"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{model}", "model"], "write user/name"),
        (["{model}", "https://huggingface.co/alice/x"], "is no name for a repository"),
        (["{model}", "alice/a--b"], "is no name for a repository"),
        (["{model}", f"alice/{'x' * 90}", "--dataset", "{maps}"], "-attention' is no name for a repository"),
        (["{empty}", "alice/x"], "is no checkpoint: give a folder with a config.json"),
        (["{empty}/nowhere", "alice/x"], "is no checkpoint"),
        (["{cut}", "alice/x", "--dry-run"], "cannot load a translator from"),
        (["{mute}", "alice/x", "--dry-run"], "its tokenizer is missing, or one that"),
        (["{model}", "alice/x", "--dataset", "{empty}"], "has no metadata.json"),
        (["{model}", "alice/x", "--dataset", "{damaged}"], "cannot read"),
    ],
)
def test_mistakes_are_found_without_the_hub(checkpoint, maps, tmp_path, capsys, arguments, message):
    """HF_HUB_OFFLINE is set in this process: who asks the Hub hears of that, as in `test_offline`."""
    (tmp_path / "empty").mkdir()
    shutil.copytree(maps, tmp_path / "damaged")
    shard = tmp_path / "damaged" / "maps-00000.arrow"
    shard.write_bytes(shard.read_bytes()[:97])
    shutil.copytree(checkpoint, tmp_path / "cut")
    (tmp_path / "cut" / "model.safetensors").write_bytes(b"\0" * 97)
    shutil.copytree(checkpoint, tmp_path / "mute", ignore=shutil.ignore_patterns("tokenizer*"))
    places = {name: tmp_path / name for name in ("empty", "damaged", "cut", "mute")} | {
        "model": checkpoint,
        "maps": maps,
    }
    status = main(["push", *(argument.format(**places) for argument in arguments)])
    assert message in the_line(status, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("model", "token", "message"),
    [
        ("alice/nothing", "hf_alice", "there is no such repository, or no permission to see it"),
        ("alice/hidden", "hf_bob", "there is no such repository, or no permission to see it"),
        ("alice/gated", "hf_bob", "access to it is granted on request"),
        ("alice/gated", None, "access to it is granted on request"),
        ("alice/gated", "hf_stale", "the Hub does not accept the token"),
        ("alice/gated@nowhere", "hf_alice", "it has no such revision"),
    ],
)
def test_loading_what_the_hub_refuses(hub, client, model, token, message):
    for name, options in {"hidden": {"private": True}, "gated": {"private": False, "gated": True}}.items():
        hub.repositories.setdefault(("models", f"alice/{name}"), Repository(**options)).commit({})
    status, _, error = client.run("translate", model, "one two three", token=token)
    line = the_line(status, error, token)
    assert f"cannot load a translator from {model}: " in line
    assert message in line


def test_code_of_strangers_is_neither_run_nor_asked_about(tmp_path, capsys, monkeypatch):
    (tmp_path / "config.json").write_text('{"model_type": "stranger", "auto_map": {"AutoConfig": "code.Config"}}')
    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    for arguments in (["translate", str(tmp_path), "one"], ["push", str(tmp_path), "alice/x", "--dry-run"]):
        status = main(arguments)
        assert "its own code, code.py, is never run" in the_line(status, capsys.readouterr().err)
    assert not (tmp_path / "ran").exists()


def test_offline(checkpoint, capsys, monkeypatch):
    """HF_HUB_OFFLINE is set in this process."""
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    for arguments in (["push", str(checkpoint), "alice/x"], ["translate", "alice/x", "one"]):
        status = main(arguments)
        assert "HF_HUB_OFFLINE is set" in the_line(status, capsys.readouterr().err, "hf_alice")


def test_nobody_there(hub, checkpoint):
    with hub.gone(), Client() as client:  # a new one: connections that are open go on
        for arguments in (["push", checkpoint, "alice/x"], ["translate", "alice/x", "one"]):
            status, _, error = client.run(*arguments)
            assert f"{hub.url} cannot be reached" in the_line(status, error)
        assert "no folder of that name, and on the Hub" in error
