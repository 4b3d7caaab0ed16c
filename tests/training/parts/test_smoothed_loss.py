"""The smoothed loss in a stock Seq2SeqTrainer, against transformers' LabelSmoother and PyTorch's cross-entropy."""

import families
import pytest
import torch
from small_trainings import make_training
from stock_models import build
from torch.nn.functional import cross_entropy
from transformers.modeling_outputs import Seq2SeqLMOutput
from transformers.trainer_pt_utils import LabelSmoother

from hf_attn_model.errors import UserError
from hf_attn_model.training import smoothed_loss
from hf_attn_model.training.smoothed_loss import SmoothedLoss

B, T, V, SMOOTHING = 3, 7, 37, 0.13


@pytest.fixture(autouse=True)
def several_chunks(monkeypatch):
    monkeypatch.setattr(smoothed_loss, "POSITIONS_AT_ONCE", 5)


def make_inputs(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(B, T, V, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, V, (B, T), generator=generator)
    labels[0, -2:] = labels[2, -5:] = -100
    return logits.to(dtype).requires_grad_(), labels


def value_and_gradient(loss, logits, labels, items):
    value = loss(Seq2SeqLMOutput(logits=logits), labels, num_items_in_batch=items)
    (3 * value).backward()
    gradient, logits.grad = logits.grad, None
    return value.detach(), gradient


@pytest.mark.parametrize("items", [None, 41, torch.tensor(41)])
@pytest.mark.parametrize("smoothing", [0.0, SMOOTHING])
def test_value_and_gradient_are_those_of_transformers(smoothing, items):
    ours, theirs = (
        value_and_gradient(loss, *make_inputs(), items) for loss in (SmoothedLoss(smoothing), LabelSmoother(smoothing))
    )
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-6, atol=0)  # theirs adds up in float32
    torch.testing.assert_close(ours[1], theirs[1], rtol=0, atol=1e-9)


def test_value_is_that_of_pytorch_for_half_precision_and_for_a_tuple():
    logits, labels = make_inputs(torch.bfloat16)
    loss = SmoothedLoss(SMOOTHING)((logits, "states"), labels)
    exact = cross_entropy(logits.double().flatten(0, 1), labels.flatten(), label_smoothing=SMOOTHING)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), exact, rtol=1e-6, atol=0)
    loss.backward()
    assert logits.grad.dtype == torch.bfloat16


def test_where_no_gradient_is_asked_for_it_is_plain_cross_entropy():
    logits, labels = make_inputs()
    expected = cross_entropy(logits.flatten(0, 1), labels.flatten())
    torch.testing.assert_close(SmoothedLoss(SMOOTHING)({"logits": logits.detach()}, labels), expected.detach())
    with torch.no_grad():
        value = SmoothedLoss(SMOOTHING)({"logits": logits * 1}, labels)
    torch.testing.assert_close(value, expected.detach())


def test_beside_the_logits_only_their_gradient_is_as_large(monkeypatch):
    monkeypatch.setattr(smoothed_loss, "POSITIONS_AT_ONCE", 256)
    logits, labels = torch.randn(4096, 1009, requires_grad=True), torch.zeros(4096, dtype=torch.int64)

    def allocations(loss):
        with torch.profiler.profile(profile_memory=True) as profile:
            loss({"logits": logits}, labels).backward()
        logits.grad = None
        return sum(event.self_cpu_memory_usage >= logits.nbytes for event in profile.events())

    smoothed = SmoothedLoss(SMOOTHING)
    assert allocations(smoothed) == 2  # the gradient, and what the mean makes of it
    assert allocations(LabelSmoother(SMOOTHING)) > 4


@pytest.mark.parametrize("family", ["marian", "ours"])
def test_a_step_of_several_batches_is_a_step_of_one_large_batch(family, tmp_path):
    """Batches of unlike numbers of tokens: a mean of their means would be another loss."""
    outcomes = []
    for accumulated, size in ((1, 12), (3, 4)):
        trainer = make_training(
            build(family, dropout=0.0),
            tmp_path,
            parts={"compute_loss_func": SmoothedLoss(SMOOTHING)},
            per_device_train_batch_size=size,
            gradient_accumulation_steps=accumulated,
            train_sampling_strategy="sequential",
            max_steps=1,
            optim="sgd",
            logging_steps=1,
        )
        before = {name: weights.detach().clone() for name, weights in trainer.model.named_parameters()}
        trainer.train()
        moved = {name: weights.detach() - before[name] for name, weights in trainer.model.named_parameters()}
        outcomes.append((trainer.state.log_history[0]["loss"], moved))

    rows = [trainer.train_dataset[i] for i in range(12)]
    batch = trainer.data_collator(rows)
    for name, weights in trainer.model.named_parameters():
        weights.data.copy_(before[name])
    logits = trainer.model(**batch).logits.flatten(0, 1)
    expected = cross_entropy(logits, batch["labels"].flatten(), label_smoothing=SMOOTHING).item()
    for loss, moved in outcomes:
        assert loss == pytest.approx(expected, rel=1e-5)
        torch.testing.assert_close(moved, outcomes[0][1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", ["marian", "ours"])
def test_evaluated_is_the_plain_loss_with_and_without_generating(family, tmp_path):
    losses = [
        make_training(build(family), tmp_path, parts=parts, **options).evaluate()["eval_loss"]
        for parts in ({"compute_loss_func": SmoothedLoss(SMOOTHING)}, {})
        for options in ({"predict_with_generate": True, "generation_max_length": 11}, {})
    ]
    assert losses == pytest.approx([losses[-1]] * 4, rel=1e-5)


def test_a_collator_that_makes_no_decoder_input_is_told(tmp_path):
    """BART takes the source for the target then; Marian refuses by itself."""
    trainer = make_training(families.build("bart"), tmp_path, parts={"compute_loss_func": SmoothedLoss()})
    trainer.data_collator.model = None
    with pytest.raises(UserError, match=r"target positions for .*decoder_input_ids"):
        trainer.train()
    with pytest.raises(UserError, match=r"read \(3, 5\) target positions for \(3, 7\) labels: .*decoder_input_ids"):
        SmoothedLoss()({"logits": torch.zeros(3, 5, V)}, torch.zeros(3, 7))


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match=r"label_smoothing must lie in 0 to 1, got 1\.3"):
        SmoothedLoss(1.3)
    with pytest.raises(UserError, match="the batches have none"):
        SmoothedLoss()({"logits": torch.zeros(3, 5, V)}, None)
