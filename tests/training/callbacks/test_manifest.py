"""What a training leaves for a reader who wants to repeat it."""

import json
import subprocess
from datetime import datetime

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from hf_attn_model.checkpoint.digests import file_digests
from hf_attn_model.text.corpora import load_corpus
from hf_attn_model.training import provenance
from hf_attn_model.training.callbacks.manifest import MANIFEST_FILE, is_trained, read_manifest
from hf_attn_model.training.card import write_card
from hf_attn_model.training.provenance import fingerprint
from hf_attn_model.training.train import train
from hf_attn_model.training.trainer import TranslationTrainer


def test_says_what_the_training_was_made_of_and_what_it_measured(small_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/home/alice/bin/hf-attn", "train", "counting", "--out", "a run"])
    out = train(small_recipe, tmp_path / "run")
    manifest = read_manifest(out)
    assert is_trained(out)
    assert manifest["seed"] == 42
    for split, count in (("train", 343), ("dev", 12)):
        pairs = load_corpus(small_recipe.corpus, "en", "de", split).dataset
        assert manifest["data"][split] == {"pairs": count, "sha256": fingerprint(pairs)}
    tensors = load_file(out / "model.safetensors")
    assert manifest["parameters"] == sum(tensor.numel() for tensor in tensors.values())

    (session,) = manifest["sessions"]
    assert session["command"] == "hf-attn train counting --out 'a run'"
    assert session["versions"]["torch"] == torch.__version__
    assert {"python", "transformers", "tokenizers", "accelerate", "datasets", "numpy", "hf-attn-model"} <= set(
        session["versions"]
    )
    assert session["threads"] == torch.get_num_threads()
    assert session["kernels"].startswith("fp32")
    assert datetime.fromisoformat(session["started"]) <= datetime.fromisoformat(session["ended"])
    assert (session["first_step"], session["steps"]) == (0, 24) == (0, manifest["steps"])
    assert manifest["tokens"] == session["tokens"] > 0

    checkpoint = read_manifest(out / "checkpoint-16")
    assert checkpoint["steps"] == 16
    assert not checkpoint["finished"]
    assert 0 < checkpoint["tokens"] < manifest["tokens"]

    assert manifest["files"] == file_digests(out)
    assert manifest["files"].keys() == {"model.safetensors"}
    assert checkpoint["files"] == file_digests(out / "checkpoint-16")
    assert checkpoint["files"].keys() == {"model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"}


def test_lies_there_from_the_first_step_on_and_does_not_say_finished_before_the_end(
    small_recipe, tmp_path, monkeypatch
):
    found = []

    def look(self, *args):
        found.append(read_manifest(tmp_path / "run"))
        raise KeyboardInterrupt

    monkeypatch.setattr(TranslationTrainer, "training_step", look)
    with pytest.raises(KeyboardInterrupt):
        train(small_recipe, tmp_path / "run")
    assert found[0]["steps"] == 0
    assert found[0]["data"]["train"]["pairs"] == 343
    assert not is_trained(tmp_path / "run")
    assert not is_trained(tmp_path)


SESSION = {
    "command": "hf-attn train counting corpus=numbers --out run",
    "code": {"commit": "c0ffee" * 6 + "beef", "changed": False},
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
    "hardware": "2 CPU cores (x86_64, AVX512)",
    "kernels": "fp32, eager attention",
    "first_step": 0,
    "seconds": 90.0,
    "tokens": 5678,
}
MANIFEST = {
    "finished": True,
    "seed": 42,
    "data": {"train": {"pairs": 1234, "sha256": "ab" * 32}, "dev": {"pairs": 56, "sha256": "cd" * 32}},
    "parameters": 19701,
    "steps": 24,
    "epochs": 0.7,
    "seconds": 90.0,
    "tokens": 5678,
    "tokens_per_second": 63,
    "best_dev_loss": 2.29,
}


@pytest.fixture
def card_of(small_recipe, tmp_path):
    def make(*sessions, **changes):
        (tmp_path / "config.json").write_text('{"model_type": "hf_attn"}')
        small_recipe.save(tmp_path)
        manifest = MANIFEST | {"sessions": [SESSION | session for session in sessions]} | changes
        (tmp_path / MANIFEST_FILE).write_text(json.dumps(manifest))
        return ModelCard.load(write_card(tmp_path, "alice/count")).text

    return make


def test_the_card_is_made_from_it(card_of, small_recipe):
    text = card_of({})
    for words in (
        "| command | `hf-attn train counting corpus=numbers --out run` |",
        f"train: 1,234 pairs, SHA-256 `{'ab' * 8}`, dev: 56 pairs, SHA-256 `{'cd' * 8}` |",
        "| time | 1.5 minutes, evaluations included, on 2 CPU cores (x86_64, AVX512) |",
        "| versions | python 3.11.7, torch 2.13.0 |",
        f"| code | git commit {'c0ffee' * 6}beef |",
        "| kernels | fp32, eager attention |",
    ):
        assert words in text, words
    assert "resumed" not in text
    assert small_recipe.corpus not in text, "a path of this machine"
    assert "| code |" not in card_of({"code": None})


def test_the_card_adds_up_the_parts_of_an_interrupted_training(card_of):
    text = card_of(
        {},
        {"first_step": 8, "command": "hf-attn train counting --resume", "hardware": "NVIDIA H100"},
        {"first_step": 16, "code": {"commit": "facade", "changed": True}},
    )
    assert "`hf-attn train counting corpus=numbers --out run`; then `hf-attn train counting --resume` |" in text
    assert "on 2 CPU cores (x86_64, AVX512); then NVIDIA H100; resumed at step 8, 16, all parts added up |" in text
    assert "beef; then facade, changed since |" in text
    assert text.count("python 3.11.7") == 1, "what is the same is said once"


def test_a_training_that_is_not_finished_has_no_numbers_on_the_card(card_of):
    assert "## Training" not in card_of({}, finished=False)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with a package in it; returns a function that runs git there."""

    def git(*arguments):
        named = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *named, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "notes.txt").touch()
    git("init")
    git("add", "notes.txt")
    git("commit", "-m", "somebody's own")
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "package")
    return git


def test_the_commit_is_that_of_the_packages_own_checkout(checkout, tmp_path):
    assert provenance.commit() is None, "a package that nobody has added to the checkout around it"
    checkout("add", ".")
    checkout("commit", "-m", "first")
    head = checkout("rev-parse", "HEAD")
    assert provenance.commit() == {"commit": head, "changed": False}
    (tmp_path / "notes.txt").write_text("not of the package")
    assert provenance.commit() == {"commit": head, "changed": False}
    (tmp_path / "package" / "new.py").touch()
    assert provenance.commit() == {"commit": head, "changed": True}


@pytest.mark.parametrize("path", ["without git", "outside of a checkout"])
def test_there_is_no_commit(path, tmp_path, monkeypatch):
    if path == "without git":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    assert provenance.commit() is None
