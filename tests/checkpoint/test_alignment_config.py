"""A config: typed, saved, loaded, and applied to cross-attention."""

import json

import numpy as np
import pytest
from small_alignments import make_attention

from hf_attn_model.alignment.links import link_words
from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.checkpoint.alignment_config import (
    ALIGNMENT_FILE,
    AlignmentConfig,
    HeadSummary,
    load_alignment,
    save_alignment,
)
from hf_attn_model.errors import UserError

LAYERS, HEADS, T, S = 2, 3, 7, 5
ALL = [(layer, head) for layer in range(LAYERS) for head in range(HEADS)]


@pytest.fixture
def attention():
    return make_attention(np.random.default_rng(0).dirichlet(np.ones(S), (LAYERS, HEADS, T)))


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (None, ALL),
        (((1, 2), (0, 1)), [(0, 1), (1, 2)]),
        (((1, None),), ALL[3:]),
        (((1, None), (0, 0)), [ALL[0], *ALL[3:]]),
    ],
)
def test_links_are_read_off_the_heads(attention, heads, expected):
    config = AlignmentConfig(heads, shift=True, rule="source", threshold=0.2)
    word_map = attention.word_maps([expected], True)[0]
    np.testing.assert_allclose(attention.word_map(config), word_map)
    np.testing.assert_array_equal(attention.links(config), link_words(word_map, "source", 0.2))


def test_what_is_saved_comes_back(tmp_path):
    summaries = [HeadSummary(1, 3, "aligning", 0.25, True), HeadSummary(0, 2, "idle", 0.75, False)]
    for heads in (None, ((1, 2), (0, None))):
        config = AlignmentConfig(heads, True, "norms", "threshold", 0.35)
        save_alignment(tmp_path, config, summaries, {"dev": {"aer": 0.25}})
        found = Checkpoint(tmp_path)
        assert (found.alignment, found.head_summaries) == (config, summaries)
        assert json.loads((tmp_path / ALIGNMENT_FILE).read_text())["dev"] == {"aer": 0.25}
    nothing = Checkpoint(tmp_path.parent)
    assert (nothing.alignment, nothing.head_summaries) == (None, [])


def test_files_of_version_0_1_are_read(tmp_path):
    known = {"heads": [[2, 1]], "step": "input", "measure": "weights", "rule": "union", "least": 0.15}
    profiles = [{"layer": 2, "head": 1, "role": "mixed", "aer": 0.5, "step": "output"}]
    (tmp_path / ALIGNMENT_FILE).write_text(json.dumps(known | {"profiles": profiles}))
    config, summaries = load_alignment(tmp_path / ALIGNMENT_FILE)
    assert config == AlignmentConfig(((2, 1),), True, "weights", "union", 0.15)
    assert summaries == [HeadSummary(2, 1, "mixed", 0.5, False)]


WHOLE = {"heads": None, "shift": True, "measure": "weights", "rule": "union", "threshold": 0}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"heads": [[1]]}',
        '{"heads": null, "step": "output"}',
        json.dumps(WHOLE | {"profiles": [{"layer": 1}]}),
        json.dumps({**WHOLE, "shift": None, "profiles": 3}),
        json.dumps(WHOLE | {"profiles": 3}),
        json.dumps(WHOLE | {"heads": [[1, -1]]}),
        json.dumps(WHOLE | {"heads": [["1", 2]]}),
        json.dumps(WHOLE | {"threshold": "high"}),
        json.dumps(WHOLE | {"threshold": float("nan")}),
        json.dumps(WHOLE | {"rule": ["union"]}),
        "[" * 10**5,
    ],
)
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / ALIGNMENT_FILE).write_text(text)
    with pytest.raises(UserError, match=r"alignment\.json is damaged: .*; write it again with hf-attn heads"):
        _ = Checkpoint(tmp_path).alignment


def test_it_says_what_it_reads():
    assert str(AlignmentConfig(((1, 2), (0, None)), rule="union", threshold=0.15)) == (
        "heads 1:2 0, unshifted, weights, union, threshold 0.15"
    )
    assert str(AlignmentConfig()) == "all heads, unshifted, weights, grow-diag-final-and"


def test_mistakes_are_told(attention):
    for options in ({"measure": "length"}, {"rule": "best"}):
        ((name, value),) = options.items()
        with pytest.raises(UserError, match=f"no {name} is called '{value}'; choose from"):
            AlignmentConfig(**options)
    with pytest.raises(UserError, match="shift is input: choose true"):
        AlignmentConfig(shift="input")
    for head, name in (((2, 0), "2:0"), ((0, 3), "0:3"), ((2, None), "2")):
        with pytest.raises(UserError, match=f"there is no head {name}: layers are 0, 1, heads 0, 1, 2"):
            attention.links(AlignmentConfig((head,)))
    with pytest.raises(UserError, match="norms need the model itself"):
        attention.links(AlignmentConfig(measure="norms"))
