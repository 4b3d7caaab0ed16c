"""What is known of heads: of each the better step, and what stands beside a model."""

import json
import math

import pytest

from hf_attn_model.align.known import KnownHead, known_heads, read_known_heads
from hf_attn_model.align.roles import HeadProfile
from hf_attn_model.align.scores import LinkCounts
from hf_attn_model.errors import UserError


def profile(layer, head, step, hits, role="aligning"):
    counts = LinkCounts(guessed=10, sure=10, guessed_sure=hits, guessed_possible=hits)
    return HeadProfile(layer, head, step, counts, 0.5, 0.1, 0.2, role)


def test_single_heads_are_known_at_their_better_step():
    profiles = [
        profile(1, 3, "output", 4),
        profile(1, 3, "input", 7),
        profile(0, 2, "output", 5, "mixed"),
        profile(0, 2, "input", 5, "mixed"),
        profile(1, None, "output", 9),
        profile(None, None, "output", 9),
    ]
    assert known_heads(profiles) == [
        KnownHead(1, 3, "aligning", pytest.approx(0.3), "input"),
        KnownHead(0, 2, "mixed", pytest.approx(0.5), "output"),
    ]


def test_a_head_without_an_error_rate_is_not_known():
    counts = LinkCounts(guessed=0, sure=0, guessed_sure=0, guessed_possible=0)
    assert math.isnan(counts.error_rate)
    assert known_heads([HeadProfile(0, 0, "output", counts, 0.5, 0.1, 0.2, "idle")]) == []


def test_beside_a_model(tmp_path):
    assert read_known_heads(str(tmp_path)) == []
    facts = {"layer": 1, "head": 3, "role": "aligning", "aer": 0.25, "step": "output"}
    path = tmp_path / "alignment.json"
    path.write_text(json.dumps({"heads": None}))
    assert read_known_heads(str(tmp_path)) == []
    path.write_text(json.dumps({"profiles": [facts]}))
    assert read_known_heads(str(tmp_path)) == [KnownHead(**facts)]
    for damaged in ("{", "[]", '{"profiles": [{"layer": 1}]}'):
        path.write_text(damaged)
        with pytest.raises(UserError, match="write it again with hf-attn heads"):
            read_known_heads(str(tmp_path))
