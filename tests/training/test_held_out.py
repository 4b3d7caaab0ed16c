"""No score is measured on what was trained on."""

import json
from dataclasses import replace

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.files import write_json
from hf_attn_model.recipes.recipe import load_recipe
from hf_attn_model.text.cache import Cache
from hf_attn_model.text.splitting import usual_count
from hf_attn_model.training.card import write_card
from hf_attn_model.training.evaluate import load_test_set, own_test_set
from hf_attn_model.training.examples import load_parts


@pytest.fixture
def recipe(tmp_path, small_recipe):
    """A recipe on one file of 61 pairs, of which some sources come twice."""
    file = tmp_path / "all.jsonl"
    pairs = [{"en": f"ball {i % 53}", "de": f"Ball {i}"} for i in range(61)]
    file.write_text("".join(f"{json.dumps(pair)}\n" for pair in pairs))
    return replace(small_recipe, corpus=str(file))


def load_pairs(*arguments):
    (pairs,) = load_parts(*arguments)
    return pairs


def texts(dataset):
    return list(zip(dataset["source"][:], dataset["target"][:], strict=True))


def test_one_file_is_dealt_out_and_evaluated_on_its_own_part(recipe, capsys):
    train, dev, held_out, overlap = load_pairs(recipe)
    assert held_out == usual_count(61) == 3
    assert "has one split: 3 pairs are held out for dev, and as many for test" in capsys.readouterr().out
    trained = replace(recipe, hold_out=held_out)
    test = load_test_set(trained, own_test_set(trained)).dataset
    parts = [texts(part) for part in (train, dev, test)]
    assert sorted(pair for part in parts for pair in part) == sorted((f"ball {i % 53}", f"Ball {i}") for i in range(61))
    sources = [{source for source, _ in part} for part in parts]
    assert sum(map(len, sources)) == len(set().union(*sources))
    assert overlap == (0, 0, 0)


def test_number_is_the_users(recipe):
    train, dev, held_out, _ = load_pairs(replace(recipe, hold_out=7))
    assert held_out == 7
    assert 7 <= len(dev) <= 8
    assert 61 - 16 <= len(train) <= 61 - 14
    assert [len(part) for part in load_pairs(replace(recipe, hold_out=0))[:2]] == [61, 61]
    with pytest.raises(UserError, match="cannot hold out 16 pairs each"):
        load_pairs(replace(recipe, hold_out=16))


def test_splits_of_a_folder_stay(corpus, small_recipe):
    assert load_pairs(small_recipe).held_out == 0


def test_training_split_alone_is_cleaned(tmp_path, small_recipe):
    pairs = [("one", "eins"), ("two", "two"), ("three", "drei"), ("one", "eins")]
    lines = "".join(f"{json.dumps({'en': source, 'de': target})}\n" for source, target in pairs)
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.jsonl").write_text(lines)
    recipe = replace(small_recipe, corpus=str(tmp_path), clean=["copies", "duplicates"])
    train, dev, _, overlap = load_pairs(recipe)
    assert texts(train) == [pairs[0], pairs[2]]
    assert texts(dev) == pairs
    assert overlap == (3, 3, 3)
    assert texts(load_pairs(replace(recipe, clean=["copies"])).train) == [pairs[0], pairs[2], pairs[3]]
    with pytest.raises(UserError, match="there is no rule copy to clean by"):
        load_pairs(replace(recipe, clean=["copy"]), Cache(tmp_path / "cache"))


@pytest.mark.parametrize(("known", "has_scores"), [(0, True), (1, True), (2, False), (100, False)])
def test_scores_on_what_was_trained_on_stand_in_no_card(translator_folder, tmp_path, known, has_scores):
    for name in ("config.json", "recipe.yaml", "manifest.json"):
        (tmp_path / name).write_text((translator_folder / name).read_text())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["test_in_train"] = {"pairs": known, "sources": known, "targets": 101}
    write_json(tmp_path / "manifest.json", manifest)
    scores = dict.fromkeys(("bleu", "chrf", "exact_match"), 73.0)
    signatures = dict.fromkeys(("bleu_signature", "chrf_signature"), "x")
    facts = {"command": "hf-attn evaluate", "sentences": 100, "num_beams": 1}
    write_json(tmp_path / "evaluation.json", scores | signatures | facts)
    card = write_card(tmp_path).read_text()
    assert ("73.00" in card) == ("model-index" in card) == has_scores
    assert (f"No scores: {known} of the 100 test pairs were also trained on." in card) != has_scores
    assert f"{known} pairs, {known} sources, 101 targets" in card


def test_recipe_names_rules_and_counts(tmp_path):
    recipe = load_recipe("textbook-en-es", ["corpus=mine.tsv", "clean=[copies, ratio]", "hold_out=5"])
    assert (recipe.clean, recipe.hold_out) == (["copies", "ratio"], 5)
    for wrong, message in (("hold_out=-1", "hold_out"), ("max_length_ratio=0.5", "max_length_ratio")):
        with pytest.raises(UserError, match=message):
            load_recipe("textbook-en-es", [wrong])
