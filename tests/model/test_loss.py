"""The chunked loss against PyTorch's own cross-entropy over all logits at once."""

import itertools

import pytest
import torch
from small_models import B, S, T, make_model
from small_models import V as WORDS
from torch import nn
from torch.nn.functional import cross_entropy, kl_div

from hf_attn_model.model import loss as chunks
from hf_attn_model.model.loss import chunked_cross_entropy

N, D, V = 31, 5, 13
SMOOTHING, ALPHA = 0.1, 3.0


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Several chunks, the last one shorter."""
    monkeypatch.setattr(chunks, "POSITIONS_AT_ONCE", 7)


def make_inputs(passes=1, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(passes * N, D, generator=generator, dtype=dtype).requires_grad_()
    weight = torch.randn(V, D, generator=generator, dtype=dtype).requires_grad_()
    return states, weight, torch.randint(V, (N,), generator=generator)


@pytest.fixture
def batch():
    """Pairs with padding on both sides, no two of the same length."""
    generator = torch.Generator().manual_seed(1)
    source = torch.randint(2, WORDS, (B, S), generator=generator)
    labels = torch.randint(2, WORDS, (B, T), generator=generator)
    mask = torch.ones_like(source)
    mask[0, -2:] = 0
    labels[1, -1:] = -100
    return {"input_ids": source, "attention_mask": mask, "labels": labels}


def plain_loss(states, weight, labels, label_smoothing=0.0, r_drop=0.0):
    """All logits at once, left to autograd; R-Drop as in equation 4 of the paper, halved."""
    logits = states @ weight.T
    if not r_drop:
        return cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="sum")
    first, second = logits.unflatten(0, (2, -1))
    both = [cross_entropy(each, labels, label_smoothing=label_smoothing, reduction="sum") for each in (first, second)]
    p, q = first.log_softmax(-1), second.log_softmax(-1)
    divergences = [kl_div(a, b, reduction="sum", log_target=True) for a, b in ((p, q), (q, p))]
    return (sum(both) + r_drop * sum(divergences) / 2) / 2


def value_and_gradients(function, states, weight, labels, *options):
    """The loss, scaled as a step scales it, and its gradients."""
    states.grad = weight.grad = None
    value = function(states, weight, labels, *options)
    (value / 3).backward()
    return value.detach(), states.grad, weight.grad


@pytest.mark.parametrize(("label_smoothing", "r_drop"), [*itertools.product([0.0, SMOOTHING], [0.0, ALPHA])])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_value_and_gradients_are_those_of_the_plain_loss(label_smoothing, r_drop, dtype):
    inputs = make_inputs(2 if r_drop else 1, dtype)
    ours = value_and_gradients(chunked_cross_entropy, *inputs, label_smoothing, r_drop)
    theirs = value_and_gradients(plain_loss, *inputs, label_smoothing, r_drop)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-12 if dtype == torch.float64 else 1e-5)


def test_r_drop_of_equal_passes_is_the_loss_of_one():
    states, weight, labels = make_inputs()
    doubled = torch.cat([states, states])
    torch.testing.assert_close(
        chunked_cross_entropy(doubled, weight, labels, SMOOTHING, ALPHA),
        chunked_cross_entropy(states, weight, labels, SMOOTHING),
    )


def test_no_gradient_is_computed_where_none_is_asked_for():
    states, weight, labels = make_inputs()
    frozen = chunked_cross_entropy(states.detach(), weight.detach(), labels, SMOOTHING)
    assert not frozen.requires_grad
    torch.testing.assert_close(frozen, plain_loss(states, weight, labels, SMOOTHING).detach())
    with torch.no_grad():
        assert not chunked_cross_entropy(states, weight, labels).requires_grad


def test_no_label_gives_no_loss():
    states, weight, labels = make_inputs()
    value = chunked_cross_entropy(states[:0], weight, labels[:0], SMOOTHING)
    value.backward()
    assert value == 0
    assert weight.grad.abs().sum() == 0


def test_under_autocast_products_are_bfloat16_and_sums_are_not():
    states, weight, labels = make_inputs(dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        ours = value_and_gradients(chunked_cross_entropy, states, weight, labels, SMOOTHING)
        logits = states @ weight.T
    rounded = cross_entropy(logits.float(), labels, label_smoothing=SMOOTHING, reduction="sum")
    assert logits.dtype == torch.bfloat16
    assert ours[0].dtype == torch.float32
    torch.testing.assert_close(ours[0], rounded.detach())
    exact = value_and_gradients(plain_loss, states, weight, labels, SMOOTHING)
    for mine, other in zip(ours[1:], exact[1:], strict=True):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, other, rtol=0.05, atol=0.05)


def test_memory_is_that_of_a_chunk(monkeypatch):
    """No tensor as large as the logits of all positions is ever allocated."""
    monkeypatch.setattr(chunks, "POSITIONS_AT_ONCE", 64)
    positions, width, words = 4096, 8, 1009
    states = torch.randn(positions, width, requires_grad=True)
    weight = torch.randn(words, width, requires_grad=True)
    with torch.profiler.profile(profile_memory=True) as profile:
        chunked_cross_entropy(states, weight, torch.zeros(positions, dtype=torch.int64), SMOOTHING).backward()
    largest = max(event.self_cpu_memory_usage for event in profile.events())
    assert 64 * words * 4 <= largest < positions * words * 4 / 8


@pytest.mark.parametrize("accumulated", [1, 3])
def test_a_model_without_logits_trains_as_with_them(accumulated, batch):
    """Same loss and gradients, for a batch alone and for one of several of a step (`num_items_in_batch`)."""
    model = make_model().double()
    items = accumulated * batch["labels"].ne(-100).sum()
    gradients = []
    for skip_logits in (False, True):
        model.zero_grad()
        output = model(**batch, label_smoothing=SMOOTHING, skip_logits=skip_logits, num_items_in_batch=items)
        output.loss.backward()
        assert (output.logits is None) == skip_logits
        gradients.append([output.loss.detach(), *(parameter.grad.clone() for parameter in model.parameters())])
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-12)


def test_r_drop_through_the_model_without_dropout_is_the_loss_of_one_pass(batch):
    model = make_model().double()
    doubled = {name: torch.cat([tensor, tensor]) for name, tensor in batch.items()}
    single = model(**batch, skip_logits=True).loss
    torch.testing.assert_close(model(**doubled, skip_logits=True, r_drop=ALPHA).loss, single)


def test_r_drop_needs_states_and_a_plain_projection(batch):
    model = make_model()
    doubled = {name: torch.cat([tensor, tensor]) for name, tensor in batch.items()}
    with pytest.raises(ValueError, match="skip_logits=True"):
        model(**doubled, r_drop=ALPHA)
    model.lm_head = nn.Sequential(model.lm_head)
    with pytest.raises(ValueError, match="plain linear lm_head"):
        model(**doubled, r_drop=ALPHA, skip_logits=True)


def test_an_adapter_in_the_place_of_the_projection_is_used(batch):
    model = make_model()
    expected = model(**batch).loss
    model.lm_head = nn.Sequential(model.lm_head, nn.Identity())
    torch.testing.assert_close(model(**batch, skip_logits=True).loss, expected)
