"""`hf-attn ablate`: heads are changed, and what becomes of the translations is printed and written."""

import json

import pytest

from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.checkpoint.alignment_config import AlignmentConfig
from hf_attn_model.translation import Translation


@pytest.mark.parametrize("how", [["--mode", "zero"], ["--how", "remove"], ["--mode=remove"]])
def test_the_verb_prints_a_table_and_writes_all_numbers(translator_folder, tmp_path, hf_attn, monkeypatch, how):
    out, translated = tmp_path / "effects.json", []

    def search(model, tokenizer, sentences, **options):
        translated.append(len(sentences))
        return [Translation(tokenizer("eins zwei")["input_ids"], False)] * 3

    monkeypatch.setattr("hf_attn_model.study.ablation.search", search)
    options = ["--heads", "all", "--sentences", 3, "--num-beams", 1, "--out", out]
    _, printed, error = hf_attn("ablate", translator_folder, *how, *options)
    assert "Translating 3 sentences with" in error
    assert ("is now --mode zero" in error) == ("remove" in how[-1])
    found = json.loads(out.read_text())
    assert len(found) == 10
    assert translated == [3] * 11
    for each in found:
        assert each["mode"] == "zero"
        place, layer, head = each["heads"][0]
        assert f"{place}:{layer}:{head}" in printed
        for effect in each["effects"]:
            assert f"{effect['after'] - effect['before']:+.2f}" in printed
    assert "untouched" in printed


def test_the_verb_reads_links_as_the_model_says(translator_folder, gold, refused, monkeypatch):
    monkeypatch.setattr(Checkpoint, "alignment", AlignmentConfig(((1, 7),)))
    said = refused("ablate", translator_folder, "--heads", "cross:0:0", "--gold", gold, "--sentences", 2)
    assert "no head 1:7" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--heads", "cross:9:0"], "has no cross layer 9"),
        (["--heads", "cross"], "write PLACE:LAYER:HEAD"),
        (["--heads", "cross:0:0", "--sentences", "0"], "--sentences must be at least 1"),
        (["--heads", "cross:0:0", "--num-beams", "0"], "--num-beams must be at least 1"),
        (["--heads", "cross:0:0", "--num-beams", "1000000"], "--num-beams must be at most 1000"),
        (["--heads", "cross:0:0", "--corpus", "./nowhere"], "nowhere"),
        (["--heads", "cross:0:0", "--mode", "halve"], '--mode: "halve" is not one of uniform, zero'),
    ],
)
def test_mistakes_of_the_verb_are_told(translator_folder, words, message, refused):
    assert message in refused("ablate", translator_folder, *words)


def test_a_model_without_a_recipe_needs_languages_and_a_corpus(translator, refused):
    (translator / "recipe.yaml").unlink()
    assert "give --source-lang" in refused("ablate", translator, "--heads", "cross:0:0")
    languages = ("--source-lang", "en", "--target-lang", "de")
    assert "give --corpus" in refused("ablate", translator, "--heads", "cross:0:0", *languages)
