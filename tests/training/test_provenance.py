"""Commands are written down as they can be typed again, without a path of this machine."""

from pathlib import Path

import pytest

import hf_attn_model
from hf_attn_model.training import provenance

MODULE = str(Path(hf_attn_model.__file__).parent / "cli" / "__main__.py")


@pytest.mark.parametrize(
    ("program", "processes", "expected"),
    [
        ("/some/where/bin/hf-attn", 1, "hf-attn train 'a recipe' --out x"),
        ("/some/where/bin/hf-attn", 3, "torchrun --nproc_per_node 3 -m hf_attn_model.cli train 'a recipe' --out x"),
        (
            MODULE,
            2,
            "torchrun --nproc_per_node 2 -m hf_attn_model.cli train 'a recipe' --out x",
        ),
        (MODULE, 1, "python -m hf_attn_model.cli train 'a recipe' --out x"),
        ("scripts/reproduce.py", 1, "python scripts/reproduce.py train 'a recipe' --out x"),
        ("/else/where/script.py", 1, "python script.py train 'a recipe' --out x"),
    ],
)
def test_a_command_can_be_typed_again(program, processes, expected, monkeypatch):
    monkeypatch.setattr("sys.argv", [program, "train", "a recipe", "--out", "x"])
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    assert provenance.command() == expected


def test_a_command_is_written_down_without_its_secrets(monkeypatch):
    monkeypatch.setattr(
        "sys.argv", ["train.py", "--hub-token", "abc", "max_tokens=3", "token=abc", "https://a:abc@b/c"]
    )
    assert "abc" not in provenance.command()
    assert "max_tokens=3" in provenance.command()
