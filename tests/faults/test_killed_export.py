"""An export killed at any moment goes on to the same bytes; several processes write what one writes."""

import os
import random
import subprocess
import sys
import time

from killed_export import export_all, export_share
from small_exports import assert_same_texts, contents
from warm import Work, kill_while_writing, kill_within, scratch, verb

from hf_attn_model.export.store import open_maps


def test_killed_again_and_again_it_goes_on_to_the_same_bytes(tmp_path, whole_export):
    out, chosen, killed = tmp_path / "maps", random.Random("export"), 0
    expected = open_maps(whole_export)
    kept = {}
    for number in range(16):
        work = Work(export_all, out)
        killed += kill_within(work, 0.5, chosen) if number % 2 else kill_while_writing(work, tmp_path, chosen)
        for name, seen in kept.items():
            assert (out / name).stat().st_mtime_ns == seen, "a finished shard is kept"
        kept = {path.with_suffix(".arrow").name for path in out.glob("maps-*.json")}
        kept = {name: (out / name).stat().st_mtime_ns for name in kept}
        if (out / "metadata.json").exists():
            rest = open_maps(out, allow_unfinished=True)
            assert len(rest.shards) >= len(kept)
            if len(rest):
                assert_same_texts(rest[0], expected[0])
    assert killed >= 4
    work = Work(export_all, out)
    assert work.status() == 0, work.said
    assert contents(out) == contents(whole_export)
    assert scratch(out) == []


def test_a_killed_conversion_goes_on_to_the_same_bytes(tmp_path, whole_export):
    words, chosen = ["export", whole_export, "--to", "parquet", "--out"], random.Random("conversion")
    begun = time.monotonic()
    assert Work(verb, *words, tmp_path / "once").status() == 0
    seconds = time.monotonic() - begun
    killed = 0
    for number in range(6):
        work = Work(verb, *words, tmp_path / "killed")
        killed += kill_within(work, seconds, chosen) if number % 2 else kill_while_writing(work, tmp_path, chosen)
    assert killed >= 2
    assert Work(verb, *words, tmp_path / "killed").status() == 0
    assert contents(tmp_path / "killed") == contents(tmp_path / "once")


def test_several_processes_write_what_one_writes(tmp_path, whole_export):
    shares = [Work(export_share, tmp_path / "maps", rank, 3) for rank in (2, 1, 0)]
    for share in shares:
        assert share.status() == 0, share.said
    said = [share.said for share in shares]
    assert sum("complete" in each for each in said) >= 1
    assert sum("complete" in each or "others are not done" in each for each in said) == 3
    assert contents(tmp_path / "maps") == contents(whole_export)


def test_a_launcher_starts_them(tmp_path, whole_export):
    script = tmp_path / "script.py"
    script.write_text("import sys\nfrom killed_export import export_all\nexport_all(sys.argv[1])\n")
    arguments = ["--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"]
    arguments += ["--dynamo_backend", "no", "--main_process_port", "0"]  # it starts as many without GPUs
    command = [sys.executable, "-m", "accelerate.commands.launch", *arguments, str(script), str(tmp_path / "maps")]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join([path for path in sys.path if path])}
    done = subprocess.run(
        command, capture_output=True, env=variables | {"OMP_NUM_THREADS": "1"}, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "complete" in done.stdout
    assert contents(tmp_path / "maps") == contents(whole_export)
