"""A checkpoint carries its code: it loads where the package is not installed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_models import make_model

import hf_attn_model.model
from hf_attn_model.text.tokenizer import train_tokenizer

HIDDEN = """
import sys
sys.modules["hf_attn_model"] = None  # importing it fails, as where it is not installed
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


def run_hidden(folder, again, modules):
    environment = {"HF_MODULES_CACHE": str(modules), "HF_HUB_OFFLINE": "1", "PATH": "", "HOME": str(modules)}
    done = subprocess.run(
        [sys.executable, "-c", HIDDEN, str(folder), str(again)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return torch.load(f"{again}.pt")


@pytest.mark.parametrize("tied", [True, False])
def test_loads_and_saves_again_in_a_process_without_the_package(tmp_path, tied):
    model = make_model(tie_word_embeddings=tied)
    model.save_pretrained(tmp_path / "first")
    train_tokenizer(["a b"], 300).save_pretrained(tmp_path / "first")
    expected = model(torch.arange(2, 9)[None], decoder_input_ids=torch.arange(3, 8)[None]).logits

    once = run_hidden(tmp_path / "first", tmp_path / "second", tmp_path / "cache")
    twice = run_hidden(tmp_path / "second", tmp_path / "third", tmp_path / "another_cache")
    for logits in (once, twice):
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)
    code = {path.name for path in Path(hf_attn_model.model.__file__).parent.glob("*.py")} - {"__init__.py"}
    for folder in ("first", "second", "third"):
        assert {path.name for path in (tmp_path / folder).glob("*.py")} == code
        config = json.loads((tmp_path / folder / "config.json").read_text())
        assert config["auto_map"] == {
            "AutoConfig": "configuration_attn.AttnConfig",
            "AutoModel": "modeling_attn.AttnModel",
            "AutoModelForSeq2SeqLM": "modeling_attn.AttnForConditionalGeneration",
        }
        assert config["custom_pipelines"]["translation"]["impl"] == "pipeline_translation.TranslationPipeline"
