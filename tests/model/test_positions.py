import pytest
import torch
from small_models import B, D, T, make_config
from transformers.models.bart.modeling_bart import BartLearnedPositionalEmbedding
from transformers.models.m2m_100.modeling_m2m_100 import M2M100SinusoidalPositionalEmbedding
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

from hf_attn_model.model.positions import SinusoidalPositions, Tensor2TensorPositions, count_positions, make_positions


@pytest.mark.parametrize("width", [12, 13])
def test_sinusoids_equal_marians(width):
    theirs = MarianSinusoidalPositionalEmbedding(31, width).create_weight()
    torch.testing.assert_close(SinusoidalPositions.table(31, width), theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("width", [12, 13])
def test_sinusoids_of_tensor2tensor_are_bit_for_bit_those_of_m2m_100(width):
    theirs = M2M100SinusoidalPositionalEmbedding.get_embedding(1031, width)
    assert torch.equal(Tensor2TensorPositions.table(1031, width), theirs)


def test_learned_positions_equal_barts():
    ours = make_positions(make_config(position_embedding="learned", position_offset=2), num_heads=3)
    theirs = BartLearnedPositionalEmbedding(61, D)
    theirs.load_state_dict(ours.state_dict())
    assert torch.equal(ours(torch.arange(T)[None]), theirs(torch.zeros(B, T))[:1])


@pytest.mark.parametrize("kind", ["sinusoidal", "tensor2tensor", "learned"])
def test_an_offset_moves_all_positions(kind):
    torch.manual_seed(0)
    plain = make_positions(make_config(position_embedding=kind, max_position_embeddings=64), num_heads=3)
    moved = make_positions(make_config(position_embedding=kind, position_offset=3), num_heads=3)
    assert plain.weight.shape == moved.weight.shape
    moved.weight.data.copy_(plain.weight)
    positions = torch.arange(61)[None]
    assert torch.equal(moved(positions), plain(positions + 3))


def test_positions_count_tokens_on_either_side_of_padding():
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    expected = torch.tensor([[0, 1, 2, 2, 2], [0, 0, 0, 1, 2], [0, 1, 2, 3, 4]])
    assert torch.equal(count_positions(mask), expected)
