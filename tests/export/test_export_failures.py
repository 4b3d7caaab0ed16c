"""What may happen to an export: it is interrupted, the disk is full, it may not write. Nothing is lost.

Kills, and several processes, are in `tests/faults/test_killed_export.py`.
"""

import os
from pathlib import Path

import pytest
from forks import drop_rights, fork, largest_file, open_folder, status_of
from small_exports import (
    IDS,
    PAIRS,
    SMALL_SHARDS,
    assert_same_texts,
    contents,
    expected_records,
    export,
    make_translator,
)

from hf_attn_model.errors import UserError
from hf_attn_model.export import fill
from hf_attn_model.export.store import open_maps
from hf_attn_model.files import LOCK, UNFINISHED


def test_a_full_disk_is_one_line_and_what_is_written_opens(tmp_path):
    pairs = [*PAIRS, ("dog " * 51, "perro " * 9)]  # the last shard is larger than the others
    with (
        largest_file(90_000),
        pytest.raises(UserError, match=r"cannot write .*arrow: File too large; .*run the same command") as caught,
    ):
        export(tmp_path, pairs=pairs, ids=[*IDS, "long"], keep="weights", **SMALL_SHARDS)
    assert "\n" not in str(caught.value)
    assert not any(name.endswith(UNFINISHED) for name in contents(tmp_path))
    rest = open_maps(tmp_path, allow_unfinished=True)
    assert len(rest) == 15 // rest.metadata["sentences_per_shard"] * rest.metadata["sentences_per_shard"] > 1
    assert rest.verify() == []
    assert_same_texts(rest[-1], expected_records()[len(rest) - 1])
    export(tmp_path, pairs=pairs, ids=[*IDS, "long"], keep="weights", **SMALL_SHARDS)
    assert len(open_maps(tmp_path)) == 16


def test_no_space_left_stops_the_model_too(tmp_path, monkeypatch):
    def no_space(self, content):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("hf_attn_model.export.shards._HashingFile.write", no_space)
    with pytest.raises(UserError, match=r"cannot write .*maps-00000\.arrow: No space left on device") as caught:
        export(tmp_path)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path).keys() == {"metadata.json"}


def test_an_error_in_the_writing_thread_is_not_lost(tmp_path, monkeypatch):
    def fail(self):
        raise RuntimeError("cannot be laid out")

    monkeypatch.setattr(fill._Window, "lay_out", fail)
    with pytest.raises(RuntimeError, match="cannot be laid out"):
        export(tmp_path)
    assert contents(tmp_path).keys() == {"metadata.json"}


def test_a_target_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to .*file: .*; choose another folder"):
        export(tmp_path / "file")
    with pytest.raises(UserError, match=r"cannot write to .*/maps: .*; choose another folder"):
        export(tmp_path / "file" / "maps")


def test_a_folder_without_permission_is_named():
    def try_to_export(folder):
        drop_rights()
        with pytest.raises(UserError, match=r"cannot write .*closed.*Permission denied"):
            export(folder)

    make_translator()
    with open_folder() as folder:
        (folder / "closed").mkdir(mode=0o555)
        assert status_of(fork(try_to_export, folder / "closed")) == 0


def test_nothing_half_written_bears_its_name(tmp_path, monkeypatch):
    names = []
    write = fill.Filler._write

    def look(self, *arguments):
        write(self, *arguments)
        names.append({path.name for path in Path(tmp_path).iterdir()})

    monkeypatch.setattr(fill.Filler, "_write", look)
    export(tmp_path)
    ((unfinished,),) = [found - {"metadata.json", LOCK} for found in names]
    assert unfinished.startswith("maps-00000.arrow.")
    assert unfinished.endswith(UNFINISHED)


def test_two_processes_write_what_one_writes(tmp_path, monkeypatch):
    export(tmp_path / "whole", **SMALL_SHARDS)
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        done.append(export(tmp_path / "shared", **SMALL_SHARDS))
    assert done[0] is None, "the other one's shards are missing"
    assert done[1]["finished"]
    assert contents(tmp_path / "shared") == contents(tmp_path / "whole")
