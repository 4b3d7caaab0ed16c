"""Folding a mask changes its memory, never what it says."""

import pytest
import torch

from hf_attn_model.attention.masks import MaskFolder
from hf_attn_model.attention.steps import AttentionCall

B, H, T, S, K = 2, 3, 5, 7, 11
PADDING = torch.tensor([[True] * S, [True] * 4 + [False] * 3])[:, None, None].expand(B, 1, T, S)
CAUSAL = torch.ones(T, S, dtype=torch.bool).tril(S - T).expand(B, 1, T, S)
MIN = torch.finfo(torch.float32).min


def as_float(mask):
    return torch.where(mask, 0.0, MIN)


def make_call(mask, batch=B):
    generator = torch.Generator().manual_seed(2)
    query, key = (torch.randn(batch, H, n, K, generator=generator) for n in (T, S))
    rest = {"value": None, "position_bias": None, "scaling": 0.3, "causal": False, "causal_offset": 0}
    return AttentionCall(query=query, key=key, heads=tuple(range(H)), mask=mask, **rest)


FOLDED = {
    "padding": (PADDING, 2, False),
    "padding as numbers": (as_float(PADDING), 2, False),
    "causal": (CAUSAL, None, True),
    "causal as numbers": (as_float(CAUSAL), None, True),
    "both": (PADDING & CAUSAL, 2, True),
    "for all sentences": (CAUSAL[:1], None, True),
    "nothing hidden": (torch.ones(1, 1, T, S, dtype=torch.bool), None, False),
    "longer than the keys": (torch.cat([PADDING, torch.zeros(B, 1, T, 2, dtype=torch.bool)], dim=-1), 2, False),
}


@pytest.mark.parametrize("name", FOLDED)
def test_a_folded_mask_gives_the_same_weights(name):
    mask, dimensions, causal = FOLDED[name]
    call = make_call(mask)
    folded = MaskFolder().fold(call)
    assert (folded.mask is None and dimensions is None) or folded.mask.ndim == dimensions
    assert folded.causal == causal
    torch.testing.assert_close(folded.attention_weights(), call.attention_weights(), atol=0, rtol=0)


@pytest.mark.parametrize(
    "mask",
    [
        torch.rand(B, 1, T, S, generator=torch.Generator().manual_seed(3)) > 0.3,
        torch.randn(B, 1, T, S),
        as_float(CAUSAL) - 1.0,
        CAUSAL.expand(B, H, T, S),
        CAUSAL.flip(-1),
        PADDING[1:],  # one padding for all sentences
        None,
        PADDING[:, 0, 0],
    ],
)
def test_any_other_mask_stays_as_it_is(mask):
    call = make_call(mask)
    assert MaskFolder().fold(call) is call


def test_a_mask_is_looked_at_once(monkeypatch):
    looks = []
    monkeypatch.setattr("hf_attn_model.attention.masks._fold", lambda mask: looks.append(1))
    folder = MaskFolder()
    for _ in range(3):
        folder.fold(make_call(CAUSAL))
    assert len(looks) == 1
    folder.forget()
    folder.fold(make_call(CAUSAL))
    assert len(looks) == 2
