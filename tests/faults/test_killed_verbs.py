"""Killed at any moment, a verb that writes leaves the old file or the new one, and then does its work."""

import random
import shutil

import pytest
from warm import Work, kill_while_writing, kill_within, names, run, scratch, verb

KILLS = 4  # at random moments, and as many while it writes
REPLACING = {  # verbs that write over what was there
    "picture.png": ["view", "MODEL", "one two three"],
    "picture.svg": ["view", "MODEL", "one two three"],
    "page.html": ["view", "MODEL", "one two three", "--best", "2"],
    "pages.html": ["view", "MAPS"],
    "film.gif": ["film", "MODEL"],
    "film.html": ["film", "MODEL"],
    "curve.pdf": ["curve", "MODEL"],
    "links.txt": ["align", "MAPS"],
    "links.jsonl": ["align", "MODEL", "--data", "CORPUS"],
    "numbers.json": ["ablate", "MODEL", "--heads", "cross:1:0", "--sentences", "3"],
}


@pytest.fixture
def typed(trained, maps, corpus):
    """Put folders in the places of words."""
    places = {"MODEL": trained, "MAPS": maps, "CORPUS": corpus}
    return lambda words: [places.get(word, word) for word in words]


def is_whole(path, content, whole):
    """Whether a file is what the verb writes; a PDF and an SVG say when."""
    if path.suffix in (".pdf", ".svg"):
        return len(content) > 0.9 * len(whole) and content.rstrip().endswith((b"%%EOF", b"</svg>"))
    return content == whole


@pytest.mark.parametrize("name", REPLACING)
def test_the_old_file_or_the_new_one(tmp_path, typed, name):
    path, words = tmp_path / name, typed(REPLACING[name])
    status, said, seconds = run(*words, "--out", path)
    assert status == 0, said
    whole, chosen = path.read_bytes(), random.Random(name)
    path.write_bytes(b"old")
    killed = 0
    for number in range(2 * KILLS):
        work = Work(verb, *words, "--out", path)
        if number < KILLS:
            killed += kill_within(work, seconds, chosen)
        else:
            killed += kill_while_writing(work, tmp_path, chosen)
        content = path.read_bytes()
        assert content == b"old" or is_whole(path, content, whole), f"{len(content)} of {len(whole)} bytes"
        assert {name, *scratch(tmp_path)} == set(names(tmp_path))
    assert killed >= KILLS
    status, said, _ = run(*words, "--out", path)
    assert status == 0, said
    assert is_whole(path, path.read_bytes(), whole)
    assert names(tmp_path) == [name], "what killed processes left is removed"


def test_an_average_is_whole_or_absent_and_nothing_refuses_the_same_command(tmp_path, trained):
    words = ["average", trained, "--last", "3", "--out"]
    status, said, seconds = run(*words, tmp_path / "whole")
    assert status == 0, said
    out, chosen, killed = tmp_path / "work" / "mean", random.Random("average"), 0
    out.parent.mkdir()
    for number in range(3 * KILLS):
        work = Work(verb, *words, out)
        killed += kill_within(work, seconds, chosen) if number < KILLS else kill_while_writing(work, out.parent, chosen)
        if out.exists():
            assert_same_folders(out, tmp_path / "whole")
            shutil.rmtree(out)
    assert killed >= KILLS
    status, said, _ = run(*words, out)
    assert status == 0, said
    assert_same_folders(out, tmp_path / "whole")
    assert [name for name in names(out.parent) if not name.startswith("mean")] == scratch(out.parent) == []


def assert_same_folders(one, other):
    assert names(one) == names(other)
    for name in names(one):
        if name != "average.json":  # which has the command
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_translations_and_scores_are_whole_or_absent(tmp_path, trained, corpus):
    model, out = tmp_path / "model", tmp_path / "out"
    shutil.copytree(trained, model, ignore=shutil.ignore_patterns("checkpoint-*", "runs"))
    out.mkdir()
    words = ["evaluate", model, "--translations"]
    status, said, seconds = run(*words, tmp_path / "whole.txt")
    assert status == 0, said
    whole, before = (tmp_path / "whole.txt").read_bytes(), names(model)
    chosen, killed = random.Random("evaluate"), 0
    for number in range(2 * KILLS):
        for name in ("evaluation.json", "README.md"):
            (model / name).write_bytes(b"old")
        work = Work(verb, *words, out / "found.txt")
        killed += kill_within(work, seconds, chosen) if number < KILLS else kill_while_writing(work, out, chosen)
        if (out / "found.txt").exists():
            assert (out / "found.txt").read_bytes() == whole
            (out / "found.txt").unlink()
        for name, end in (("evaluation.json", b"}\n"), ("README.md", b"\n")):
            assert (model / name).read_bytes() == b"old" or (model / name).read_bytes().endswith(end)
    assert killed >= KILLS
    status, said, _ = run(*words, out / "found.txt")
    assert status == 0, said
    assert (names(out), names(model)) == (["found.txt"], before)
