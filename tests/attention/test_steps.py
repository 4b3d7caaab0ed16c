"""Rebuilt steps against PyTorch's own attention, for every kind of mask an implementation takes."""

from dataclasses import replace

import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask
from torch.nn.functional import scaled_dot_product_attention

from hf_attn_model.attention.steps import AttentionCall
from hf_attn_model.errors import UserError

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
    return AttentionCall(query=query, key=key, value=value, heads=tuple(range(H)), **(defaults | changes))


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


@pytest.mark.parametrize("changes", [{"mask": VISIBLE}, {"mask": PADDING, "causal": True}, {"position_bias": BIAS}, {}])
def test_the_weights_of_a_batch_are_those_of_its_sentences(changes):
    call = make_call(**changes)
    for sentence, weights in enumerate(call.attention_weights()):
        alone = call.of_sentence(sentence, ALL_ROWS, ALL_COLUMNS).attention_weights
        torch.testing.assert_close(weights, alone)


def test_heads_that_share_a_key_equal_heads_with_copies_of_it():
    heads = 6
    query = torch.randn(B, heads, T, K, generator=torch.Generator().manual_seed(5))
    shared = make_call(mask=VISIBLE)
    copied = replace(
        shared,
        query=query,
        key=shared.key.repeat_interleave(2, dim=1),
        value=shared.value.repeat_interleave(2, dim=1),
        heads=tuple(range(heads)),
    )
    shared = replace(shared, query=query, heads=tuple(range(heads)))
    torch.testing.assert_close(shared.attention_weights(), copied.attention_weights())
    chosen = shared.select((1, 4), with_value=True)
    for head in (1, 4):
        expected = copied.of_sentence(SENTENCE, ALL_ROWS, ALL_COLUMNS, head)
        for call in (shared, chosen):
            steps = call.of_sentence(SENTENCE, ALL_ROWS, ALL_COLUMNS, head)
            torch.testing.assert_close(steps.context, expected.context)
            torch.testing.assert_close(steps.key, expected.key)


def test_what_was_not_kept_is_told():
    call = make_call().select(None, with_value=False)
    with pytest.raises(UserError, match="no values were recorded"):
        _ = call.of_sentence(SENTENCE, ALL_ROWS, ALL_COLUMNS).value
    with pytest.raises(UserError, match="no head 3: the attention has heads 0 to 2"):
        call.select((3,), with_value=False)
