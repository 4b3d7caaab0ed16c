"""Gold sets and links that somebody has spoilt: exact ones, or one line that names the file."""

import json

import pytest
from hostile import few, read_or_refused, spoilt, spoilt_gzip
from hypothesis import example, given
from hypothesis import strategies as st

from hf_attn_model.alignment.formats import from_pharaoh, read_links
from hf_attn_model.alignment.gold import read_gold
from hf_attn_model.alignment.pairs import read_json_links, read_pairs
from hf_attn_model.errors import UserError

GOLD = b'{"source": ["a", "b"], "target": ["c"], "sure": [[0, 0]], "possible": [[1, 0]]}\n'
LINKS = b'{"id": "0", "source": ["a"], "target": ["b"], "links": [[0, 0], [12, 3]]}\n{"links": []}\n'
PHARAOH = b"0-0 12-3\n\n1-1\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("spoilt")


@few
@given(spoilt(GOLD, GOLD * 2))
@example(GOLD.replace(b"[0, 0]", b"[0, 9223372036854775808]"))
@example(GOLD.replace(b"[0, 0]", b"[0, 1e999]"))
@example(GOLD.replace(b'"a"', b'"\\ud83d"'))
@example(b'{"source": ' + b"[" * 10**5)
def test_gold_sets(folder, content):
    path = folder / "gold.jsonl"
    path.write_bytes(content)
    for pair in read_or_refused(lambda: read_gold(str(path), None, None, "dev"), "gold.jsonl") or []:
        sure, possible = pair.matrices
        assert (sure.sum(), possible.sum()) == (len(set(pair.sure)), len(set(pair.possible)))
        (pair.source + pair.target).encode()
    read_or_refused(lambda: read_pairs(str(path), "en", "es", "dev"), "gold.jsonl")


@few
@given(spoilt_gzip(GOLD))
def test_packed_gold_sets(folder, content):
    path = folder / "gold.jsonl.gz"
    path.write_bytes(content)
    read_or_refused(lambda: read_gold(str(path), None, None, "dev"), "gold.jsonl.gz")


@few
@given(st.sampled_from(["links.jsonl", "links.pharaoh"]), spoilt(LINKS, PHARAOH))
@example("links.pharaoh", b"0-" + b"9" * 5000)
@example("links.pharaoh", "\u0663-1".encode())
def test_links(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    for links in read_or_refused(lambda: list(read_links(path)), name) or []:
        assert all(type(word) is int and word >= 0 for link in links for word in link)


@pytest.mark.parametrize(
    "links", [[[0.5, 1]], [["0", 1]], ["01"], {"01": 2}, [[True, 0]], [[0, -1]], [[0, 1, 2]], "01"]
)
def test_numbers_of_words_are_whole_or_refused(links, tmp_path):
    with pytest.raises(ValueError, match="no li"):
        read_json_links(links)
    (tmp_path / "links.jsonl").write_text(json.dumps({"links": links}))
    with pytest.raises(UserError, match=r"links\.jsonl, line 1: `links` must be pairs \[source word, target word\]"):
        list(read_links(tmp_path / "links.jsonl"))


def test_a_long_piece_of_a_line_is_cut_in_the_message():
    with pytest.raises(UserError) as caught:
        from_pharaoh("x" * 5000, "links, line 3")
    assert len(str(caught.value)) < 120
