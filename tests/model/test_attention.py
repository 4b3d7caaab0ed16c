"""The attention module against PyTorch's own multi-head attention, and the tutorial's shapes."""

import pytest
import torch
from torch.nn import functional
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb as llama_rotary

from hf_attn_model import AttnConfig
from hf_attn_model.model.attention import Attention, apply_rotary_pos_emb, eager_attention_forward
from hf_attn_model.model.positions import SinusoidalPositions

B, T, S = 2, 5, 7


def make_attention(implementation="eager", **changes):
    sizes = {"d_model": 22, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = AttnConfig(**(sizes | changes))
    config._attn_implementation = implementation
    torch.manual_seed(0)
    return Attention(config, config.encoder_attention_heads, layer_idx=0).eval()


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_equals_multi_head_attention_of_pytorch(implementation):
    module = make_attention(implementation)
    target, source = torch.randn(B, T, 22), torch.randn(B, S, 22)
    is_padding = torch.tensor([[False] * S, [False] * 4 + [True] * 3])
    mask = torch.zeros(B, 1, T, S).masked_fill(is_padding[:, None, None], torch.finfo(torch.float32).min)

    output, weights = module(target, mask, key_value_states=source)
    expected, expected_weights = functional.multi_head_attention_forward(
        *(states.transpose(0, 1) for states in (target, source, source)),
        embed_dim_to_check=22,
        num_heads=2,
        in_proj_weight=None,
        in_proj_bias=torch.cat([module.q_proj.bias, module.k_proj.bias, module.v_proj.bias]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=module.out_proj.weight,
        out_proj_bias=module.out_proj.bias,
        training=False,
        key_padding_mask=is_padding,
        use_separate_proj_weight=True,
        q_proj_weight=module.q_proj.weight,
        k_proj_weight=module.k_proj.weight,
        v_proj_weight=module.v_proj.weight,
        average_attn_weights=False,
    )
    torch.testing.assert_close(output, expected.transpose(0, 1), atol=1e-5, rtol=0)
    if implementation == "eager":
        torch.testing.assert_close(weights, expected_weights, atol=1e-6, rtol=0)


def test_turns_as_llama():
    query, key = torch.randn(2, B, 3, T, 10)
    angles = torch.arange(T)[:, None] * 10000 ** (-torch.arange(0, 10, 2) / 10)
    cosine, sine = (wave.repeat(1, 2)[None] for wave in (angles.cos(), angles.sin()))
    expected = llama_rotary(query, key, cosine, sine)
    sinusoids = SinusoidalPositions.table(T, 10)[None]
    torch.testing.assert_close(
        (apply_rotary_pos_emb(query, sinusoids), apply_rotary_pos_emb(key, sinusoids)), expected, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("starts", [[0], [0, 7]])  # one row of positions for all sentences, or one for each
def test_dot_products_of_turned_vectors_depend_on_distance_alone(starts):
    positions = torch.tensor(starts)[:, None] + torch.arange(T)
    table = SinusoidalPositions.table(31, 10)
    query, key = torch.randn(2, B, 3, T, 10)

    def dot_products(positions):
        return apply_rotary_pos_emb(query, table[positions]) @ apply_rotary_pos_emb(key, table[positions]).mT

    torch.testing.assert_close(dot_products(positions + 13), dot_products(positions), atol=1e-5, rtol=0)
    assert not torch.allclose(dot_products(2 * positions), dot_products(positions), atol=0.1)


def test_turned_self_attention_sees_distances_alone():
    module, table = make_attention(head_dim=10), SinusoidalPositions.table(31, 10)
    states, positions = torch.randn(B, T, 22), torch.arange(T)[None]
    output, weights = module(states, position_embeddings=table[positions])
    for same, start in zip((output, weights), module(states, position_embeddings=table[positions + 13]), strict=True):
        torch.testing.assert_close(same, start, atol=1e-5, rtol=0)
    assert not torch.allclose(weights, module(states, position_embeddings=table[2 * positions])[1], atol=1e-3)


def test_shapes_of_the_tutorial():
    """A 6-wide model with one 5-wide head: four words give Q, K, V (4,5), QK^T (4,4) and context (4,5)."""
    module = make_attention(d_model=6, head_dim=5, encoder_attention_heads=1, decoder_attention_heads=1)
    seen = {}

    def watch(module, query, key, value, attention_mask, **kwargs):
        context, weights = eager_attention_forward(module, query, key, value, attention_mask, **kwargs)
        seen.update(query=query, key=key, value=value, scores=query @ key.mT, context=context.transpose(1, 2))
        return context, weights

    ALL_ATTENTION_FUNCTIONS.register("watch", watch)
    module.config._attn_implementation = "watch"
    output, _ = module(torch.randn(1, 4, 6))
    shapes = {name: tuple(step.shape[2:]) for name, step in seen.items()}
    assert shapes == {"query": (4, 5), "key": (4, 5), "value": (4, 5), "scores": (4, 4), "context": (4, 5)}
    assert output.shape == (1, 4, 6)


def test_weights_are_those_before_dropout():
    module = make_attention(attention_dropout=0.5).train()
    _, weights = module(torch.randn(B, T, 22))
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, 2, T))


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_dropout_drops_weights_in_training_only(implementation):
    module = make_attention(implementation, attention_dropout=0.5)
    states = torch.randn(B, T, 22)
    assert torch.equal(module(states)[0], module(states)[0])
    module.train()
    assert not torch.equal(module(states)[0], module(states)[0])
