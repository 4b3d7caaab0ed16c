"""Stock Seq2SeqTrainer trains, resumes and fine-tunes our model, from files and from a stream."""

import json

import pytest
import torch
from ecosystem import stock_trainer
from ecosystem.launch import arguments, history
from safetensors.torch import load_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, Seq2SeqTrainer


def test_trains_from_nothing_and_evaluates_what_it_generates(blank, trained, pairs, tmp_path):
    for start, out in ((blank, tmp_path / "before"), (trained, tmp_path / "after")):
        stock_trainer.main(arguments(start, out, None, pairs / "dev.jsonl"))
    assert history(tmp_path / "after", "eval_loss") < history(tmp_path / "before", "eval_loss")

    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(trained), AutoTokenizer.from_pretrained(trained)
    rows = [json.loads(line) for line in (pairs / "dev.jsonl").read_text().splitlines()]
    exact = 0
    for row in rows:
        ids = model.generate(**tokenizer(row["source"], return_tensors="pt"), max_length=31)
        exact += tokenizer.decode(ids[0], skip_special_tokens=True) == row["target"]
    assert history(tmp_path / "after", "eval_exact_match") == [exact / len(rows)]
    assert exact > 0.8 * len(rows)


@pytest.mark.parametrize(("streaming", "sentences"), [(False, 8), (True, 3)])
def test_a_resumed_training_equals_an_uninterrupted_one(blank, pairs, tmp_path, monkeypatch, streaming, sentences):
    """Killed some steps after a checkpoint, with dropout on.

    In the second epoch of a file; in the first pass over a stream, because Trainer cannot know when the second began.
    """
    options = ["--max_steps", 17, "--save_steps", 5, "--logging_steps", 1, "--learning_rate", 1e-2]
    options += ["--per_device_train_batch_size", sentences] + ["--streaming"] * streaming
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    stock_trainer.main(arguments(blank, whole, pairs / "train.jsonl", None, *options))

    class Killed(Exception):
        pass

    def training_step(trainer, *args, **kwargs):
        if trainer.state.global_step == 12:
            raise Killed
        return original(trainer, *args, **kwargs)

    original = Seq2SeqTrainer.training_step
    monkeypatch.setattr(Seq2SeqTrainer, "training_step", training_step)
    with pytest.raises(Killed):
        stock_trainer.main(arguments(blank, parts, pairs / "train.jsonl", None, *options))
    monkeypatch.undo()
    options += ["--resume_from_checkpoint", parts / "checkpoint-10"]
    stock_trainer.main(arguments(blank, parts, pairs / "train.jsonl", None, *options))

    assert len(history(whole, "loss")) == 17
    assert history(parts, "loss") == history(whole, "loss")
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (parts, whole))
    assert all(torch.equal(weights, theirs[name]) for name, weights in ours.items())


def test_fine_tuning_learns_another_language(trained, pairs, tmp_path):
    options = ["--max_steps", 100, "--learning_rate", 3e-3, "--eval_strategy", "steps", "--eval_steps", 50]
    options += ["--per_device_train_batch_size", 16]
    files = pairs / "other_train.jsonl", pairs / "other_dev.jsonl"
    stock_trainer.main(arguments(trained, tmp_path, *files, *options, "--eval_on_start", "True"))
    losses, matches = history(tmp_path, "eval_loss"), history(tmp_path, "eval_exact_match")
    assert losses[0] > losses[1] > losses[2]
    assert matches[0] < 0.5 < 0.8 < matches[-1]
