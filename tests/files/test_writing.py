"""Files and folders that are whole or absent, whatever goes wrong on the way."""

import os
import re
import signal
import threading
from pathlib import Path

import pytest
import torch
from forks import begun, drop_rights, fork, largest_file, status_of
from matplotlib.figure import Figure
from PIL import Image
from safetensors.torch import save_file
from small_exports import make_translator

from hf_attn_model.errors import UserError
from hf_attn_model.files import (
    LOCK,
    UNFINISHED,
    check_writable,
    filling,
    new_folder,
    replacing,
    write_json,
    write_text,
    writing,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_gets_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "made" / "on the way" / "file.txt"
    with replacing(path) as unfinished:
        unfinished.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "half"
    assert path.read_text() == "new"
    assert names(path.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_after_an_exception_there_is_what_was_there(tmp_path, error):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def write_half():
        with replacing(path) as unfinished:
            unfinished.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_full_disk_is_told_with_what_to_do(tmp_path):
    path = tmp_path / "file.txt"
    write_text(path, "old")
    with (
        pytest.raises(UserError, match=r"cannot write .*file\.txt: No space left on device; choose another disk"),
        replacing(path, "; choose another disk"),
    ):
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"


def test_a_folder_that_cannot_be_is_told(tmp_path):
    write_text(tmp_path / "file", "")
    with pytest.raises(UserError, match=r"cannot write .*below"):
        write_text(tmp_path / "file" / "below", "")


def test_a_folder_gets_its_name_when_it_is_whole(tmp_path):
    def fill(error=None):
        with new_folder(tmp_path / "new") as unfinished:
            (unfinished / "file").touch()
            assert not list((tmp_path).glob("new/*"))
            if error is not None:
                raise error

    with pytest.raises(KeyboardInterrupt):
        fill(KeyboardInterrupt())
    with pytest.raises(UserError, match=r"cannot write .*new: No space left"):
        fill(OSError(28, "No space left on device"))
    assert names(tmp_path) == []
    (tmp_path / "new").mkdir()
    fill()
    assert names(tmp_path / "new") == ["file"]
    with pytest.raises(UserError, match=r"new is not empty: choose another"), new_folder(tmp_path / "new"):
        pytest.fail("told before any work")
    assert names(tmp_path) == ["new"]


def test_json_keeps_every_script(tmp_path):
    write_json(tmp_path / "file.json", {"牛奶": "leche"})
    assert (tmp_path / "file.json").read_bytes() == '{\n  "牛奶": "leche"\n}\n'.encode()


def test_what_killed_writers_left_is_removed(tmp_path):
    def die():
        with replacing(tmp_path / "file.txt") as unfinished:
            unfinished.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert status_of(fork(die)) == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith("file.txt.")
    assert left.endswith(UNFINISHED)
    others = tmp_path / f"file.txt.elsewhere-{2**22 + 1}-3{UNFINISHED}"  # of another host: who knows
    others.write_text("")
    write_text(tmp_path / "file.txt", "whole")
    assert names(tmp_path) == ["file.txt", others.name]


def test_a_folder_whose_maker_was_killed_can_be_made(tmp_path):
    def die():
        with new_folder(tmp_path / "new") as unfinished:
            (unfinished / "file").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    assert status_of(fork(die)) == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    with new_folder(tmp_path / "new") as unfinished:
        (unfinished / "file").write_text("whole")
    assert names(tmp_path) == ["new"]
    assert (tmp_path / "new" / "file").read_text() == "whole"


def test_a_folder_has_one_maker(tmp_path):
    def make(wait):
        with new_folder(tmp_path / "new"):
            wait()

    with begun(make) as maker:
        assert LOCK in names(tmp_path)[0]
        message = f"new is being written to by process {maker} on "
        with pytest.raises(UserError, match=message), new_folder(tmp_path / "new"):
            pass
    assert names(tmp_path) == ["new"]


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_left_alone(tmp_path, kind):
    path = tmp_path / "it"
    make = {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "device": lambda: path.symlink_to(os.devnull)}
    make[kind]()
    before = path.lstat()
    refused = pytest.raises(UserError, match=r"cannot write .*it: it is no file; choose another")
    with refused, replacing(path, "; choose another"):
        pytest.fail("told before any work")
    assert path.lstat() == before
    assert not Path(os.devnull).is_file()


def test_what_could_not_be_written_is_told_before_long_work(open_path):
    (open_path / "closed").mkdir(mode=0o555)
    (open_path / "file").write_text("old")

    def look():
        drop_rights()
        with pytest.raises(UserError, match=r"cannot write .*closed/new: Permission denied"):
            check_writable(open_path / "closed" / "new")

    assert status_of(fork(look)) == 0
    with pytest.raises(UserError, match=r"cannot write .*closed: it is no file"):
        check_writable(open_path / "closed")
    for name in ("file", "new", "made/on/the/way"):
        check_writable(open_path / name)
    assert names(open_path) == ["closed", "file"]
    assert (open_path / "file").read_text() == "old"


def test_files_move_into_a_folder_each_whole(tmp_path):
    folder = tmp_path / "model"

    def fill(text, error=None):
        with filling(folder) as unfinished:
            (unfinished / "config").write_text(text)
            (unfinished / "weights").write_text(text)
            assert any(name.endswith(UNFINISHED) for name in names(folder))
            if error is not None:
                raise error

    fill("old")
    (folder / "log").write_text("of a training")
    for error in (KeyboardInterrupt(), UserError("too long")):
        with pytest.raises(type(error)):
            fill("half", error)
    assert [(folder / name).read_text() for name in names(folder)] == ["old", "of a training", "old"]
    fill("new")
    assert [(folder / name).read_text() for name in names(folder)] == ["new", "of a training", "new"]


def test_behind_a_link_lies_what_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link.txt").symlink_to("there/file.txt")
    for text in ("old", "new"):
        write_text(tmp_path / "link.txt", text)
        assert (tmp_path / "there" / "file.txt").read_text() == text
    assert (tmp_path / "link.txt").is_symlink()
    assert names(tmp_path / "there") == ["file.txt"]
    (tmp_path / "link").symlink_to("there/folder")
    with new_folder(tmp_path / "link") as unfinished:
        (unfinished / "file").touch()
    assert names(tmp_path / "there" / "folder") == ["file"]


def test_here_is_a_folder_too(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with new_folder("") as unfinished:
        (unfinished / "file").touch()
    assert names(tmp_path) == ["here"]
    assert names(tmp_path / "here") == ["file"]


NUMBERS = torch.arange(10_007)


def figure():
    figure = Figure()
    figure.text(0.5, 0.5, "".join(map(chr, range(33, 127))))
    return figure


WRITERS = {  # libraries that write our files, each with errors of its own
    "Python": (lambda path: path.write_bytes(bytes(40_009)), "File too large"),
    "safetensors": (lambda path: save_file({"numbers": NUMBERS}, path), "File too large"),
    "tokenizers": (lambda path: make_translator()[1].save_pretrained(path.parent), "File too large"),
    "torch": (lambda path: torch.save(NUMBERS, path), "its end cannot be written; is the disk full?"),
    "matplotlib": (lambda path: figure().savefig(path, format="pdf"), "File too large"),
    "pillow": (lambda path: Image.effect_noise((211, 223), 97).save(path, "PNG"), "File too large"),
}


@pytest.mark.parametrize("library", WRITERS)
def test_a_full_disk_is_one_line_whichever_library_meets_it(tmp_path, library):
    write, why = WRITERS[library]
    write_text(tmp_path / "file", "old")

    def fill_disk():
        with (
            largest_file(3001),
            pytest.raises(UserError, match=rf"cannot write .*file: {re.escape(why)}; make room$") as caught,
            replacing(tmp_path / "file", "; make room") as unfinished,
        ):
            write(unfinished)
        assert "\n" not in str(caught.value)

    fill_disk()
    assert (tmp_path / "file").read_text() == "old"
    with replacing(tmp_path / "file") as unfinished:  # with room all is well
        unfinished.touch()
        write(unfinished)


def test_what_has_nothing_to_do_with_writing_is_raised_as_it_is():
    for error in (RuntimeError("shapes differ"), UserError("(os error 28)"), KeyError("no")):
        with pytest.raises(type(error)) as caught, writing("file"):
            raise error
        assert caught.value is error


def test_a_reader_beside_the_writer_sees_one_text_or_the_other(tmp_path):
    path, texts = tmp_path / "file.txt", [letter * 100_003 for letter in "ab"]
    write_text(path, texts[0])

    writer = fork(lambda: [write_text(path, text) for _ in range(40) for text in texts])
    seen = set()
    while not os.waitpid(writer, os.WNOHANG)[0]:
        content = path.read_text()
        assert content in texts
        seen.add(content[0])
    assert seen == {"a", "b"}


def test_threads_do_not_mix_what_they_write(tmp_path):
    path, texts = tmp_path / "file.txt", [letter * 100_003 for letter in "abcde"]
    threads = [threading.Thread(target=write_text, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert names(tmp_path) == ["file.txt"]
