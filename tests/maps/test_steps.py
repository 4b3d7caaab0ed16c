"""Rebuilt steps against PyTorch's own attention, for every kind of mask an implementation takes."""

import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask
from torch.nn.functional import scaled_dot_product_attention

from hf_attn_model.maps.steps import AttentionCall

B, H, T, S, K = 2, 3, 5, 7, 11
SENTENCE = 1
ALL_ROWS, ALL_COLUMNS = torch.ones(T, dtype=torch.bool), torch.ones(S, dtype=torch.bool)
VISIBLE = torch.rand(B, 1, T, S, generator=torch.Generator().manual_seed(3)) > 0.3
VISIBLE[..., 0] = True
PADDING = torch.tensor([[1] * S, [1, 1, 1, 1, 1, 0, 0]])
BIAS = torch.randn(1, H, T, S, generator=torch.Generator().manual_seed(4))
CAUSAL = torch.ones(T, S, dtype=torch.bool).tril()
CAUSAL_FROM_THE_END = torch.ones(T, S, dtype=torch.bool).tril(S - T)
MIN = torch.finfo(torch.float32).min


def make_call(dtype=torch.float32, **changes):
    generator = torch.Generator().manual_seed(2)
    query, key, value = (torch.randn(B, H, n, K, generator=generator, dtype=dtype) for n in (T, S, S))
    defaults = {"mask": None, "position_bias": None, "scaling": 0.3, "causal": False, "causal_offset": 0}
    return AttentionCall(query=query, key=key, value=value, **(defaults | changes))


@pytest.mark.parametrize(
    ("changes", "reference"),
    [
        ({}, None),
        ({"mask": VISIBLE}, VISIBLE),
        ({"mask": VISIBLE[:1]}, VISIBLE[:1]),
        ({"mask": torch.where(VISIBLE, 0.0, MIN)}, VISIBLE),
        ({"mask": PADDING}, PADDING.bool()[:, None, None, :]),
        (
            {"mask": PADDING, "causal": True, "causal_offset": S - T},
            PADDING.bool()[:, None, None] & CAUSAL_FROM_THE_END,
        ),
        ({"causal": True}, CAUSAL),
        ({"causal": True, "causal_offset": S - T}, CAUSAL_FROM_THE_END),
        ({"position_bias": BIAS}, BIAS),
        ({"position_bias": BIAS, "causal": True}, BIAS.masked_fill(~CAUSAL, MIN)),
        ({"position_bias": BIAS, "mask": VISIBLE}, BIAS.masked_fill(~VISIBLE, MIN)),
        (
            {"mask": create_block_mask(lambda b, h, t, s: s <= t + b, B, None, T, S, device="cpu")},
            torch.stack([CAUSAL, torch.ones(T, S, dtype=torch.bool).tril(1)])[:, None],
        ),
    ],
)
def test_context_equals_sdpa(changes, reference):
    call = make_call(**changes)
    expected = scaled_dot_product_attention(call.query, call.key, call.value, reference, scale=0.3)[SENTENCE]
    steps = call.of_sentence(SENTENCE, ALL_ROWS, ALL_COLUMNS)
    torch.testing.assert_close(steps.context, expected)
    torch.testing.assert_close(steps.attention_weights.sum(-1), torch.ones(H, T))


def test_one_head_is_a_slice_of_all():
    call = make_call(mask=VISIBLE, position_bias=BIAS)
    rows, columns = ALL_ROWS.clone(), ALL_COLUMNS.clone()
    rows[3:], columns[:2] = False, False
    together = call.of_sentence(SENTENCE, rows, columns)
    for head in range(H):
        alone = call.of_sentence(SENTENCE, rows, columns, head)
        for name in ("query", "key", "value", "scores", "masked_scores", "attention_weights", "context"):
            torch.testing.assert_close(getattr(alone, name), getattr(together, name)[head])
    assert together.attention_weights.shape == (H, 3, 5)
    torch.testing.assert_close(together.key, call.key[SENTENCE, :, 2:])


def test_padding_that_is_cut_away_takes_no_attention():
    call = make_call(mask=PADDING)
    whole = call.of_sentence(SENTENCE, ALL_ROWS, ALL_COLUMNS).attention_weights
    cut = call.of_sentence(SENTENCE, ALL_ROWS, PADDING[SENTENCE].bool()).attention_weights
    torch.testing.assert_close(cut, whole[..., :5])
    assert (whole[..., 5:] == 0).all()


@pytest.mark.parametrize(
    ("given", "rebuilt"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_steps_are_rebuilt_in_at_least_float32(given, rebuilt):
    steps = make_call(given, mask=VISIBLE).of_sentence(SENTENCE, ALL_ROWS, ALL_COLUMNS)
    assert steps.attention_weights.dtype == steps.context.dtype == rebuilt
