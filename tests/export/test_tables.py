"""An export and its sentences as tables, and how they call themselves."""

import numpy as np
import pytest
from small_exports import IDS, PAIRS, expected_records, export, make_translator

from hf_attn_model.attention.record import record_attention
from hf_attn_model.errors import UserError
from hf_attn_model.export.store import open_maps


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "maps"
    export(folder, keep="weights", places=["encoder", "cross"], layers=[0, 1], heads=[0, 2])
    return open_maps(folder)


def test_all_texts_are_a_table(maps):
    table = maps.to_pandas()
    assert list(table.index) == IDS
    assert list(table["source"]) == [source for source, _ in PAIRS]
    for name, record in zip(IDS, expected_records(), strict=True):
        assert list(table.loc[name, "target_tokens"]) == record.target_tokens
        assert list(table.loc[name, "source_words"]) == [word.text for word in record.source_words]


@pytest.mark.parametrize("layer", [None, 1])
@pytest.mark.parametrize("head", [None, 2])
def test_a_map_is_a_table(maps, layer, head):
    record = maps[2]
    for place in ("encoder", "cross"):
        labelled = record.words(place)
        layers, heads = ([0, 1] if layer is None else [1]), ([0, 1] if head is None else [1])
        expected = np.mean([labelled.weights[i, j] for i in layers for j in heads], axis=0)
        table = record.to_pandas(place, layer, head)
        np.testing.assert_allclose(table.to_numpy(), expected, rtol=1e-5)
        assert (list(table.index), list(table.columns)) == (labelled.rows, labelled.columns)
    tokens = record.to_pandas("cross", layer, head, merge_words=False)
    assert (list(tokens.index), list(tokens.columns)) == (record.target_tokens, record.source_tokens)
    assert list(record.to_pandas("cross", special="drop").columns) == [word.text for word in record.source_words]


def test_what_is_not_there_is_told(maps):
    with pytest.raises(UserError, match="there is no layer 2; choose from 0, 1"):
        maps[0].to_pandas(layer=2)
    with pytest.raises(UserError, match="there is no head 1; choose from 0, 2"):
        maps[0].to_pandas(head=1)
    with pytest.raises(UserError, match="has no decoder attention"):
        maps[0].to_pandas("decoder")


def test_they_say_what_they_are(maps):
    assert repr(maps).startswith(f"Maps('{maps.folder}': 15 sentences, weights of encoder, cross, model ")
    record = maps[2]
    assert repr(record) == (
        f"SentenceMaps({record.id!r}: {record.source!r} -> {record.target!r},"
        f" encoder {record.encoder.shape}, cross {record.cross.shape})"
    )
    assert repr(record.cross) == f"StoredMap(cross {record.cross.shape}, from weights)"


def test_a_record_says_what_it_holds():
    model, tokenizer = make_translator()
    with record_attention(model, places=["cross"], layers=[1]) as record:
        assert repr(record) == "AttentionRecord(0 forward passes: )"
        model(**tokenizer(["My dog", "dog"], text_target=["perro", "perro"], padding=True, return_tensors="pt"))
    assert repr(record) == "AttentionRecord(1 forward passes: RecordedForward(2 sentences: cross layers [1]))"
