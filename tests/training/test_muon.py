"""Muon against PyTorch's Muon and AdamW, and its orthogonal matrices against the singular value decomposition."""

import pytest
import torch
from small_models import make_model
from torch import nn
from torch.distributed.fsdp import fully_shard
from transformers import TrainingArguments

from hf_attn_model.errors import UserError
from hf_attn_model.training import muon
from hf_attn_model.training.muon import Muon, muon_for, orthogonalize

JORDAN = (3.4445, -4.7750, 2.0315)  # the polynomial that PyTorch's Muon takes five times
SHAPES = [(7, 7), (5, 13), (13, 5), (1, 3), (3, 1)]


def course(optimizer, parameters, steps=7):
    """The parameters after some steps along gradients that are always the same."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimizer.step()
    return [parameter.detach() for parameter in parameters]


def make_parameters(shapes):
    generator = torch.Generator().manual_seed(1)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


@pytest.mark.parametrize("shape", [(17, 17), (11, 31), (31, 11)])
@pytest.mark.parametrize("scale", [1e-12, 1, 1e12])
def test_singular_values_become_nearly_one_and_singular_vectors_stay(shape, scale):
    """The smallest singular value is just above a hundredth of the norm."""
    generator = torch.Generator().manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape, generator=generator), full_matrices=False)
    values = torch.logspace(0, -1.6, min(shape))
    result = left.T @ orthogonalize(scale * (left * values) @ right) @ right.T
    assert result.diagonal().min() > 0.73 - 1e-3
    assert result.diagonal().max() < 1.27 + 1e-3
    torch.testing.assert_close(result, result.diagonal().diag(), atol=1e-4, rtol=0)


def test_a_matrix_of_zeros_stays_one():
    assert torch.equal(orthogonalize(torch.zeros(3, 5)), torch.zeros(3, 5))


def test_its_steps_are_those_of_pytorch(monkeypatch):
    """PyTorch's iterates in bfloat16, and with another polynomial."""
    monkeypatch.setattr(muon, "POLYNOMIALS", (JORDAN,) * 5)
    ours, theirs = make_parameters(SHAPES), make_parameters(SHAPES)
    options = {"lr": 0.1, "weight_decay": 0.3}
    steps = course(Muon([{"params": ours, "matrices": True}], **options), ours)
    expected = course(torch.optim.Muon(theirs, adjust_lr_fn="match_rms_adamw", **options), theirs)
    for before, after, theirs_after in zip(make_parameters(SHAPES), steps, expected, strict=True):
        moved, should = after - before, theirs_after - before
        assert (moved - should).norm() < 0.01 * should.norm()


def test_everything_else_steps_as_with_adamw():
    shapes = [(5,), (7, 3)]
    ours, theirs = make_parameters(shapes), make_parameters(shapes)
    options = {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.3}
    steps = course(Muon([{"params": ours}], **options), ours)
    torch.testing.assert_close(steps, course(torch.optim.AdamW(theirs, **options), theirs), atol=0, rtol=0)


def test_what_has_no_gradient_stays():
    still, moved = make_parameters([(3, 5), (5, 3)])
    before = still.detach().clone()
    optimizer = Muon([{"params": [still, moved], "matrices": True}], lr=0.1, weight_decay=0.3)
    moved.grad = torch.ones_like(moved)
    assert optimizer.step(lambda: 17) == 17
    assert torch.equal(still, before)


@pytest.mark.parametrize("tied", [True, False])
def test_matrices_are_those_of_the_layers_and_decay_falls_where_it_is_asked_for(tied, tmp_path):
    model = make_model(tie_word_embeddings=tied)
    model.model.encoder.layers[0].fc1.weight.requires_grad_(False)
    decayed = [name for name, parameter in model.named_parameters() if parameter.ndim == 2]
    arguments = TrainingArguments(str(tmp_path), weight_decay=0.3, learning_rate=0.7, adam_beta1=0.5, adam_epsilon=0.1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {}
    for group in muon_for(model, arguments, decayed).param_groups:
        assert (group["lr"], group["betas"], group["eps"]) == (0.7, (0.5, 0.999), 0.1)
        found |= {names[id(parameter)]: (group["matrices"], group["weight_decay"]) for parameter in group["params"]}
    assert found.keys() == set(names.values()) - {"model.encoder.layers.0.fc1.weight"}
    for name, (matrix, decay) in found.items():
        assert matrix == (name in decayed and ".layers." in name), name
        assert decay == (0.3 if name in decayed else 0.0), name


def test_weights_spread_over_processes_are_refused(one_process, tmp_path):
    model = make_model()
    fully_shard(model)
    with pytest.raises(UserError, match="Muon needs whole weights"):
        muon_for(model, TrainingArguments(str(tmp_path)), [])
