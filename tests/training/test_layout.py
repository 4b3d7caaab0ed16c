"""In how many processes a training runs."""

from dataclasses import replace

import pytest
import torch

from hf_attn_model.errors import UserError
from hf_attn_model.training import layout as room
from hf_attn_model.training.callbacks.manifest import read_manifest
from hf_attn_model.training.launch import Layout, launch
from hf_attn_model.training.layout import choose_layout
from hf_attn_model.training.train import train


@pytest.fixture
def machine(monkeypatch):
    """A machine of 4 cores whose trials find what a test says."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(room, "count_cores", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    tried = []

    def trials(speeds):
        def speed(layout, work, recipe):
            tried.append(layout)
            return speeds[layout.processes]

        monkeypatch.setattr(room, "launch", speed)
        return tried

    return trials


@pytest.mark.parametrize(
    ("speeds", "best"),
    [
        ({1: 100.0, 2: 109.0, 4: 90.0}, Layout(1, 4)),  # within the noise
        ({1: 100.0, 2: 150.0, 4: 160.0}, Layout(2, 2)),
        ({1: 100.0, 2: 105.0, 4: 120.0}, Layout(4, 1)),
    ],
)
def test_fastest_layout_is_chosen_and_said(machine, small_recipe, capsys, speeds, best):
    tried = machine(speeds)
    recipe = replace(small_recipe, training={"max_steps": 10_000})
    assert choose_layout(recipe, "auto", None) == best
    assert tried == [Layout(1, 4), Layout(2, 2), Layout(4, 1)]
    assert f"training in {best}" in capsys.readouterr().out


def test_short_training_is_not_worth_a_trial(machine, small_recipe):
    tried = machine({1: 1000.0, 2: 9999.0})
    recipe = replace(small_recipe, max_tokens=1000, training={"max_steps": 59})
    assert choose_layout(recipe, "auto", None) == Layout(1, 4)
    assert tried == [Layout(1, 4)]


def test_auto_is_one_process_where_threads_are_given(machine, small_recipe, monkeypatch):
    tried = machine({})
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert choose_layout(small_recipe, "auto", None).processes == 1
    assert not tried


def test_training_that_goes_on_keeps_its_processes(machine, small_recipe):
    machine({})
    assert choose_layout(small_recipe, "auto", 2) == choose_layout(small_recipe, 2, 2) == Layout(2, 2)
    with pytest.raises(UserError, match="began with --processes 2, not 3: resume with the same"):
        choose_layout(small_recipe, 3, 2)


@pytest.mark.parametrize("count", [0, 212])
def test_steps_have_a_token_for_each_process(machine, small_recipe, count):
    with pytest.raises(UserError, match=f"must be 1 to max_tokens=211, got {count}"):
        choose_layout(small_recipe, count, None)


@pytest.mark.slow  # processes that import torch
def test_trial_measures(small_recipe, monkeypatch):
    monkeypatch.setattr(room, "TRIAL", 0.01)
    assert launch(Layout(2, 1), room.speed_of_trial, small_recipe) > 0


@pytest.mark.slow  # processes that import torch
def test_processes_share_the_tokens_of_a_step(small_recipe, tmp_path):
    recipe = replace(small_recipe, training={**small_recipe.training, "max_steps": 4, "eval_steps": 2})
    folders = [train(recipe, tmp_path / str(count), processes=count) for count in (1, 2)]
    one, two = map(read_manifest, folders)
    assert (one["processes"], two["processes"]) == (1, 2)
    assert two["sessions"][0]["processes"] == 2
    assert two["tokens"] == pytest.approx(one["tokens"], rel=0.2)  # not twice as many
    assert "torchrun" not in two["sessions"][0]["command"]

    longer = replace(recipe, training={**recipe.training, "max_steps": 6})
    train(longer, folders[1], resume=True, processes="auto")
    assert read_manifest(folders[1])["processes"] == 2
    with pytest.raises(UserError, match="began with --processes 2, not 1"):
        train(longer, folders[1], resume=True)
