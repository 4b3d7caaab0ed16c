"""docs/clients.md, tests/clients/clients.txt and the tests of tests/clients name the same tools."""

import re

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
    assert shown == {requirement.replace("-", "") for requirement in tools.values()}


def test_every_recipe_is_a_program():
    for block in read_page(PAGE):
        compile(block.body, block.where, "exec")


def test_an_unknown_tool_is_refused(capsys):
    assert main(["bertvis"]) == 2
    assert "no tool is called bertvis; there are bertviz, inseq" in capsys.readouterr().err
