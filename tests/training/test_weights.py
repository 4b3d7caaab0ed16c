import pytest
import torch
from safetensors.torch import load_file
from small_models import make_model
from small_trainings import assert_same
from torch import nn
from torch.distributed.fsdp import fully_shard
from transformers import TrainerControl, TrainerState, TrainingArguments

from hf_attn_model.errors import UserError
from hf_attn_model.training import weights as room
from hf_attn_model.training.callbacks.average import AverageCallback
from hf_attn_model.training.callbacks.ema import EMACallback
from hf_attn_model.training.weights import put_weights, save_weights, trained_weights, weights_digest


class Scaled(nn.Module):
    """Two layers with the same weight, one frozen bias, and buffers of every kind."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)
        self.two.weight = self.one.weight
        self.two.bias.requires_grad_(False)
        self.register_buffer("scale", torch.ones(5))
        self.register_buffer("count", torch.tensor(7))
        self.register_buffer("cache", torch.ones(11), persistent=False)


def test_weights_are_named_once_and_frozen_or_unsaved_ones_not_at_all():
    assert list(trained_weights(Scaled())) == ["one.weight", "one.bias", "scale"]


def test_wrappers_are_looked_through(one_process):
    model = Scaled()
    for wrapped in (nn.parallel.DistributedDataParallel(model), torch.compile(model)):
        assert list(trained_weights(wrapped)) == ["one.weight", "one.bias", "scale"]
        put_weights(wrapped, {"scale": torch.full((5,), 3.0)}, "a test")
        assert model.scale.tolist() == [3.0] * 5
        model.scale.fill_(1)


@pytest.mark.parametrize("callback", [EMACallback(0.9), AverageCallback(last=3)])
def test_weights_spread_over_processes_are_refused(callback, one_process, tmp_path):
    model = make_model()
    training = TrainingArguments(str(tmp_path), use_cpu=True), TrainerState(), TrainerControl()
    callback.on_train_begin(*training, model=model)
    fully_shard(model)
    with pytest.raises(UserError, match=f"{type(callback).__name__} needs whole weights in every process"):
        callback.on_train_begin(*training, model=model)


def test_another_model_is_refused_and_left_as_it_is():
    model = make_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name, shape in (("model.shared.weight", (2, 3)), ("model.other.weight", (2,))):
        weights = {"lm_head.weight": torch.zeros(37, 22), name: torch.zeros(shape)}
        with pytest.raises(UserError, match="a test is of another model"):
            put_weights(model, weights, "a test")
        assert_same(model.state_dict(), before)


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "some.safetensors"
    save_weights({"old": torch.ones(5, 3).T}, path)

    def die(tensors, file, facts):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(room, "save_file", die)
    with pytest.raises(KeyboardInterrupt):
        save_weights({"new": torch.ones(7)}, path)
    assert_same(load_file(path), {"old": torch.ones(3, 5)})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_digest_tells_names_and_bits_apart(dtype):
    weights = {"one": torch.ones((), dtype=dtype), "two": torch.zeros(3, 5, dtype=dtype)}
    digest = weights_digest(weights)
    assert weights_digest({name: tensor.clone() for name, tensor in weights.items()}) == digest
    assert weights_digest({**weights, "two": -weights["two"]}) != digest
    assert weights_digest({"one": weights["one"], "other": weights["two"]}) != digest
