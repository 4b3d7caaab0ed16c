"""What saves memory and must not change results: gradient checkpointing, and layers that wait on disk."""

from importlib.metadata import version

import pytest
import torch
from ecosystem import stock_trainer
from ecosystem.launch import arguments, history
from packaging.version import Version
from small_models import BUILDS, B, S, T, V, build_name, make_model
from torch.autograd.graph import saved_tensors_hooks
from transformers import AutoModelForSeq2SeqLM


@pytest.fixture
def batch():
    """Source and labels (B,S) and (B,T), both padded."""
    generator = torch.Generator().manual_seed(1)
    source, labels = (torch.randint(2, V, (B, length), generator=generator) for length in (S, T))
    mask = torch.ones_like(source)
    mask[1, 4:] = 0
    labels[0, 3:] = -100
    return {"input_ids": source, "attention_mask": mask, "labels": labels}


def loss_and_gradients(model, batch):
    """Take a training step's loss and gradients, and count the numbers that wait for the backward pass."""
    waiting = 0

    def pack(tensor):
        nonlocal waiting
        waiting += tensor.numel()
        return tensor

    torch.manual_seed(3)
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model.train()(**batch).loss
    loss.backward()
    return loss, {name: parameter.grad for name, parameter in model.named_parameters()}, waiting


@pytest.mark.parametrize(
    "options",
    [{"use_reentrant": True}, {"use_reentrant": False}, None],
    ids=["re-entrant", "not re-entrant", "default"],
)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("implementation", [pytest.param("eager", marks=pytest.mark.slow), "sdpa"])
@pytest.mark.parametrize("build", BUILDS, ids=build_name)
def test_gradient_checkpointing_is_exact(batch, build, implementation, dropout, options):
    rates = {"dropout": dropout, "attention_dropout": dropout, "activation_dropout": dropout}
    plain, checkpointed = (make_model(**rates, **build) for _ in range(2))
    for model in (plain, checkpointed):
        model.set_attn_implementation(implementation)
    checkpointed.activation_checkpointing_enable(options)
    expected_loss, expected, many = loss_and_gradients(plain, batch)
    loss, gradients, few = loss_and_gradients(checkpointed, batch)
    assert few < many / 5
    torch.testing.assert_close(loss, expected_loss, atol=1e-6, rtol=0)
    torch.testing.assert_close(gradients, expected, atol=1e-6, rtol=0)


def test_trainer_takes_the_same_steps_with_gradient_checkpointing(blank, pairs, tmp_path):
    for out, options in ((tmp_path / "plain", []), (tmp_path / "checkpointed", ["--activation_checkpointing", "True"])):
        options += ["--max_steps", 7, "--logging_steps", 1, "--learning_rate", 1e-2, "--save_strategy", "no"]
        stock_trainer.main(arguments(blank, out, pairs / "train.jsonl", None, *options))
    losses, expected = (history(tmp_path / name, "loss") for name in ("checkpointed", "plain"))
    assert losses == pytest.approx(expected, abs=1e-5)


# Tied weights wait in one place: embeddings and output projection stay together.
LAYERS_ON_DISK = {
    "model.shared": "cpu",
    "model.encoder": "cpu",
    "model.decoder.embed_tokens": "cpu",
    "model.decoder.embed_positions": "cpu",
    "model.decoder.layers.0": "cpu",
    "model.decoder.layers.1": "disk",
    "model.decoder.layers.2": "disk",
    "model.decoder.layer_norm": "disk",
    "lm_head": "cpu",
}
needs_whole_models_on_disk = pytest.mark.skipif(
    Version(version("accelerate")) < Version("1.15"), reason="accelerate before 1.15 refuses a whole model on disk"
)


@pytest.mark.parametrize(
    ("device_map", "max_memory", "on_disk"),
    [
        pytest.param("auto", None, False, id="auto"),
        pytest.param("auto", {"cpu": 40_000}, True, marks=needs_whole_models_on_disk, id="auto with little memory"),
        pytest.param(LAYERS_ON_DISK, None, True, id="layers on disk"),
        pytest.param({"": "disk"}, None, True, marks=needs_whole_models_on_disk, id="all on disk"),
    ],
)
def test_where_a_layer_waits_changes_nothing(batch, tmp_path, device_map, max_memory, on_disk):
    model = make_model()
    model.save_pretrained(tmp_path / "model")
    places = {"device_map": device_map, "max_memory": max_memory, "offload_folder": tmp_path / "offload"}
    offloaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model", **places)
    assert any(parameter.is_meta for parameter in offloaded.parameters()) == on_disk
    with torch.no_grad():
        torch.testing.assert_close(offloaded(**batch).logits, model(**batch).logits)
    source, search = batch["input_ids"], {"num_beams": 3, "max_new_tokens": 7}
    assert torch.equal(offloaded.generate(source, **search), model.generate(source, **search))
