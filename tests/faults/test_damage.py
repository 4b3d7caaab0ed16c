"""Thousands of flipped bits, and of shards of a stranger: each is refused in one line or changes nothing."""

import random

import pytest
from damaged_exports import KEPT, arrow_of_a_stranger, assert_equal, everything, read_or_refused
from small_exports import SMALL_SHARDS, contents, export
from warm import Work

from hf_attn_model.export import metadata as written

FLIPS, STRANGERS = 1000, 1500


def flip(folder, keep):
    """Flip single bits of an export, and read it."""
    expected, files, chosen = everything(folder), contents(folder), random.Random(keep)
    refused = 0
    for number in range(FLIPS):
        weights = [len(content) if number % 2 else 1 for content in files.values()]
        (name,) = chosen.choices(list(files), weights)
        damaged, bit = bytearray(files[name]), chosen.randrange(8 * len(files[name]))
        damaged[bit // 8] ^= 1 << bit % 8
        (folder / name).write_bytes(damaged)
        written._whole.clear()
        if (found := read_or_refused(folder)) is None:
            refused += 1
        else:
            assert_equal(found, expected)
        (folder / name).write_bytes(files[name])
    assert refused > FLIPS // 2


@pytest.mark.parametrize("keep", KEPT)
def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path, keep):
    export(tmp_path / "maps", keep=keep, **SMALL_SHARDS)
    work = Work(flip, tmp_path / "maps", keep)
    assert work.status() == 0, work.said


@pytest.mark.parametrize("keep", KEPT)
def test_a_shard_of_a_stranger_is_read_or_refused(tmp_path, keep):
    export(tmp_path / "maps", keep=keep, **SMALL_SHARDS)
    work = Work(arrow_of_a_stranger, tmp_path / "maps", STRANGERS)
    assert work.status() == 0, work.said
