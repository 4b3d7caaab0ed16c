"""Exports behind a URL of S3, on the server of moto."""

import fsspec
import numpy as np
import pytest
from small_exports import PAIRS, SMALL_SHARDS, assert_same, contents, expected_records, export

from hf_attn_model.errors import UserError
from hf_attn_model.export import convert_to_parquet, open_maps
from hf_attn_model.export import fill as filling
from hf_attn_model.export.metadata import BLOCK

BUCKET = "s3://corpora"


@pytest.fixture(scope="module", autouse=True)
def server():
    """A server of S3 with a bucket, at which s3fs looks."""
    pytest.importorskip("s3fs", reason="make test-clients runs it, in an environment of its own")
    moto = pytest.importorskip("moto.server", reason="make test-clients runs it, in an environment of its own")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "any")
        fsspec.filesystem("s3").mkdir(BUCKET)
        yield
    server.stop()


def objects(url):
    """Every object below a URL, with its bytes."""
    files, path = fsspec.core.url_to_fs(url)
    files.invalidate_cache()
    return {name.removeprefix(f"{path}/"): files.cat_file(name) for name in files.find(path)}


def test_the_recipe_reads_what_it_wrote(recipe):
    maps = recipe["maps"]
    assert [each.source for each in maps] == [source for source, _ in recipe["pairs"]]
    assert maps.verify() == []


@pytest.mark.parametrize("to", ["arrow", "parquet"])
def test_an_interrupted_export_goes_on_and_every_byte_is_that_of_a_local_one(tmp_path, monkeypatch, to):
    passes = []

    def interrupted(*arguments, **options):
        passes.append(len(passes))
        if len(passes) == 6:
            raise KeyboardInterrupt
        return teacher_forced_pass(*arguments, **options)

    teacher_forced_pass = filling.teacher_forced_pass
    monkeypatch.setattr(filling, "teacher_forced_pass", interrupted)
    url = f"{BUCKET}/resumed-{to}"
    with pytest.raises(KeyboardInterrupt):
        export(url, to=to, **SMALL_SHARDS)
    assert "maps-00000.json" in objects(url)  # the note of a finished shard
    export(tmp_path / "local", to=to, **SMALL_SHARDS)
    assert contents(tmp_path / "local").keys() - objects(url).keys()
    export(url, to=to, **SMALL_SHARDS)
    assert objects(url) == contents(tmp_path / "local")
    if to == "arrow":
        with pytest.raises(UserError, match=r"maps-00000.arrow was made from other sentences 0 and on"):
            export(url, pairs=[("Another", "Otra"), *PAIRS[1:]], **SMALL_SHARDS)


def test_what_is_read_is_what_was_written_and_a_conversion_the_local_one(tmp_path):
    export(tmp_path / "local", **SMALL_SHARDS)
    export(f"{BUCKET}/read", **SMALL_SHARDS)
    maps = open_maps(f"{BUCKET}/read")
    assert maps.verify() == []
    for number, expected in enumerate(expected_records()):
        assert_same(maps[number], expected, atol=1e-3)
    convert_to_parquet(open_maps(tmp_path / "local"), tmp_path / "converted")
    convert_to_parquet(maps, f"{BUCKET}/converted")
    assert objects(f"{BUCKET}/converted") == contents(tmp_path / "converted")


def test_a_damaged_block_is_named_when_it_is_read_and_mended_by_the_same_export():
    url = f"{BUCKET}/damaged"
    export(url, pairs=PAIRS * 3, max_tokens=97)
    whole = objects(url)
    content = bytearray(whole["maps-00000.arrow"])
    assert len(content) > 2 * BLOCK  # else there is nothing that need not come here
    content[BLOCK + 5] ^= 1
    files, path = fsspec.core.url_to_fs(f"{url}/maps-00000.arrow")
    files.pipe_file(path, bytes(content))
    maps = open_maps(url)
    assert maps.verify() == ["maps-00000.arrow"]
    with pytest.raises(UserError, match=r"maps-00000.arrow is damaged: block 1 is not what was written"):
        [np.asarray(each.cross) for each in maps]
    export(url, pairs=PAIRS * 3, max_tokens=97)
    assert objects(url) == whole


def test_a_folder_that_is_not_there_is_said_in_a_line():
    with pytest.raises(UserError, match=r"no folder s3://corpora/nothing; give the folder that an export wrote"):
        open_maps(f"{BUCKET}/nothing")
