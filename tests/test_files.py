"""Files that are whole or absent, and folders that one process holds."""

import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.files import LOCK, UNFINISHED, digest, locked, replacing, write_json, write_text


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


def test_json_keeps_every_script(tmp_path):
    write_json(tmp_path / "file.json", {"牛奶": "leche"})
    assert (tmp_path / "file.json").read_bytes() == '{\n  "牛奶": "leche"\n}\n'.encode()


def test_what_killed_writers_left_is_removed(tmp_path):
    script = "import os, sys\nfrom hf_attn_model.files import replacing\nwith replacing(sys.argv[1]) as unfinished:\n"
    killed = [sys.executable, "-c", f"{script}    unfinished.write_text('half')\n    os.kill(os.getpid(), 9)"]
    assert subprocess.run([*killed, str(tmp_path / "file.txt")], check=False).returncode == -9
    (left,) = names(tmp_path)
    assert left.startswith("file.txt.")
    assert left.endswith(UNFINISHED)
    others = tmp_path / f"file.txt.elsewhere-{2**22 + 1}-3{UNFINISHED}"  # of another host: who knows
    others.write_text("")
    write_text(tmp_path / "file.txt", "whole")
    assert names(tmp_path) == ["file.txt", others.name]


def test_threads_do_not_mix_what_they_write(tmp_path):
    path, texts = tmp_path / "file.txt", [letter * 100_003 for letter in "abcde"]
    threads = [threading.Thread(target=write_text, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert names(tmp_path) == ["file.txt"]


def test_a_digest_is_that_of_sha256sum(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(251)) * 10_007)
    with path.open("rb") as file:
        size, found = digest(file)
    told = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout
    assert (size, found) == (path.stat().st_size, told.split()[0])


HOLD = """
import sys
from hf_attn_model.files import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder until its input is closed; the test may kill it."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "held")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_folder_that_another_process_holds(tmp_path, holder):
    message = f"held is being written to by process {holder.pid} on {socket.gethostname()}"
    with pytest.raises(UserError, match=message), locked(tmp_path / "held"):
        pass
    holder.communicate()
    with locked(tmp_path / "held"):
        assert json.loads((tmp_path / "held" / LOCK).read_text())["process"] == os.getpid()


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert names(tmp_path / "held") == [LOCK]
    with locked(tmp_path / "held"):
        (tmp_path / "held" / "file").touch()
    assert names(tmp_path / "held") == ["file"]


@pytest.mark.parametrize(
    ("holder", "message"),
    [
        ({"host": "elsewhere", "process": 7, "started": 11.5}, "process 7 on elsewhere: .* if it is no more, remove"),
        ({"host": 7}, "is no lock of this program"),
        (None, "is no lock of this program"),
    ],
)
def test_other_locks_are_never_broken(tmp_path, holder, message):
    text = json.dumps(holder)
    (tmp_path / LOCK).write_text(text)
    with pytest.raises(UserError, match=message), locked(tmp_path):
        pass
    assert (tmp_path / LOCK).read_text() == text


def test_a_number_that_another_process_got_meanwhile_is_no_holder(tmp_path):
    stale = {"host": socket.gethostname(), "process": os.getpid(), "started": 11.5}
    (tmp_path / LOCK).write_text(json.dumps(stale))
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["started"] > 11.5


def test_nothing_is_left_where_nothing_was_written(tmp_path):
    with locked(tmp_path / "new" / "folder"):
        pass
    assert names(tmp_path / "new") == []
