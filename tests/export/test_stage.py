"""Shards that somebody else fills, in any order: the export is the same, byte for byte."""

import json

import pytest
from small_exports import PAIRS, SMALL_SHARDS, contents, export, make_translator

from hf_attn_model.errors import UserError
from hf_attn_model.export import ExportShard


@pytest.fixture(scope="module")
def small_checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    for part in make_translator():
        part.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("to", ["arrow", "parquet"])
def test_shards_filled_elsewhere_and_backwards_are_those_filled_here(small_checkpoint, tmp_path, to):
    stage = ExportShard(small_checkpoint, str(tmp_path / "shared"))
    filled = []

    def backwards(pieces):
        for file, rows in reversed([*pieces]):
            batch = stage({"file": [file], "rows": [json.dumps(rows)]})
            filled.append((file, *batch["sentences"]))
            yield stage.fill_numbered((file, rows))

    export(tmp_path / "local", to=to, **SMALL_SHARDS)
    done = export(tmp_path / "shared", to=to, fill_elsewhere=backwards, **SMALL_SHARDS)
    assert contents(tmp_path / "shared") == contents(tmp_path / "local")
    assert sorted(filled) == [(shard["file"], shard["sentences"]) for shard in done["shards"]]


def test_an_export_that_is_not_there_or_of_another_model_is_refused(small_checkpoint, tmp_path):
    with pytest.raises(
        UserError, match=r"no export was begun in .*: all machines need to see one folder, or give a URL"
    ):
        ExportShard(small_checkpoint, str(tmp_path / "nowhere")).fill("maps-00000.arrow", [])
    export(tmp_path / "maps", pairs=PAIRS[:2])
    with pytest.raises(UserError, match=r"was begun with other weights than textbook has on this machine"):
        ExportShard("textbook", str(tmp_path / "maps")).fill("maps-00000.arrow", [])
