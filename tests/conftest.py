"""What several rooms test with: a small corpus, its recipe, a translator trained on it, a browser and a Hub."""

import gc
import json
import os
from functools import cache
from pathlib import Path

import pytest
import torch
from browsing import launch_chromium
from filelock import FileLock
from hub.server import Hub

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing here may depend on a network
torch.set_num_threads(1)

# What takes its time, or needs more than the code at hand, is marked by its folder, its module, or a fixture it uses.
PLACE_MARKS = {
    "app": "browser",
    "clients": "clients",
    "conformance": "ecosystem",
    "docs": "train",
    "ecosystem": "ecosystem",
    "engines": "ecosystem",  # stock classes, with tokenizers of their own
    "faults": "faults",
    "test_generation": "ecosystem",  # every search of transformers
    "test_compatibility": "train",
    "test_process": "ecosystem",
    "test_processes": "ecosystem",
    "test_public_face": "ecosystem",
    "test_packaging": "ecosystem",  # wheels
    "test_scripts": "ecosystem",  # Node
    "test_workflows": "ecosystem",  # linters
    "hub": "hub",
    "test_remote_code": "hub",  # what others load from there
    "training": "train",
    "test_demo": "train",
    "test_training_measures": "train",
}
FIXTURE_MARKS = {"browser": "browser", "small_recipe": "train", "translator_folder": "train"}


@pytest.hookimpl(tryfirst=True)  # before -m chooses among the marks
def pytest_collection_modifyitems(items):
    for item in items:
        places = item.path.relative_to(Path(__file__).parent).with_suffix("").parts
        marks = {PLACE_MARKS.get(place) for place in places} | {FIXTURE_MARKS.get(name) for name in item.fixturenames}
        for mark in sorted(marks - {None}):
            item.add_marker(mark)


def pytest_collection_finish():
    """Trainer collects garbage after every training: nothing of what is loaded by now ever is."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def no_wait_for_the_disk():
    """What a process leaves when it ends needs no fsync, and no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda file: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_run(tmp_path_factory):
    """Nothing that other runs have read or tokenized is used, and nothing is left behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ATTN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def textbook_once():
    """Let `load_corpus` make each split of the textbook once for each of its sizes: what it gives cannot be changed."""
    from hf_attn_model.text import corpora
    from hf_attn_model.textbook import dataset, load_textbook

    @cache
    def made(pair, split, size):
        return load_textbook(pair, split, size=size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "load_textbook", lambda pair, split: made(pair, split, dataset.SIZES.get(split)))
        yield


def made_once(tmp_path_factory, name, make):
    """A folder that the first worker of a run to need it makes, and that nobody changes."""
    ours = tmp_path_factory.getbasetemp()
    folder = (ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours) / name
    is_made = folder.with_name(f"{name}.made")
    with FileLock(f"{folder}.lock"):
        if not is_made.exists():
            make(folder)
            is_made.touch()
    return folder


NUMBERS = ["one", "two", "three", "four", "five", "six", "seven"]
ZAHLEN = ["eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben"]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A folder with splits of a language in which one counts backwards."""
    pairs = [
        {"en": f"{NUMBERS[a]} {NUMBERS[b]} {NUMBERS[c]}", "de": f"{ZAHLEN[c]} {ZAHLEN[b]} {ZAHLEN[a]}"}
        for a in range(7)
        for b in range(7)
        for c in range(7)
    ]
    shorter = [
        {"en": f"{NUMBERS[a]} {NUMBERS[b]}", "de": f"{ZAHLEN[b]} {ZAHLEN[a]}"} for a in range(7) for b in range(7)
    ]
    splits = {"train": pairs, "dev": pairs[::31], "test": shorter[::8]}  # of the test set nothing was trained on

    def make(folder):
        folder.mkdir()
        for split, rows in splits.items():
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
            (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")

    return made_once(tmp_path_factory, "counting", make)


def make_recipe(corpus, folder, max_steps=24, eval_steps=8):
    """A recipe for a tiny model on the counting corpus."""
    from hf_attn_model.recipes.recipe import load_recipe

    path = folder / "counting.yaml"
    path.write_text(f"""
name: counting
corpus: {corpus}
source_lang: en
target_lang: de
license: apache-2.0
vocab_size: 300
max_length: 28
max_tokens: 211
num_beams: 2
model: {{d_model: 22, encoder_layers: 1, decoder_layers: 2, encoder_attention_heads: 2, decoder_attention_heads: 2,
  encoder_ffn_dim: 17, decoder_ffn_dim: 19, max_position_embeddings: 31}}
training: {{max_steps: {max_steps}, eval_steps: {eval_steps}, logging_steps: 4, learning_rate: 1.0e-2, bf16: false,
  disable_tqdm: true}}
""")
    return load_recipe(str(path))


@pytest.fixture(scope="session")
def small_recipe(corpus, tmp_path_factory):
    return make_recipe(corpus, tmp_path_factory.mktemp("recipe"))


@pytest.fixture(scope="session")
def translator_folder(corpus, tmp_path_factory):
    """The folder of a translator with a few hundred steps on the counting corpus."""
    from hf_attn_model.training.card import write_card
    from hf_attn_model.training.train import train

    recipe = make_recipe(corpus, tmp_path_factory.mktemp("recipe"), max_steps=150, eval_steps=50)
    return made_once(tmp_path_factory, "translator", lambda folder: write_card(train(recipe, folder)))


@pytest.fixture(scope="session")
def browser():
    """Chromium, or a skipped test."""
    with launch_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def hub():
    """The Hub of all processes that `processes` starts."""
    with Hub() as hub:
        yield hub
