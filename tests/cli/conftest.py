"""How the tests of the command line type, and copies of the translator that they may write into."""

import json
import shutil

import pytest

from hf_attn_model.cli import main


@pytest.fixture
def hf_attn(capsys):
    """Run `hf-attn`; returns the exit status, standard output and standard error."""

    def run(*typed):
        capsys.readouterr()
        status = main([str(word) for word in typed])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def refused(hf_attn):
    """Run `hf-attn`, which must refuse; returns its last line, the only one that it begins."""

    def run(*typed):
        status, _, error = hf_attn(*typed)
        assert status == 2
        last = error.splitlines()[-1]
        assert last.startswith("hf-attn: "), error
        assert error.count("hf-attn: ") == 1
        assert "Traceback" not in error
        return last

    return run


@pytest.fixture
def translator(translator_folder, tmp_path):
    """A copy of the translator, to write into."""
    shutil.copytree(translator_folder, tmp_path / "translator", ignore=shutil.ignore_patterns("checkpoint-*"))
    return tmp_path / "translator"


@pytest.fixture(scope="session")
def gold(corpus, tmp_path_factory):
    """The dev split of the counting corpus, whose words stand in the opposite order."""
    rows = [json.loads(line) for line in (corpus / "dev.jsonl").read_text("utf-8").splitlines()]
    gold = [
        {"source": row["en"].split(), "target": row["de"].split(), "sure": [[0, 2], [1, 1], [2, 0]]} for row in rows
    ]
    path = tmp_path_factory.mktemp("gold") / "gold.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in gold), encoding="utf-8")
    return path
