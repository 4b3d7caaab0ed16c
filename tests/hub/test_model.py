"""What a push makes of checkpoints of different origin; nothing here needs a Hub."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file
from small_models import make_model
from transformers import GenerationConfig

from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.checkpoint.digests import file_digests
from hf_attn_model.engines import ctranslate2_folder
from hf_attn_model.engines.choice import open_translator
from hf_attn_model.engines.ctranslate2_folder import convert_for_ctranslate2
from hf_attn_model.errors import UserError
from hf_attn_model.hub.model import check_converted, stage_model
from hf_attn_model.recipes.recipe import recipe_of
from hf_attn_model.text.tokenizer import train_tokenizer


@pytest.fixture
def stock(tmp_path):
    """A checkpoint as any script may save it: no recipe, no records, in bfloat16."""
    model = make_model(vocab_size=300).to(torch.bfloat16)
    tokenizer = train_tokenizer(["uno dos tres"], 300)
    assert len(tokenizer) <= 300
    model.save_pretrained(tmp_path / "stock")
    tokenizer.save_pretrained(tmp_path / "stock")
    return tmp_path / "stock"


def test_a_checkpoint_without_records_gets_an_honest_card(stock, tmp_path):
    shipment = stage_model(stock, "alice/stock", tmp_path / "stage")
    assert not shipment.files.keys() & {"recipe.yaml", "manifest.json", "evaluation.json", "attention.png"}
    card = ModelCard.load(shipment.files["README.md"])
    assert (card.data.license, card.data.language, card.data.eval_results) == (None, None, None)
    assert card.data.pipeline_tag == "translation"
    assert "Neither its training data nor its quality was recorded" in card.text
    assert "## Results" not in card.text
    assert "## Training" not in card.text
    assert 'pipeline("translation", "alice/stock", trust_remote_code=True)' in card.text
    before, after = load_file(stock / "model.safetensors"), load_file(shipment.files["model.safetensors"])
    assert before.keys() == after.keys()
    for name, tensor in after.items():
        assert tensor.dtype == torch.bfloat16
        assert torch.equal(tensor, before[name])


def test_the_folder_for_ctranslate2_goes_up_beside_the_model_that_it_was_made_of(stock, tmp_path, monkeypatch):
    monkeypatch.setattr(ctranslate2_folder, "SENTENCES", 3)
    fast = tmp_path / "fast"
    convert_for_ctranslate2(Checkpoint(stock), fast, "int8")
    (fast / "evaluation.json").write_text(
        json.dumps(
            {"command": "hf-attn evaluate fast", "bleu": 31.7, "chrf": 50.0, "exact_match": 7.0, "sentences": 5}
            | {"num_beams": 5, "bleu_signature": "b", "chrf_signature": "c"}
        )
    )
    check_converted(stock, fast)
    shipment = stage_model(stock, "alice/stock", tmp_path / "stage", converted=fast)
    assert shipment.files.keys() > {f"ctranslate2/{path.name}" for path in fast.iterdir()}
    assert shipment.outdated(["ctranslate2/old.json", "notes.txt"]) == ["ctranslate2/old.json"]
    card = ModelCard.load(shipment.files["README.md"])
    assert "[CTranslate2](https://opennmt.net/CTranslate2/), int8," in card.text
    assert "it has BLEU 31.70." in card.text
    assert open_translator(tmp_path / "stage" / "ctranslate2").engine.name == "ctranslate2"
    with pytest.raises(UserError, match="stock is not for CTranslate2: make it with hf-attn convert"):
        check_converted(stock, stock)
    weights = load_file(stock / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in weights.items()}, stock / "model.safetensors")
    with pytest.raises(UserError, match=r"fast was made of other weights than those in .*stock: convert them again"):
        check_converted(stock, fast)


def test_digests_are_those_of_what_goes_up(copy, tmp_path):
    digested = json.loads((copy / "manifest.json").read_text())
    assert digested["files"] == file_digests(copy)
    make_anew = {name: tensor.half() for name, tensor in load_file(copy / "model.safetensors").items()}
    save_file(make_anew, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="is damaged, or was replaced"):
        stage_model(copy, "alice/half", tmp_path / "damaged")
    (copy / "manifest.json").write_text(json.dumps(digested | {"files": file_digests(copy)}))
    shipment = stage_model(copy, "alice/half", tmp_path / "stage")
    staged = json.loads(shipment.files["manifest.json"].read_text())
    assert staged == digested | {"files": file_digests(tmp_path / "stage")}
    assert Checkpoint(tmp_path / "stage").model is not None


def test_its_own_card_is_kept(stock, tmp_path):
    (stock / "README.md").write_text("---\nlicense: mit\n---\n# by hand\n")
    shipment = stage_model(stock, "alice/stock", tmp_path / "stage")
    assert shipment.files["README.md"].read_text() == "---\nlicense: mit\n---\n# by hand\n"


def test_a_sentence_for_the_picture_where_none_is_known(copy, tmp_path):
    recipe = (copy / "recipe.yaml").read_text()
    (copy / "recipe.yaml").write_text(recipe.replace("source_lang: en", "source_lang: fr"))
    without = stage_model(copy, "alice/french", tmp_path / "without")
    assert "attention.png" not in without.files
    assert "attention.png" not in without.files["README.md"].read_text()
    given = 'one "two" three'
    with_one = stage_model(copy, "alice/french", tmp_path / "with", given)
    assert with_one.files["attention.png"].read_bytes().startswith(b"\x89PNG")
    text = with_one.files["README.md"].read_text()
    assert "![" in text
    assert f'*"{given}" becomes "' in text
    assert 'print(translator("one \\"two\\" three"))' in text


def test_only_a_default_sentence_may_fail(copy, tmp_path, monkeypatch):
    def refuse(*_):
        raise UserError("too long")

    monkeypatch.setattr("hf_attn_model.hub.model.teacher_forced_attention", refuse)
    assert "attention.png" not in stage_model(copy, "alice/x", tmp_path / "default").files
    with pytest.raises(UserError, match="too long"):
        stage_model(copy, "alice/x", tmp_path / "given", "one two")


def test_generate_searches_as_the_recipe_where_an_older_checkpoint_does_not_say(copy, tmp_path):
    path = copy / "generation_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({name: settings[name] for name in settings if name not in ("num_beams", "max_length")}))
    files = stage_model(copy, "alice/x", tmp_path / "missing").files
    staged = GenerationConfig.from_pretrained(files["generation_config.json"].parent)
    assert (staged.num_beams, staged.max_length) == (2, 31)

    path.write_text(json.dumps(settings | {"num_beams": 3, "max_length": 29}))
    files = stage_model(copy, "alice/x", tmp_path / "given").files
    staged = GenerationConfig.from_pretrained(files["generation_config.json"].parent)
    assert (staged.num_beams, staged.max_length) == (3, 29)


TOKEN = "hf_" + "aB3" * 11 + "x"  # as long as the Hub's, and no one's


def test_secrets_that_lie_in_a_checkpoint_stay_there(copy, tmp_path, capsys):
    def put(name, change):
        (copy / name).write_text(change((copy / name).read_text()))

    put("recipe.yaml", lambda text: text.replace("training:", f"training:\n  hub_token: abc\n  run_name: {TOKEN}"))
    put("manifest.json", lambda text: text.replace('"command": "', f'"command": "x training.hub_token=abc {TOKEN} '))
    put("evaluation.json", lambda text: text.replace('"command": "', '"api_key": "abc", "command": "'))
    put("config.json", lambda text: text.replace("{", f'{{"from": "https://user:abc@host/{TOKEN}",', 1))
    shipment = stage_model(copy, "alice/secret", tmp_path / "stage")
    for name, path in shipment.files.items():
        content = path.read_bytes()
        assert TOKEN.encode() not in content, name
        assert not any(word in content for word in (b": abc", b"=abc", b'"abc"', b":abc@")), name
    said = capsys.readouterr().out
    for name in ("recipe.yaml", "manifest.json", "evaluation.json", "config.json"):
        assert f"{name}: it holds a secret, which stays here\n" in said
        assert "[redacted]" in shipment.files[name].read_text()
    recipe = recipe_of(copy)
    assert recipe_of(shipment.files["recipe.yaml"].parent) == replace(recipe, corpus=Path(recipe.corpus).name)


def test_without_secrets_every_record_is_the_same_byte_for_byte(copy, tmp_path, capsys):
    shipment = stage_model(copy, "alice/open", tmp_path / "stage")
    for name in ("manifest.json", "evaluation.json"):
        assert shipment.files[name].read_bytes() == (copy / name).read_bytes()
    folder = recipe_of(copy).corpus
    recipe = (copy / "recipe.yaml").read_text()
    assert shipment.files["recipe.yaml"].read_text() == recipe.replace(folder, Path(folder).name), "no path of ours"
    assert "secret" not in capsys.readouterr().out


def test_a_card_by_hand_loses_its_tokens(stock, tmp_path):
    (stock / "README.md").write_text(f"# by hand\r\nuse {TOKEN}, pad_token=x, token=mine\r\n", newline="")
    text = stage_model(stock, "alice/stock", tmp_path / "stage").files["README.md"].read_text()
    assert text == "# by hand\nuse [redacted], pad_token=x, token=mine\n"
    (stock / "README.md").write_bytes(b"\xff")
    with pytest.raises(UserError, match=r"README\.md is damaged: not UTF-8"):
        stage_model(stock, "alice/stock", tmp_path / "again")
