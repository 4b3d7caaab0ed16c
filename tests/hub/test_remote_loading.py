"""What was pushed translates wherever it is loaded, with the package and without, and keeps its code if saved again."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub.client import environment, other_weights

import hf_attn_model.model
from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.translation.search import translate

SENTENCES = ["one two three", "seven five six", "four one one"]
CODE = {path.name for path in Path(hf_attn_model.model.__file__).parent.glob("*.py")} - {"__init__.py"}
AUTO_MAP = {
    "AutoConfig": "configuration_attn.AttnConfig",
    "AutoModel": "modeling_attn.AttnModel",
    "AutoModelForSeq2SeqLM": "modeling_attn.AttnForConditionalGeneration",
}


def translations(folder):
    model, tokenizer = load_translator(str(folder))
    return [translate(model, tokenizer, [sentence], num_beams=2)[0] for sentence in SENTENCES]


@pytest.fixture(scope="module")
def older(hub, client, checkpoint, tmp_path_factory):
    """alice/loaded with two commits; returns the id of the older one, and the folder of its weights."""
    folder = shutil.copytree(checkpoint, tmp_path_factory.mktemp("older") / "counting")
    other_weights(folder, factor=0.5)
    assert client.run("push", folder, "alice/loaded")[0] == 0
    revision = hub.repositories["models", "alice/loaded"].head
    assert client.run("push", checkpoint, "alice/loaded")[0] == 0
    return revision, folder


def check_code(folder):
    """A saved model names and carries all its code."""
    config = json.loads((folder / "config.json").read_text())
    assert {path.name for path in folder.glob("*.py")} == CODE, folder
    assert config["auto_map"] == AUTO_MAP, folder
    assert config["custom_pipelines"]["translation"]["impl"] == "pipeline_translation.TranslationPipeline", folder


def test_without_the_package(hub, older, checkpoint, tmp_path):
    revision, older_folder = older
    script = Path(__file__).with_name("without_package.py")
    arguments = ["alice/loaded", revision, str(tmp_path), json.dumps(SENTENCES)]
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        env=environment(tmp_path / "home", hub.url),
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)  # nothing else: nobody is asked whether to trust the code
    expected = translations(checkpoint)
    assert found == {
        "Auto classes": expected,
        "pipeline": expected,
        "older": translations(older_folder),
        "saved again": expected,
    }
    assert found["older"] != expected
    for name in ("model", "base", "pipeline", "from_folder"):
        check_code(tmp_path / name)


def test_with_the_package(client, older, checkpoint, tmp_path):
    """The package's own classes are used, whether or not remote code is trusted; nobody is asked."""
    lines = f"""
import json
from transformers import AutoModel, AutoModelForSeq2SeqLM, AutoTokenizer
from hf_attn_model.translate import translate
tokenizer = AutoTokenizer.from_pretrained("alice/loaded")
for name, place in (("repo", "alice/loaded"), ("folder", {str(checkpoint)!r})):
    for trust in (None, False, True):
        options = {{"trust_remote_code": trust}}
        model = AutoModelForSeq2SeqLM.from_pretrained(place, **options)
        assert type(model).__module__ == "hf_attn_model.model.modeling_attn"
        AutoTokenizer.from_pretrained(place, **options)
        model.save_pretrained(f"{tmp_path}/{{name}}-{{trust}}-model")
        AutoModel.from_pretrained(place, **options).save_pretrained(f"{tmp_path}/{{name}}-{{trust}}-base")
        print(json.dumps(translate(model, tokenizer, {SENTENCES!r}, num_beams=2)))
"""
    expected = translations(checkpoint)
    assert [json.loads(line) for line in client.python(lines).splitlines()] == [expected] * 6
    saved = list(tmp_path.iterdir())
    assert len(saved) == 12
    for folder in saved:
        check_code(folder)


def test_the_checkpoint_of_a_model_is_of_its_revision(hub, client, older):
    revision, newest = older[0], hub.repositories["models", "alice/loaded"].head
    lines = f"""
from hf_attn_model.checkpoint import Checkpoint
for name in ("alice/loaded", "alice/loaded@{revision}"):
    print(Checkpoint.of(Checkpoint(name).model))
"""
    assert client.python(lines).splitlines() == [f"alice/loaded@{newest}", f"alice/loaded@{revision}"]


def test_on_the_command_line(client, older, checkpoint):
    revision, older_folder = older
    for name, folder in (("alice/loaded", checkpoint), (f"alice/loaded@{revision}", older_folder)):
        status, out, error = client.run("translate", name, *SENTENCES)
        assert status == 0, error
        assert out == client.run("translate", folder, *SENTENCES)[1]
