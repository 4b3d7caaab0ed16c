"""Ctrl-C and SIGTERM at any moment of the work: one line, an exit status, nothing left over, and what is done stays."""

import random
import signal
import time

import pytest
from killed_training import train_on
from safetensors.torch import load_file
from small_exports import contents
from small_trainings import assert_same
from warm import Work, names, run, scratch, verb

ENDINGS = {signal.SIGINT: ("interrupted", 130), signal.SIGTERM: ("terminated", 143)}
TIMES = 8


def signalled(work, number, seconds, chosen):
    """Send work a signal at a random moment of its time; tell whether it ended by that, in one line."""
    work.process.join(chosen.uniform(0.01, seconds))
    if work.is_over:
        return False
    work.kill(number)
    status, (word, expected) = work.status(), ENDINGS[number]
    if status == 0:  # it had just done all
        return False
    if (status, work.said) == (1, ""):  # in Python's own start, before ours
        return False
    assert status in (expected, -number), work.said  # minus: before it began
    assert "Traceback" not in work.said, work.said
    if status == expected:
        *told, last = [line for line in work.said.splitlines() if line.startswith("hf-attn: ")]
        assert last == f"hf-attn: {word}"
        assert all("limit" in each for each in told), told  # of translations, which is no mistake
    return status == expected


def numbers():
    return [signal.SIGINT, signal.SIGTERM] * (TIMES // 2)


@pytest.mark.parametrize(
    "words",
    [
        ["view", "MODEL", "one two three", "--out", "OUT/picture.png"],
        ["view", "MAPS", "--out", "OUT/page.html"],
        ["film", "MODEL", "--out", "OUT/film.gif"],
        ["align", "MODEL", "--data", "CORPUS", "--out", "OUT/links.txt"],
        ["average", "MODEL", "--last", "3", "--out", "OUT/mean"],
        ["heads", "MODEL", "--gold", "textbook:en-es"],
    ],
    ids=lambda words: words[0],
)
def test_one_line_and_nothing_left_over(tmp_path, trained, maps, corpus, words):
    out = tmp_path / "out"
    out.mkdir()
    places = {"MODEL": str(trained), "MAPS": str(maps), "CORPUS": str(corpus)}
    words = [places.get(word, word).replace("OUT", str(out)) for word in words]
    begun = time.monotonic()
    Work(verb, *[word.replace(str(out), str(tmp_path / "once")) for word in words]).status()
    seconds, chosen, ended = time.monotonic() - begun, random.Random(words[0]), 0
    for number in numbers():
        ended += signalled(Work(verb, *words), number, seconds, chosen)
        assert scratch(out) == []
        if words[0] == "average" and names(out):
            break
    assert ended >= 1


def test_a_training_goes_on(recipe_file, trained, tmp_path):
    folder, chosen, ended = tmp_path / "training", random.Random("train"), 0
    folder.mkdir()
    (folder / "recipe.yaml").write_bytes(recipe_file.read_bytes())
    out, resume = folder / "run", []
    begun = time.monotonic()
    assert Work(train_on, folder / "once").status() == 0
    seconds = time.monotonic() - begun
    for number in numbers():
        work = Work(verb, "train", folder / "recipe.yaml", "--out", out, *resume)
        ended += signalled(work, number, 0.6 * seconds, chosen)
        if out.exists():
            assert [name for name in scratch(out) if "checkpoint" not in name] == []
            resume = ["--resume"] if (out / "recipe.yaml").exists() else []
    assert ended >= 3
    assert run("train", folder / "recipe.yaml", "--out", out, *resume)[0] == 0
    assert_same(load_file(out / "model.safetensors"), load_file(trained / "model.safetensors"))
    assert scratch(out) == []


def test_an_export_goes_on(trained, maps, corpus, tmp_path):
    words = ["export", trained, "--data", corpus, "--source-lang", "en", "--out"]
    _, _, seconds = run(*words, tmp_path / "once")
    out, chosen, ended = tmp_path / "maps", random.Random("export"), 0
    for number in numbers():
        ended += signalled(Work(verb, *words, out), number, seconds, chosen)
        assert not out.exists() or scratch(out) == []
    assert ended >= 1
    assert run(*words, out)[0] == 0
    assert contents(out) == contents(maps)
