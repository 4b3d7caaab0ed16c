"""Compressed files are what they hold; archives are not opened."""

import bz2
import gzip
import lzma

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text.readers import suffix_of
from hf_attn_model.text.readers.packed import zstd

PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd.compress}
TABLE = b"en\tes\nHi\tHola\n\nBye\tAdi\xc3\xb3s\n"


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("parts", [1, 2], ids=["one stream", "two streams"])
def test_a_packed_file_is_read_whole_whatever_the_case_of_its_name(write, pairs, packing, parts):
    pieces = [TABLE] if parts == 1 else [TABLE[:11], TABLE[11:]]
    path = write(f"a.TSV{packing.upper()}", b"".join(map(PACK[packing], pieces)))
    assert pairs(path) == [("Hi", "Hola"), ("Bye", "Adiós")]


@pytest.mark.parametrize("packing", PACK)
def test_a_packed_file_without_its_end_is_refused(write, pairs, packing):
    whole = PACK[packing](TABLE)
    for content in (whole[:-3], whole[:7], b"", b"plain text"):
        path = write(f"a.tsv{packing}", content)
        if content or packing != ".gz":
            with pytest.raises(UserError, match=r"a\.tsv\.\w+: (not a whole|Invalid data stream)"):
                pairs(path)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("a.zip", "unzip"),
        ("a.TAR", "tar -xf"),
        ("a b.tar.gz", "tar -xf"),
        ("a.tgz", "tar -xf"),
        ("a.tar.zst", "tar -xf"),
        ("a.7z", "7z x"),
        ("a.rar", "unrar x"),
    ],
)
def test_an_archive_is_refused_with_the_command_that_opens_it(write, pairs, name, command):
    path = write(name, b"...")
    quoted = f"'{path}'" if " " in name else str(path)
    with pytest.raises(UserError) as caught:
        pairs(path)
    assert f"open it with {command} {quoted}, and give" in str(caught.value)


def test_suffixes_are_known_in_any_case(tmp_path):
    assert suffix_of(tmp_path / "A.JSONL.GZ") == ".jsonl.gz"
    assert suffix_of(tmp_path / "a.Parquet") == ".parquet"
    assert [suffix_of(tmp_path / name) for name in ("a.en", "a.gz", "a.parquet.gz", "a")] == [None] * 4
