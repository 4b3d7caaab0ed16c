"""What a training shows and reports as it goes, and that watching it changes nothing."""

import io
import json
import random
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from small_trainings import assert_same
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tqdm import tqdm
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.integrations import integration_utils

from hf_attn_model.errors import UserError
from hf_attn_model.recipes.recipe import load_recipe
from hf_attn_model.text.corpora import load_corpus
from hf_attn_model.training import evaluate as samples
from hf_attn_model.training import train as training
from hf_attn_model.training.callbacks import progress
from hf_attn_model.training.evaluate import dev_translations
from hf_attn_model.training.metrics import load_translation_metric
from hf_attn_model.training.throughput import Throughput
from hf_attn_model.training.trainer import TranslationTrainer
from hf_attn_model.translation.search import translate

NUMBERS = r"loss \d+\.\d{3}, learning rate \d\.\d\de-\d\d, [\d,]+ tokens/s, padding \d+\.\d%"


def log_of(folder, step=24):
    return json.loads((folder / f"checkpoint-{step}" / "trainer_state.json").read_text())["log_history"]


def test_without_a_terminal_each_log_makes_a_line_and_each_evaluation_shows_translations(
    small_recipe, tmp_path, capsys
):
    out = training.train(small_recipe, tmp_path / "run")
    shown = capsys.readouterr().out
    logged = [
        rf"step {step}/24, epoch 0\.\d\d, {NUMBERS}, \d\d:\d\d passed, \d\d:\d\d left" for step in range(4, 25, 4)
    ]
    assert len(re.findall("|".join(logged), shown)) == 6
    evaluated = re.findall(r"^step (\d+): dev loss (\d\.\d{4}), dev BLEU (\d+\.\d\d)$", shown, re.MULTILINE)
    log = [entry for entry in log_of(out) if "eval_loss" in entry]
    assert evaluated == [(str(e["step"]), f"{e['eval_loss']:.4f}", f"{e['eval_bleu']:.2f}") for e in log]
    assert shown.count("    source: ") == shown.count("    reference: ") == shown.count("    ours: ") == 3 * 3
    assert "{'" not in shown, "what transformers prints by default"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_one_bar_shows_the_same(small_recipe, tmp_path, monkeypatch):
    recipe = replace(small_recipe, training=small_recipe.training | {"disable_tqdm": False})
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", "211")
    training.train(recipe, tmp_path / "run")
    *_, last = terminal.getvalue().rstrip().split("\r")
    assert re.search(rf"Epoch 0\.71: 100%.*24/24 \[.*steps/s, {NUMBERS}\]", last)
    assert "step 8: dev loss" in terminal.getvalue()
    assert "step 4/24" not in terminal.getvalue(), "lines are for what is no terminal"


def test_a_bar_is_closed_however_the_training_ends(small_recipe, tmp_path, monkeypatch):
    bars = []  # which keeps them from closing when they are thrown away

    class Kept(tqdm):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            bars.append(self)

    monkeypatch.setattr(progress, "tqdm", Kept)

    def stop(self, *args):
        raise KeyboardInterrupt

    recipe = replace(small_recipe, training=small_recipe.training | {"disable_tqdm": False})
    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    monkeypatch.setattr(TranslationTrainer, "training_step", stop)
    with pytest.raises(KeyboardInterrupt):
        training.train(recipe, tmp_path / "run")
    (bar,) = bars
    assert bar.disable, "what tqdm calls closed"
    assert terminal.getvalue().endswith("\n")


def test_watched_or_not_a_training_is_the_same_bit_for_bit(small_recipe, tmp_path, monkeypatch):
    watched = training.train(small_recipe, tmp_path / "watched")
    monkeypatch.setattr(training, "TranslationTrainer", lambda *args, dev_metrics, **options: trainer(*args, **options))
    trainer = TranslationTrainer
    alone = training.train(small_recipe, tmp_path / "alone")
    assert not any("eval_bleu" in entry for entry in log_of(alone))
    assert_same(load_file(alone / "model.safetensors"), load_file(watched / "model.safetensors"))
    losses = [[entry["loss"] for entry in log_of(folder) if "loss" in entry] for folder in (alone, watched)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("mode", [True, False])
def test_dev_translations_are_those_of_greedy_search_and_leave_everything_as_it_was(
    mode, translator_folder, corpus, monkeypatch
):
    model = AutoModelForSeq2SeqLM.from_pretrained(translator_folder).train(mode)
    tokenizer = AutoTokenizer.from_pretrained(translator_folder)
    pairs = load_corpus(str(corpus), "en", "de", "dev").dataset
    monkeypatch.setattr(samples, "SENTENCES", 7)
    torch.manual_seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    found = dev_translations(model, tokenizer, pairs, "de", max_length=28)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before[1:]
    assert model.training == mode

    sources, references = pairs["source"][:7], pairs["target"][:7]
    translations = translate(model.eval(), tokenizer, sources, num_beams=1)
    scores = load_translation_metric().compute(predictions=translations, references=references, target_lang="de")
    assert found["bleu"] == pytest.approx(scores["bleu"], abs=0.005)
    assert found["bleu"] > 5
    upper = pairs.map(lambda pair: {"target": pair["target"].upper()})
    assert dev_translations(model, tokenizer, upper, "de", max_length=28)["bleu"] == 0
    assert dev_translations(model, tokenizer, upper, "de", max_length=28, lowercase=True)["bleu"] == found["bleu"]
    shown = found["samples"].split("\n\n")
    assert [each.split("  \n") for each in shown] == [
        [f"source: {sources[i]}", f"reference: {references[i]}", f"ours: {translations[i]}"] for i in (0, 3, 6)
    ]


def test_sentences_that_the_model_cannot_read_are_passed_over(translator_folder, corpus):
    model = AutoModelForSeq2SeqLM.from_pretrained(translator_folder)
    tokenizer = AutoTokenizer.from_pretrained(translator_folder)
    pairs = load_corpus(str(corpus), "en", "de", "dev").dataset
    long = pairs.map(lambda row, i: {"source": row["source"] * 40 if i % 2 else row["source"]}, with_indices=True)
    found = dev_translations(model, tokenizer, long, "de", max_length=28)
    assert found == dev_translations(model, tokenizer, pairs.select(range(0, 12, 2)), "de", max_length=28)
    assert dev_translations(model, tokenizer, pairs, "de", max_length=1) == {}


def test_tokens_padding_and_time_are_those_of_the_batches(monkeypatch):
    clock = iter([100.0, 100.5, 102.5, 104.0])  # first batch, evaluation, its end, log
    monkeypatch.setattr("time.perf_counter", partial(next, clock))
    throughput = Throughput(Accelerator(cpu=True))
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]])
    labels = torch.tensor([[5, 1], [1, -100], [7, 1]])
    throughput.add({"attention_mask": mask, "labels": labels})
    with throughput.paused():
        pass
    throughput.add({"attention_mask": mask[:2], "labels": labels[:2]})
    real, padded = 9 + 5 + 8 + 3, 15 + 6 + 10 + 4
    assert throughput.since_last() == {
        "tokens_per_second": round(real / (104.0 - 100.0 - 2.0), 1),
        "padding": round(1 - real / padded, 4),
    }
    assert throughput.tokens() == real


def test_the_numbers_and_translations_go_to_tensorboard(small_recipe, tmp_path):
    out = training.train(small_recipe, tmp_path / "run")
    for entry in (entry for entry in log_of(out) if "loss" in entry):
        assert entry["tokens_per_second"] > 0
        assert 0 <= entry["padding"] < 0.5
    (file,) = out.glob("runs/*/events*")
    events = EventAccumulator(str(file), size_guidance={"tensors": 0}).Reload()
    tags = {f"train/{name}" for name in ("loss", "learning_rate", "tokens_per_second", "padding")}
    assert tags | {"eval/loss", "eval/bleu"} <= set(events.Tags()["scalars"])
    texts = [event.tensor_proto.string_val[0].decode() for event in events.Tensors("eval/samples/text_summary")]
    assert texts == [entry["eval_samples"] for entry in log_of(out) if "eval_samples" in entry]


@pytest.mark.parametrize(("name", "words"), [("trackio", "pip install trackio"), ("paper", "paper is not supported")])
def test_a_reporter_that_cannot_report_is_refused_before_anything_is_done(
    name, words, small_recipe, tmp_path, monkeypatch
):
    monkeypatch.setattr(integration_utils, "is_trackio_available", lambda: False)
    small_recipe.save(tmp_path)
    recipe = load_recipe(str(tmp_path / "recipe.yaml"), [f"training.report_to={name}"])
    with pytest.raises(UserError, match=f"training.report_to={name}: .*{words}"):
        training.train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
