"""Shards behind a URL: blocks are compared with their digests as they come."""

import io
import random

import fsspec
import pytest
from damaged_exports import assert_equal, everything, forge
from small_exports import export

from hf_attn_model.errors import UserError
from hf_attn_model.export import metadata, shards, store, verified
from hf_attn_model.export.metadata import Shard, block_digest, from_bytes
from hf_attn_model.export.store import open_maps
from hf_attn_model.export.verified import VerifiedFile

BLOCK = 211


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    for room in (metadata, shards, store, verified):
        monkeypatch.setattr(room, "BLOCK", BLOCK)


def shard_of(content):
    blocks = [content[i : i + BLOCK] for i in range(0, len(content), BLOCK)]
    return Shard("maps-00000.arrow", 1, len(content), "", "", "".join(map(block_digest, blocks)))


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 7 * BLOCK + 13])
def test_reads_what_a_file_reads(size):
    content = random.Random(size).randbytes(size)
    plain, ours = io.BytesIO(content), io.BufferedReader(VerifiedFile(io.BytesIO(content), shard_of(content), "x"), 97)
    chosen = random.Random(7)
    for _ in range(101):
        whence = chosen.choice([io.SEEK_SET, io.SEEK_END])
        offset = chosen.randint(0, size + 5) - (size if whence == io.SEEK_END else 0)
        assert ours.seek(max(offset, -size), whence) == plain.seek(max(offset, -size), whence)
        count = chosen.randint(0, 3 * BLOCK)
        assert ours.read(count) == plain.read(count)
        assert ours.tell() == plain.tell()


class Counting(io.BytesIO):
    """A file that knows how much was read of it."""

    count = 0

    def read(self, size=-1):
        content = super().read(size)
        self.count += len(content)
        return content


def test_comes_in_blocks_that_are_asked_for():
    content = random.Random(0).randbytes(50 * BLOCK)
    file = Counting(content)
    ours = VerifiedFile(file, shard_of(content), "x")
    ours.seek(20 * BLOCK + 5)
    assert ours.read(3) == content[20 * BLOCK + 5 :][:3]
    ours.seek(20 * BLOCK + 1)
    ours.read(3)
    assert file.count == BLOCK  # once


def test_damaged_block_is_named_and_others_are_read():
    content = random.Random(1).randbytes(5 * BLOCK)
    damaged = bytearray(content)
    damaged[2 * BLOCK + 7] ^= 4
    ours = VerifiedFile(io.BytesIO(bytes(damaged)), shard_of(content), "s3://x/y")
    assert ours.read(BLOCK) == content[:BLOCK]
    ours.seek(2 * BLOCK)
    with pytest.raises(UserError, match=r"^s3://x/y is damaged: block 2 is not what was written; run the same"):
        ours.read(1)
    ours.seek(3 * BLOCK)
    assert ours.read(BLOCK) == content[3 * BLOCK : 4 * BLOCK]


def read_or_told(url):
    """Read everything, or return what the error says."""
    try:
        return everything(url)
    except UserError as error:
        return str(error)


def test_flipped_bit_afar_is_one_line_or_not_looked_at(tmp_path):
    export(tmp_path / "maps")
    files = fsspec.filesystem("memory")
    files.put(f"{tmp_path}/maps/", f"{tmp_path}/maps/", recursive=True)
    url, name = f"memory://{tmp_path}/maps", f"{tmp_path}/maps/maps-00000.arrow"
    whole, expected, chosen = files.cat_file(name), everything(tmp_path / "maps"), random.Random("afar")
    assert_equal(everything(url), expected)
    refused = 0
    for _ in range(23):
        bit = chosen.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        files.pipe_file(name, bytes(damaged))
        found = read_or_told(url)
        if isinstance(found, str):
            assert "maps-00000.arrow is damaged: block" in found
            refused += 1
        else:
            assert_equal(found, expected)
    assert refused >= 20


def test_export_of_before_has_no_blocks(tmp_path):
    export(tmp_path / "maps")
    facts = from_bytes((tmp_path / "maps" / "metadata.json").read_bytes())
    for shard in facts["shards"]:
        del shard["blocks"]
    forge(tmp_path / "maps", facts)
    files = fsspec.filesystem("memory")
    files.put(f"{tmp_path}/maps/", f"{tmp_path}/before/", recursive=True)
    assert_equal(everything(f"memory://{tmp_path}/before"), everything(tmp_path / "maps"))


@pytest.mark.parametrize("blocks", ["", "0" * 15, "g" * 16, 7])
def test_blocks_of_a_stranger_are_well_formed(tmp_path, blocks):
    export(tmp_path / "maps")
    facts = from_bytes((tmp_path / "maps" / "metadata.json").read_bytes())
    facts["shards"][0]["blocks"] = blocks
    forge(tmp_path / "maps", facts)
    if blocks == "":
        assert open_maps(tmp_path / "maps")[0]
    else:
        with pytest.raises(UserError, match=r"shard\.blocks is"):
            open_maps(tmp_path / "maps")
