"""A checkpoint by its name: where it lies, what lies beside it, and what is told where nothing does."""

import json
import logging
import shutil
import time
from importlib.metadata import version

import pytest
import torch

from hf_attn_model.checkpoint import Checkpoint, load_translator
from hf_attn_model.checkpoint.checkpoint import TEXTBOOK_FOLDER
from hf_attn_model.cli import main
from hf_attn_model.errors import UserError
from hf_attn_model.export import open_maps
from hf_attn_model.translation import translate


@pytest.fixture(scope="module")
def packed():
    return Checkpoint("textbook")


def test_the_packed_translator_translates(packed):
    sentences = ["The ball is blue", "The black cat drank the milk", "I love my dog"]
    expected = ["La bola es azul", "El gato negro bebió la leche", "Amo a mi perro"]
    assert translate(packed.model, packed.tokenizer, sentences, num_beams=1) == expected


def test_the_packed_translator_has_everything_beside_it(packed):
    assert (packed.source_lang, packed.target_lang, packed.lowercase, packed.num_beams) == ("en", "es", False, 1)
    assert packed.model.dtype == torch.float32
    assert packed.model.num_parameters() == json.loads(packed.find("manifest.json").read_text())["parameters"]
    assert packed.alignment.heads
    assert {(head.layer, head.head) for head in packed.head_summaries} == {(i, j) for i in range(2) for j in range(4)}
    assert packed.recipe.corpus == "textbook:en-es"


def test_what_is_made_of_it_calls_it_by_its_name(packed, tmp_path):
    assert packed.model.name_or_path == "textbook"
    assert Checkpoint.of(packed.model).alignment == packed.alignment
    (tmp_path / "text.txt").write_text("The ball is blue\n")
    typed = ["export", "textbook", "--data", tmp_path / "text.txt", "--out", tmp_path / "maps"]
    assert main([str(each) for each in typed]) == 0
    assert open_maps(tmp_path / "maps").metadata["model"] == "textbook"


def test_it_can_be_pushed(capsys):
    assert main(["push", "textbook", "alice/textbook", "--dry-run"]) == 0
    listed = capsys.readouterr().out
    for name in ("model.safetensors", "modeling_attn.py", "alignment.json", "README.md"):
        assert name in listed


def test_nothing_is_written_into_the_package(tmp_path, capsys):
    before = {path.name: path.read_bytes() for path in TEXTBOOK_FOLDER.iterdir()}
    rows = '{"source": ["The", "ball"], "target": ["La", "bola"], "sure": [[0, 0], [1, 1]]}\n'
    (tmp_path / "gold.jsonl").write_text(rows)
    assert main(["heads", "textbook", "--gold", str(tmp_path / "gold.jsonl")]) == 0
    assert {path.name: path.read_bytes() for path in TEXTBOOK_FOLDER.iterdir()} == before


def test_a_folder_and_its_name_are_one(tmp_path, monkeypatch):
    shutil.copytree(TEXTBOOK_FOLDER, tmp_path / "textbook")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "textbook" / "alignment.json").unlink()
    assert Checkpoint("textbook").alignment is not None
    mine = Checkpoint("./textbook")
    assert (mine.alignment, mine.head_summaries, mine.target_lang) == (None, [], "es")
    assert mine.folder == Checkpoint(tmp_path / "textbook").folder.relative_to(tmp_path)


@pytest.mark.parametrize(
    ("name", "shown", "revision"),
    [("user/name", "user/name", None), ("user/name@v2", "user/name@v2", "v2"), ("name", "name", None)],
)
def test_names_on_the_hub(name, shown, revision):
    checkpoint = Checkpoint(name)
    assert (str(checkpoint), repr(checkpoint)) == (shown, f"Checkpoint({shown!r})")
    assert (checkpoint.folder, checkpoint.is_local, checkpoint.revision) == (None, False, revision)
    assert Checkpoint("user/name", revision).revision == revision


def test_a_folder_with_an_at_sign_is_a_folder(tmp_path):
    (tmp_path / "a@b").mkdir()
    checkpoint = Checkpoint(tmp_path / "a@b")
    assert (checkpoint.folder, checkpoint.revision) == (tmp_path / "a@b", None)


@pytest.mark.parametrize("name", ["./nowhere", "a/b/c", "/no/such/folder", "two words"])
def test_a_name_that_can_be_none_of_the_hubs_is_refused_at_once(name):
    with pytest.raises(UserError, match="there is no such folder"):
        Checkpoint(name).check()


def test_without_the_hub_a_name_is_refused():
    with pytest.raises(UserError, match="no folder of that name, and on the Hub HF_HUB_OFFLINE is set"):
        Checkpoint("user/name").check()
    assert Checkpoint("user/name").find("recipe.yaml") is None


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", "null", "config.json is damaged"),
        ("config.json", "{", "config.json is damaged"),
        ("recipe.yaml", "[]", "recipe.yaml"),
        ("alignment.json", "{}", "alignment.json is damaged"),
        ("model.safetensors", "", "cannot load a translator"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, file, content, message):
    shutil.copytree(TEXTBOOK_FOLDER, tmp_path / "damaged")
    (tmp_path / "damaged" / file).write_text(content)
    checkpoint = Checkpoint(tmp_path / "damaged")
    with pytest.raises(UserError, match=message):
        _ = checkpoint.model, checkpoint.recipe, checkpoint.alignment


OWN_CODE = {
    "model_type": "brand_new",
    "auto_map": {
        "AutoConfig": "configuration_brand_new.Config",
        "AutoModelForSeq2SeqLM": "user/elsewhere--modeling_brand_new.Model",
    },
}


def test_code_of_a_checkpoint_is_named_and_not_run(copy, rewrite, tmp_path, capsys):
    rewrite("config.json", **OWN_CODE)
    for name in ("configuration_brand_new.py", "modeling_brand_new.py"):
        (copy / name).write_text(f"open({str(tmp_path / 'was-run')!r}, 'w')\n")
    assert main(["translate", str(copy), "one"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f'hf-attn: cannot load a translator from {copy}: its model of type "brand_new" is none that is known here, and '
        "its own code, configuration_brand_new.py, modeling_brand_new.py of user/elsewhere, is never run: where you "
        "trust it, load it with transformers and trust_remote_code=True"
    )
    assert not (tmp_path / "was-run").exists()
    assert len(Checkpoint(copy).tokenizer) > 0, "which needs no code"


def test_code_of_a_tokenizer_is_named_and_not_run(copy, rewrite, tmp_path):
    own = {"AutoTokenizer": ["tokenization_own.Slow", "tokenization_own.Fast"]}
    rewrite("tokenizer_config.json", tokenizer_class="OwnTokenizer", auto_map=own)
    rewrite("config.json", model_type="brand_new", auto_map=...)
    (copy / "tokenization_own.py").write_text(f"open({str(tmp_path / 'was-run')!r}, 'w')\n")
    with pytest.raises(UserError, match=r"its own code, tokenization_own\.py, is never run"):
        _ = Checkpoint(copy).tokenizer
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(
    "asked",
    [{"attn_implementation": "user/kernel"}, {"encoder": {"_attn_implementation": {"text": "user/kernel"}}}],
)
def test_code_of_the_hub_that_a_configuration_asks_for_is_never_run(rewrite, asked):
    with pytest.raises(UserError, match="attn_implementation for code of user/kernel on the Hub, which is never run"):
        _ = Checkpoint(rewrite("config.json", **asked)).model


def test_reports_of_transformers_are_heard_again(copy, caplog):
    _ = Checkpoint(copy).model
    logging.getLogger("transformers.modeling_utils").warning("a report")
    assert "a report" in caplog.text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": ...}, "config.json does not say of which model_type it is"),
        ({"model_type": "bert"}, 'a model of type "bert" turns no text into another'),
    ],
)
def test_what_is_no_translator(rewrite, changes, message):
    with pytest.raises(UserError, match=message):
        _ = Checkpoint(rewrite("config.json", auto_map=..., **changes)).model


def test_without_a_tokenizer(copy):
    for path in copy.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(UserError, match=r"its tokenizer is missing, .*: put a tokenizer\.json beside it"):
        _ = Checkpoint(copy).tokenizer


@pytest.mark.parametrize("field", ["num_labels", "encoder_layers"])
def test_a_tokenizer_beside_a_hostile_configuration(rewrite, field):
    with pytest.raises(UserError, match=f"asks for {field} of 1,000,000,000, more than any weights fill"):
        _ = Checkpoint(rewrite("config.json", **{field: 10**9})).tokenizer


@pytest.mark.parametrize("field", ["extra_ids", "offset", "num_madeup_words"])
def test_a_tokenizer_that_makes_up_tokens_without_end(rewrite, field):
    with pytest.raises(UserError, match=f"asks for {field} of 1,000,000,000, more than any tokenizer needs"):
        _ = Checkpoint(rewrite("tokenizer_config.json", tokenizer_class="ByT5Tokenizer", **{field: 10**9})).tokenizer


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "x/" * 3000, "~" * 300])
def test_names_that_no_file_system_has(name):
    with pytest.raises(UserError, match=r"there is no such folder|no folder of that name"):
        _ = Checkpoint(name).model


def test_a_tokenizer_alone_is_read_at_once(tiny, tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tiny / name, tmp_path)
    began = time.monotonic()
    assert len(Checkpoint(tmp_path).tokenizer) == len(Checkpoint(tiny).tokenizer)
    assert time.monotonic() - began < 3
    with pytest.raises(UserError, match=r"there is no config\.json in it, but a tokenizer: give a folder with one"):
        _ = Checkpoint(tmp_path).model


def test_the_card_tells_what_it_was_made_with(packed):
    card = packed.find("README.md").read_text()
    assert 'load_translator("textbook")' in card
    assert f"hf-attn-model {version('hf-attn-model')}" in card
    model, tokenizer = load_translator("textbook")
    assert len(tokenizer) == model.config.vocab_size
