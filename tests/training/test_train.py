import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from datasets import Dataset, DatasetDict
from forks import largest_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from hf_attn_model.errors import UserError
from hf_attn_model.files import LOCK, UNFINISHED, is_scratch
from hf_attn_model.files.processes import host_name
from hf_attn_model.recipes.recipe import recipe_of
from hf_attn_model.text import mapped
from hf_attn_model.training import examples
from hf_attn_model.training import train as training
from hf_attn_model.training.callbacks.manifest import read_manifest
from hf_attn_model.training.card import write_card


@pytest.fixture(scope="module")
def trained(small_recipe, tmp_path_factory):
    return training.train(small_recipe, tmp_path_factory.mktemp("trained") / "run")


@pytest.fixture
def out(trained, tmp_path):
    """A copy of what a training leaves, to write into."""
    return shutil.copytree(trained, tmp_path / "run")


def test_leaves_the_best_checkpoint_loadable_from_the_folder(out, small_recipe):
    model = AutoModelForSeq2SeqLM.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert model.config.vocab_size == len(tokenizer)
    batch = tokenizer("one two three", text_target="drei zwei eins", return_tensors="pt")
    assert model(**batch).loss < torch.tensor(float(len(tokenizer))).log()

    record = read_manifest(out)
    states = [json.loads(path.read_text()) for path in out.glob("checkpoint-*/trainer_state.json")]
    assert record["best_dev_loss"] == min(state["best_metric"] for state in states)
    assert record["steps"] == 24
    assert record["tokens"] > 0
    assert recipe_of(out) == small_recipe
    assert list(out.glob("runs/*/events*")), "no TensorBoard log"


@pytest.mark.parametrize(
    ("method", "step"), [("compute_loss", 13), ("_save_optimizer_and_scheduler", 16)], ids=["in a step", "in a save"]
)
def test_resumed_training_equals_an_uninterrupted_one(small_recipe, tmp_path, out, monkeypatch, capsys, method, step):
    """Stopped in the middle of an epoch, and dropout on: same batches, same random numbers."""

    def interrupt(trainer, *args, **kwargs):
        if trainer.state.global_step == step:
            raise KeyboardInterrupt
        return original(trainer, *args, **kwargs)

    original = getattr(training.TranslationTrainer, method)
    monkeypatch.setattr(training.TranslationTrainer, method, interrupt)
    torch.manual_seed(97)  # only the recipe's seed may count
    with pytest.raises(KeyboardInterrupt):
        training.train(small_recipe, tmp_path / "stopped")
    monkeypatch.undo()
    capsys.readouterr()
    resumed = training.train(small_recipe, tmp_path / "stopped", resume=True)
    assert ("checkpoint-16 is incomplete" in capsys.readouterr().out) == (step == 16)
    ours, theirs = (AutoModelForSeq2SeqLM.from_pretrained(folder).state_dict() for folder in (resumed, out))
    for name, weights in ours.items():
        torch.testing.assert_close(weights, theirs[name], atol=1e-6, rtol=0, msg=name)


def test_early_stopping_counts_on(small_recipe, tmp_path, monkeypatch):
    """Interrupted between two evaluations without a better loss, a training still ends at the third."""
    arguments = small_recipe.training | {"learning_rate": 0.0, "max_steps": 1000, "eval_steps": 3}
    recipe = replace(small_recipe, early_stopping_patience=3, training=arguments)
    training_step = training.TranslationTrainer.training_step

    def stop(self, *args):
        if self.state.global_step == 7:
            raise KeyboardInterrupt
        return training_step(self, *args)

    monkeypatch.setattr(training.TranslationTrainer, "training_step", stop)
    with pytest.raises(KeyboardInterrupt):
        training.train(recipe, tmp_path / "run")
    monkeypatch.undo()
    assert read_manifest(training.train(recipe, tmp_path / "run", resume=True))["steps"] == 3 * (1 + 3)


def test_a_full_disk_ends_a_training_in_one_line_and_with_room_it_goes_on(small_recipe, tmp_path, out):
    folder = tmp_path / "full"
    with (
        largest_file(60_000),
        pytest.raises(UserError, match=r"cannot write .*full.*; make room, and go on with --resume") as caught,
    ):
        training.train(small_recipe, folder)
    assert "\n" not in str(caught.value)
    training.train(small_recipe, folder, resume=True)
    ours, theirs = (AutoModelForSeq2SeqLM.from_pretrained(each).state_dict() for each in (folder, out))
    assert all(torch.equal(weights, theirs[name]) for name, weights in ours.items())


def test_what_a_kill_at_the_start_left_refuses_nothing(small_recipe, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in (LOCK, f"recipe.yaml.{host_name()}-{2**22 + 1}-7{UNFINISHED}"):
        (folder / name).write_text(json.dumps({"host": host_name(), "process": 2**22 + 1, "started": None}))
    training.train(replace(small_recipe, training=small_recipe.training | {"max_steps": 1}), folder)
    assert [path.name for path in folder.iterdir() if is_scratch(path.name)] == []


def test_early_stopping_ends_a_training_that_gets_no_better(small_recipe, tmp_path):
    arguments = small_recipe.training | {"learning_rate": 0.0, "max_steps": 1000, "eval_steps": 2}
    recipe = replace(small_recipe, early_stopping_patience=3, training=arguments)
    out = training.train(recipe, tmp_path / "run")
    assert read_manifest(out)["steps"] == 2 * (1 + 3)


def test_pairs_longer_than_the_limit_are_left_out_and_counted(small_recipe, tmp_path, capsys):
    recipe = replace(small_recipe, max_length=3)
    with pytest.raises(UserError, match="no pair is left"):
        training.train(recipe, tmp_path / "run")
    assert "left out 343 pairs longer than 3 tokens" in capsys.readouterr().out


def test_a_second_start_is_the_same_and_says_what_the_vocabulary_was_learnt_from(
    small_recipe, tmp_path, monkeypatch, capsys
):
    recipe = replace(small_recipe, training=small_recipe.training | {"max_steps": 1})
    for module in (training, examples):
        monkeypatch.setattr(module, "LEARNT_FROM", 101)
    cold = training.train(recipe, tmp_path / "cold", cache_dir=tmp_path / "kept")
    assert "vocabulary of 300 subwords, learnt from 101 of 343 pairs" in capsys.readouterr().out
    monkeypatch.setattr(mapped, "_write", lambda *args: pytest.fail("it is read or tokenized again"))
    warm = training.train(recipe, tmp_path / "warm", cache_dir=tmp_path / "kept")
    for folder in (cold, warm):
        assert read_manifest(folder)["vocabulary_learnt_from"] == 101
        assert (folder / "model.safetensors").read_bytes() == (cold / "model.safetensors").read_bytes()
    assert {path.name for path in (tmp_path / "kept").iterdir()} >= {"pairs", "tokenizers", "tokens"}


def test_what_will_not_be_as_asked_is_said_before_the_first_step(small_recipe, tmp_path, capsys):
    arguments = small_recipe.training | {"num_train_epochs": 7, "learning_rate": float("nan")}
    recipe = replace(small_recipe, vocab_size=2_000_000, training=arguments)
    with pytest.raises(UserError):  # its loss is no number
        training.train(recipe, tmp_path / "run")
    said = capsys.readouterr().out
    assert "training.num_train_epochs has no effect: training.max_steps=24 says how long, unless it is -1\n" in said
    assert " subwords (the training text has no more; vocab_size=2,000,000 asks for them); model of" in said


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fsdp": "full_shard"}, "recipe counting: training: Using fsdp only works in distributed training"),
        ({"optim": "lomo"}, r"recipe counting: training\.optim: You need to install `lomo_optim`"),
        ({"optim": "sgd", "optim_args": "momentum=x"}, r"training\.optim=sgd: could not convert string to float"),
        (
            {"lr_scheduler_type": "cosine", "lr_scheduler_kwargs": {"cycles": 2}},
            r"training\.lr_scheduler_type=cosine: there is no cycles to set",
        ),
        ({"accelerator_config": "nowhere.json"}, "training: cannot read nowhere.json: No such file or directory"),
        ({"report_to": None}, r"training\.report_to=None: None is not supported"),
    ],
)
def test_settings_that_only_a_trainer_can_judge_are_refused_in_one_line(settings, message, small_recipe, tmp_path):
    recipe = replace(small_recipe, training=small_recipe.training | settings)
    with pytest.raises(UserError, match=message):
        training.train(recipe, tmp_path / "run")


def test_stopped_before_the_first_checkpoint_resuming_starts_anew(small_recipe, tmp_path, out):
    folder = tmp_path / "stopped"
    folder.mkdir()
    small_recipe.save(folder)
    ours, theirs = (
        AutoModelForSeq2SeqLM.from_pretrained(each).state_dict()
        for each in (training.train(small_recipe, folder, resume=True), out)
    )
    assert all(torch.equal(weights, theirs[name]) for name, weights in ours.items())


def test_resuming_finds_the_corpus_by_any_of_its_names(small_recipe, out, monkeypatch):
    """Nothing is left to train, so that resuming is quick."""
    folder = Path(small_recipe.corpus)
    monkeypatch.chdir(folder.parent)
    training.train(replace(small_recipe, corpus=folder.name), out, resume=True)
    assert recipe_of(out).corpus == str(folder)
    replace(small_recipe, corpus=f"./{folder.name}").save(out)
    training.train(small_recipe, out, resume=True)


def test_a_corpus_may_be_in_memory(small_recipe, tmp_path, out):
    """The same pairs make the same weights, and the recipe keeps the name that it was given."""
    rows = {
        split: [
            json.loads(line) for line in Path(small_recipe.corpus, f"{split}.jsonl").read_text("utf-8").splitlines()
        ]
        for split in ("train", "dev")
    }
    data = DatasetDict({split: Dataset.from_list(pairs) for split, pairs in rows.items()})
    folder = training.train(replace(small_recipe, corpus="counting"), tmp_path / "of memory", data=data)
    ours, theirs = (AutoModelForSeq2SeqLM.from_pretrained(each).state_dict() for each in (folder, out))
    assert all(torch.equal(weights, theirs[name]) for name, weights in ours.items())
    assert recipe_of(folder).corpus == "counting"


def test_resuming_with_other_values_is_refused(small_recipe, tmp_path, out):
    recipe = replace(small_recipe, vocab_size=301)
    with pytest.raises(UserError, match="begun with vocab_size=300, not 301"):
        training.train(recipe, out, resume=True)


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.pt", "rng_state.pth"])
def test_resuming_from_a_damaged_checkpoint_is_refused(small_recipe, out, file):
    path = out / "checkpoint-24" / file
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{file} is damaged, .*; remove .*checkpoint-24, and --resume goes on after"):
        training.train(small_recipe, out, resume=True)
    shutil.rmtree(path.parent)
    assert read_manifest(training.train(small_recipe, out, resume=True))["sessions"][-1]["first_step"] == 16


def test_a_length_beyond_the_positions_is_refused(small_recipe, tmp_path):
    with pytest.raises(UserError, match="max_length, 32 with its end mark, exceeds"):
        training.train(replace(small_recipe, max_length=31), tmp_path / "run")


@pytest.mark.parametrize("resume", [False, True])
def test_nothing_is_overwritten_and_nothing_resumed_from_nowhere(small_recipe, tmp_path, resume):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "letter.txt").write_text("keep me")
    with pytest.raises(UserError, match="no training to resume" if resume else "not empty"):
        training.train(small_recipe, folder, resume=resume)
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_the_model_card_holds_what_was_measured(out):
    (out / "evaluation.json").write_text(
        json.dumps(
            {
                "command": "hf-attn evaluate run",
                "bleu": 12.345,
                "bleu_signature": "nrefs:1|tok:13a",
                "chrf": 34.5,
                "chrf_signature": "nrefs:1|nc:6",
                "exact_match": 5.0,
                "sentences": 7,
                "num_beams": 2,
                "seconds": 1.0,
            }
        )
    )
    card = write_card(out).read_text()
    for words in (
        "12.35",
        "nrefs:1|tok:13a",
        "34.50",
        "beam 2",
        "hf-attn evaluate run",
        "license: apache-2.0",
        "type: bleu",
    ):
        assert words in card, words
