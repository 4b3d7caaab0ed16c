import numpy as np
import pytest

from hf_attn_model.study.bootstrap import draw_sentences, interval

N = 211


def test_the_first_draw_is_the_corpus_and_all_draw_as_many_sentences():
    drawn = draw_sentences(N, samples=53)
    assert drawn.shape == (54, N)
    assert (drawn[0] == 1).all()
    assert (drawn.sum(axis=1) == N).all()
    assert drawn[1:].max() > 1
    assert np.array_equal(drawn, draw_sentences(N, samples=53))
    assert not np.array_equal(drawn, draw_sentences(N, samples=53, seed=7))


def test_the_interval_of_a_mean_is_the_one_of_the_normal_distribution():
    values = np.random.default_rng(3).normal(5, 2, size=N)
    low, high = interval(draw_sentences(N, samples=4001) @ values / N)
    half = 1.96 * values.std() / N**0.5
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_the_corpus_itself_and_what_is_not_a_number_are_left_out():
    values = np.concatenate([[1e9], np.linspace(0, 1, 101), [np.nan] * 7])
    assert interval(values) == pytest.approx((0.025, 0.975))
