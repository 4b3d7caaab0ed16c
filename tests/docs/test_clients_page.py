"""docs/clients.md, tests/clients/clients.txt and the tests of tests/clients name the same tools."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs.pages import ROOT, read_page
from run_clients import TESTS, main, read_clients

PAGE = ROOT / "docs" / "clients.md"


def test_every_tool_has_its_recipe_its_version_and_its_test():
    tools = read_clients()
    tests = {name: f"tests/clients/test_{name.replace('-', '_')}.py" for name in tools}
    assert {block.elsewhere for block in read_page(PAGE)} == set(tests.values())
    assert {str(path.relative_to(ROOT)) for path in TESTS.glob("test_*.py")} == set(tests.values())
    rows = re.findall(r"^\| \[(.*?)\]\(#.*?\) \| (\S+) \|", PAGE.read_text(encoding="utf-8"), re.M)
    shown = {f"{name.lower()}=={version}" for name, version in rows}
    assert shown == {requirement.split()[0].replace("-", "") for requirement in tools.values()}


def test_every_recipe_is_a_program():
    for block in read_page(PAGE):
        compile(block.body, block.where, "exec")


def test_an_unknown_tool_is_refused(capsys):
    assert main(["bertvis"]) == 2
    assert "no tool is called bertvis; there are bertviz, inseq" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("why_not", "failures", "status", "told"),
    [
        (None, 0, 0, "1 passed, 0 failed, 0 skipped"),
        (None, 1, 1, "0 passed, 1 failed, 0 skipped"),
        ("ERROR: it needs transformers<5", 0, 0, "0 passed, 0 failed, 1 skipped"),
    ],
)
def test_what_cannot_be_installed_is_skipped_aloud_and_what_fails_fails(
    monkeypatch, capfd, why_not, failures, status, told
):
    monkeypatch.setattr("run_clients.make_environment", lambda *_: (Path(sys.executable), why_not))
    monkeypatch.setattr("subprocess.run", lambda command, cwd: subprocess.CompletedProcess(command, failures))
    assert main(["captum"]) == status
    printed = capfd.readouterr().out
    assert told in printed
    assert why_not is None or why_not in printed
