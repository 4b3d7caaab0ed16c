"""Folders that one process at a time holds, whatever ended the one before, and on whatever file system."""

import errno
import json
import os
import signal
import socket
import tempfile
from pathlib import Path

import pytest
from forks import begun, drop_rights, fork, largest_file, status_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_attn_model.errors import UserError
from hf_attn_model.files import LOCK, UNFINISHED, holds_something, locked, processes

NO_LINKS = [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS]  # FAT; SMB, FUSE; some of them


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def hold(folder, wait):
    with locked(folder):
        wait()


def holder_of(folder):
    return json.loads((folder / LOCK).read_text())


@pytest.fixture(params=["links", *map(os.strerror, NO_LINKS)])
def links(request, monkeypatch):
    """File systems with hard links, and without."""

    def refuse(*_):
        raise OSError(next(number for number in NO_LINKS if os.strerror(number) == request.param), request.param)

    if request.param != "links":
        monkeypatch.setattr(os, "link", refuse)


def test_a_folder_that_another_process_holds(tmp_path, links):
    with begun(hold, tmp_path / "held") as process:
        assert names(tmp_path / "held") == [LOCK]
        message = rf"held is being written to by process {process} on {socket.gethostname()}\S*: wait for it"
        with pytest.raises(UserError, match=message), locked(tmp_path / "held"):
            pass
        assert holder_of(tmp_path / "held")["process"] == process
    with locked(tmp_path / "held"):
        assert holder_of(tmp_path / "held")["process"] == os.getpid()
    assert names(tmp_path) == []


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, links):
    with begun(hold, tmp_path / "held") as process:
        os.kill(process, signal.SIGKILL)
        os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)  # it stays a zombie
        with locked(tmp_path / "held"):
            (tmp_path / "held" / "file").touch()
    assert names(tmp_path / "held") == ["file"]


def test_of_many_at_once_one_holds_it(tmp_path, links):
    (tmp_path / "held").mkdir()
    stale = {"host": processes.host_name(), "process": os.getpid(), "started": "of an earlier boot"}
    (tmp_path / "held" / LOCK).write_text(json.dumps(stale))

    def try_to_hold(number):
        with locked(tmp_path / "held"):
            (tmp_path / f"held by {number}").touch()
            os.kill(os.getpid(), signal.SIGSTOP)

    tries = [fork(try_to_hold, number) for number in range(5)]
    states = [os.waitpid(process, os.WUNTRACED)[1] for process in tries]
    assert [os.WIFSTOPPED(state) for state in states].count(True) == 1
    assert len([name for name in names(tmp_path) if name.startswith("held by")]) == 1
    (holder,) = (process for process, state in zip(tries, states, strict=True) if os.WIFSTOPPED(state))
    os.kill(holder, signal.SIGCONT)
    assert status_of(holder) == 0
    assert names(tmp_path / "held") == []


@pytest.mark.parametrize("start", [11.5, None, "17 ticks after boot 5d1c"])
def test_a_number_that_another_process_got_meanwhile_or_after_a_reboot_is_no_holder(tmp_path, start):
    (tmp_path / LOCK).write_text(json.dumps({"host": processes.host_name(), "process": os.getpid(), "started": start}))
    with locked(tmp_path):
        assert holder_of(tmp_path)["started"] == processes.start_of(os.getpid()) != start
    assert names(tmp_path) == []


def test_setting_the_clock_breaks_no_lock(tmp_path, monkeypatch):
    with begun(hold, tmp_path):
        monkeypatch.setattr("psutil.boot_time", lambda: 11.5)
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda: 11.5)
        with pytest.raises(UserError, match="is being written to"), locked(tmp_path):
            pass


def test_a_process_that_is_hidden_still_holds(tmp_path, monkeypatch):
    """As /proc can be mounted where many users work: a process of another one cannot be seen, nor signalled."""

    def refuse(process, number):
        raise PermissionError

    with begun(hold, tmp_path), monkeypatch.context() as patch:
        patch.setattr("hf_attn_model.files.processes.psutil.Process", lambda _: (_ for _ in ()).throw(OSError))
        patch.setattr(os, "kill", refuse)
        with pytest.raises(UserError, match="is being written to"), locked(tmp_path):
            pass


@pytest.mark.parametrize("host", ["elsewhere", f"{socket.gethostname()}+4026532501"], ids=["host", "container"])
def test_the_lock_of_another_host_is_never_broken(tmp_path, host):
    text = json.dumps({"host": host, "process": 7, "started": "11"})
    (tmp_path / LOCK).write_text(text)
    message = f"process 7 on {host}: wait for it, or choose another folder; if it is no more, remove {tmp_path}/{LOCK}"
    with pytest.raises(UserError) as caught, locked(tmp_path):
        pass
    assert message in str(caught.value)
    assert (tmp_path / LOCK).read_text() == text


def test_a_container_is_another_host(monkeypatch, tmp_path):
    outside = processes.host_name()
    (tmp_path / "pid").touch()
    monkeypatch.setattr(processes, "PROCESSES", tmp_path / "pid")
    assert processes.host_name() == f"{socket.gethostname()}+{(tmp_path / 'pid').stat().st_ino}" != outside


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
HOLDERS = st.fixed_dictionaries({"host": st.just(processes.host_name()) | JSON, "process": JSON, "started": JSON})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(content=st.binary(max_size=20) | (JSON | HOLDERS).map(lambda value: json.dumps(value).encode()))
def test_whatever_lies_there_is_refused_in_one_line_or_known_to_be_stale(content):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, LOCK).write_bytes(content)
        try:
            with locked(folder):
                assert json.loads(content)["host"] == processes.host_name()
        except UserError as error:
            message = str(error)
            assert Path(folder, LOCK).read_bytes() == content
        else:
            message = ""
        assert "\n" not in message


@pytest.mark.parametrize("kind", ["empty", "deep", "folder", "dangling link"])
def test_what_is_no_lock_is_left_alone(tmp_path, kind):
    lock = tmp_path / LOCK
    if kind == "folder":
        lock.mkdir()
    elif kind == "dangling link":
        lock.symlink_to("nowhere")
    else:
        lock.write_text({"empty": "", "deep": "[" * 100_000}[kind])
    with pytest.raises(UserError), locked(tmp_path):
        pass
    assert names(tmp_path) == [LOCK]


def test_a_folder_that_cannot_be_written_to(open_path):
    (open_path / "closed").mkdir(mode=0o555)

    def try_to_hold():
        drop_rights()
        refused = pytest.raises(UserError, match=r"cannot write to .*closed: Permission denied; choose another")
        with refused, locked(open_path / "closed"):
            pass

    assert status_of(fork(try_to_hold)) == 0
    assert names(open_path / "closed") == []


def test_a_folder_that_became_read_only_keeps_the_lock_which_is_stale_then(open_path):
    held = open_path / "held"
    held.mkdir()

    def lose_rights():
        with locked(held):
            held.chmod(0o555)
            drop_rights()

    assert status_of(fork(lose_rights)) == 0
    assert names(held) == [LOCK]
    held.chmod(0o755)
    with locked(held):
        pass
    assert names(held) == []


def test_a_full_disk_leaves_no_lock(tmp_path, links):
    def try_to_hold():
        with (
            largest_file(7),
            pytest.raises(UserError, match=r"cannot write to .*: File too large; choose another folder"),
            locked(tmp_path / "held"),
        ):
            pass

    assert status_of(fork(try_to_hold)) == 0
    assert names(tmp_path) == []


def test_a_lock_that_is_another_process_s_by_now_stays(tmp_path):
    with locked(tmp_path):
        (tmp_path / LOCK).write_text("of whom it was given to by hand")
    assert names(tmp_path) == [LOCK]


def test_nothing_is_left_where_nothing_was_written(tmp_path):
    with locked(tmp_path / "new" / "folder"):
        pass
    assert names(tmp_path / "new") == []


def test_a_lock_and_what_is_unfinished_are_nothing(tmp_path):
    (tmp_path / f"recipe.yaml.host-7-11{UNFINISHED}").touch()
    with locked(tmp_path):
        assert not holds_something(tmp_path)
        (tmp_path / "file").touch()
        assert holds_something(tmp_path)
