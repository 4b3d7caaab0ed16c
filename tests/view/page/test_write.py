"""write_page: one file, of one sentence or of hundreds, and what is told about it."""

import json
import re

import pytest
from looking import Reader
from pages import SIZES_30_WORDS, SOURCE, make_vectors, random_sentence, seen
from small_exports import PAIRS, expected_records, export

from hf_attn_model.checkpoint.alignment_config import HeadSummary
from hf_attn_model.errors import UserError
from hf_attn_model.export.store import open_maps
from hf_attn_model.view.page import InspectedSentence, page_frame, write_page
from hf_attn_model.view.page.write import MOST_WITH_VECTORS


def read_blocks(path):
    found = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', path.read_text(encoding="utf-8"))
    return {name: json.loads(text) for name, text in found}


def test_a_page_of_one_sentence_has_all_of_it(tmp_path):
    path = tmp_path / "new folder" / "page.html"
    facts = write_page([seen()], path)
    blocks = read_blocks(path)
    assert blocks["page-data"]["records"] == [["0", SOURCE, seen().maps.target, ["encoder", "decoder", "cross"]]]
    assert all(place["vectors"]["value"] for place in blocks["record-0"]["places"].values())
    assert facts.sentences == 1
    assert facts.bytes == path.stat().st_size
    assert facts.has_vectors
    assert facts.error == max(place["error"] for place in blocks["record-0"]["places"].values())


@pytest.mark.parametrize(("with_vectors", "expected"), [(None, True), (True, True), (False, False)])
def test_vectors_are_kept_or_not(with_vectors, expected, tmp_path):
    assert write_page([seen()], tmp_path / "page.html", with_vectors=with_vectors).has_vectors is expected


def test_a_page_of_many_sentences_keeps_vectors_only_when_asked(tmp_path):
    records = [seen(name=str(number)) for number in range(MOST_WITH_VECTORS + 1)]
    assert not write_page(records, tmp_path / "page.html").has_vectors
    assert write_page(records, tmp_path / "page.html", with_vectors=True).has_vectors


def test_an_export_becomes_a_page_sentence_by_sentence(tmp_path):
    export(tmp_path / "maps", keep="qk")
    facts = write_page(open_maps(tmp_path / "maps"), tmp_path / "page.html", with_vectors=True)
    blocks = read_blocks(tmp_path / "page.html")
    assert facts.sentences == len(PAIRS)
    assert [record[1:3] for record in blocks["page-data"]["records"]] == [list(pair) for pair in PAIRS]
    assert blocks["record-0"]["places"]["cross"]["kept"] == "qk"
    assert blocks["record-0"]["places"]["cross"]["vectors"]["value"] is None


def test_a_place_that_was_not_exported_is_not_there(tmp_path):
    export(tmp_path / "maps", PAIRS[:2], places=["cross"], layers=[2], heads=[1, 3], keep="weights")
    write_page(open_maps(tmp_path / "maps"), tmp_path / "page.html")
    places = read_blocks(tmp_path / "page.html")["record-0"]["places"]
    assert list(places) == ["cross"]
    assert (places["cross"]["layers"], places["cross"]["heads"]) == ([2], [1, 3])


def test_sizes_of_a_thirty_word_sentence_of_a_base_model(tmp_path):
    record = random_sentence(**SIZES_30_WORDS)
    assert write_page([record], tmp_path / "page.html").bytes < 1_500_000
    inside = InspectedSentence(record, make_vectors(record, width=64))
    assert write_page([inside], tmp_path / "page.html").bytes <= 4_000_000


def test_what_is_known_of_heads_is_on_the_page(tmp_path):
    heads = [HeadSummary(1, 3, "aligning", 0.3, True)]
    write_page(expected_records()[:1], tmp_path / "page.html", heads=heads)
    found = read_blocks(tmp_path / "page.html")["page-data"]["heads"]
    assert found == {"1:3": {"role": "aligning", "aer": 0.3, "step": "input"}}


def test_mistakes_are_told(tmp_path):
    with pytest.raises(UserError, match=r"end in \.html"):
        write_page([seen()], tmp_path / "page.png")
    with pytest.raises(UserError, match="no sentence"):
        write_page([], tmp_path / "page.html")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        write_page([seen()], tmp_path / "file" / "page.html")


def test_a_page_that_fails_leaves_the_one_before(tmp_path):
    path = tmp_path / "page.html"
    write_page([seen()], path)
    before = path.read_bytes()

    class Broken(list):
        def __iter__(self):
            yield seen()
            raise UserError("a damaged shard")

    with pytest.raises(UserError, match="damaged shard"):
        write_page(Broken([1, 2]), path)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["page.html"]


def test_notebooks_show_the_page_in_a_frame_of_its_own(tmp_path):
    """The frame holds the very page, lets scripts run, and shares nothing with the notebook."""
    export(tmp_path / "maps", PAIRS[:2])
    maps = open_maps(tmp_path / "maps")
    error = maps.metadata["largest_error"]
    for shown, records, source_error in ((maps[0], [maps[0]], 0.0), (seen(), [seen()], 0.0), (maps, maps, error)):
        text = shown._repr_html_()
        (attributes,) = (attrs for tag, attrs in Reader(text).tags if tag == "iframe")
        assert attributes["sandbox"] == "allow-scripts allow-modals"
        write_page(records, tmp_path / "page.html", source_error=source_error)
        assert attributes["srcdoc"] == (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "2 of 2 sentences" in text


def test_a_frame_is_as_high_as_asked():
    assert "height: 431px" in page_frame([seen()], height=431)
