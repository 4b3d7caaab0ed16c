"""What a push makes of exports; nothing here needs a Hub."""

import json
import shutil

import pytest
from huggingface_hub import DatasetCard

from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.errors import UserError
from hf_attn_model.export.export import export_attention
from hf_attn_model.export.store import open_maps
from hf_attn_model.hub.dataset import check_maps, stage_maps


def test_an_export_of_another_model_is_not_given_out_as_this_ones(checkpoint, maps, tmp_path):
    other = shutil.copytree(checkpoint, tmp_path / "other")
    shipment = stage_maps(check_maps(maps), "alice/x-attention", other, "alice/x", tmp_path / "stage")
    assert json.loads(shipment.files["metadata.json"].read_text())["model"] == str(checkpoint)
    text = shipment.files["README.md"].read_text()
    assert f"the model `{checkpoint}`" in text
    assert "[alice/x]" not in text


def test_the_licence_is_that_of_the_training_data_only_for_the_same_corpus(checkpoint, maps, corpus, tmp_path):
    for number, (name, expected) in enumerate([(str(corpus), "apache-2.0"), ("another", None)]):
        opened = open_maps(maps)
        opened.metadata["corpus"] = name
        shipment = stage_maps(opened, "alice/x-attention", checkpoint, "alice/x", tmp_path / str(number))
        card = DatasetCard.load(shipment.files["README.md"])
        assert card.data.license == expected
        assert card.data.language == ["en", "de"]
        assert f"over `{name}`" in card.text


def test_secrets_in_metadata_do_not_go_up(checkpoint, maps, tmp_path):
    opened = open_maps(maps)
    opened.metadata["corpus"] = opened.metadata["settings"]["corpus"] = "https://user:word@host/x?token=abc"
    shipment = stage_maps(opened, "alice/x-attention", checkpoint, "alice/x", tmp_path / "stage")
    for name in ("metadata.json", "README.md"):
        text = shipment.files[name].read_text()
        assert "https://user:[redacted]@host/x?token=[redacted]" in text
        assert "word@" not in text
    facts = json.loads(shipment.files["metadata.json"].read_text())
    assert facts["conventions"] == opened.metadata["conventions"]


def test_every_shard_is_looked_into_before_any_goes_up(checkpoint, tmp_path):
    pairs = [("two seven one", "eins sieben zwei")] * 7
    export_attention(*load_translator(str(checkpoint)), pairs, tmp_path, shard_bytes=3_000)
    assert len(check_maps(tmp_path)) == 7
    (tmp_path / "maps-00001.arrow").unlink()
    with pytest.raises(UserError, match=r"cannot read .*maps-00001"):
        check_maps(tmp_path)
