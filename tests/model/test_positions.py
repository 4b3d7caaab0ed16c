import pytest
import torch
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

from hf_attn_model.model.positions import SinusoidalPositions, count_positions


@pytest.mark.parametrize("width", [12, 13])
def test_sinusoids_equal_marians(width):
    theirs = MarianSinusoidalPositionalEmbedding(31, width).create_weight()
    torch.testing.assert_close(SinusoidalPositions.table(31, width), theirs, atol=1e-6, rtol=0)


def test_positions_count_tokens_on_either_side_of_padding():
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    expected = torch.tensor([[0, 1, 2, 2, 2], [0, 0, 0, 1, 2], [0, 1, 2, 3, 4]])
    assert torch.equal(count_positions(mask), expected)
