"""What may happen to an export: it is killed, the disk is full, there are several processes. Nothing is lost."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_exports import IDS, PAIRS, SMALL_SHARDS, assert_same_texts, contents, expected_records, export

from hf_attn_model.errors import UserError
from hf_attn_model.export import fill
from hf_attn_model.export.store import open_maps
from hf_attn_model.files import LOCK, UNFINISHED

SENTENCES = 15 * 41
SCRIPT = f"""
import sys, torch
torch.set_num_threads(1)
from small_exports import PAIRS, SMALL_SHARDS, export
print("begin", flush=True)
done = export(sys.argv[1], pairs=PAIRS * {SENTENCES // 15}, **SMALL_SHARDS)
print("complete" if done else "others are not done", flush=True)
"""


def start(out, *launcher, **environment):
    """Start an export of SENTENCES sentences in a process of its own, and wait until it begins."""
    variables = os.environ | environment | {"PYTHONPATH": os.pathsep.join([p for p in sys.path if p])}
    command = [sys.executable, *launcher] if launcher else [sys.executable, "-c", SCRIPT]
    return subprocess.Popen(
        [*command, str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables, text=True
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An export that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "maps"
    export(folder, pairs=PAIRS * (SENTENCES // 15), **SMALL_SHARDS)
    return folder


def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(tmp_path, whole):
    out = tmp_path / "maps"
    shards = len(open_maps(whole).shards)
    for wanted in (1, shards // 2):  # finished shards after which the process is killed
        process = start(out)
        while process.poll() is None and len(list(out.glob("maps-*.json"))) < wanted:
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was over too soon to be killed"
        process.communicate()
        kept = {path.name: path.stat().st_mtime_ns for path in out.glob("maps-*.arrow")}
        rest = open_maps(out, allow_unfinished=True)
        assert len(rest) > 0
        assert_same_texts(rest[0], open_maps(whole)[0])
    process = start(out)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert contents(out) == contents(whole)
    finished = [name for name in sorted(kept)[:-1] if (out / name).stat().st_mtime_ns == kept[name]]
    assert len(finished) >= wanted - 1, "finished shards are kept"


@pytest.mark.parametrize("launcher", ["environment", pytest.param("accelerate", marks=pytest.mark.slow)])
def test_several_processes_write_what_one_writes(tmp_path, whole, launcher):
    out = tmp_path / "maps"
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    if launcher == "environment":
        processes = [start(out, RANK=str(rank), WORLD_SIZE="3") for rank in (2, 1, 0)]
    else:
        arguments = ["--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"]
        arguments += ["--dynamo_backend", "no", "--main_process_port", "0"]  # it starts as many without GPUs
        processes = [start(out, "-m", "accelerate.commands.launch", *arguments, str(script))]
    said = ""
    for process in processes:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        said += output
    assert said.count("begin") == (3 if launcher == "environment" else 2)
    assert "complete" in said
    assert contents(out) == contents(whole)


def test_a_full_disk_is_one_line_and_what_is_written_opens(tmp_path):
    pairs = [*PAIRS, ("dog " * 51, "perro " * 9)]  # the last shard is larger than the others
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot write .*arrow: File too large; .*run the same command") as caught:
            export(tmp_path, pairs=pairs, ids=[*IDS, "long"], keep="weights", **SMALL_SHARDS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(UserError, match=r"cannot write .*closed.*Permission denied"):
        export(tmp_path / "closed")


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
