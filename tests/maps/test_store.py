"""What was exported comes back, whole or not at all."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch

from hf_attn_model.errors import UserError
from hf_attn_model.maps import store
from hf_attn_model.maps.export import export_attention
from hf_attn_model.maps.forced import force
from hf_attn_model.maps.sentence import PLACES
from hf_attn_model.maps.store import MapsWriter, open_maps
from hf_attn_model.model import AttnConfig, AttnForConditionalGeneration
from hf_attn_model.text.tokenizer import train_tokenizer

SOURCES = ["The ball is blue.", "I love my dog", "My dog drank warm milk!", "", "A cat"] * 3
TARGETS = ["La bola es azul.", "我喜歡我的狗", "Mi perro bebió leche tibia", "nada", "Un gato"] * 3
IDS = [f"pair-{number}" for number in range(15)]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(SOURCES + TARGETS, vocab_size=300)


@pytest.fixture(scope="module")
def model(tokenizer):
    torch.manual_seed(3)
    return AttnForConditionalGeneration(
        AttnConfig(
            vocab_size=len(tokenizer),
            d_model=11,
            head_dim=5,
            encoder_layers=2,
            decoder_layers=3,
            encoder_attention_heads=3,
            decoder_attention_heads=2,
            encoder_ffn_dim=13,
            decoder_ffn_dim=17,
            max_position_embeddings=41,
        )
    )


@pytest.fixture(scope="module")
def records(model, tokenizer):
    return force(model, tokenizer, SOURCES, TARGETS, IDS)


@pytest.fixture
def exported(tmp_path, model, tokenizer):
    export_attention(model, tokenizer, SOURCES, TARGETS, tmp_path / "out", batch_size=7, ids=IDS)
    return tmp_path / "out"


def assert_same(actual, expected):
    for name, value in vars(expected).items():
        if name in PLACES:
            np.testing.assert_allclose(getattr(actual, name), value, atol=2e-6)
        else:
            assert getattr(actual, name) == value


def test_every_sentence_comes_back(exported, records):
    maps = open_maps(exported)
    assert len(maps) == len(records) == 15
    for actual, expected in zip(maps, records, strict=True):
        assert_same(actual, expected)
    assert_same(maps[-2], records[13])
    assert [record.id for record in maps[6:9]] == IDS[6:9]
    with pytest.raises(IndexError, match="sentence 15 of an export of 15"):
        maps[15]


def test_records_are_stored_bit_by_bit(tmp_path, records):
    with MapsWriter(tmp_path, {}) as writer:
        writer.write(records)
    for actual, expected in zip(open_maps(tmp_path), records, strict=True):
        for place in PLACES:
            np.testing.assert_array_equal(actual.place(place), expected.place(place), strict=True)


def test_reading_copies_nothing(exported):
    before = pa.total_allocated_bytes()
    maps = open_maps(exported)
    cross = [record.cross for record in maps]
    assert not any(weights.flags.writeable or weights.flags.owndata for weights in cross)
    assert pa.total_allocated_bytes() == before


def test_shards_are_closed_between_batches(tmp_path, records, monkeypatch):
    monkeypatch.setattr(store, "SHARD_BYTES", 1)
    with MapsWriter(tmp_path, {}) as writer:
        for start in (0, 7, 14):
            writer.write(records[start : start + 7])
        writer.write([])
    maps = open_maps(tmp_path)
    assert [shard["sentences"] for shard in maps.metadata["shards"]] == [7, 7, 1]
    files = {"maps-00000.arrow", "maps-00001.arrow", "maps-00002.arrow", "metadata.json"}
    assert {file.name for file in tmp_path.iterdir()} == files
    assert [record.id for record in maps] == IDS


def test_metadata_tells_what_is_inside(exported):
    metadata = json.loads((exported / "metadata.json").read_text())
    assert metadata["format"] == "hf_attn_model.maps"
    assert metadata["version"] == 1
    assert metadata["model_type"] == "hf_attn"
    assert metadata["dtype"] == "float32"
    decoder = {"layers": 3, "heads": 2}
    assert metadata["places"] == {"encoder": {"layers": 2, "heads": 3}, "decoder": decoder, "cross": decoder}
    assert metadata["sentences"] == 15


def test_shards_are_plain_arrow_files(exported, records):
    table = pa.ipc.open_file(exported / "maps-00000.arrow").read_all()
    assert table["source"].to_pylist() == SOURCES
    row = table.slice(2, 1).to_pylist()[0]
    np.testing.assert_allclose(np.reshape(row["cross"], row["cross_shape"]), records[2].cross, atol=2e-6)
    assert row["source_words"][1] == {"text": "dog", "start": 3, "end": 6}


def test_an_empty_corpus_is_an_empty_export(tmp_path, model, tokenizer):
    export_attention(model, tokenizer, [], [], tmp_path)
    assert list(open_maps(tmp_path)) == []


def test_a_folder_in_use_is_left_alone(exported, model, tokenizer):
    before = {file.name: file.read_bytes() for file in exported.iterdir()}
    with pytest.raises(UserError, match="is not empty"):
        export_attention(model, tokenizer, SOURCES, TARGETS, exported)
    (exported / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"holds thesis\.txt, which is no export's"):
        export_attention(model, tokenizer, SOURCES, TARGETS, exported, overwrite=True)
    (exported / "thesis.txt").unlink()
    assert {file.name: file.read_bytes() for file in exported.iterdir()} == before


def test_overwriting_leaves_nothing_of_the_old_export(exported, model, tokenizer):
    (exported / "maps-00001.arrow").write_bytes(b"of a longer export")
    export_attention(model, tokenizer, ["My dog"], ["Mi perro"], exported, overwrite=True)
    assert [record.source for record in open_maps(exported)] == ["My dog"]
    assert {file.name for file in exported.iterdir()} == {"maps-00000.arrow", "metadata.json"}


def test_a_file_in_the_way_is_named(tmp_path, model, tokenizer):
    (tmp_path / "out").write_text("")
    with pytest.raises(UserError, match=r"cannot write to .*out: File exists"):
        export_attention(model, tokenizer, SOURCES, TARGETS, tmp_path / "out")


def test_an_interrupted_export_never_looks_whole(tmp_path, model, tokenizer, monkeypatch):
    monkeypatch.setattr(store, "SHARD_BYTES", 1)
    too_long = [*SOURCES[:9], "dog " * 100]
    with pytest.raises(UserError, match="sentence 9: the source has"):
        export_attention(model, tokenizer, too_long, TARGETS[:10], tmp_path, batch_size=5)
    assert {file.name for file in tmp_path.iterdir()} == {"maps-00000.arrow"}
    with pytest.raises(UserError, match=r"has no metadata\.json: no export, or one that was not finished"):
        open_maps(tmp_path)


def test_an_open_shard_does_not_bear_its_name(tmp_path, records):
    writer = MapsWriter(tmp_path, {})
    writer.write(records[:2])
    assert {file.name for file in tmp_path.iterdir()} == {"maps-00000.arrow.partial"}
    writer.__exit__(KeyboardInterrupt, None, None)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_sentences_on_standard_error(tmp_path, model, tokenizer, capsys):
    export_attention(model, tokenizer, SOURCES, TARGETS, tmp_path / "quiet", batch_size=4)
    assert capsys.readouterr().err == ""
    export_attention(model, tokenizer, SOURCES, TARGETS, tmp_path / "shown", batch_size=4, progress=True)
    assert "15/15" in capsys.readouterr().err


def test_lists_that_do_not_pair_up_are_refused_before_anything_is_written(tmp_path, model, tokenizer):
    with pytest.raises(UserError, match="15 sources, 14 targets and 15 ids"):
        export_attention(model, tokenizer, SOURCES, TARGETS[:14], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_export_is_refused(tmp_path, exported):
    with pytest.raises(UserError, match=r"no folder .*nowhere"):
        open_maps(tmp_path / "nowhere")
    metadata = exported / "metadata.json"
    facts = json.loads(metadata.read_text())
    metadata.write_text(json.dumps({**facts, "version": 2}))
    with pytest.raises(UserError, match="format version 2, this program reads 1"):
        open_maps(exported)
    metadata.write_text(json.dumps({"format": "another"}))
    with pytest.raises(UserError, match="does not describe attention maps"):
        open_maps(exported)
    metadata.write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        open_maps(exported)


@pytest.mark.parametrize("damage", ["missing", "cut", "swapped"])
def test_a_damaged_shard_is_named(exported, tmp_path, records, damage):
    shard = exported / "maps-00000.arrow"
    if damage == "cut":
        shard.write_bytes(shard.read_bytes()[:-100])
    else:
        shard.unlink()
    if damage == "swapped":
        with MapsWriter(tmp_path / "other", {}) as writer:
            writer.write(records[:3])
        (tmp_path / "other" / "maps-00000.arrow").rename(shard)
    with pytest.raises(UserError, match=r"maps-00000\.arrow.*export again"):
        open_maps(exported)[0]
