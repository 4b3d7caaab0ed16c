"""Scores by both protocols in the records and on the card, and which of them count as those of a model."""

import json
from dataclasses import replace

import pytest
from datasets import Dataset

from hf_attn_model.text.corpora import Corpus
from hf_attn_model.training import evaluate as evaluating

SOURCES, REFERENCES = ["one", "two", "three"], ["ein Hund läuft.", "ZWEI Hunde laufen weg!", "der dritte Hund"]
TRANSLATIONS = ["ein Hund läuft.", "Zwei Hunde laufen weg !", "der dritte"]


def stub(monkeypatch, translations):
    """Let the search find these."""
    monkeypatch.setattr(evaluating, "fit_sources", lambda model, tokenizer, texts, *_: [[text] for text in texts])
    monkeypatch.setattr(evaluating, "translate_to_ids", lambda *_, **__: None)
    monkeypatch.setattr(evaluating, "decode_targets", lambda *_: translations)


@pytest.fixture
def scores(monkeypatch):
    stub(monkeypatch, TRANSLATIONS)
    corpus = Corpus(Dataset.from_dict({"source": SOURCES, "target": REFERENCES}), "three", 0, 0)
    found, translations = evaluating.evaluate(None, None, corpus, "de", num_beams=3)
    assert translations == TRANSLATIONS
    return found


def test_both_protocols_are_scored_with_their_signatures(scores):
    assert scores["bleu"] < scores["tokenized_bleu"] < 100, "case and a space count in one of them"
    assert "case:mixed|eff:no|tok:13a" in scores["bleu_signature"]
    assert "tok:none|smooth:exp|moses:lc.norm.tok-de" in scores["tokenized_bleu_signature"]
    assert scores["exact_match"] == pytest.approx(100 / 3, abs=0.01)


def test_scores_of_a_model_in_lower_case_ignore_case(monkeypatch, small_recipe, tmp_path):
    stub(monkeypatch, [text.lower() for text in REFERENCES])
    corpus = Corpus(Dataset.from_dict({"source": SOURCES, "target": REFERENCES}), "three", 0, 0)
    kept, _ = evaluating.evaluate(None, None, corpus, "de", num_beams=3)
    found, _ = evaluating.evaluate(None, None, corpus, "de", num_beams=3, lowercase=True)
    for name in ("bleu", "chrf", "exact_match"):
        assert kept[name] < 99 < found[name]
    assert "case:lc" in found["bleu_signature"]
    assert "case:lc" in found["chrf_signature"]

    (tmp_path / "config.json").write_text('{"model_type": "hf_attn"}')
    for lowercase in (False, True):
        replace(small_recipe, lowercase=lowercase).save(tmp_path)
        evaluating.save_scores(found, tmp_path)
        assert ("ignore case" in (tmp_path / "README.md").read_text()) == lowercase


def test_the_card_shows_both_and_does_without_what_was_not_measured(scores, small_recipe, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "hf_attn"}')
    small_recipe.save(tmp_path)
    evaluating.save_scores(scores, tmp_path)
    assert json.loads((tmp_path / "evaluation.json").read_text()) == scores
    assert table_widths(tmp_path) == [8, 8, 8]
    card = (tmp_path / "README.md").read_text()
    (row,) = (line for line in card.splitlines() if line.startswith("| counting") and "test" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == [f"{scores[name]:.2f}" for name in ("bleu", "chrf", "tokenized_bleu")]
    for name in ("bleu", "chrf", "tokenized_bleu"):
        assert f"`{scores[f'{name}_signature']}`" in card

    for name in ("tokenized_bleu", "tokenized_bleu_signature"):
        del scores[name]
    evaluating.save_scores(scores, tmp_path)
    assert table_widths(tmp_path) == [7, 7, 7]


def table_widths(folder):
    """Count the bars in the rows of the table of results: head, rule and scores."""
    lines = (folder / "README.md").read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| test set"))
    return [line.count("|") for line in lines[start : start + 3]]


@pytest.mark.parametrize(
    ("typed", "expected", "own"),
    [
        ({}, ("corpus-a", "small", "last", "en", "de"), True),
        ({"split": "dev"}, ("corpus-a", "small", "dev", "en", "de"), False),
        ({"config": "large"}, ("corpus-a", "large", "last", "en", "de"), False),
        ({"corpus": "corpus-b"}, ("corpus-b", None, "test", "en", "de"), False),
        ({"corpus": "corpus-a", "config": "small", "split": "last"}, ("corpus-a", "small", "last", "en", "de"), True),
        ({"source_lang": "de", "target_lang": "en"}, ("corpus-a", "small", "last", "de", "en"), False),
    ],
)
def test_what_is_scored_and_whether_it_is_the_recipes_own_test_set(small_recipe, typed, expected, own):
    recipe = replace(small_recipe, corpus="corpus-a", config="small", test_split="last")
    nothing = {"corpus": None, "config": None, "split": None, "source_lang": "en", "target_lang": "de"}
    chosen = evaluating.choose_test_set(recipe, **(nothing | typed))
    assert chosen[:5] == expected
    assert (chosen == evaluating.own_test_set(recipe)) is own


def test_without_a_recipe_only_what_is_typed_is_scored():
    chosen = evaluating.choose_test_set(None, corpus=None, config=None, split=None, source_lang="en", target_lang="de")
    assert chosen[:5] == (None, None, "test", "en", "de")
