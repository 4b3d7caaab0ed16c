"""One model of several corpora: both directions of the counting corpus."""

import json
import re
import shlex
import shutil
from dataclasses import replace

import pytest
import torch
from datasets import DatasetDict
from safetensors.torch import load_file
from transformers import AutoTokenizer

from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.cli import main
from hf_attn_model.errors import UserError
from hf_attn_model.files import write_json
from hf_attn_model.recipes.corpora import WeightedCorpus
from hf_attn_model.text.corpora import load_corpus
from hf_attn_model.text.multilingual import decode_targets, encode_sources
from hf_attn_model.training import train as training
from hf_attn_model.training.callbacks.manifest import read_manifest
from hf_attn_model.training.card import read_evaluations, write_card
from hf_attn_model.training.examples import examples_of, load_parts

EN_DE, DE_EN = (WeightedCorpus(source_lang=s, target_lang=t) for s, t in (("en", "de"), ("de", "en")))
SENTENCE = {"en": "one two three", "de": "drei zwei eins"}


@pytest.fixture(scope="module")
def recipe(small_recipe):
    settings = small_recipe.training | {"max_steps": 7, "eval_steps": 2}
    return replace(small_recipe, corpora=[EN_DE, replace(DE_EN, weight=3.0)], temperature=2.0, training=settings)


@pytest.fixture(scope="module")
def both(recipe, tmp_path_factory):
    return training.train(recipe, tmp_path_factory.mktemp("several") / "both")


@pytest.fixture(scope="module")
def loaded(recipe):
    return load_parts(recipe)


@pytest.fixture
def copy(both, tmp_path):
    return shutil.copytree(both, tmp_path / "copy", ignore=shutil.ignore_patterns("checkpoint-*"))


def test_ids_of_the_training_are_those_that_a_translation_has(recipe, loaded, both):
    translator = Checkpoint(str(both))
    examples, dev = examples_of(recipe, loaded, translator.model, translator.tokenizer, 3)
    by_language = {}
    for source, target in (("en", "de"), ("de", "en")):
        translator.set_languages(source, target)
        sources = load_corpus(recipe.corpus, source, target, "train").dataset["source"]
        by_language[source] = {tuple(ids) for ids in encode_sources(translator.tokenizer, sources)}
    seen = [tuple(item["input_ids"]) for item in examples.__getitems__(range(len(examples)))]
    counts = [sum(ids in by_language[language] for ids in seen) for language in ("en", "de")]
    assert counts == examples.draws
    assert counts[1] / counts[0] == pytest.approx(3**0.5, abs=0.02)
    assert {tuple(ids) for ids in dev["input_ids"]} <= by_language["en"] | by_language["de"]
    marks = translator.tokenizer.convert_tokens_to_ids([">>de<<", ">>en<<"])
    assert {ids[0] for ids in seen} == {*marks}
    assert max(marks) == len(translator.tokenizer) - 1 < recipe.vocab_size


def test_a_mark_is_one_token_that_no_translation_shows(both):
    tokenizer = AutoTokenizer.from_pretrained(both)
    ids = tokenizer(f">>de<< {SENTENCE['en']}")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids)[0] == ">>de<<"
    assert tokenizer.decode(ids, skip_special_tokens=True) == f">>de<< {SENTENCE['en']}"
    plain = tokenizer(SENTENCE["en"])["input_ids"]
    assert decode_targets(tokenizer, [plain]) == [SENTENCE["en"]]


def test_logs_and_manifest_name_each_direction(both):
    state = json.loads(next(both.glob("checkpoint-*/trainer_state.json")).read_text())
    (first, *_) = (entry for entry in state["log_history"] if "eval_loss" in entry)
    assert {"eval_bleu_en-de", "eval_bleu_de-en"} <= first.keys()
    manifest = read_manifest(both)
    assert [*manifest["data"]] == ["train en-de", "dev en-de", "train de-en", "dev de-en"]
    assert manifest["vocabulary_learnt_from"] == 2 * 343


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(recipe, both, tmp_path, monkeypatch):
    def interrupt(trainer, *args, **kwargs):
        if trainer.state.global_step == 5:
            raise KeyboardInterrupt
        return compute_loss(trainer, *args, **kwargs)

    compute_loss = training.TranslationTrainer.compute_loss
    monkeypatch.setattr(training.TranslationTrainer, "compute_loss", interrupt)
    with pytest.raises(KeyboardInterrupt):
        training.train(recipe, tmp_path / "stopped")
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"was begun with temperature=2\.0, not 3"):
        training.train(replace(recipe, temperature=3.0), tmp_path / "stopped", resume=True)
    resumed = training.train(recipe, tmp_path / "stopped", resume=True)
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (resumed, both))
    for name, weights in ours.items():
        torch.testing.assert_close(weights, theirs[name], atol=1e-6, rtol=0, msg=name)


def test_translate_is_told_which_language(both, capsys):
    outputs = []
    for target in ("de", "deu", "en"):
        assert main(["translate", str(both), SENTENCE["en"], "--target-lang", target]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    for typed, message in (
        ([], "translates into 2 languages: name the target language"),
        (["--target-lang", "fr"], "--target-lang fr: none of the 2 languages"),
        (["--target-lang", "de", "--source-lang", "fr"], "--source-lang fr: none of the 2 languages"),
    ):
        assert main(["translate", str(both), SENTENCE["en"], *typed]) == 2
        assert message in capsys.readouterr().err


def scores_in(out):
    decoder, found = json.JSONDecoder(), []
    while "{\n" in out:
        scores, end = decoder.raw_decode(out[(start := out.index("{\n")) :])
        found.append(scores)
        out = out[start + end :]
    return found


def test_each_direction_is_evaluated_on_its_own_test_set(recipe, copy, tmp_path, capsys):
    sources, translations = tmp_path / "sources", tmp_path / "translations"
    assert main(["evaluate", str(copy), "--target-lang", "eng", "--translations", str(translations)]) == 0
    (alone,) = scores_in(capsys.readouterr().out)
    assert not (copy / "evaluation.json").exists(), "all of its test sets count"
    sources.write_text("\n".join(load_corpus(recipe.corpus, "de", "en", "test").dataset["source"]))
    assert main(["translate", str(copy), "--file", str(sources), "--target-lang", "en"]) == 0
    assert translations.read_text() == capsys.readouterr().out
    assert main(["evaluate", str(copy)]) == 0
    shown = scores_in(capsys.readouterr().out)
    assert [scores["direction"] for scores in shown] == ["en-de", "de-en"]
    kept = read_evaluations(copy)
    assert [*kept] == ["en-de", "de-en"]
    for scores, name in zip(shown, kept, strict=True):
        assert scores == kept[name] | {"direction": name}
    assert alone["chrf"] == kept["de-en"]["chrf"] != kept["en-de"]["chrf"]

    card = (copy / "README.md").read_text()
    assert "en → de, de → en" in card
    assert 'translator(">>de<< I love my dog")' in card
    (shown,) = re.findall(r"`hf-attn explain \S+ (.*?) --word WORD`", card)
    assert main(["explain", str(copy), *shlex.split(shown), "--word", "love"]) == 0
    for name, scores in kept.items():
        assert f"| {name}: counting, test | {scores['bleu']:.2f} | {scores['chrf']:.2f} |" in card
    assert card.count("type: bleu") == 2
    tested = sum(scores["sentences"] for scores in kept.values())
    known = {"test_in_train": {"pairs": 3, "sources": 3, "targets": 3}}
    write_json(copy / "manifest.json", json.loads((copy / "manifest.json").read_text()) | known)
    assert f"No scores: 3 of the {tested} test pairs were also trained on" in write_card(copy).read_text()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["--source-lang", "fr"], "was not trained from fr into any, but en → de, de → en"),
        (["--translations", "new"], "--translations is of one test set: choose it with --source-lang"),
        (["--corpus", "{corpus}"], "give --source-lang"),
        (["--corpus", "{corpus}", "--source-lang", "en"], "give --target-lang"),
    ],
)
def test_what_evaluate_cannot_know_is_asked_for(both, corpus, typed, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(both), *(word.format(corpus=corpus) for word in typed)]) == 2
    assert message in capsys.readouterr().err


def test_what_the_other_direction_trains_on_counts_as_known(small_recipe, tmp_path):
    rows = {"train": ["one", "two"], "dev": ["three"], "test": ["four", "five"]}
    for folder, more in (("a", []), ("b", ["five"])):
        (tmp_path / folder).mkdir()
        for split, words in rows.items():
            lines = [json.dumps({"en": word, "de": word.upper()}) for word in [*words, *(more * (split == "train"))]]
            (tmp_path / folder / f"{split}.jsonl").write_text("\n".join(lines))
    recipe = replace(
        small_recipe,
        corpora=[replace(EN_DE, corpus=str(tmp_path / "a")), replace(DE_EN, corpus=str(tmp_path / "b"))],
    )
    assert [pairs.overlap for pairs in load_parts(recipe)] == [(1, 1, 1), (1, 1, 1)]
    assert load_parts(recipe.parts()[0])[0].overlap == (0, 0, 0)


def test_one_file_and_data_that_would_not_be_heard_are_refused(recipe, corpus, tmp_path):
    file = shutil.copy(corpus / "train.jsonl", tmp_path / "all.jsonl")
    with pytest.raises(UserError, match=r"all\.jsonl is one file, and so has one split: hf-attn clean --hold-out"):
        load_parts(replace(recipe, corpus=str(file)))
    named = replace(recipe, corpora=[EN_DE, replace(DE_EN, corpus="elsewhere")])
    with pytest.raises(UserError, match="an entry names another corpus"):
        load_parts(named, data=DatasetDict())


def test_a_share_of_nothing_is_refused(recipe, loaded, both):
    translator = Checkpoint(str(both))
    tiny = replace(recipe, corpora=[EN_DE, replace(DE_EN, weight=1e-6)], temperature=1.0)
    with pytest.raises(UserError, match="de-en has no share of the 686 pairs of an epoch: raise its weight"):
        examples_of(tiny, loaded, translator.model, translator.tokenizer, 3)


def test_a_base_that_is_told_no_language_gets_marks_or_is_refused(recipe, translator_folder, tmp_path):
    recipe = replace(recipe, init_from=str(translator_folder), vocab_size=None, model={})
    with pytest.raises(UserError, match=r'is told no target language.*add_tokens=.">>de<<", ">>en<<"'):
        training.train(recipe, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    settings = recipe.training | {"max_steps": 1, "eval_steps": 1}
    tuned = training.train(replace(recipe, add_tokens=[">>de<<", ">>en<<"], training=settings), tmp_path / "tuned")
    assert Checkpoint(str(tuned)).set_languages("de", "eng").target == ">>en<<"
