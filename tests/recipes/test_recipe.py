from dataclasses import fields

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.recipes.recipe import Recipe, load_recipe, recipe_names, recipe_of
from hf_attn_model.training.backend import choose_backend
from hf_attn_model.training.build import build_model, training_arguments


class Vocabulary:
    """As much of a tokenizer as a model needs to be built."""

    pad_token_id, eos_token_id = 0, 1

    def __len__(self):
        return 37


@pytest.mark.parametrize("name", sorted({*recipe_names()} - {"finetune"}))
def test_recipes_of_the_package_hold_only_what_models_and_trainers_know(name, tmp_path):
    recipe = load_recipe(name, ["corpus=somewhere"])
    assert recipe.name == name
    arguments = training_arguments(recipe, tmp_path, choose_backend())
    assert arguments.learning_rate == recipe.training["learning_rate"]
    assert arguments.load_best_model_at_end
    assert build_model(recipe, Vocabulary()).config.d_model == recipe.model["d_model"]


BASE = ["corpus=somewhere", "source_lang=en", "target_lang=es", "init_from=textbook"]


def test_a_base_brings_its_vocabulary_and_sizes():
    for name in ("finetune", "tatoeba-en-es"):
        recipe = load_recipe(name, [*BASE, "model.dropout=0.3", "lora.r=8", 'add_tokens=[">>spa<<"]'])
        assert (recipe.vocab_size, recipe.model) == (None, {"dropout": 0.3})
        assert (recipe.init_from, recipe.lora, recipe.add_tokens) == ("textbook", {"r": 8}, [">>spa<<"])
    for typed in ("vocab_size=500", "model.d_model=256"):
        with pytest.raises(UserError, match=f"{typed.split('=')[0]} has no effect: init_from=textbook brings its own"):
            load_recipe("tatoeba-en-es", [*BASE, typed])
    with pytest.raises(UserError, match="needs a value for init_from"):
        load_recipe("finetune", BASE[:-1])
    with pytest.raises(UserError, match="needs a value for vocab_size"):
        load_recipe("finetune", [*BASE, "init_from=null"])


@pytest.mark.parametrize("field", [item.name for item in fields(Recipe) if item.type is int])
def test_every_number_can_be_overridden(field):
    assert getattr(load_recipe("textbook-en-es", [f"{field}=97"]), field) == 97


def test_overrides_are_numbers_where_people_write_numbers():
    recipe = load_recipe("textbook-en-es", ["training.learning_rate=1e-3", "model.norm_position=post"])
    assert recipe.training["learning_rate"] == 0.001
    assert recipe.model["norm_position"] == "post"


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("texbook", [], 'there is no recipe "texbook": name one of'),
        ("missing.yaml", [], "there is no recipe file missing.yaml"),
        ("tatoeba-en-es", [], "needs a value for corpus: write corpus="),
        ("textbook-en-es", ["vocab_sise=1"], "knows no vocab_sise: did you mean vocab_size"),
        ("textbook-en-es", ["model.d_modle=1"], "knows no model.d_modle: did you mean model.d_model"),
        ("textbook-en-es", ["training.lerning_rate=1"], "did you mean training.learning_rate"),
        ("textbook-en-es", ["vocab_size=many"], "vocab_size"),
        ("textbook-en-es", ["model=3"], "model"),
        ("textbook-en-es", ["corpus=null"], "corpus"),
        ("textbook-en-es", ["max_tokens"], '"max_tokens" is no override: write key=value'),
        ("textbook-en-es", ["max_tokens=["], "recipe textbook-en-es: max_tokens=[: line 1: "),
        ("textbook-en-es", ["model.dropout=yes_please"], "model.dropout must be a number, got yes_please"),
        ("textbook-en-es", ["label_smoothing=2"], "label_smoothing must lie in 0 to 1, got 2"),
        ("textbook-en-es", ["bpe_dropout=1.5"], "bpe_dropout must lie in 0 to 1, got 1.5"),
        ("textbook-en-es", ["r_drop=-1"], "r_drop must lie in 0 to"),
        ("textbook-en-es", ["average=5", "ema_decay=0.9"], "set one of them to 0"),
        ("textbook-en-es", ["muon=true", "training.optim=adafactor"], "leave one of them out"),
        ("textbook-en-es", ["num_beams=0"], "num_beams must lie in"),
        ("textbook-en-es", ["training.learning_rate=fast"], "training.learning_rate must be a number, got fast"),
        ("textbook-en-es", ["training.per_device_train_batch_size=8"], "set max_tokens"),
        ("textbook-en-es", ["training.max_steps=0"], "training.max_steps must be at least 1, or -1 for training."),
        ("textbook-en-es", ["training.seed=4294967296"], "training.seed must lie in 0 to 4294967295, got 4294967296"),
        ("textbook-en-es", ["training.eval_steps=0"], "training.eval_steps must be above 0, got 0"),
        ("textbook-en-es", ["training.eval_steps=null"], "training.eval_steps must be above 0, got null"),
        (
            "textbook-en-es",
            ["training.save_steps=300"],
            "training.save_steps=300 is no multiple of training.eval_steps",
        ),
        ("textbook-en-es", ["training.gradient_accumulation_steps=0"], "gradient_accumulation_steps must lie in 1 to"),
        ("textbook-en-es", ["training.log_level=loud"], "log_level must be one of passive, detail, debug, info, warn"),
        ("textbook-en-es", ["training={optim: sgd, optim_args: x}"], "optim_args must be NAME=VALUE,NAME=VALUE, got x"),
        ("textbook-en-es", ["training.max_steps=1.5"], "training.max_steps must be a whole number, got 1.5"),
        ("textbook-en-es", ["training.bf16=2"], "training.bf16 must be true or false, got 2"),
        ("textbook-en-es", ["training.run_name=???"], "needs a value for training.run_name"),
        ("textbook-en-es", ["training.load_best_model_at_end=false"], "always kept"),
    ],
)
def test_mistakes_are_named_in_one_line(name, overrides, message):
    with pytest.raises(UserError) as caught:
        load_recipe(name, overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("model: {d_model: 3")
    with pytest.raises(UserError, match=r"broken\.yaml"):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.d_model=13", "does not divide d_model=13"),
        ("model.activation_function=gelo", "gelo"),
        ("training.lr_scheduler_type=sometimes", "sometimes"),
    ],
)
def test_impossible_values_are_refused_when_they_are_used(override, message, tmp_path):
    recipe = load_recipe("textbook-en-es", [override])

    def use():
        build_model(recipe, Vocabulary())
        training_arguments(recipe, tmp_path, choose_backend())

    with pytest.raises(UserError, match=message):
        use()


def test_saved_beside_a_model_and_read_again(tmp_path):
    recipe = load_recipe("tatoeba-en-zh", ["corpus=some/folder", "training.learning_rate=1e-5"])
    recipe.save(tmp_path)
    assert recipe_of(tmp_path) == recipe
    assert recipe_of(tmp_path / "elsewhere") is None


TOKEN = "hf_" + "aB3" * 11 + "x"  # as long as the Hub's, and no one's


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("training.hub_token=abc", "training.hub_token"),
        ("training={hub_token: abc}", "training.hub_token"),
        ("training.lr_scheduler_kwargs.api_key=abc", "training.lr_scheduler_kwargs.api_key"),
        ("hf_token=abc", "hf_token"),
        (f"name={TOKEN}", "name"),
        (f"training.report_to=[wandb, {TOKEN}]", "training.report_to"),
        ("corpus=https://user:word@host/corpus.jsonl", "corpus"),
        ("corpus=https://host/corpus.jsonl?token=abc", "corpus"),
    ],
)
def test_a_secret_is_refused_where_it_is_typed_and_not_shown(override, place, tmp_path):
    path = tmp_path / "recipe.yaml"
    load_recipe("textbook-en-es").save(tmp_path)
    advice = f"{place} holds a secret, and a recipe goes wherever its model goes: log in with hf auth login"
    with pytest.raises(UserError, match=advice) as caught:
        load_recipe("textbook-en-es", [override])
    assert "abc" not in str(caught.value)
    key, _, value = override.partition("=")
    if "." not in key and "{" not in value:
        lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{key}:")]
        path.write_text("\n".join([*lines, f"{key}: {value}"]))
        with pytest.raises(UserError, match=advice):
            load_recipe(str(path))


def test_a_secret_that_an_earlier_version_left_beside_a_model_is_taken_out(tmp_path):
    load_recipe("textbook-en-es").save(tmp_path)
    path = tmp_path / "recipe.yaml"
    path.write_text(path.read_text() + f"  hub_token: abc\n  run_name: {TOKEN}\n")
    recipe = recipe_of(tmp_path)
    assert recipe.training["hub_token"] == recipe.training["run_name"] == "[redacted]"
    assert recipe.source_lang == "en"

    recipe.training["hub_token"] = recipe.name = TOKEN  # as only a program can
    recipe.save(tmp_path)
    assert TOKEN not in path.read_text()


def test_what_is_no_secret_is_kept(tmp_path):
    recipe = load_recipe("textbook-en-es", ["name=hf_attn_model_of_max_tokens", "license=https://example.org:80/a@b"])
    recipe.save(tmp_path)
    assert recipe_of(tmp_path) == recipe
