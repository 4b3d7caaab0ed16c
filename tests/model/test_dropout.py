import pytest
import torch
from torch import nn

from hf_attn_model.model.dropout import LEVELS, Dropout

SHAPE = (7, 11, 1013)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_kept_numbers_are_scaled_and_gradients_take_the_same_way(dtype):
    torch.manual_seed(0)
    numbers = torch.rand(SHAPE, dtype=dtype) + 1
    numbers.requires_grad_()
    out = Dropout(0.25)(numbers)  # a multiple of 1 / LEVELS: kept numbers grow by 4 / 3
    kept = out != 0
    torch.testing.assert_close(out[kept], (numbers * torch.tensor(4 / 3, dtype=dtype))[kept])
    out.sum().backward()
    torch.testing.assert_close(numbers.grad, kept.to(dtype) * torch.tensor(4 / 3, dtype=dtype))


@pytest.mark.parametrize("p", [0.001, 0.1, 0.3, 0.5, 0.999])
def test_as_many_are_dropped_as_by_pytorch(p):
    torch.manual_seed(0)
    ours, theirs = ((dropout(torch.ones(SHAPE)) == 0) for dropout in (Dropout(p), nn.Dropout(p)))
    deviation = (p * (1 - p) / ours.numel()) ** 0.5
    assert abs(ours.float().mean() - p) < 4 * deviation + 1 / LEVELS
    assert abs(ours.float().mean() - theirs.float().mean()) < 6 * deviation


def test_draws_are_independent_of_each_other():
    """Four draws come from one word of 64 bits: neighbours must not know of each other."""
    torch.manual_seed(0)
    dropped = (Dropout(0.5)(torch.ones(2**20)) == 0).float() - 0.5
    for distance in (1, 2, 3, 4, 5):
        assert abs((dropped[distance:] * dropped[:-distance]).mean() * 4) < 4 / 2**10


def test_a_seed_gives_the_same_draws_again():
    draws = []
    for seed in (3, 3, 5):
        torch.manual_seed(seed)
        draws.append(Dropout(0.3)(torch.ones(SHAPE)))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_odd_shapes_and_views():
    dropout = Dropout(0.5)
    assert dropout(torch.ones(5)).shape == (5,)
    assert dropout(torch.ones(0, 3)).shape == (0, 3)
    transposed = torch.ones(3, 5).T
    assert dropout(transposed).shape == (5, 3)


@pytest.mark.parametrize("p", [0.0, 1e-9, 1.0])
def test_nothing_and_everything_are_left_to_pytorch(p):
    assert torch.equal(Dropout(p)(torch.ones(SHAPE)), torch.zeros(SHAPE) if p == 1 else torch.ones(SHAPE))


def test_in_evaluation_and_switched_off_it_is_pytorchs():
    numbers = torch.rand(SHAPE)
    assert torch.equal(Dropout(0.5).eval()(numbers), numbers)
    off = Dropout(0.5)
    off.draws_bits = False
    torch.manual_seed(0)
    ours = off(numbers)
    torch.manual_seed(0)
    assert torch.equal(ours, nn.Dropout(0.5)(numbers))
