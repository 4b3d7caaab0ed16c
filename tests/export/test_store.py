"""What was exported comes back: from here or from afar, whatever was kept, and as much of it as is whole."""

import json

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from small_exports import IDS, PAIRS, SMALL_SHARDS, assert_same, assert_same_texts, contents, expected_records, export

from hf_attn_model.attention.places import PLACES
from hf_attn_model.errors import UserError
from hf_attn_model.export.metadata import checksum_of
from hf_attn_model.export.store import open_maps

HALF = 2.0**-12  # the largest rounding error of a number up to 1 in float16
ATOL = {"weights": HALF + 2e-6, "qk": 3e-6}


@pytest.fixture(scope="module", params=["weights", "qk"])
def exported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / request.param
    export(folder, keep=request.param, **SMALL_SHARDS)
    return folder


def test_every_sentence_comes_back(exported):
    maps = open_maps(exported)
    assert len(maps) == 15
    assert len(maps.shards) > 1
    for actual, expected in zip(maps, expected_records(), strict=True):
        assert_same(actual, expected, ATOL[exported.name])
    assert_same(maps[-2], expected_records()[13], ATOL[exported.name])
    assert [record.id for record in maps[6:9]] == IDS[6:9]
    with pytest.raises(IndexError, match="sentence 15 of an export of 15"):
        maps[15]


def test_one_map_is_read_by_layer_and_head(exported):
    record, expected = open_maps(exported)[2], expected_records()[2]
    for place in PLACES:
        layers, heads = expected.place(place).shape[:2]
        stored = getattr(record, place)
        assert (stored.shape, stored.ndim, len(stored)) == (expected.place(place).shape, 4, layers)
        for layer in range(layers):
            np.testing.assert_allclose(stored[layer], expected.place(place)[layer], atol=ATOL[exported.name])
            for head in range(heads):
                one = stored[layer, head]
                assert one.dtype == stored.dtype == np.float32
                np.testing.assert_allclose(one, expected.place(place)[layer, head], atol=ATOL[exported.name])
        with pytest.raises(IndexError, match=rf"{place} layer {layers} was not stored; there are \[0, 1"):
            stored[layers]
        with pytest.raises(IndexError, match=rf"{place} head -1 was not stored"):
            stored[0, -1]
    with pytest.raises(UserError, match="nothing was left out"):
        record.cross.rest(0, 0)


def test_a_local_shard_is_mapped_not_read(exported):
    before = pa.total_allocated_bytes()
    records = list(open_maps(exported))
    assert pa.total_allocated_bytes() == before
    assert not any(numbers.flags.owndata for record in records for numbers in record.cross.columns.values())


@pytest.mark.parametrize("top", [1, 3, 997])
def test_the_largest_of_each_row_and_the_mass_of_the_others(tmp_path, top):
    export(tmp_path, keep=f"top-{top}")
    for actual, expected in zip(open_maps(tmp_path), expected_records(), strict=True):
        for place in PLACES:
            exact, stored = expected.place(place), getattr(actual, place)
            threshold = np.sort(exact, axis=-1)[..., -min(top, exact.shape[-1]), None]
            got = np.asarray(stored)
            np.testing.assert_allclose(got, np.where(exact >= threshold, exact, 0), atol=HALF + 2e-6)
            np.testing.assert_array_equal(stored[1, 2], got[1, 2])
            np.testing.assert_allclose(stored.rest(1, 2) + got[1, 2].sum(-1), 1, atol=2e-3)


def test_chosen_places_layers_and_heads_keep_their_numbers(tmp_path):
    export(tmp_path, places=["cross", "encoder"], layers=[1, 2], heads=[2, 0])
    maps = open_maps(tmp_path)
    record, expected = maps[4], expected_records()[4]
    assert {place: (stored.layers, stored.heads) for place, stored in maps.layout.places.items()} == {
        "encoder": ((1,), (2, 0)),
        "cross": ((1, 2), (2, 0)),
    }
    np.testing.assert_allclose(record.cross[2, 0], expected.cross[2, 0], atol=HALF)
    np.testing.assert_allclose(record.place("cross"), expected.cross[1:, [2, 0]], atol=HALF)
    labelled = record.words("cross")
    assert (labelled.layers, labelled.heads) == ((1, 2), (2, 0))
    with pytest.raises(IndexError, match=r"cross layer 0 was not stored; there are \[1, 2\]"):
        record.cross[0, 0]
    assert record.decoder is None
    with pytest.raises(UserError, match="sentence pair-4 has no decoder attention; there is encoder, cross"):
        record.tokens("decoder")


def test_the_policy_for_special_tokens_is_stored_and_can_be_taken_back(tmp_path):
    export(tmp_path / "kept")
    assert export(tmp_path / "column", special="column")["settings"]["special"] == "column"
    kept, shown = open_maps(tmp_path / "kept")[0], open_maps(tmp_path / "column")[0]
    assert shown.words("cross").columns[-1] == "<special>"
    assert shown.words("cross").columns == kept.words("cross", "column").columns
    np.testing.assert_array_equal(shown.words("cross").weights, kept.words("cross", "column").weights)
    np.testing.assert_array_equal(shown.words("cross", "keep").weights, kept.words("cross").weights)


def test_metadata_tells_what_is_inside(tmp_path):
    metadata = export(tmp_path, keep="weights", corpus={"corpus": "tiny", "split": "all"})
    written = json.loads((tmp_path / "metadata.json").read_text())
    assert written == metadata | {"checksum": checksum_of(metadata)}
    told = {name: metadata[name] for name in ("format", "version", "finished", "keep", "dtype", "sentences", "corpus")}
    assert told == {
        "format": "hf_attn_model.maps",
        "version": 2,
        "finished": True,
        "keep": "weights",
        "dtype": "float16",
        "sentences": 15,
        "corpus": "tiny",
    }
    assert metadata["model_type"] == "hf_attn"
    assert 0 < metadata["largest_error"] <= HALF
    assert metadata["settings"]["split"] == "all"
    assert metadata["places"]["encoder"]["heads"] == [0, 1, 2]
    assert metadata["places"]["cross"]["layers"] == [0, 1, 2]


def test_nothing_is_padded(tmp_path):
    metadata = export(tmp_path, keep="weights")
    maps = open_maps(tmp_path)
    numbers = sum(getattr(record, place).columns[place].size for record in maps for place in PLACES)
    assert numbers == sum(record.place(place).size for record in expected_records() for place in PLACES)
    assert metadata["bytes_per_sentence"]["weights"] == round(numbers * 2 / len(maps))


def test_shards_are_plain_arrow_files(tmp_path):
    export(tmp_path, keep="weights")
    table = pa.ipc.open_file(tmp_path / "maps-00000.arrow").read_all()
    assert table["source"].to_pylist() == [source for source, _ in PAIRS]
    row, expected = table.slice(2, 1).to_pylist()[0], expected_records()[2]
    np.testing.assert_allclose(np.reshape(row["cross"], row["cross_shape"]), expected.cross, atol=HALF)
    assert row["source_words"][1] == {"text": "dog", "start": 3, "end": 6}


@pytest.mark.parametrize("protocol", ["memory", "file"])
def test_any_url_will_do(tmp_path, protocol):
    url = f"{protocol}://{tmp_path}/maps"
    metadata = export(url, **SMALL_SHARDS)
    assert_same(open_maps(url)[11], expected_records()[11], HALF)
    assert export(url, **SMALL_SHARDS) == metadata
    files = fsspec.filesystem(protocol)
    names = {path.rpartition("/")[2] for path in files.find(f"{tmp_path}/maps")}
    assert names == {"metadata.json", *(shard["file"] for shard in metadata["shards"])}
    with files.open(f"{tmp_path}/maps/maps-00001.arrow", "ab") as file:
        file.write(b"!")
    maps = open_maps(url)
    assert maps.verify() == ["maps-00001.arrow"]
    assert_same_texts(maps[0], expected_records()[0])


def test_an_unknown_protocol_is_named():
    with pytest.raises(UserError, match=r"cannot open nowhere://maps: .*nowhere"):
        open_maps("nowhere://maps")


def test_what_is_no_export_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no folder .*nowhere"):
        open_maps(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"has no metadata\.json"):
        open_maps(tmp_path)
    facts = export(tmp_path)
    metadata = tmp_path / "metadata.json"
    for content, message in [
        (json.dumps({**facts, "version": 1}), "format version 1, this program reads 2"),
        (json.dumps({**facts, "finished": False}), "is not finished: run the same hf-attn export again"),
        (json.dumps({"format": "another"}), "does not describe attention maps"),
        ("{", "is damaged"),
    ]:
        metadata.write_text(content)
        with pytest.raises(UserError, match=message):
            open_maps(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "footer", "swapped"])
def test_a_damaged_shard_is_named_and_the_others_are_read(tmp_path, damage):
    metadata = export(tmp_path, **SMALL_SHARDS)
    shard = tmp_path / "maps-00001.arrow"
    whole = shard.read_bytes()
    if damage == "missing":
        shard.unlink()
    else:
        other = (tmp_path / "maps-00000.arrow").read_bytes()
        damaged = {"cut": whole[:-100], "empty": b"", "footer": whole[:-99] + b"\xff" * 99, "swapped": other}
        shard.write_bytes(damaged[damage])
    first, second = (facts["sentences"] for facts in metadata["shards"][:2])
    maps = open_maps(tmp_path)
    assert maps.verify() == ["maps-00001.arrow"]
    with pytest.raises(UserError, match=r"maps-00001\.arrow.*run the same hf-attn export again"):
        maps[first]
    assert_same_texts(maps[first - 1], expected_records()[first - 1])
    assert_same_texts(maps[first + second], expected_records()[first + second])
    rest = open_maps(tmp_path, allow_unfinished=True)
    assert [record.id for record in rest] == IDS[:first] + IDS[first + second :]


def test_one_flipped_bit_is_found(tmp_path):
    export(tmp_path, **SMALL_SHARDS)
    before = contents(tmp_path)
    damaged = bytearray(before["maps-00002.arrow"])
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "maps-00002.arrow").write_bytes(damaged)
    assert open_maps(tmp_path).verify() == ["maps-00002.arrow"]
    export(tmp_path, **SMALL_SHARDS)
    assert contents(tmp_path) == before, "the same command mends it"
