"""Reading what a user names: `UserError` alone, whatever lies there."""

import json
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_attn_model.errors import UserError
from hf_attn_model.files import digest, read_json, reading, within

PROPERTY = settings(max_examples=50, deadline=None, derandomize=True)


def test_a_digest_is_that_of_sha256sum(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(251)) * 10_007)
    with path.open("rb") as file:
        size, found = digest(file)
    told = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout
    assert (size, found) == (path.stat().st_size, told.split()[0])


@PROPERTY
@given(content=st.binary(max_size=30) | st.recursive(st.text(), st.lists).map(lambda value: json.dumps(value).encode()))
def test_reading_json_raises_user_error_alone(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.json")
        path.write_bytes(content)
        try:
            value = read_json(path, "; write it again")
        except UserError as error:
            value, message = None, str(error)
            assert_one_line(message, f"{path} is damaged: ", "; write it again")
        assert value is None or value == json.loads(content)


def assert_one_line(message, begin, end):
    assert message.startswith(begin)
    assert message.endswith(end)
    assert "\n" not in message


def test_a_file_that_cannot_be_opened_is_told_with_the_reason(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*nowhere: No such file or directory; export again"):
        read_json(tmp_path / "nowhere", "; export again")
    with pytest.raises(UserError, match=r"cannot read .*: Is a directory$"):
        read_json(tmp_path)


def test_what_a_library_says_goes_with_the_name_and_what_it_does_not_say_too():
    for error, message in (
        (KeyError("a\nb"), "^it is damaged: it lacks a b$"),
        (MemoryError(), "^it is damaged: MemoryError$"),
    ):
        with pytest.raises(UserError, match=message), reading("it"):
            raise error
    with pytest.raises(UserError, match="as it is"), reading("it"):
        raise UserError("as it is")
    with pytest.raises(KeyboardInterrupt), reading("it"):
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["a.arrow", "data/a.arrow", "./a", "..a", "a..", "牛奶.arrow"])
def test_a_name_in_a_folder(tmp_path, name):
    (tmp_path / "data").mkdir()
    within(tmp_path, name).touch()
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../a", "data/../../a", "..", "", ".", "C:\\a", "C:a", "..\\a", "\\\\host\\a", "a\0", "a:b"]
)
def test_a_name_outside_of_it_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="names a file that does not lie in it"):
        within(tmp_path, name)


@PROPERTY
@given(name=st.text(alphabet="a./\\:\0 ", max_size=9))
def test_no_name_leads_outside(name):
    folder = Path("/some/folder")
    try:
        path = within(folder, name)
    except UserError:
        return
    assert path.resolve().is_relative_to(folder)
    assert path.resolve() != folder
