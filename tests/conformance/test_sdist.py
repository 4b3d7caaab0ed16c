"""The tests of transformers come out of a source distribution, or a reason comes out why they do not."""

import io
import os
import tarfile

import pytest
import transformers
from conformance.sdist import Unavailable, obtain_tests

VERSION = transformers.__version__
PROJECT = f"""
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "transformers"
version = "{VERSION}"
[tool.setuptools]
packages = []
"""


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An empty folder, the only place where pip looks for packages, and a cache that is empty too."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "one run")
    return folder


def publish(index, files):
    """Put a source distribution with these files into the folder."""
    with tarfile.open(index / f"transformers-{VERSION}.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"transformers-{VERSION}/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def test_tests_are_fetched_once(index):
    publish(index, {"pyproject.toml": PROJECT, "src/a.py": "", "tests/test_a.py": "A = 5", "tests/sub/test_b.py": ""})
    tests = obtain_tests()
    files = {str(path.relative_to(tests)) for path in tests.rglob("*.py")}
    assert files == {"__init__.py", "test_a.py", "sub/test_b.py"}
    assert (tests / "test_a.py").read_text() == "A = 5"
    (index / f"transformers-{VERSION}.tar.gz").unlink()
    assert obtain_tests() == tests


def test_workers_of_one_run_get_the_same_answer(index, monkeypatch):
    with pytest.raises(Unavailable, match="pip download failed: ERROR: No matching distribution"):
        obtain_tests()
    publish(index, {"pyproject.toml": PROJECT, "tests/test_a.py": ""})
    with pytest.raises(Unavailable, match="pip download failed: ERROR: No matching distribution"):
        obtain_tests()
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "another run")
    assert (obtain_tests() / "test_a.py").is_file()


def test_a_source_distribution_without_tests_is_no_use(index):
    publish(index, {"pyproject.toml": PROJECT})
    with pytest.raises(Unavailable, match="carries no tests"):
        obtain_tests()


def test_a_cache_that_cannot_be_written_is_named(tmp_path, index, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(Unavailable, match="the cache cannot be used"):
        obtain_tests()
