"""A checkpoint carries its code: it loads where the package is not installed."""

import json
import re
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch
import transformers
from packaging.requirements import Requirement
from processes import python
from small_models import make_model

import hf_attn_model.model
from hf_attn_model.text.tokenizer import train_tokenizer

HIDDEN = """
import sys
sys.modules["hf_attn_model"] = None  # importing it fails, as where it is not installed
from transformers import dynamic_module_utils
dynamic_module_utils.HF_MODULES_CACHE = sys.argv[2] + ".modules"  # there are no modules of checkpoints yet
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM, AutoTokenizer

folder, again = sys.argv[1:3]
model = AutoModelForSeq2SeqLM.from_pretrained(folder, trust_remote_code=True)
source, target = torch.arange(2, 9)[None], torch.arange(3, 8)[None]
logits = model(source, decoder_input_ids=target).logits
torch.save(logits, again + ".pt")
base = AutoModel.from_pretrained(folder, trust_remote_code=True)
assert type(base).__name__ == "AttnModel", type(base)
assert AutoConfig.from_pretrained(folder, trust_remote_code=True).model_type == "hf_attn"
model.save_pretrained(again)
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
assert tokenizer.decode(tokenizer("a b")["input_ids"], skip_special_tokens=True) == "a b"
tokenizer.save_pretrained(again)
"""
OLD = """
import sys
import transformers
transformers.__version__ = "4.57.6"
transformers.AutoModelForSeq2SeqLM.from_pretrained(sys.argv[1], trust_remote_code=True)
"""
CODE = Path(hf_attn_model.model.__file__).parent


def run_hidden(folder, again):
    done = python("-c", HIDDEN, folder, again)
    assert done.returncode == 0, done.stderr
    return torch.load(f"{again}.pt")


@pytest.mark.parametrize("tied", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_loads_and_saves_again_in_a_process_without_the_package(tmp_path, tied):
    model = make_model(tie_word_embeddings=tied)
    model.save_pretrained(tmp_path / "first")
    train_tokenizer(["a b"], 300).save_pretrained(tmp_path / "first")
    expected = model(torch.arange(2, 9)[None], decoder_input_ids=torch.arange(3, 8)[None]).logits

    once = run_hidden(tmp_path / "first", tmp_path / "second")
    twice = run_hidden(tmp_path / "second", tmp_path / "third")
    for logits in (once, twice):
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)
    code = {path.name for path in CODE.glob("*.py")} - {"__init__.py"}
    for folder in ("first", "second", "third"):
        assert {path.name for path in (tmp_path / folder).glob("*.py")} == code
        config = json.loads((tmp_path / folder / "config.json").read_text())
        assert config["auto_map"] == {
            "AutoConfig": "configuration_attn.AttnConfig",
            "AutoModel": "modeling_attn.AttnModel",
            "AutoModelForSeq2SeqLM": "modeling_attn.AttnForConditionalGeneration",
        }
        assert config["custom_pipelines"]["translation"]["impl"] == "pipeline_translation.TranslationPipeline"


def load_configuration():
    """Run the file that a checkpoint loads first."""
    spec = spec_from_file_location("configuration_of_a_checkpoint", CODE / "configuration_attn.py")
    spec.loader.exec_module(module_from_spec(spec))


@pytest.mark.parametrize("version", ["4.57.6", "5.22.9", "6.0.0.dev0", "6.0.0", "10.1"])
def test_under_another_transformers_its_code_says_which_it_needs(version, monkeypatch):
    monkeypatch.setattr(transformers, "__version__", version)
    with pytest.raises(ImportError) as refused:
        load_configuration()
    assert "\n" not in str(refused.value)
    assert f"this is transformers {version}: pip install 'transformers>=" in str(refused.value)


@pytest.mark.parametrize("version", ["5.23.0", "5.23.0.dev0", "5.100.1"])
def test_under_its_own_transformers_the_code_runs(version, monkeypatch):
    monkeypatch.setattr(transformers, "__version__", version)
    load_configuration()


def test_code_and_package_need_the_same_transformers(monkeypatch):
    monkeypatch.setattr(transformers, "__version__", "0.0")
    with pytest.raises(ImportError) as refused:
        load_configuration()
    named = Requirement(re.search("'(transformers.*?)'", str(refused.value))[1])
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    assert named in [Requirement(text) for text in project["dependencies"]]


def test_a_checkpoint_that_meets_an_old_transformers_ends_with_that_line(tmp_path):
    make_model().save_pretrained(tmp_path / "checkpoint")
    done = python("-c", OLD, tmp_path / "checkpoint")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "ImportError: the code of hf_attn models needs transformers>=5.23,<6"
    )
