"""A full disk is one line, takes nothing away that was there, and with room the same command does its work."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import make_recipe
from killed_export import export_all
from killed_training import train_on
from safetensors.torch import load_file
from small_exports import contents
from small_trainings import assert_same
from warm import Work, enlarge, names, run, scratch, small_disk, verb

LARGE = "64m"
SHARES = (0.0, 0.3, 0.7, 0.95)  # of what the work takes: so much room there is
FILLER = "filler"


@pytest.fixture
def disk(tmp_path):
    """A small disk; `fill` leaves so much room there, `empty` makes room again."""
    with small_disk(tmp_path / "disk", "32m") as path:
        yield path


def fill(disk, room):
    """Leave `room` bytes on a disk, and the rest of a page."""
    with (disk / FILLER).open("wb") as file:
        while (free := os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - int(room)) > 0:
            file.write(bytes(min(free, 2**20)))
            file.flush()


def size_of(folder):
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in Path(folder).rglob("*") if path.is_file())


def refused(work):
    """What work said that ended for want of room, in one line."""
    assert work.status() == 2, work.said
    *told, line = [line for line in work.said.splitlines() if line.startswith("hf-attn: ")]
    assert all("limit" in each for each in told), told  # of translations, which is no mistake
    assert "No space left on device" in line or "is the disk full?" in line, line
    assert "Traceback" not in work.said, work.said
    return line


REPLACING = {
    "picture.png": ["view", "MODEL", "one two three"],
    "picture.svg": ["view", "MODEL", "one two three"],
    "picture.pdf": ["view", "MODEL", "one two three"],
    "page.html": ["view", "MODEL", "one two three"],
    "film.gif": ["film", "MODEL"],
    "curve.png": ["curve", "MODEL"],
    "links.txt": ["align", "MAPS"],
    "numbers.json": ["ablate", "MODEL", "--heads", "cross:1:0", "--sentences", "3"],
}


@pytest.mark.parametrize("name", REPLACING)
def test_the_old_file_stays(disk, trained, maps, name):
    words = [{"MODEL": trained, "MAPS": maps}.get(word, word) for word in REPLACING[name]]
    out = disk / name
    status, said, _ = run(*words, "--out", out)
    assert status == 0, said
    size = size_of(disk)
    for share in {0.0, 0.6 if size > 8192 else 0.0}:
        out.write_bytes(b"old")
        fill(disk, share * size)
        line = refused(Work(verb, *words, "--out", out))
        assert str(out) in line
        assert out.read_bytes() == b"old"
        assert names(disk) == sorted([FILLER, name])
        (disk / FILLER).unlink()
    status, said, _ = run(*words, "--out", out)
    assert status == 0, said
    assert size_of(disk) == size


@pytest.mark.parametrize("share", SHARES)
def test_an_average_leaves_nothing(disk, trained, share, tmp_path):
    words = ["average", trained, "--last", "3", "--out"]
    assert run(*words, tmp_path / "whole")[0] == 0
    fill(disk, share * size_of(tmp_path / "whole"))
    refused(Work(verb, *words, disk / "mean"))
    assert names(disk) == [FILLER]
    (disk / FILLER).unlink()
    assert run(*words, disk / "mean")[0] == 0
    assert names(disk / "mean") == names(tmp_path / "whole")


def test_scores_and_translations_stay(disk, trained):
    model = Path(shutil.copytree(trained, disk / "model", ignore=shutil.ignore_patterns("checkpoint-*", "runs")))
    status, said, _ = run("evaluate", model, "--translations", disk / "first.txt")
    assert status == 0, said
    before = contents(model)
    fill(disk, 0)
    refused(Work(verb, "evaluate", model, "--translations", disk / "second.txt"))
    refused(Work(verb, "evaluate", model))
    assert contents(model) == before
    assert scratch(disk) == []


@pytest.fixture(scope="module")
def whole_training(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    make_recipe(corpus, tmp_path_factory.mktemp("recipe")).save(folder)
    work = Work(train_on, folder / "run")
    assert work.status() == 0, work.said
    return folder / "run"


@pytest.mark.parametrize("share", SHARES)
def test_a_training_goes_on_when_there_is_room(disk, whole_training, share):
    shutil.copy(whole_training.parent / "recipe.yaml", disk)
    out, recipe = disk / "run", disk / "recipe.yaml"
    fill(disk, share * size_of(whole_training))
    refused(Work(verb, "train", recipe, "--out", out))
    (disk / FILLER).unlink()
    work = Work(train_on, out)
    assert work.status() == 0, work.said
    assert_same(load_file(out / "model.safetensors"), load_file(whole_training / "model.safetensors"))
    assert scratch(out) == []


@pytest.mark.parametrize("share", SHARES)
def test_an_export_goes_on_when_there_is_room(disk, whole_export, share):
    fill(disk, share * size_of(whole_export))
    work = Work(export_all, disk / "maps")
    assert work.status() == 1
    assert "UserError: cannot write" in work.said
    assert scratch(disk) == []
    (disk / FILLER).unlink()
    work = Work(export_all, disk / "maps")
    assert work.status() == 0, work.said
    assert contents(disk / "maps") == contents(whole_export)


@pytest.mark.parametrize("share", SHARES[:3])
def test_what_goes_up_is_collected_in_a_folder_that_is_named(disk, trained, share, monkeypatch):
    fill(disk, share * size_of(trained / "checkpoint-24"))
    line = refused(Work(push_dry, trained, disk))
    assert f"cannot write {disk}" in line
    assert names(disk) == [FILLER]


def push_dry(model, folder):
    import tempfile

    tempfile.tempdir = str(folder)
    return verb("push", model, "user/name", "--dry-run", "--sentence", "one two three")


def test_standard_output_on_a_full_disk_is_one_line():
    command = [sys.executable, "-m", "hf_attn_model.cli", "translate", "textbook", "The ball is blue."]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "hf-attn: file system: No space left on device\n")


def test_making_room_by_a_larger_disk(tmp_path, trained):
    with small_disk(tmp_path / "disk", "4k") as disk:
        refused(Work(verb, "view", trained, "one two three", "--out", disk / "picture.png"))
        enlarge(disk, LARGE)
        assert run("view", trained, "one two three", "--out", disk / "picture.png")[0] == 0
