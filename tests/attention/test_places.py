"""Places and heads: as they are typed, and as they are found in a model."""

import pytest

from hf_attn_model.attention.places import Head, parse_heads, parse_layer_heads, rows_and_columns
from hf_attn_model.errors import UserError


def test_heads_are_typed():
    assert parse_heads("cross:2:1, encoder:0:13") == [("cross", 2, 1), ("encoder", 0, 13)]
    assert str(Head("cross", 2, 1)) == "cross:2:1"
    for wrong in ("", "cross", "cross:1", "middle:1:2", "cross:1:2:3", "cross:-1:2", "cross:1:2,"):
        with pytest.raises(UserError, match="write PLACE:LAYER:HEAD, as in cross:2:1,encoder:0:3"):
            parse_heads(wrong)


def test_heads_of_one_place_are_typed():
    assert parse_layer_heads("2:1, 0:13") == ((2, 1), (0, 13))
    assert parse_layer_heads("2,1:0") == ((2, None), (1, 0))
    for wrong in ("", "2:", ":1", "a", "1:2:3", "-1", "1,,2"):
        with pytest.raises(UserError, match="write LAYER:HEAD, as in 2:1,2:3"):
            parse_layer_heads(wrong)


@pytest.mark.parametrize(("place", "expected"), [("encoder", (5, 5)), ("decoder", (7, 7)), ("cross", (7, 5))])
def test_whose_tokens_are_rows_and_columns(place, expected):
    assert rows_and_columns(place, source=5, target=7) == expected
