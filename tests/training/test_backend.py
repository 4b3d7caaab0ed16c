from contextlib import suppress

import pytest
import torch
from small_models import make_model

from hf_attn_model.model.dropout import Dropout
from hf_attn_model.training import backend as backend
from hf_attn_model.training.backend import STOCK, ComputeBackend, choose_backend, use_backend

ALL = ComputeBackend(bf16=False, onednn=True, attention="eager", drop_by_bits=True)


def state(model):
    """What a scope may change."""
    return (
        torch.get_float32_matmul_precision(),
        model.config._attn_implementation,
        {module.draws_bits for module in model.modules() if isinstance(module, Dropout)},
    )


def test_a_scope_computes_with_its_kernels_and_leaves_all_as_it_was():
    model = make_model(dropout=0.1)
    before = state(model)
    with use_backend(ALL, model):
        assert state(model) == ("medium", "eager", {True})
        with use_backend(STOCK, model):
            assert state(model)[1:] == ("sdpa", {False})
        assert state(model) == ("medium", "eager", {True})
    assert state(model) == before


def test_a_failure_inside_leaves_all_as_it_was():
    model = make_model(dropout=0.1)
    before = state(model)
    with suppress(RuntimeError), use_backend(ALL, model):
        raise RuntimeError
    assert state(model) == before


def test_the_choice_is_the_same_every_time_and_keeps_the_precision_asked_for():
    assert choose_backend() == choose_backend()
    assert choose_backend(bf16=False).bf16 is False
    assert choose_backend(bf16=True).bf16 is True


@pytest.mark.skipif(torch.accelerator.is_available(), reason="of CPUs")
@pytest.mark.parametrize("exact", [True, False])
def test_float32_stays_float32(exact, monkeypatch):
    """On a processor whose short cut is bfloat16, float32 products do not take it."""
    monkeypatch.setattr(backend, "_onednn_is_faster", lambda: True)
    monkeypatch.setattr(backend, "_onednn_is_exact", lambda: exact)
    assert choose_backend(bf16=False).onednn is exact
    assert choose_backend(bf16=True).onednn is False


@pytest.mark.parametrize(
    ("capability", "vendor", "is_faster"),
    [("AVX512", "AuthenticAMD", True), ("AVX2", "AuthenticAMD", False), ("AVX512", "GenuineIntel", False)],
)
def test_onednn_stands_in_where_mkl_holds_back(capability, vendor, is_faster, monkeypatch):
    for library in (torch.backends.mkl, torch.backends.mkldnn):
        monkeypatch.setattr(library, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(backend, "_describe_processor", lambda: f"vendor_id : {vendor}")
    assert backend._onednn_is_faster() is is_faster


def test_exactness_is_measured(monkeypatch):
    """A machine that rounds products to bfloat16 is found out."""
    product = torch.Tensor.__matmul__

    def rounded(left, right):
        if torch.get_float32_matmul_precision() == "medium" and left.dtype == torch.float32:
            left, right = left.bfloat16().float(), right.bfloat16().float()
        return product(left, right)

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    assert not backend._onednn_is_exact()
    assert torch.get_float32_matmul_precision() == "highest"


def test_all_kernels_give_the_same_model():
    """Products, attention and dropout differ in how, not in what, they compute: without dropout logits are equal."""
    model = make_model()
    ids = torch.arange(2, 15).reshape(1, -1)
    expected = model(ids, decoder_input_ids=ids).logits
    for chosen in (ALL, STOCK, choose_backend(bf16=False)):
        with use_backend(chosen, model):
            torch.testing.assert_close(model(ids, decoder_input_ids=ids).logits, expected, rtol=1e-5, atol=1e-5)


def test_the_summary_names_what_is_chosen():
    assert ALL.summary() == "fp32, oneDNN products, eager attention, dropout by bits"
    assert STOCK.summary() == "fp32, sdpa attention"
