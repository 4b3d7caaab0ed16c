"""Folders of LoRA adapters: opened with the model that they change, or refused in a line that says what is needed."""

import json
import sys
from importlib.util import find_spec

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from hf_attn_model.attention import record_attention
from hf_attn_model.checkpoint import Checkpoint, adapter
from hf_attn_model.errors import UserError
from hf_attn_model.translation import translate

RANK = 2


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """An adapter of the tiny checkpoint, alone, that changes what it says; with the logits of both together."""
    torch.manual_seed(3)
    changed = get_peft_model(Checkpoint(tiny).model, LoraConfig(r=RANK, target_modules=["q_proj", "v_proj"]))
    with torch.no_grad():
        for name, parameter in changed.named_parameters():
            if "lora_" in name:
                parameter.normal_()
    folder = tmp_path_factory.mktemp("adapter") / "lora"
    changed.save_pretrained(folder)
    assert not (folder / "config.json").exists()
    with torch.no_grad():
        return folder, changed.eval()(**batch()).logits


@pytest.fixture
def lora(whole, tmp_path):
    folder = tmp_path / "lora"
    folder.mkdir()
    for path in whole[0].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def batch():
    return {"input_ids": torch.tensor([[5, 7, 11, 1]]), "decoder_input_ids": torch.tensor([[0, 3, 13]])}


def configure(folder, **changes):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_adapter_is_loaded_with_its_base(whole, tiny):
    folder, expected = whole
    checkpoint = Checkpoint(folder)
    with torch.no_grad():
        torch.testing.assert_close(checkpoint.model(**batch()).logits, expected)
        assert (Checkpoint(tiny).model(**batch()).logits - expected).abs().max() > 0.1
    assert checkpoint.model.name_or_path == str(folder)
    assert len(checkpoint.tokenizer) == len(Checkpoint(tiny).tokenizer)
    assert len(translate(checkpoint.model, checkpoint.tokenizer, ["the ball"], num_beams=1)) == 1
    with record_attention(checkpoint.model) as recorded, torch.no_grad():
        checkpoint.model(**batch())
    assert recorded


def test_an_adapter_beside_its_model(copy, whole):
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (copy / name).write_bytes((whole[0] / name).read_bytes())
    with torch.no_grad():
        torch.testing.assert_close(Checkpoint(copy).model(**batch()).logits, whole[1])


def test_without_peft_it_names_what_is_needed(lora, tiny, monkeypatch):
    monkeypatch.setattr(adapter, "find_spec", lambda name: None if name == "peft" else find_spec(name))
    for part in ("model", "tokenizer"):
        with pytest.raises(UserError, match=f"it is an adapter of {tiny}, which needs peft: pip install peft"):
            getattr(Checkpoint(lora), part)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_model_name_or_path": None}, "does not say which model it adapts"),
        ({"base_model_name_or_path": 7}, "does not say which model it adapts"),
        ({"base_model_name_or_path": "./nowhere"}, "cannot load a translator from ./nowhere: there is no such folder"),
        ({"base_model_name_or_path": "textbook"}, "its adapter does not fit textbook"),
        ({"r": 10**9}, "asks for r of 1,000,000,000, and no tensor of its weights is as large"),
        ({"rank_pattern": {"q_proj": 10**9}}, "asks for q_proj of 1,000,000,000"),
        ({"r": 3}, "its adapter does not fit"),
        ({"target_modules": ["k_proj"]}, "its adapter does not fit"),
        ({"peft_type": "NONE"}, "its adapter does not fit"),
    ],
)
def test_an_adapter_that_cannot_be_right(lora, changes, message):
    configure(lora, **changes)
    with pytest.raises(UserError, match=message) as error:
        _ = Checkpoint(lora).model
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda each: each * float("nan"), "holds .* values that are no finite numbers"),
        (lambda each: each.long(), "of its adapter holds numbers of type int64"),
        (lambda each: each[:1], "its adapter does not fit"),
    ],
)
def test_weights_of_an_adapter(lora, change, message):
    weights = load_file(lora / "adapter_model.safetensors")
    save_file({name: change(each).contiguous() for name, each in weights.items()}, lora / "adapter_model.safetensors")
    with pytest.raises(UserError, match=message):
        _ = Checkpoint(lora).model


def test_an_adapter_beside_its_model_that_lacks_weights(copy, whole):
    (copy / "adapter_config.json").write_bytes((whole[0] / "adapter_config.json").read_bytes())
    weights = load_file(whole[0] / "adapter_model.safetensors")
    weights.popitem()
    save_file(weights, copy / "adapter_model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"its adapter does not fit .*, as .*lora_.* tells"):
        _ = Checkpoint(copy).model


def test_an_adapter_without_weights(lora):
    (lora / "adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match=r"it is an adapter without adapter_model\.safetensors"):
        _ = Checkpoint(lora).model


def test_an_adapter_of_an_adapter(lora):
    configure(lora, base_model_name_or_path=str(lora))
    for part in ("model", "tokenizer"):
        with pytest.raises(UserError, match="is an adapter itself"):
            getattr(Checkpoint(lora), part)


def test_nothing_of_peft_is_imported_for_other_checkpoints(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    monkeypatch.setattr(adapter, "find_spec", lambda name: pytest.fail("asked for peft"))
    assert adapter.base_of(Checkpoint(tiny).find) is None
