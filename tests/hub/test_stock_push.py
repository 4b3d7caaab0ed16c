"""The stock ways to the Hub carry code, configuration, tokenizer and card, and load where the package is not."""

import json
from pathlib import Path

import pytest
from processes import python

from hf_attn_model import load_translator, translate
from hf_attn_model.checkpoint.checkpoint import TEXTBOOK_FOLDER

SENTENCES = ["The ball is blue.", "I love my dog."]
FILES = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "modeling_attn.py",
    "tokenizer.json",
    "README.md",
}
WITHOUT_PACKAGE = """
import json, sys
sys.modules["hf_attn_model"] = None  # importing it fails
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
repo, sentences = sys.argv[1], json.loads(sys.argv[2])
tokenizer = AutoTokenizer.from_pretrained(repo, trust_remote_code=True)
model = AutoModelForSeq2SeqLM.from_pretrained(repo, trust_remote_code=True)
ids = [model.generate(**tokenizer(sentence, return_tensors="pt"), num_beams=2)[0] for sentence in sentences]
print(json.dumps([tokenizer.decode(each, skip_special_tokens=True) for each in ids]))
"""


def push_by_hand(checkpoint, repo):
    return f"""
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
model = AutoModelForSeq2SeqLM.from_pretrained({str(checkpoint)!r})
model.push_to_hub({repo!r})
AutoTokenizer.from_pretrained({str(checkpoint)!r}).push_to_hub({repo!r})
"""


def push_by_trainer(checkpoint, repo):
    return f"""
import tempfile
from transformers import (AutoModelForSeq2SeqLM, AutoTokenizer, DataCollatorForSeq2Seq, Seq2SeqTrainer,
    Seq2SeqTrainingArguments)
model = AutoModelForSeq2SeqLM.from_pretrained({str(checkpoint)!r})
tokenizer = AutoTokenizer.from_pretrained({str(checkpoint)!r})
rows = [dict(tokenizer(text), labels=tokenizer(text_target="La bola")["input_ids"]) for text in {SENTENCES!r}]
arguments = Seq2SeqTrainingArguments(tempfile.mkdtemp(), push_to_hub=True, hub_model_id={repo!r}, max_steps=2,
    save_steps=1, learning_rate=0.0, use_cpu=True, report_to=[], disable_tqdm=True)
trainer = Seq2SeqTrainer(model, arguments, DataCollatorForSeq2Seq(tokenizer, model), rows, processing_class=tokenizer)
trainer.train()
trainer.push_to_hub(blocking=True)
"""


@pytest.mark.parametrize("way", [push_by_hand, pytest.param(push_by_trainer, marks=pytest.mark.slow)])
def test_what_was_pushed_loads_without_the_package(way, hub, client):
    repo = f"alice/{way.__name__.replace('_', '-')}"
    client.python(way(TEXTBOOK_FOLDER, repo))
    files = hub.repositories["models", repo].commits[hub.repositories["models", repo].head]
    assert files.keys() >= FILES - ({"README.md"} if way is push_by_hand else set()), files.keys()
    done = python("-c", WITHOUT_PACKAGE, repo, json.dumps(SENTENCES))
    assert done.returncode == 0, done.stderr
    model, tokenizer = load_translator("textbook")
    assert json.loads(done.stdout.splitlines()[-1]) == [
        translate(model, tokenizer, [each], num_beams=2)[0] for each in SENTENCES
    ]
    assert not [name for name in files if Path(name).is_absolute()]
