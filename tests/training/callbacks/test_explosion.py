"""When a loss counts as exploded: never by noise, nor at the start; always when it is lost for good."""

import math

import numpy as np
import pytest

from hf_attn_model.training.callbacks.divergence import WINDOW, ExplosionRule

BLIND = math.log(7919)


def first_rise(losses, blind_guess=BLIND):
    """The step at which losses count as exploded, and since which step; `None` if never."""
    rule = ExplosionRule(blind_guess)
    for step, loss in enumerate(losses, 1):
        age = rule.rise(loss)
        if age is not None:
            return step, step - age
    return None


def curve(steps, last, seed=0, noise=0.5):
    """A loss that falls from a blind guess to `last`, with the noise of batches."""
    falling = last + (BLIND - last) * np.exp(-np.arange(steps) / 100)
    return np.abs(falling + noise * np.random.default_rng(seed).standard_t(df=3, size=steps))


@pytest.mark.parametrize("last", [0.01, 1.7, 4.1])
@pytest.mark.parametrize("seed", range(3))
def test_the_noise_of_batches_never_counts(last, seed):
    assert first_rise(curve(5000, last, seed)) is None


def test_a_start_that_rises_before_it_falls_does_not_count():
    start = np.concatenate([np.linspace(BLIND, 3 * BLIND, 20), np.linspace(3 * BLIND, BLIND, 20)])
    assert first_rise([*start, *curve(500, 2.0)]) is None
    assert first_rise([BLIND + 0.5] * 1000) is None, "it learns nothing, but it does not explode"


def test_a_spike_that_heals_does_not_count():
    losses = curve(1000, 2.0)
    losses[500 : 500 + WINDOW // 2 - 5] = 5 * BLIND
    assert first_rise(losses) is None


@pytest.mark.parametrize("level", [0.8 * BLIND, 2 * BLIND, 1e6])
@pytest.mark.parametrize("last", [0.1, 2.3, 3.7])
def test_a_loss_that_does_not_come_down_again_counts_from_where_it_rose(level, last):
    noise = np.random.default_rng(0).normal(0, 0.3, size=300)
    step, since = first_rise([*curve(700, last), *(level + noise)])
    assert 700 + WINDOW // 2 <= step <= 700 + WINDOW
    assert abs(since - 701) <= 2


def test_a_little_worse_is_no_explosion():
    assert first_rise([*curve(500, 0.1, noise=0.05), *curve(500, 0.9, noise=0.05)[300:]]) is None
    assert first_rise([1.0] * 100 + [1.9] * 100, blind_guess=1.1) is None, "less than 1 nat"
    assert first_rise([1.0] * 100 + [2.1] * 100, blind_guess=1.1) == (126, 101)
