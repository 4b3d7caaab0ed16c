"""A reading: typed, saved, loaded, and applied to cross-attention."""

import json

import numpy as np
import pytest
from align.handmade import make_attention

from hf_attn_model.align.links import link_words
from hf_attn_model.align.reading import READING_FILE, Reading, parse_heads
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
    reading = Reading(heads, step="input", rule="source", least=0.2)
    word_map = attention.word_maps([expected], "input")[0]
    np.testing.assert_allclose(reading.word_map(attention), word_map)
    np.testing.assert_array_equal(reading.links(attention), link_words(word_map, "source", 0.2))


def test_a_saved_reading_comes_back(tmp_path):
    for heads in (None, ((1, 2), (0, None))):
        reading = Reading(heads, "input", "norms", "threshold", 0.35)
        reading.save(tmp_path, {"dev": {"aer": 0.25}})
        assert Reading.load(str(tmp_path)) == reading
        assert json.loads((tmp_path / READING_FILE).read_text())["dev"] == {"aer": 0.25}
    assert Reading.load(str(tmp_path.parent)) is None


@pytest.mark.parametrize("text", ["[]", "{", '{"heads": [[1]]}', '{"heads": null, "step": "output"}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / READING_FILE).write_text(text)
    with pytest.raises(UserError, match=r"alignment\.json is damaged .*; write it again with hf-attn heads"):
        Reading.load(str(tmp_path))


def test_heads_are_typed():
    assert parse_heads("2:1, 0:13") == ((2, 1), (0, 13))
    assert parse_heads("2,1:0") == ((2, None), (1, 0))
    for wrong in ("", "2:", ":1", "a", "1:2:3", "-1", "1,,2"):
        with pytest.raises(UserError, match="write LAYER:HEAD, as in 2:1,2:3"):
            parse_heads(wrong)


def test_it_says_what_it_reads():
    assert str(Reading(((1, 2), (0, None)), rule="union", least=0.15)) == (
        "heads 1:2 0, output step, weights, union, at least 0.15"
    )
    assert str(Reading()) == "all heads, output step, weights, grow-diag-final-and"


def test_mistakes_are_told(attention):
    for options in ({"step": "middle"}, {"measure": "length"}, {"rule": "best"}):
        ((name, value),) = options.items()
        with pytest.raises(UserError, match=f"no {name} is called '{value}'; choose from"):
            Reading(**options)
    for head, name in (((2, 0), "2:0"), ((0, 3), "0:3"), ((2, None), "2")):
        with pytest.raises(UserError, match=f"there is no head {name}: layers are 0, 1, heads 0, 1, 2"):
            Reading((head,)).links(attention)
    with pytest.raises(UserError, match="norms need the model itself"):
        Reading(measure="norms").links(attention)
