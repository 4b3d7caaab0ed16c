"""The programs of docs/training-parts.md run, one after the other, as a reader pastes them."""

import re
from pathlib import Path

import hf_attn_model
from hf_attn_model import training

PAGE = Path(hf_attn_model.__file__).parents[1] / "docs" / "training-parts.md"
FENCED = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_program_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    page = PAGE.read_text("utf-8")
    variables = {"__name__": "training_parts"}
    for block in FENCED.finditer(page):
        line = page.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(PAGE), "exec"), variables)
    names = {path.name for path in variables["runs"].iterdir()}
    assert {"batches", "smoothed", "ema", "averaged", "mean", "watched", "scored", "hiding", "whole"} <= names
    printed = capsys.readouterr().out
    assert "eval_bleu" in printed
    assert "tok:13a" in printed


def test_every_public_part_is_named():
    page = PAGE.read_text("utf-8")
    assert [name for name in training.__all__ if name not in page] == []
