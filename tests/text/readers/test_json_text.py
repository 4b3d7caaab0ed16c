"""A `.json` file, as the module `json` writes it, in pieces of any size."""

import json

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text.readers import json_text

ROWS = [
    {"en": "The ball", "es": "La bola", "n": [1, 2.5, {"a": None}]},
    {"translation": {"en": "\ufeff ñ", "es": "¡\u2028!"}},
    {"en": "🐕" * 7, "es": "]"},
]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("piece", [1, 3, 2**20])
@pytest.mark.parametrize("ascii", [True, False])
def test_an_array_is_read_in_pieces(write, pairs, monkeypatch, indent, piece, ascii):
    monkeypatch.setattr(json_text, "PIECE", piece)
    path = write("a.JSON", "\ufeff \n" + json.dumps(ROWS, indent=indent, ensure_ascii=ascii) + "\n\n")
    cells = [row.get("translation", row) for row in ROWS]
    assert pairs(path) == [(each["en"], each["es"]) for each in cells]


def test_a_json_file_may_have_an_object_a_line(write, pairs):
    path = write("a.json", "".join(json.dumps(row) + "\n" for row in ROWS[:1]))
    assert pairs(path) == [("The ball", "La bola")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"en": "x", "es": "y"}, {"en": "x"', r"a\.json, item 2: not JSON"),
        ('[{"en": "x", "es": "y"} {"en"', r"a\.json, item 1: behind it stands '\{'; expected , or \]"),
        ('[{"en": "x", "es": "y"}', r"a\.json, item 1: behind it stands 'nothing'"),
        ('[{"en": "x", "es": "y"}] x', r"a\.json: behind the array stands 'x'"),
        ('[{"en": "x", "es": "y"}, 3]', r"a\.json, item 2: a JSON number; expected one object for each pair"),
        ('[{"en": "x", "es": "\\ud83d"}]', r"a\.json, item 1: 'es' has half a surrogate pair"),
        ("[" * 10**5, r"a\.json, item 1: not JSON \(nested too deeply\)"),
        ("[]", "an empty corpus"),
        (b'[{"en": "\xff"}]', r"a\.json is damaged"),
        ('{"data": [\n]}', r"a\.json, line 1: not JSON"),
    ],
)
def test_what_is_no_array_of_objects_is_refused(write, pairs, content, message):
    with pytest.raises(UserError, match=message):
        pairs(write("a.json", content))
