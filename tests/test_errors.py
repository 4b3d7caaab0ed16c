"""What libraries say of a setting, in a user's words."""

import json
from pathlib import Path

import pytest
from huggingface_hub.errors import StrictDataclassError

from hf_attn_model.errors import UserError, in_words
from hf_attn_model.model.configuration_attn import AttnConfig
from hf_attn_model.recipes.recipe import load_recipe
from hf_attn_model.training.build import training_arguments

PYTHON = ("Error", "validator", "class", "field '", "=", "[", "full_key", "Names")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dropout": "abc"}, "dropout must be a number, got abc"),
        ({"encoder_layers": "two"}, "encoder_layers must be a whole number, got two"),
        ({"scale_embedding": 3}, "scale_embedding must be true or false, got 3"),
        ({"norm_position": "mid"}, 'norm_position must be "pre" or "post", got "mid"'),
        ({"dropout": 2}, "dropout must lie in"),
    ],
)
def test_settings_of_a_model(settings, words):
    with pytest.raises(StrictDataclassError) as caught:
        AttnConfig(**settings)
    assert in_words(caught.value).startswith(words)
    assert not any(word in in_words(caught.value).replace("[0, 1)", "") for word in PYTHON)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("vocab_size=abc", "vocab_size must be a whole number, got abc"),
        ("r_drop=much", "r_drop must be a number, got much"),
        ("lowercase=perhaps", "lowercase must be true or false, got perhaps"),
        ("corpus=null", "corpus must be a text, got null"),
        ("name=[1,2]", "name must be a text, got [1, 2]"),
        ("model=3", "model must be a list of names and values"),
        ("training.optim=foo", "foo is not one of adamw_torch, adamw_torch_fused, "),
    ],
)
def test_settings_of_a_recipe(override, words, tmp_path):
    with pytest.raises(UserError) as caught:
        training_arguments(load_recipe("textbook-en-es", [override]), tmp_path, None)
    said = str(caught.value)
    assert words in said
    assert not any(word in said.replace("[1, 2]", "") for word in PYTHON)


@pytest.mark.parametrize("content", ["- a\n- b\n", "3", "[]"])
def test_a_file_that_is_no_recipe(content, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=r"recipe\.yaml: not a recipe, which has a line KEY: VALUE"):
        load_recipe(str(path))


def test_a_mistake_is_one_line_whatever_it_names():
    assert str(UserError("a\nfile: no\u2028such\r\nname")) == "a file: no such name"


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: json.loads("[" * 10**5), "nested too deeply"),
        (lambda: json.loads("9" * 5000), "a number too long to be one"),
        (lambda: b"ab\xff".decode(), "not UTF-8 (invalid start byte at byte 2)"),
        (lambda: {}["heads"], "it lacks heads"),
        (lambda: Path("nowhere.json").read_text(), "cannot read nowhere.json: No such file or directory"),
        (lambda: in_words(text=3), "there is no text to set"),
    ],
)
def test_what_readers_of_files_find(read, words):
    with pytest.raises((ValueError, RecursionError, KeyError, OSError, TypeError)) as caught:
        read()
    assert in_words(caught.value).endswith(words)
