"""The model card: what it says of the training data, here and on the Hub."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from hf_attn_model.training.card import Example, hub_dataset, write_card


@pytest.mark.parametrize(
    ("corpus", "expected"),
    [
        ("Helsinki-NLP/opus-100", "Helsinki-NLP/opus-100"),
        ("textbook:en-es", None),
        ("./data/pairs", None),
        ("~/pairs", None),
        ("/data/pairs", None),
        ("pairs.jsonl.gz", None),
        ("here/pairs", None),
        ("no id/at all", None),
    ],
)
def test_which_corpora_are_on_the_hub(corpus, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here" / "pairs").mkdir(parents=True)
    assert hub_dataset(corpus) == expected


@pytest.fixture
def folder(small_recipe, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text('{"model_type": "hf_attn", "auto_map": {}}')
    small_recipe.save(tmp_path / "run")
    return tmp_path / "run"


def test_data_of_the_hub_is_linked_and_data_of_this_machine_named(folder, small_recipe):
    scores = {"bleu": 23.45, "chrf": 34.56, "exact_match": 7.0, "sentences": 11, "num_beams": 1, "command": "hf-attn"}
    scores |= {"bleu_signature": "tok:13a", "chrf_signature": "nc:6"}
    (folder / "evaluation.json").write_text(json.dumps(scores))
    card = ModelCard.load(write_card(folder, "alice/count"))
    assert card.data.datasets is None
    name = Path(small_recipe.corpus).name
    assert {(result.dataset_type, result.dataset_name) for result in card.data.eval_results} == {(name, name)}
    assert f"| {name}, test | 23.45 | 34.56 |" in card.text
    assert small_recipe.corpus not in card.content, "a path of this machine"

    replace(small_recipe, corpus="Helsinki-NLP/opus-100").save(folder)
    assert ModelCard.load(write_card(folder, "alice/count")).data.datasets == ["Helsinki-NLP/opus-100"]


def test_the_path_is_the_folder_until_a_repository_is_named(folder):
    assert f'from_pretrained("{folder.as_posix()}", trust_remote_code=True)' in write_card(folder).read_text()
    pushed = write_card(folder, "alice/count").read_text()
    assert 'from_pretrained("alice/count", trust_remote_code=True)' in pushed
    assert str(folder) not in pushed


def test_the_example_is_shown_with_its_picture(folder):
    assert "attention.png" not in write_card(folder).read_text()
    text = write_card(folder, example=Example("two one", "eins zwei")).read_text()
    assert "](attention.png)" in text
    assert '*"two one" becomes "eins zwei"' in text


def test_no_pipeline_is_promised_that_the_checkpoint_does_not_carry(folder):
    assert "pipeline(" not in write_card(folder).read_text()
    (folder / "config.json").write_text('{"model_type": "hf_attn", "custom_pipelines": {"translation": {}}}')
    text = write_card(folder).read_text()
    assert f'pipeline("translation", "{folder.as_posix()}")' in text, "without code there is nothing to trust"
