"""A test of a tool runs the blocks of docs/clients.md that name its file, and then looks at what they made."""

import sys
from pathlib import Path

import pytest
from docs.pages import ROOT, read_page


@pytest.fixture(scope="module")
def recipe(request, tmp_path_factory):
    """The variables of the recipe of a test file, after its blocks were run in a folder of their own."""
    tool = request.path.stem.removeprefix("test_")
    if Path(sys.prefix).name.replace("-", "_") != tool:
        pytest.skip("make test-clients runs it, in an environment of its own")
    place = str(request.path.relative_to(ROOT))
    variables = {"__name__": "__main__"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp(tool))
        for block in read_page(ROOT / "docs" / "clients.md"):
            if block.elsewhere == place:
                page, line = block.where.rsplit(":", 1)
                exec(compile("\n" * (int(line) - 1) + block.body, page, "exec"), variables)
        yield variables
