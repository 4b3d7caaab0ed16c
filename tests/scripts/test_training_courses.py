"""Trainings by the clock: one schedule for all, weights kept at the minutes, and nothing done twice."""

from dataclasses import replace

import pytest
import torch
import training_courses as courses
from transformers import AutoModelForSeq2SeqLM, TrainerCallback, TrainerControl, TrainerState

from hf_attn_model.text.corpora import load_corpus
from hf_attn_model.text.tokenizer import train_tokenizer

MINUTES = [7 / 60, 19 / 60]


@pytest.fixture
def course(small_recipe):
    pairs = load_corpus(small_recipe.corpus, "en", "de").dataset
    return pairs, train_tokenizer([*pairs["source"], *pairs["target"]], small_recipe.vocab_size)


def test_the_clock_stands_still_while_weights_are_kept(fake_time, monkeypatch):
    monkeypatch.setattr(courses, "time", fake_time)

    def keep(minute):
        kept.append(minute)
        fake_time.seconds += 1000

    kept, control = [], TrainerControl()
    clock = courses.Clock(MINUTES, keep)
    clock.on_train_begin(None, TrainerState(), control)
    steps = 0
    while not control.should_training_stop:
        steps += 1
        clock.on_step_end(None, TrainerState(global_step=steps), control)
    assert kept == [mark["minute"] for mark in clock.marks] == MINUTES
    assert [mark["training_seconds"] for mark in clock.marks] == [7, 19]
    assert clock.marks[-1]["steps"] == steps


def test_the_learning_rate_rises_and_falls_with_time(monkeypatch):
    clock = courses.Clock([100 / 60], print)
    for second, expected in ((0, 0), (5, 0.5), (10, 1), (55, 0.5), (100, 0), (101, 0)):
        monkeypatch.setattr(clock, "seconds", lambda second=second: second)
        assert clock.factor(10**6) == pytest.approx(expected)


@pytest.mark.parametrize("name", [*courses.PEERS, courses.OURS])
def test_weights_are_kept_at_the_minutes_and_no_training_is_done_twice(
    name, small_recipe, course, tmp_path, fake_time, monkeypatch
):
    monkeypatch.setattr(courses, "time", fake_time)
    recipe = replace(small_recipe, ema_decay=0.9, model=small_recipe.model | {"dropout": 0.0})
    marks = courses.run_course(name, recipe, *course, MINUTES, tmp_path)
    assert [mark["minute"] for mark in marks] == MINUTES
    assert 0 < marks[0]["tokens"] < marks[1]["tokens"]
    assert marks[0]["steps"] < marks[1]["steps"]
    early, late = (AutoModelForSeq2SeqLM.from_pretrained(tmp_path / f"{minute:g}") for minute in MINUTES)
    assert early.config.model_type == ("hf_attn" if name == courses.OURS else "marian")
    assert (early.config.d_model, early.config.decoder_ffn_dim) == (22, 19)
    assert not torch.equal(early.lm_head.weight, late.lm_head.weight)

    monkeypatch.setattr(courses, "make_trainer", None)  # trains no more
    assert courses.run_course(name, recipe, *course, MINUTES, tmp_path) == marks


def test_ours_keeps_the_averages_of_the_recipe_and_goes_on_with_its_weights(
    small_recipe, course, tmp_path, fake_time, monkeypatch
):
    monkeypatch.setattr(courses, "time", fake_time)
    ends, rates = [], []

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, model, optimizer, **kwargs):
            ends.append(model.lm_head.weight.detach().clone())
            rates.append(optimizer.param_groups[0]["lr"])

    def make_trainer(*args, **kwargs):
        trainer = original(*args, **kwargs)
        trainer.add_callback(Watch())
        return trainer

    original = courses.make_trainer
    monkeypatch.setattr(courses, "make_trainer", make_trainer)
    kept = {}
    for decay in (0.0, 0.9):
        out = tmp_path / str(decay)
        marks = courses.run_course(courses.OURS, replace(small_recipe, ema_decay=decay), *course, MINUTES, out)
        kept[decay] = AutoModelForSeq2SeqLM.from_pretrained(out / f"{MINUTES[0]:g}").lm_head.weight
        own = ends[int(marks[0]["steps"]) - 1]
        assert torch.equal(kept[decay], own) is (decay == 0)
        peak = max(range(len(rates)), key=rates.__getitem__)
        assert sorted(rates[:peak]) == rates[:peak]
        assert sorted(rates[peak:], reverse=True) == rates[peak:]
        assert rates[-1] < rates[peak] / 5
        assert rates[peak] <= small_recipe.training["learning_rate"]
        ends.clear()
        rates.clear()
