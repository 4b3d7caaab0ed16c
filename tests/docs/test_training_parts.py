"""docs/training-parts.md names every public part of the training; `test_commands` runs its programs."""

from docs.pages import ROOT

from hf_attn_model import training


def test_every_public_part_is_named():
    page = (ROOT / "docs" / "training-parts.md").read_text(encoding="utf-8")
    assert [name for name in training.__all__ if name not in page] == []
