"""Files of links: what is written is read again, and what other aligners write is read."""

import json

import pytest

from hf_attn_model.alignment.formats import LinkedPair, from_pharaoh, read_links, to_pharaoh, write_links
from hf_attn_model.errors import UserError

PAIRS = [
    LinkedPair("a", ["the", "dog"], ["el", "perro"], [(0, 0), (1, 1)]),
    LinkedPair("b", ["tea"], ["茶"], []),
    LinkedPair("c", ["x"] * 12, ["y"] * 3, [(0, 2), (11, 1)]),
]


@pytest.mark.parametrize("name", ["links.pharaoh", "links.jsonl"])
def test_links_come_back(tmp_path, name):
    assert write_links(iter(PAIRS), tmp_path / name) == 3
    assert list(read_links(tmp_path / name)) == [list(pair.links) for pair in PAIRS]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_formats_are_those_of_other_tools(tmp_path):
    write_links(PAIRS, tmp_path / "links.pharaoh")
    assert (tmp_path / "links.pharaoh").read_text() == "0-0 1-1\n\n0-2 11-1\n"
    write_links(PAIRS[1:2], tmp_path / "links.jsonl")
    text = (tmp_path / "links.jsonl").read_text(encoding="utf-8")
    assert json.loads(text) == {"id": "b", "source": ["tea"], "target": ["茶"], "links": []}
    assert "茶" in text


def test_pharaoh_lines():
    assert from_pharaoh(" 0-0  13-2\t1-1 \n") == [(0, 0), (13, 2), (1, 1)]
    assert to_pharaoh([(0, 0), (13, 2)]) == "0-0 13-2"
    for wrong in ("0", "0-", "-1", "0-x", "0-0-0", "0:0"):
        with pytest.raises(UserError, match=r"line 7: .* is no link; expected SOURCE-TARGET, such as 0-2"):
            from_pharaoh(f"1-1 {wrong}", "line 7")


def test_a_file_appears_when_it_is_complete(tmp_path):
    def broken():
        yield PAIRS[0]
        raise UserError("no more")

    (tmp_path / "links.pharaoh").write_text("0-0\n")
    with pytest.raises(UserError, match="no more"):
        write_links(broken(), tmp_path / "links.pharaoh")
    assert (tmp_path / "links.pharaoh").read_text() == "0-0\n"
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(UserError, match=r"cannot write .*below"):
        write_links(PAIRS, tmp_path / "links.pharaoh" / "below")


def test_damaged_files_are_named(tmp_path):
    (tmp_path / "links.pharaoh").write_text("0-0\n0-\n")
    with pytest.raises(UserError, match=r"links\.pharaoh, line 2: '0-' is no link"):
        list(read_links(tmp_path / "links.pharaoh"))
    for row in ({}, {"links": [[0]]}, {"links": 1}):
        (tmp_path / "links.jsonl").write_text(json.dumps(row))
        with pytest.raises(UserError, match=r"line 1: `links` must be pairs"):
            list(read_links(tmp_path / "links.jsonl"))
