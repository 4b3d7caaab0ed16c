"""Averages of the weights in a stock Seq2SeqTrainer of a stock Marian, against the checkpoints it leaves."""

import pytest
import torch
from small_trainings import assert_same, make_training
from stock_models import build
from transformers import AutoModelForSeq2SeqLM, MarianMTModel, Seq2SeqTrainer

from hf_attn_model.training.averaging import average_checkpoints, choose_checkpoints
from hf_attn_model.training.callbacks.average import AverageCallback
from hf_attn_model.training.callbacks.ema import EMACallback, load_ema
from hf_attn_model.training.mixins import EMAEvaluation

CHOOSING = {"eval_strategy": "steps", "eval_steps": 1, "load_best_model_at_end": True, "learning_rate": 0.3}


class Stock(EMAEvaluation, Seq2SeqTrainer):
    """The user's Trainer."""


def evaluations(trainer, metric):
    """What a training has logged, by step."""
    return {entry["step"]: entry[metric] for entry in trainer.state.log_history if metric in entry}


@pytest.mark.parametrize(
    ("family", "metrics"), [("marian", ["eval_first_loss", "eval_all_loss"]), ("ours", ["eval_loss"])]
)
def test_the_moving_average_is_evaluated_and_chooses_the_best_checkpoint(family, metrics, tmp_path):
    """On one data set, and on two, which Trainer evaluates one after the other."""
    run = tmp_path / "run"
    options = CHOOSING | {"metric_for_best_model": metrics[-1]}
    trainer = make_training(build(family), run, kind=Stock, parts={"ema": EMACallback(0.9)}, **options)
    data = trainer.eval_dataset
    if len(metrics) == 2:
        trainer.eval_dataset = {"first": data.select(range(7)), "all": data}
    trainer.train()

    of_weights, of_averages = {}, {}
    for step in range(1, 8):
        stock = make_training(AutoModelForSeq2SeqLM.from_pretrained(run / f"checkpoint-{step}"), tmp_path / "stock")
        stock.eval_dataset = trainer.eval_dataset
        of_weights[step] = stock.evaluate()
        load_ema(stock.model, run / f"checkpoint-{step}")
        of_averages[step] = stock.evaluate()
    for metric in metrics:
        assert evaluations(trainer, metric) == {step: found[metric] for step, found in of_averages.items()}

    best, other = (min(found, key=lambda step: found[step][metrics[-1]]) for found in (of_averages, of_weights))
    assert best != other, "the weights would choose the same: the test tells nothing"
    assert trainer.state.best_model_checkpoint.endswith(f"checkpoint-{best}")
    model = AutoModelForSeq2SeqLM.from_pretrained(run / f"checkpoint-{best}")
    load_ema(model, run / f"checkpoint-{best}")
    assert_same(trainer.model.state_dict(), model.state_dict())


def test_without_a_moving_average_nothing_is_different(tmp_path):
    losses = [
        make_training(build("marian"), tmp_path, kind=kind).evaluate()["eval_loss"] for kind in (Stock, Seq2SeqTrainer)
    ]
    assert losses[0] == losses[1]


def test_a_stock_training_ends_with_the_mean_of_its_last_checkpoints(tmp_path):
    trainer = make_training(build("marian"), tmp_path / "run", AverageCallback(last=3))
    trainer.train()
    states = [MarianMTModel.from_pretrained(tmp_path / "run" / f"checkpoint-{step}").state_dict() for step in (5, 6, 7)]
    mean = {name: (sum(state[name].double() for state in states) / 3).float() for name in states[0]}
    assert not torch.equal(mean["lm_head.weight"], states[-1]["lm_head.weight"])
    torch.testing.assert_close(dict(trainer.model.state_dict()), mean, rtol=1e-6, atol=0)

    average_checkpoints(choose_checkpoints(tmp_path / "run", last=3), tmp_path / "average")
    model = MarianMTModel.from_pretrained(tmp_path / "average")
    assert_same(model.state_dict(), trainer.model.state_dict())
    ids = torch.tensor([[3, 5, 7, 1]])
    assert torch.equal(model.generate(ids, max_length=11), trainer.model.eval().generate(ids, max_length=11))
