"""Two processes on one machine's CPU train what one process trains."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from ecosystem import fsdp2, stock_trainer
from ecosystem.launch import arguments, history, launch
from safetensors.torch import load_file
from small_models import make_model
from transformers import AutoConfig, AutoModelForSeq2SeqLM

HERE = Path(__file__).parent


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, weights in ours.items():
        torch.testing.assert_close(weights, theirs[name], atol=1e-5, rtol=0, msg=name)


@pytest.mark.slow
def test_ddp_equals_one_process(trained, pairs, tmp_path):
    """Stock Trainer under `accelerate launch`: batches of unequal padding, and steps of two batches."""
    start, one, two = tmp_path / "start", tmp_path / "one", tmp_path / "two"
    shutil.copytree(trained, start)
    AutoConfig.from_pretrained(trained, dropout=0.0).save_pretrained(start)

    files = pairs / "other_train.jsonl", pairs / "other_dev.jsonl"
    options = ["--max_steps", 11, "--logging_steps", 1, "--learning_rate", 1e-3, "--adam_epsilon", 1e-4]
    options += ["--gradient_accumulation_steps", 2, "--per_device_train_batch_size"]
    stock_trainer.main(arguments(start, one, *files, *options, 8))
    several = ["--multi_gpu", "--num_processes", 2, "--num_machines", 1]  # on the CPU all the same: --use_cpu decides
    several += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", 0]
    script = HERE / "stock_trainer.py"
    launch("accelerate.commands.launch", *several, script, *arguments(start, two, *files, *options, 4))

    assert len(history(one, "loss")) == 11
    assert history(two, "loss") == pytest.approx(history(one, "loss"), abs=1e-5)
    assert history(two, "eval_exact_match") == history(one, "eval_exact_match") != [0.0]
    assert_same(*(load_file(folder / "model.safetensors") for folder in (two, one)))


@pytest.mark.slow
def test_fsdp2_equals_one_process(tmp_path):
    """Parameters sharded under `torchrun`: tied and untied, with gradient checkpointing, and in bfloat16."""
    start, end = tmp_path / "start", tmp_path / "end"
    for name in ("tied", "untied", "checkpointed", "bf16"):
        make_model(tie_word_embeddings=name != "untied").save_pretrained(start / name)
    launch("torch.distributed.run", "--standalone", "--nproc_per_node", 2, HERE / "fsdp2.py", end, *start.iterdir())

    losses = {}
    for name in ("tied", "untied", "checkpointed"):
        report = json.loads((end / name / "report.json").read_text())
        assert all(report["sharded"])
        assert report["share"] == pytest.approx(0.5, abs=0.05)  # of all numbers, on one of two processes

        model = AutoModelForSeq2SeqLM.from_pretrained(start / name)
        losses[name] = fsdp2.train(model)
        assert losses[name][-1] < losses[name][0] - 0.1
        assert report["losses"] == pytest.approx(losses[name], abs=1e-5)
        saved = AutoModelForSeq2SeqLM.from_pretrained(end / name)
        assert_same(saved.state_dict(), model.state_dict())
        assert (saved.lm_head.weight is saved.model.shared.weight) == (name != "untied")

    in_bf16 = json.loads((end / "bf16" / "report.json").read_text())["losses"]
    assert in_bf16 == pytest.approx(losses["tied"], rel=0.02)
    assert in_bf16 != pytest.approx(losses["tied"], abs=1e-5)
