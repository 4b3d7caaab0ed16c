"""A wheel holds everything that the package opens at run time; the version stands in one place."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from processes import python

ROOT = Path(__file__).parent.parent
USE = """
import sys
import hf_attn_model
assert hf_attn_model.__file__.startswith(sys.argv[1]), hf_attn_model.__file__
assert hf_attn_model.__version__ == sys.argv[2], hf_attn_model.__version__
from hf_attn_model.textbook import load_textbook
from hf_attn_model.training.card import TEMPLATE
from hf_attn_model.training.metrics import load_translation_metric
from hf_attn_model.recipes import load_recipe
assert load_textbook("en-es", "test", size=1)[0]["translation"]["es"] == "La bola es azul"
assert load_recipe("textbook-en-zh").target_lang == "zh"
assert TEMPLATE.is_file()
assert load_translation_metric().compute(predictions=["a b c d"], references=["a b c d"])["bleu"] > 99
"""
VERSION = """
import sys
from importlib import metadata

def version(name, known=metadata.version):
    if name == "hf-attn-model" and sys.argv[1] == "a folder":
        raise metadata.PackageNotFoundError(name)
    return known(name)

metadata.version = version
import hf_attn_model
from hf_attn_model.training.provenance import versions
assert versions()["hf-attn-model"] == hf_attn_model.__version__
print(hf_attn_model.__version__)
"""


def declared_version():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


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
    elsewhere = {"PYTHONPATH": tmp_path / "installed", "HOME": tmp_path, "PATH": ""}
    done = python("-c", USE, tmp_path / "installed", declared_version(), cwd=tmp_path, env=elsewhere)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("place", ["an environment", "a folder"])
def test_the_version_is_that_of_the_installed_package_and_of_files_alone_unknown(place):
    done = python("-c", VERSION, place, cwd=ROOT)
    assert done.stdout.strip() == {"an environment": declared_version(), "a folder": "0+unknown"}[place], done.stderr


def test_the_version_stands_in_pyproject_alone():
    for name in ("hf_attn_model/__init__.py", "CITATION.cff"):
        assert declared_version() not in (ROOT / name).read_text("utf-8"), name
