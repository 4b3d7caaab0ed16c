"""`hf-attn push` over HTTP: what goes up, what it says, and what a second push changes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hub.client import ALICE
from huggingface_hub import DatasetCard, ModelCard
from safetensors.torch import load, load_file

import hf_attn_model.model
from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.export.store import open_maps
from hf_attn_model.recipes.recipe import recipe_of

CODE = {path.name: path.read_bytes() for path in Path(hf_attn_model.model.__file__).parent.glob("*.py")}
CODE.pop("__init__.py")
FILES = {
    *CODE,
    *(".gitattributes", "README.md", "attention.png", "model.safetensors", "config.json", "generation_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "recipe.yaml", "manifest.json", "evaluation.json"),
}


def listed(out):
    """Read {file: size} off the list that a push prints."""
    rows = (line.split() for line in out.splitlines() if line.startswith("  "))
    return {name: int(size.replace(",", "")) for size, name in rows}


@pytest.fixture(scope="module")
def pushed(hub, client, checkpoint, maps):
    """Standard output of a push of model and attention to alice/count."""
    status, out, err = client.run("push", checkpoint, "alice/count", "--dataset", maps)
    assert status == 0, err
    return out


def test_sends_what_a_reader_needs_and_nothing_else(pushed, hub, checkpoint):
    files = hub.files("models", "alice/count")
    assert files.keys() == FILES
    assert {name: files[name] for name in CODE} == CODE
    expected = load_file(checkpoint / "model.safetensors")
    weights = load(files["model.safetensors"])
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in weights)
    for name in ("manifest.json", "evaluation.json", "tokenizer.json"):
        assert files[name] == (checkpoint / name).read_bytes()
    recipe = recipe_of(checkpoint)
    assert files["recipe.yaml"].decode() == replace(recipe, corpus=Path(recipe.corpus).name).to_yaml()
    assert files["attention.png"].startswith(b"\x89PNG")
    assert not any(b"a secret" in content or ALICE.encode() in content for content in files.values())


def test_says_what_goes_up_what_does_not_and_what_is_next(pushed, hub):
    sizes = {name: len(content) for name, content in hub.files("models", "alice/count").items()}
    sizes |= {name: len(content) for name, content in hub.files("datasets", "alice/count-attention").items()}
    listing = listed(pushed)
    assert {name: sizes[name] for name in listing if name != "README.md"} == {
        name: size for name, size in listing.items() if name != "README.md"
    }
    assert f"model alice/count: {len(FILES) - 1} files" in pushed
    left_out = pushed[pushed.index("left out: ") :].splitlines()[0]
    assert left_out == "left out: checkpoint-100/, checkpoint-150/, notes.txt, runs/, training_args.bin"
    assert f"pushed: {hub.url}/alice/count\n" in pushed
    assert f"pushed: {hub.url}/datasets/alice/count-attention\n" in pushed
    assert pushed.splitlines()[-1] == "next: hf-attn translate alice/count ..."


def test_one_commit_for_each_repository(pushed, hub):
    for repository in (("models", "alice/count"), ("datasets", "alice/count-attention")):
        assert len(hub.repositories[repository].commits) == 2, "one that makes the repository, one that fills it"


def test_the_card_tells_the_hub_what_was_measured(pushed, hub, checkpoint):
    card = ModelCard(hub.files("models", "alice/count")["README.md"].decode())
    scores = json.loads((checkpoint / "evaluation.json").read_text())
    results = {result.metric_type: result for result in card.data.eval_results}
    assert {name: result.metric_value for name, result in results.items()} == {
        "bleu": round(scores["bleu"], 2),
        "chrf": round(scores["chrf"], 2),
    }
    assert {result.dataset_split for result in results.values()} == {"test"}
    assert card.data.language == ["en", "de"]
    assert (card.data.license, card.data.library_name, card.data.pipeline_tag) == (
        "apache-2.0",
        "transformers",
        "translation",
    )
    assert card.data.get("base_model") is None
    assert "(attention.png)" in card.text
    assert 'pipeline("translation", "alice/count", trust_remote_code=True)' in card.text
    assert 'AutoModelForSeq2SeqLM.from_pretrained("alice/count", trust_remote_code=True)' in card.text
    use = card.text[card.text.index("## Use") : card.text.index("## Training")]
    assert checkpoint.name + '"' not in use, "a folder of this machine is of no use to readers"


def test_attention_as_a_dataset(pushed, hub, client, maps):
    files = hub.files("datasets", "alice/count-attention")
    assert files.keys() == {".gitattributes", "README.md", "metadata.json", "maps-00000.arrow"}
    assert files["maps-00000.arrow"] == (maps / "maps-00000.arrow").read_bytes()
    assert json.loads(files["metadata.json"])["model"] == "alice/count"
    card = DatasetCard(files["README.md"].decode())
    assert card.data.configs[0]["data_files"] == [{"split": "train", "path": "maps-*.arrow"}]
    assert "[alice/count]" in card.text

    read = """
import json
import numpy as np
from datasets import load_dataset
from huggingface_hub import snapshot_download
from hf_attn_model.export import open_maps
rows = load_dataset("alice/count-attention", split="train")
maps = open_maps(snapshot_download("alice/count-attention", repo_type="dataset"))
cross = [np.ravel(row["cross"]).tolist() for row in rows]
print(json.dumps([[*(row[name] for name in ("id", "source", "target", "cross_shape")), weights]
    for row, weights in zip(rows, cross)]))
print(json.dumps([[map.id, map.source, map.target, map.cross.shape, np.ravel(map.cross).tolist()] for map in maps]))
"""
    by_datasets, by_open_maps = map(json.loads, client.python(read).splitlines())
    expected = [
        [record.id, record.source, record.target, list(record.cross.shape), np.ravel(record.cross).tolist()]
        for record in open_maps(maps)
    ]
    assert len(expected) == 7
    assert by_datasets == by_open_maps == expected


def test_a_dry_run_lists_the_same_and_asks_nobody(pushed, hub, client, checkpoint, maps):
    before = len(hub.requests)
    status, out, err = client.run("push", checkpoint, "alice/count", "--dataset", maps, "--dry-run", token=None)
    assert status == 0, err
    assert listed(out) == listed(pushed)
    assert out.splitlines()[-1] == "dry run: nothing was uploaded"
    assert hub.requests[before:] == []


def test_a_second_push_is_a_new_commit_without_what_no_longer_holds(hub, client, copy):
    assert client.run("push", copy, "alice/twice")[0] == 0
    repository = hub.repositories["models", "alice/twice"]
    first = repository.head
    of_the_owner = hub.files("models", "alice/twice") | {"LICENSE": b"mine"}
    repository.commit({name: hub.store(content, large=len(content) > 10**5) for name, content in of_the_owner.items()})

    (copy / "evaluation.json").unlink()
    assert client.run("push", copy, "alice/twice", "--sentence", "one two")[0] == 0
    assert len(repository.commits) == 4
    assert "evaluation.json" in hub.files("models", "alice/twice", first)
    now = hub.files("models", "alice/twice")
    assert now.keys() == FILES - {"evaluation.json"} | {"LICENSE"}
    card = ModelCard(now["README.md"].decode())
    assert card.data.eval_results is None
    assert "Not evaluated yet" in card.text
    assert '*"one two" becomes' in card.text


def test_shards_stay_shards_and_are_replaced_as_a_whole(hub, client, checkpoint, tmp_path):
    model, tokenizer = load_translator(str(checkpoint))
    largest = (checkpoint / "model.safetensors").stat().st_size // 2
    model.save_pretrained(tmp_path / "sharded", max_shard_size=largest)
    tokenizer.save_pretrained(tmp_path / "sharded")
    assert client.run("push", tmp_path / "sharded", "alice/shards")[0] == 0
    files = hub.files("models", "alice/shards")
    shards = {name: load(content) for name, content in files.items() if name.endswith(".safetensors")}
    assert len(shards) == len(list((tmp_path / "sharded").glob("*.safetensors"))) > 1
    index = json.loads(files["model.safetensors.index.json"])["weight_map"]
    assert index == {name: shard for shard, weights in shards.items() for name in weights}
    expected = load_file(checkpoint / "model.safetensors")
    assert all(torch.equal(shards[index[name]][name], expected[name]) for name in expected)

    assert client.run("push", checkpoint, "alice/shards")[0] == 0
    assert {name for name in hub.files("models", "alice/shards") if "safetensors" in name} == {"model.safetensors"}


def test_private_is_private(hub, client, checkpoint, maps):
    assert client.run("push", checkpoint, "alice/mine", "--private", "--dataset", maps)[0] == 0
    assert hub.repositories["models", "alice/mine"].private
    assert hub.repositories["datasets", "alice/mine-attention"].private
    assert client.run("translate", "alice/mine", "one two three")[0] == 0
    for token in (None, "hf_bob"):
        find = 'from huggingface_hub import HfApi; print(HfApi().repo_exists("alice/mine"))'
        assert client.python(find, token=token).strip() == "False"
