"""How the weights of layers begin, and what a stack knows of the order of words."""

import pytest
import torch
from small_models import BUILDS, build_name, make_model

N, M = 5, 3  # layers of the encoder and of the decoder


def gain(linear):
    """How much wider than Glorot's the weights are spread."""
    return float(linear.weight.detach().abs().max()) / (6 / sum(linear.weight.shape)) ** 0.5


@pytest.mark.parametrize(
    ("norm_position", "encoder", "decoder"),
    [
        ("pre", (1, 1), (1, 1)),
        ("post", (0.87 * (N**4 * M) ** (-1 / 16), 0.81 * (N**4 * M) ** (1 / 16)), ((12 * M) ** -0.25, (3 * M) ** 0.25)),
    ],
)
def test_post_norm_weights_begin_as_deepnets(norm_position, encoder, decoder):
    model = make_model(norm_position=norm_position, encoder_layers=N, decoder_layers=M, d_model=60, head_dim=20).model
    for stack, (beta, alpha) in ((model.encoder, encoder), (model.decoder, decoder)):
        for layer in stack.layers:
            for attention in (layer.self_attn, getattr(layer, "encoder_attn", layer.self_attn)):
                assert gain(attention.q_proj) == pytest.approx(1, rel=0.01)
                assert gain(attention.k_proj) == pytest.approx(1, rel=0.01)
                assert gain(attention.v_proj) == pytest.approx(beta, rel=0.01)
                assert gain(attention.out_proj) == pytest.approx(beta / alpha, rel=0.01)
            assert gain(layer.fc1) == pytest.approx(beta, rel=0.01)
            assert gain(layer.fc2) == pytest.approx(beta / alpha, rel=0.01)


@pytest.mark.parametrize("build", BUILDS, ids=build_name)
def test_the_last_of_many_words_knows_the_order_of_the_others(build):
    """One layer of attention that knew no positions would not: a sum has no order."""
    model = make_model(encoder_layers=1, decoder_layers=1, **build).model
    ids, swapped = torch.tensor([[2, 3, 4, 5, 6]]), torch.tensor([[3, 2, 4, 5, 6]])
    for stack in (model.encoder, model.decoder):
        before, after = (stack(order).last_hidden_state[:, -1] for order in (ids, swapped))
        assert not torch.allclose(before, after, atol=1e-3)
