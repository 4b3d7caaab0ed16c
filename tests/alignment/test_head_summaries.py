"""What is known of single heads: each with the shift that suits it better."""

import math

import pytest

from hf_attn_model.alignment.heads import HeadProfile, summarise_heads
from hf_attn_model.alignment.scores import LinkCounts
from hf_attn_model.checkpoint.alignment_config import HeadSummary


def profile(layer, head, shift, hits, role="aligning"):
    counts = LinkCounts(guessed=10, sure=10, guessed_sure=hits, guessed_possible=hits)
    return HeadProfile(layer, head, shift, counts, 0.5, 0.1, 0.2, role)


def test_single_heads_are_known_with_their_better_shift():
    profiles = [
        profile(1, 3, False, 4),
        profile(1, 3, True, 7),
        profile(0, 2, False, 5, "mixed"),
        profile(0, 2, True, 5, "mixed"),
        profile(1, None, False, 9),
        profile(None, None, False, 9),
    ]
    assert summarise_heads(profiles) == [
        HeadSummary(1, 3, "aligning", pytest.approx(0.3), True),
        HeadSummary(0, 2, "mixed", pytest.approx(0.5), False),
    ]


def test_a_head_without_an_error_rate_is_not_known():
    counts = LinkCounts(guessed=0, sure=0, guessed_sure=0, guessed_possible=0)
    assert math.isnan(counts.error_rate)
    assert summarise_heads([HeadProfile(0, 0, False, counts, 0.5, 0.1, 0.2, "idle")]) == []
