"""The main job from end to end, with a model and a corpus small enough for a test."""

import io
import json
from contextlib import redirect_stdout

import pytest
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from hf_attn_model.demo import run_demo
from hf_attn_model.errors import UserError
from hf_attn_model.export.store import open_maps
from hf_attn_model.recipes.recipe import load_recipe
from hf_attn_model.study.curve import read_curve
from hf_attn_model.textbook import dataset
from hf_attn_model.training import train as training


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """The file of a small recipe."""
    sizes = {"d_model": 22, "encoder_layers": 1, "decoder_layers": 1, "max_position_embeddings": 512}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    training = {"max_steps": 4, "eval_steps": 2, "bf16": "false"}
    overrides = [f"model.{key}={value}" for key, value in (sizes | heads).items()]
    overrides += [f"training.{key}={value}" for key, value in training.items()]
    recipe = load_recipe("textbook-en-es", ["name=small", "vocab_size=400", *overrides])
    folder = tmp_path_factory.mktemp("recipe")
    recipe.save(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "SIZES", {"train": 97, "dev": 13, "test": 5})
        yield str(folder / "recipe.yaml")


@pytest.fixture(scope="module")
def made(recipe, tmp_path_factory):
    """The folder of a demo, and what it said."""
    folder = tmp_path_factory.mktemp("made") / "demo"
    with redirect_stdout(io.StringIO()) as said:
        run_demo(recipe, str(folder))
    return folder, said.getvalue()


def test_leaves_everything_that_can_be_looked_at(made):
    folder, out = made
    assert AutoModelForSeq2SeqLM.from_pretrained(folder).config.vocab_size == len(AutoTokenizer.from_pretrained(folder))
    scores = json.loads((folder / "evaluation.json").read_text())
    assert scores["sentences"] == 5
    assert f"{scores['exact_match']:.2f} %" in (folder / "README.md").read_text()
    sources = [record.source for record in open_maps(folder / "maps")]
    assert sources[:3] == ["The ball is blue", "The black cat drank the milk", "I love my dog"]
    pictures = sorted(path.name for path in (folder / "pictures").iterdir())
    assert pictures == ["i-love-my-dog.png", "the-ball-is-blue.png", "the-black-cat-drank-the-milk.png"]
    assert '"The ball is blue"' in (folder / "attention.html").read_text()
    assert [record["step"] for record in read_curve(folder)] == [0, 2, 4]
    for path in (folder, folder / "maps", folder / "attention.html", *(folder / "pictures").iterdir()):
        assert str(path) in out, "the demo says what it made"
    assert "Try next" in out


def test_a_second_run_uses_the_trained_model_again(recipe, made, capsys, monkeypatch):
    folder, _ = made
    weights = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr(training, "TranslationTrainer", None)
    run_demo(recipe, str(folder))
    assert "already trained" in capsys.readouterr().out
    assert (folder / "model.safetensors").read_bytes() == weights


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 3])  # before and after the first checkpoint
def test_an_interrupted_training_is_taken_up(recipe, tmp_path, monkeypatch, step):
    folder = tmp_path / "demo"

    def stop(self, *args, **kwargs):
        if self.state.global_step == step:
            raise KeyboardInterrupt
        return compute_loss(self, *args, **kwargs)

    compute_loss = training.TranslationTrainer.compute_loss
    monkeypatch.setattr(training.TranslationTrainer, "compute_loss", stop)
    with pytest.raises(KeyboardInterrupt):
        run_demo(recipe, str(folder))
    monkeypatch.setattr(training.TranslationTrainer, "compute_loss", compute_loss)
    run_demo(recipe, str(folder))
    sessions = json.loads((folder / "manifest.json").read_text())["sessions"]
    assert [session["first_step"] for session in sessions] == ([0, 2] if step == 3 else [0])


def test_a_folder_of_another_recipe_is_left_alone(recipe, tmp_path):
    folder = tmp_path / "demo"
    folder.mkdir()
    load_recipe("textbook-en-zh").save(folder)
    with pytest.raises(UserError, match="another recipe"):
        run_demo(recipe, str(folder))
