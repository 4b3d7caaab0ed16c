"""What was made is found again; what was edited, damaged or left half is made anew; one process makes it."""

import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from forks import begun, largest_file

from hf_attn_model.errors import UserError
from hf_attn_model.files import LOCK, is_scratch, locks, stamps
from hf_attn_model.text import cache as module
from hf_attn_model.text.cache import ADVICE, FACTS, STAMPS, Cache

KEY = {"of": "α", "numbers": [2, 3, 5]}


class Maker:
    """Fills a folder with two files, and counts how often."""

    def __init__(self):
        self.times = 0

    def __call__(self, folder):
        self.times += 1
        (folder / "a").write_bytes(b"seven" * 11)
        (folder / "b").write_bytes(b"")
        return {"known": 13}


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def make():
    return Maker()


@pytest.fixture
def settled(monkeypatch):
    """Files that were written just now count as old."""
    monkeypatch.setattr(stamps, "TICK", 0)


def entries(folder):
    names = [path.name for path in folder.iterdir()]
    return sorted(name for name in names if not is_scratch(name) and not name.endswith(LOCK))


def test_it_is_made_once_and_found_by_its_key(cache, make):
    folder, known = cache.find_or_make("kind", KEY, make)
    assert (known, sorted(path.name for path in folder.iterdir())) == ({"known": 13}, ["a", "b", FACTS, STAMPS])
    assert cache.find_or_make("kind", {**KEY}, make) == (folder, known)
    assert make.times == 1
    assert cache.find_or_make("kind", KEY | {"numbers": [2, 3]}, make)[0] != folder
    assert cache.find_or_make("other kind", KEY, make)[0] != folder
    assert make.times == 3


def test_finding_reads_no_file_through(cache, make, monkeypatch):
    folder, _ = cache.find_or_make("kind", KEY, make)
    monkeypatch.setattr(module, "_digest", lambda path: pytest.fail(f"{path} is read"))
    assert cache.find_or_make("kind", KEY, make)[0] == folder


def test_a_copy_is_read_through_once(cache, make, tmp_path, monkeypatch):
    cache.find_or_make("kind", KEY, make)
    copy = Cache(shutil.copytree(cache.folder, tmp_path / "copy"))
    read = []
    monkeypatch.setattr(module, "_digest", lambda path, digest=module._digest: read.append(path.name) or digest(path))
    for _ in range(2):
        copy.find_or_make("kind", KEY, make)
    assert (read, make.times) == (["a", "b"], 1)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


DAMAGES = {
    "a flipped bit": lambda folder: flip(folder / "a"),
    "a file cut off": lambda folder: os.truncate(folder / "a", 53),
    "no file": lambda folder: (folder / "b").unlink(),
    "a flipped bit in what is known": lambda folder: flip(folder / FACTS),
    "nothing known": lambda folder: (folder / FACTS).unlink(),
    "a list": lambda folder: (folder / FACTS).write_text("[]"),
    "a key alone": lambda folder: (folder / FACTS).write_text('{"sha256": 2, "key": {}}'),
    "a file outside": lambda folder: (folder / FACTS).write_text(
        (folder / FACTS).read_text().replace('"a"', '"../../a"')
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_is_made_anew_and_said(cache, make, damage, caplog):
    folder, known = cache.find_or_make("kind", KEY, make)
    damage(folder)
    assert cache.find_or_make("kind", KEY, make) == (folder, known)
    assert make.times == 2
    assert [record.getMessage() for record in caplog.records] == [f"{folder} is damaged: it is made anew"]
    assert (folder / "a").read_bytes() == b"seven" * 11
    cache.find_or_make("kind", KEY, make)
    assert make.times == 2


def test_damaged_stamps_are_no_more_than_that(cache, make):
    folder, _ = cache.find_or_make("kind", KEY, make)
    (folder / STAMPS).write_text("{")
    cache.find_or_make("kind", KEY, make)
    assert make.times == 1
    assert set(json.loads((folder / STAMPS).read_text())) == {"a", "b"}


def test_another_folder_of_this_name_is_not_taken_for_it(cache, make):
    folder, _ = cache.find_or_make("kind", KEY, make)
    other, _ = cache.find_or_make("kind", {}, make)
    shutil.rmtree(folder)
    shutil.copytree(other, folder)
    cache.find_or_make("kind", KEY, make)
    assert make.times == 3


def test_a_mistake_leaves_nothing(cache):
    def fail(folder):
        (folder / "a").write_bytes(b"half")
        raise UserError("line 7: not JSON")

    with pytest.raises(UserError, match="line 7"):
        cache.find_or_make("kind", KEY, fail)
    assert entries(cache.folder / "kind") == []


def test_a_full_disk_is_one_line_and_leaves_nothing(cache):
    with largest_file(1 << 10), pytest.raises(UserError) as caught:
        cache.find_or_make("kind", KEY, lambda folder: {"written": (folder / "a").write_bytes(b"7" * 2048)})
    assert str(caught.value).startswith(f"cannot write {cache.folder}")
    assert str(caught.value).endswith(ADVICE)
    assert entries(cache.folder / "kind") == []


def make_slowly(cache, wait):
    def make(folder):
        (folder / "a").write_bytes(b"by the first")
        wait()
        return {"by": os.getpid()}

    cache.find_or_make("kind", KEY, make)


def test_of_two_processes_one_makes_it_and_the_other_waits(cache, make, monkeypatch, caplog):
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    with ThreadPoolExecutor() as threads, begun(make_slowly, cache) as first:
        waits = threads.submit(cache.find_or_make, "kind", KEY, make)
        while not caplog.messages and not waits.done():
            time.sleep(0.01)
        assert entries(cache.folder / "kind") == []
    folder, known = waits.result()
    assert (known, (folder / "a").read_bytes(), make.times) == ({"by": first}, b"by the first", 0)
    (message,) = caplog.messages
    assert f"is being written to by process {first}" in message


def test_a_killed_process_leaves_nothing_that_counts(cache, make):
    with begun(make_slowly, cache) as process:
        os.kill(process, signal.SIGKILL)
    folder, _ = cache.find_or_make("kind", KEY, make)
    assert (make.times, entries(folder.parent)) == (1, [folder.name])
    assert [path for path in folder.parent.iterdir() if path.name.endswith(".unfinished")] == []


def test_a_file_is_read_through_once(cache, tmp_path, settled, monkeypatch):
    path = tmp_path / "corpus"
    path.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
    assert cache.digest_of(path) == known
    monkeypatch.setattr(module, "digest", lambda file: pytest.fail("it is read again"))
    assert cache.digest_of(path) == known
    monkeypatch.chdir(tmp_path)
    assert cache.digest_of(Path("corpus")) == known


def test_an_edited_file_is_read_through_though_its_size_and_time_are_those_of_before(cache, tmp_path, settled):
    path = tmp_path / "corpus"
    path.write_bytes(b"abc")
    before, seen = cache.digest_of(path), path.stat()
    path.write_bytes(b"abd")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (seen.st_size, seen.st_mtime_ns)
    assert cache.digest_of(path) != before


def test_a_file_of_this_moment_is_not_trusted_yet(cache, tmp_path):
    path = tmp_path / "corpus"
    path.write_bytes(b"abc")
    cache.digest_of(path)
    assert not (cache.folder / "sources").exists()


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"stamp": []}'])
def test_a_damaged_record_of_a_file_does_not_matter(cache, tmp_path, settled, record):
    path = tmp_path / "corpus"
    path.write_bytes(b"abc")
    known = cache.digest_of(path)
    (kept,) = (cache.folder / "sources").iterdir()
    kept.write_text(record)
    assert cache.digest_of(path) == known


def test_a_file_that_grows_meanwhile_is_refused(cache, tmp_path, monkeypatch):
    path = tmp_path / "corpus"
    path.write_bytes(b"abc")

    def slow(file):
        path.write_bytes(b"abcdef")
        return 3, "0"

    monkeypatch.setattr(module, "digest", slow)
    with pytest.raises(UserError, match="corpus was written to while it was read"):
        cache.digest_of(path)


def test_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ATTN_CACHE", str(tmp_path / "a"))
    assert Cache().folder == tmp_path / "a"
    assert Cache(tmp_path / "b").folder == tmp_path / "b"
    monkeypatch.delenv("HF_ATTN_CACHE")
    assert Cache().folder == Path(module.HF_HOME, "hf_attn_model").absolute()
