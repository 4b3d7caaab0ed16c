"""Two processes train what one process trains, and go on after an interruption as if there had been none."""

import socket
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
import replicas
import torch
from ecosystem.launch import history, launch
from processes import Process
from safetensors.torch import load_file
from torch.utils.data import DataLoader, IterableDataset, Sampler
from transformers import AutoModelForSeq2SeqLM

from hf_attn_model.text.batch_stream import TokenBatchStream
from hf_attn_model.text.batches import TokenBatchSampler
from hf_attn_model.training.callbacks.manifest import read_manifest
from hf_attn_model.training.trainer import TranslationTrainer


class InTurns(Sampler, IterableDataset):
    """The shares of all ranks for one process: at each step first the batch of rank 0, then that of rank 1."""

    def __init__(self, kind, *args):
        self.shares = [kind(*args, replicas.MAX_TOKENS, 42, 2, rank) for rank in (0, 1)]

    def set_epoch(self, epoch):
        for share in self.shares:
            share.set_epoch(epoch)

    def __len__(self):
        return sum(map(len, self.shares))

    def __iter__(self):
        return chain.from_iterable(zip(*self.shares, strict=True))


class OneProcess(TranslationTrainer):
    def get_train_dataloader(self):
        pairs, collator = self.train_dataset, self.data_collator
        if isinstance(pairs, IterableDataset):
            batches = InTurns(TokenBatchStream, pairs)
            return DataLoader(batches, batch_size=None, collate_fn=collator)
        sampler = InTurns(TokenBatchSampler, pairs.source_lengths, pairs.target_lengths)
        return self.accelerator.prepare(DataLoader(pairs, batch_sampler=sampler, collate_fn=collator))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Folders that two processes leave, started as a launcher does."""
    out = tmp_path_factory.mktemp("two")
    with socket.create_server(("127.0.0.1", 0)) as free:
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free.getsockname()[1], "WORLD_SIZE": 2}
    modules = Path(replicas.__file__).parents[1]  # the tests' own
    with open(out / "said", "w+") as said:
        ranks = [meeting | {"RANK": rank, "LOCAL_RANK": rank, "PYTHONPATH": modules} for rank in (0, 1)]
        two = [Process(replicas.__file__, out, env=rank, stdout=said, stderr=said) for rank in ranks]
        assert [process.wait() for process in two] == [0, 0], (out / "said").read_text()
    return out


def weights(folder):
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "pairs"), [("data", replicas.Pairs), ("stream", replicas.Stream), ("muon", replicas.Pairs)]
)
def test_two_processes_equal_one(two, tmp_path, name, pairs):
    replicas.train(tmp_path, pairs(), OneProcess, 2 * replicas.ACCUMULATED, muon=name == "muon")
    losses = history(two / name, "loss")
    assert len(losses) == replicas.STEPS
    assert losses == pytest.approx(history(tmp_path, "loss"), abs=1e-5)
    assert history(two / name, "grad_norm") == pytest.approx(history(tmp_path, "grad_norm"), abs=1e-5)
    torch.testing.assert_close(weights(two / name), weights(tmp_path), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["data", "stream"])
def test_two_processes_go_on_where_they_were_interrupted(two, name):
    whole, resumed = two / f"{name}_with_dropout", two / f"{name}_resumed"
    assert history(resumed, "loss") == history(whole, "loss")
    torch.testing.assert_close(weights(resumed), weights(whole), atol=0, rtol=0)
    assert history(whole, "loss") != history(two / name, "loss")  # dropout was on


@pytest.mark.slow
def test_the_command_trains_in_several_processes_and_writes_once(small_recipe, tmp_path):
    replace(small_recipe, r_drop=3.0, ema_decay=0.9, muon=True).save(tmp_path)
    command = ("-m", "hf_attn_model.cli", "train", tmp_path / "recipe.yaml", "--out", tmp_path / "run")
    said = launch("torch.distributed.run", "--standalone", "--nproc_per_node", 2, *command)
    assert said.count("trained:") == said.count("backend:") == 1
    manifest = read_manifest(tmp_path / "run")
    assert manifest["finished"]
    assert manifest["sessions"][0]["processes"] == 2
    assert (tmp_path / "run" / "README.md").is_file()
    AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "run")
