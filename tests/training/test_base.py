"""A training that begins with a translator: what it keeps, what it gains, what stays frozen, what its card inherits."""

import json
from dataclasses import replace

import pytest
import torch
from conftest import make_recipe
from safetensors.torch import load_file
from small_trainings import assert_same
from stock_checkpoints import build
from transformers import AutoTokenizer

from hf_attn_model import load_translator, translate
from hf_attn_model.errors import UserError
from hf_attn_model.recipes.recipe import recipe_of
from hf_attn_model.training.base import freeze, grow_embeddings
from hf_attn_model.training.callbacks.manifest import read_manifest
from hf_attn_model.training.card import joint_license, write_card
from hf_attn_model.training.train import train

GREEK = {"one": "ένα", "two": "δύο", "three": "τρία", "four": "τέσσερα", "five": "πέντε", "six": "έξι", "seven": "εφτά"}


@pytest.fixture(scope="module")
def base(corpus, tmp_path_factory):
    """The folder of a translator that has hardly learnt to count."""
    folder = tmp_path_factory.mktemp("base")
    recipe = make_recipe(corpus, folder, max_steps=8, eval_steps=8)
    write_card(train(replace(recipe, license="cc-by-4.0"), folder / "base"))
    return folder / "base"


@pytest.fixture
def recipe(base, small_recipe):
    arguments = small_recipe.training | {"max_steps": 4, "eval_steps": 4, "logging_steps": 1}
    return replace(small_recipe, init_from=str(base), vocab_size=None, model={}, training=arguments)


@pytest.fixture
def greek(recipe, corpus, tmp_path):
    """The recipe, with targets in letters that the base does not know."""
    folder = tmp_path / "greek"
    folder.mkdir()
    for path in corpus.iterdir():
        rows = [json.loads(line)["en"] for line in path.read_text().splitlines()]
        pairs = [{"en": row, "el": " ".join(GREEK[word] for word in row.split()[::-1])} for row in rows]
        lines = [json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs]
        (folder / path.name).write_text("".join(lines), encoding="utf-8")
    return replace(recipe, corpus=str(folder), target_lang="el", add_subwords=59, license="mit")


def test_without_a_step_that_counts_it_is_the_translator_it_began_with(recipe, base, tmp_path):
    still = replace(recipe, training=recipe.training | {"learning_rate": 0.0}, model={"dropout": 0.2})
    out = train(still, tmp_path / "run")
    assert_same(load_file(out / "model.safetensors"), load_file(base / "model.safetensors"))
    (model, tokenizer), (_, theirs) = load_translator(out), load_translator(base)
    assert (model.config.dropout, tokenizer.get_vocab()) == (0.2, theirs.get_vocab())
    assert recipe_of(out) == still


def test_it_goes_on_learning(recipe, base, tmp_path):
    out = train(recipe, tmp_path / "run")
    assert read_manifest(out)["best_dev_loss"] < read_manifest(base)["best_dev_loss"]


def test_new_letters_become_subwords_and_old_texts_keep_their_ids(greek, base, tmp_path):
    out = train(greek, tmp_path / "run")
    (model, tokenizer), (_, known) = load_translator(out), load_translator(base)
    assert len(known) < len(tokenizer) == model.config.vocab_size <= len(known) + 59
    assert tokenizer("one two drei")["input_ids"] == known("one two drei")["input_ids"]
    assert len(tokenizer("δύο ένα")["input_ids"]) < len(known("δύο ένα")["input_ids"])
    assert tokenizer.decode(tokenizer("δύο ένα")["input_ids"], skip_special_tokens=True) == "δύο ένα"
    assert isinstance(translate(model, tokenizer, ["one two"])[0], str)


def test_a_model_of_many_languages_learns_between_those_that_the_recipe_names(recipe, tmp_path):
    build("m2m_100", tmp_path)
    arguments = recipe.training | {"max_steps": 2, "eval_steps": 2}
    out = train(replace(recipe, init_from=str(tmp_path), source_lang="eng", training=arguments), tmp_path / "run")
    model, tokenizer = load_translator(out)
    assert (tokenizer.src_lang, tokenizer.tgt_lang) == ("en", "de")
    assert model.generation_config.forced_bos_token_id == tokenizer.get_lang_id("de")
    assert isinstance(translate(model, tokenizer, ["one two"])[0], str)


def test_whole_tokens_and_dropped_merges_are_refused_together(recipe, tmp_path):
    with pytest.raises(UserError, match=r"bpe_dropout: BPE-dropout knows subwords alone, .* such as >>deu<<"):
        train(replace(recipe, add_tokens=[">>deu<<"], bpe_dropout=0.1), tmp_path / "run")


def test_a_new_row_is_the_mean_of_the_rows_that_spelt_it(base):
    (model, before), after = load_translator(base), AutoTokenizer.from_pretrained(base)
    old = model.get_input_embeddings().weight.clone()
    after.add_tokens(["eins zwei", "π"])
    grow_embeddings(model, before, after)
    rows, bytes_of_pi = model.get_input_embeddings().weight, before.convert_tokens_to_ids(["<0xCF>", "<0x80>"])
    assert torch.equal(rows[: len(before)], old)
    torch.testing.assert_close(rows[len(before) + 1], old[bytes_of_pi].mean(0))
    assert model.get_output_embeddings().weight is rows
    assert model.config.vocab_size == len(rows) == len(before) + 2


def test_frozen_parameters_stay(recipe, base, tmp_path):
    out = train(replace(recipe, freeze=["model.encoder.*"], ema_decay=0.9), tmp_path / "run")
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (out, base))
    same = {name for name in ours if torch.equal(ours[name], theirs[name])}
    assert same == {name for name in ours if name.startswith("model.encoder.")}


@pytest.mark.parametrize(
    ("patterns", "complaint"), [(["model.encode.*"], "no parameter is called"), (["*"], "nothing is left to train")]
)
def test_patterns_that_fit_nothing_or_everything_are_refused(recipe, base, patterns, complaint):
    with pytest.raises(UserError, match=complaint):
        freeze(load_translator(base)[0], patterns)


def test_lora_trains_matrices_beside_the_weights_and_leaves_a_plain_translator(recipe, base, tmp_path):
    peft = pytest.importorskip("peft", reason="peft is not installed")
    adapted = replace(recipe, lora={"r": 2})
    out = train(adapted, tmp_path / "run")
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (out, base))
    changed = {name.rsplit(".", 2)[1] for name in ours if not torch.equal(ours[name], theirs[name])}
    assert (ours.keys(), changed) == (theirs.keys(), {"q_proj", "v_proj"})

    (model, tokenizer), (plain, _) = load_translator(out), load_translator(base)
    batch = tokenizer("one two three", text_target="drei zwei eins", return_tensors="pt")
    wrapped = peft.PeftModel.from_pretrained(plain, out / "adapter").eval()
    torch.testing.assert_close(model(**batch).logits, wrapped(**batch).logits)

    longer = replace(adapted, training=adapted.training | {"max_steps": 6, "eval_steps": 2})
    with pytest.raises(UserError, match="eval_steps"):
        train(longer, out, resume=True)


@pytest.mark.parametrize("changes", [pytest.param({}, marks=pytest.mark.slow), {"lora": {"r": 2}}], ids=str)
def test_an_interrupted_fine_tuning_goes_on(changes, recipe, tmp_path):
    constant = recipe.training | {"lr_scheduler_type": "constant", "eval_steps": 2}
    half = replace(recipe, training=constant | {"max_steps": 4}, **changes)
    whole = replace(recipe, training=constant | {"max_steps": 8}, **changes)
    train(half, tmp_path / "run")
    train(whole, tmp_path / "run", resume=True)  # a finished training may be lengthened
    at_once = train(whole, tmp_path / "at once")
    assert_same(load_file(tmp_path / "run" / "model.safetensors"), load_file(at_once / "model.safetensors"))
    with pytest.raises(UserError, match=r"training.max_steps=8, not 4: .*may grow"):
        train(half, tmp_path / "run", resume=True)


def test_the_card_names_the_base_and_inherits_licence_languages_and_data(greek, tmp_path):
    out = train(greek, tmp_path / "run")
    card = write_card(out).read_text()
    data, text = card.split("\n---\n")
    assert "language:\n- en\n- el\n- de\n" in data
    assert "license: other\nlicense_name: mit and cc-by-4.0\n" in data
    assert "base_model" not in data  # it lies on this machine
    assert "| begun from | base (cc-by-4.0; en, de) |" in text
    manifest = read_manifest(out)
    manifest["base"] |= {"hub": True, "name": "user/base", "datasets": ["user/pairs"]}
    (out / "manifest.json").write_text(json.dumps(manifest))
    assert "base_model: user/base\ndatasets:\n- user/pairs\n" in write_card(out).read_text()


def test_one_licence_where_they_agree():
    assert [joint_license(*pair) for pair in (("mit", "mit"), ("unknown", "mit"), ("mit", "unknown"))] == ["mit"] * 3


def test_a_model_that_is_too_short_is_refused_before_anything_is_trained(recipe, tmp_path):
    with pytest.raises(
        UserError, match=r"max_length, 102 with its end mark, exceeds model.max_position_embeddings, 31"
    ):
        train(replace(recipe, max_length=101), tmp_path / "run")
    out = train(replace(recipe, max_length=101, model={"max_position_embeddings": 107}), tmp_path / "run")
    assert load_translator(out)[0].config.max_position_embeddings == 107


def test_sizes_that_change_weights_are_refused(recipe, tmp_path):
    with pytest.raises(UserError, match=r"model.d_model is decided by init_from=.*: leave it out"):
        train(replace(recipe, model={"d_model": 23}), tmp_path / "run")
