"""The moving average against PyTorch's AveragedModel and against its formula, along trainings of the stock Trainer."""

import shutil

import pytest
import torch
from families import build
from safetensors.torch import load_file
from small_models import make_model
from small_trainings import StopAt, Stopped, assert_same, make_training
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import AutoModelForSeq2SeqLM, TrainerCallback, TrainingArguments

from hf_attn_model.errors import UserError
from hf_attn_model.training.callbacks.ema import EMA_FILE, EMACallback, load_ema, warmed_up


class Watch(TrainerCallback):
    """Keep copies of the weights before the first step and after every step; PyTorch's average, too."""

    def __init__(self, decay=0.5):
        self.decay = decay
        self.weights = []

    def on_train_begin(self, args, state, control, model, **kwargs):
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(self.decay))
        self.on_step_end(args, state, control, model)

    def on_step_end(self, args, state, control, model, **kwargs):
        self.average.update_parameters(model)
        self.weights.append({name: parameter.detach().clone() for name, parameter in model.named_parameters()})


def copies(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("family", ["ours", "marian"])
def test_with_a_decay_below_the_warm_up_it_is_the_average_of_pytorch(family, tmp_path):
    model = make_model(dropout=0.1) if family == "ours" else build(family, dropout=0.1)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    ema, watch = EMACallback(0.17), Watch(0.17)  # warmed_up(0.17, 1) is 2/11
    make_training(model, tmp_path, ema, watch, save_strategy="no").train()
    theirs = dict(watch.average.module.named_parameters())
    assert_same(ema.averages, {name: theirs[name].detach() for name in trained})


def test_the_decay_warms_up(tmp_path):
    ema, watch = EMACallback(0.43), Watch()
    make_training(make_model(), tmp_path, ema, watch, max_steps=11, save_strategy="no").train()
    decays = [min(0.43, (1 + step) / (10 + step)) for step in range(1, 12)]
    assert decays[:3] == sorted(decays[:3])
    assert decays[3] < decays[5] == decays[-1] == 0.43
    assert [warmed_up(0.43, step) for step in range(1, 12)] == decays
    for name, average in ema.averages.items():
        expected = watch.weights[0][name].double()
        for decay, weights in zip(decays, watch.weights[1:], strict=True):
            expected = decay * expected + (1 - decay) * weights[name].double()
        torch.testing.assert_close(average, expected.float(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_swapped_the_model_holds_averages_and_then_its_own_weights_again(dtype, tmp_path):
    model = make_model().to(dtype)
    ema = EMACallback(0.9)
    seen = []

    class Look(TrainerCallback):
        def on_step_end(self, args, state, control, model, **kwargs):
            own = copies(model)
            with ema.swapped(model):
                inside = copies(model)
                assert model.lm_head.weight is model.model.shared.weight
                with ema.swapped(model):
                    assert_same(model.state_dict(), inside)
            assert_same(model.state_dict(), own)
            with pytest.raises(ZeroDivisionError), ema.swapped(model):
                raise ZeroDivisionError
            assert_same(model.state_dict(), own)
            for name, average in ema.averages.items():
                assert average.dtype == torch.float32
                assert torch.equal(inside[name], average.to(dtype))
                seen.append(torch.equal(inside[name], own[name]))

    make_training(model, tmp_path, ema, Look(), max_steps=3, save_strategy="no").train()
    assert not all(seen)
    names = [name for name, _ in model.named_parameters()]
    assert list(ema.averages) == names
    assert "lm_head.weight" not in names  # tied to the embeddings, averaged once


def test_swapping_in_a_training_does_not_change_it(tmp_path):
    class Look(TrainerCallback):
        def on_step_end(self, args, state, control, model, **kwargs):
            with ema.swapped(model):
                model(input_ids=torch.tensor([[2, 3]]), labels=torch.tensor([[5]]))

    weights = []
    for others in ([], [Look()]):
        ema = EMACallback(0.9)
        trainer = make_training(make_model(), tmp_path / str(len(others)), ema, *others, save_steps=7)
        trainer.train()
        weights.append(load_file(tmp_path / str(len(others)) / "checkpoint-7" / "model.safetensors"))
    assert_same(*weights)


def test_before_a_training_there_is_nothing_to_swap():
    model = make_model()
    own = copies(model)
    with EMACallback(0.9).swapped(model):
        assert_same(model.state_dict(), own)


@pytest.fixture(scope="module")
def whole_and_stopped(tmp_path_factory):
    """A folder with an uninterrupted training, and with the same one stopped in step 5."""
    folder = tmp_path_factory.mktemp("resumed")
    make_training(make_model(dropout=0.1), folder / "whole", EMACallback(0.9)).train()
    with pytest.raises(Stopped):
        make_training(make_model(dropout=0.1), folder / "run", EMACallback(0.9), StopAt(4)).train()
    return folder


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_resumed_training_ends_like_an_uninterrupted_one(elsewhere, whole_and_stopped, tmp_path):
    shutil.copytree(whole_and_stopped, tmp_path, dirs_exist_ok=True)
    checkpoint = tmp_path / "run" / "checkpoint-4"
    options = {}
    if elsewhere:
        checkpoint = tmp_path / "moved"
        shutil.copytree(tmp_path / "run" / "checkpoint-4", checkpoint)
        (tmp_path / "run" / "checkpoint-4" / EMA_FILE).unlink()
        options = {"resume_from_checkpoint": str(checkpoint)}
    resumed = EMACallback(0.9)
    other = make_training(make_model(dropout=0.1), tmp_path / "run", resumed, **options)
    other.train(resume_from_checkpoint=str(checkpoint))
    assert_same(resumed.averages, load_file(tmp_path / "whole" / "checkpoint-7" / EMA_FILE))
    for name in ("model.safetensors", EMA_FILE):
        assert_same(*(load_file(tmp_path / folder / "checkpoint-7" / name) for folder in ("run", "whole")))


def test_a_checkpoint_without_its_own_averages_is_refused(tmp_path):
    for folder, seed in (("run", 3), ("other", 5)):
        trainer = make_training(make_model(), tmp_path / folder, EMACallback(0.9), seed=seed, max_steps=4)
        trainer.train()
    checkpoint, other = (tmp_path / folder / "checkpoint-4" / EMA_FILE for folder in ("run", "other"))

    def resume():
        make_training(make_model(), tmp_path / "run", EMACallback(0.9)).train(resume_from_checkpoint=True)

    checkpoint.unlink()
    with pytest.raises(UserError, match=r"cannot resume the moving average: .*checkpoint-4 holds no"):
        resume()
    shutil.copyfile(other, checkpoint)  # of the same names and shapes
    with pytest.raises(UserError, match="cannot resume the moving average"):
        resume()


def test_after_a_training_the_model_holds_the_last_averages_or_those_of_the_best_checkpoint(tmp_path):
    ema, watch = EMACallback(0.9), Watch()
    trainer = make_training(make_model(), tmp_path / "last", ema, watch, save_strategy="no")
    trainer.train()
    assert not torch.equal(trainer.model.lm_head.weight, watch.weights[-1]["model.shared.weight"])
    assert_same({name: trainer.model.state_dict()[name] for name in ema.averages}, ema.averages)

    ema = EMACallback(0.9)
    options = {"eval_strategy": "steps", "eval_steps": 1, "load_best_model_at_end": True}
    options |= {"metric_for_best_model": "loss", "greater_is_better": True}  # the best is not the last one
    trainer = make_training(make_model(), tmp_path / "best", ema, **options)
    trainer.train()
    trainer.save_model()
    best = trainer.state.best_model_checkpoint
    assert not best.endswith("checkpoint-7")
    model = AutoModelForSeq2SeqLM.from_pretrained(best)
    assert not torch.equal(model.lm_head.weight, trainer.model.lm_head.weight)
    load_ema(model, best)
    assert_same(model.state_dict(), trainer.model.state_dict())
    assert_same(AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "best").state_dict(), model.state_dict())
    with ema.swapped(trainer.model):
        assert_same(trainer.model.state_dict(), model.state_dict())


def test_frozen_weights_are_not_averaged(tmp_path):
    model = make_model()
    model.model.decoder.requires_grad_(False)
    ema = EMACallback(0.9)
    make_training(model, tmp_path, ema, max_steps=2, save_strategy="no").train()
    assert ema.averages
    assert not any("decoder.layers" in name for name in ema.averages)


def test_processes_that_should_not_write_average_all_the_same(tmp_path, monkeypatch):
    ours, theirs = EMACallback(0.9), EMACallback(0.9)
    make_training(make_model(), tmp_path / "main", theirs, max_steps=3, save_strategy="no").train()
    monkeypatch.setattr(TrainingArguments, "should_save", False)
    make_training(make_model(), tmp_path / "second", ours, max_steps=3).train()
    assert not list((tmp_path / "second").rglob(EMA_FILE))
    assert_same(ours.averages, theirs.averages)


@pytest.mark.parametrize("decay", [0, 1, -0.9, 9])
def test_a_decay_lies_between_0_and_1(decay):
    with pytest.raises(UserError, match="must lie between 0 and 1"):
        EMACallback(decay)


def test_averages_of_nothing_or_of_another_model_are_told(tmp_path):
    make_training(make_model(), tmp_path, EMACallback(0.9), max_steps=2).train()
    with pytest.raises(UserError, match=r"no ema\.safetensors in .*checkpoint-3"):
        load_ema(make_model(), tmp_path / "checkpoint-3")
    other = make_model(encoder_ffn_dim=23)
    before = copies(other)
    with pytest.raises(UserError, match=r"ema\.safetensors is of another model"):
        load_ema(other, tmp_path / "checkpoint-2")
    assert_same(other.state_dict(), before)
