"""A wheel holds everything that the package opens at run time."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
USE = """
import sys
import hf_attn_model
assert hf_attn_model.__file__.startswith(sys.argv[1]), hf_attn_model.__file__
from hf_attn_model.textbook import load_textbook
from hf_attn_model.training.card import TEMPLATE
from hf_attn_model.training.metrics import load_translation_metric
from hf_attn_model.recipes import load_recipe
assert load_textbook("en-es", "test", size=1)[0]["translation"]["es"] == "La bola es azul"
assert load_recipe("textbook-en-zh").target_lang == "zh"
assert TEMPLATE.is_file()
assert load_translation_metric().compute(predictions=["a b c d"], references=["a b c d"])["bleu"] > 99
"""


def test_the_wheel_holds_every_file_of_the_package(tmp_path):
    project = tmp_path / "project"  # a copy: building leaves files behind
    shutil.copytree(ROOT / "hf_attn_model", project / "hf_attn_model", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    files = {str(path.relative_to(project)) for path in (project / "hf_attn_model").rglob("*") if path.is_file()}

    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", "."]
    done = subprocess.run([*command, str(project)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("hf_attn_model/")}
    assert packed == files
    kinds = {".py", ".typed", ".yaml", ".tsv", ".md", ".html", ".css", ".js", ".json", ".safetensors"}
    assert {Path(name).suffix for name in packed} == kinds

    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    elsewhere = {"PYTHONPATH": str(tmp_path / "installed"), "HF_HUB_OFFLINE": "1", "HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path / "installed")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=elsewhere,
    )
    assert done.returncode == 0, done.stderr
