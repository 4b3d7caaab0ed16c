"""The batches that `TranslationTrainer` trains on, from data sets and streams of several kinds."""

from collections import Counter
from itertools import islice

import pytest
import replicas
import torch
from datasets import Dataset
from ecosystem.launch import history
from safetensors.torch import load_file

from hf_attn_model.errors import UserError

PAIRS = 31


def texts_and_tokens():
    rows = [
        {"input_ids": [i] * (1 + i % 5), "labels": [i] * (1 + i % 7), "source": "The ball is blue"}
        for i in range(PAIRS)
    ]
    return Dataset.from_list(rows)


def loader(folder, pairs, workers=0):
    trainer = replicas.make_trainer(folder, pairs)
    trainer.args.dataloader_num_workers = workers
    return trainer.get_train_dataloader()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", [lambda rows: rows, Dataset.to_list, Dataset.to_iterable_dataset])
def test_every_pair_comes_once_in_an_epoch_and_only_its_tokens(tmp_path, kind, workers):
    batches, seen = iter(loader(tmp_path, kind(texts_and_tokens()), workers)), Counter()
    while seen.total() < PAIRS:
        batch = next(batches)
        assert batch["input_ids"].numel() + batch["labels"].numel() <= replicas.MAX_TOKENS
        assert "source" not in batch
        seen.update(batch["input_ids"][:, 0].tolist())
    assert seen == Counter(range(PAIRS))


def test_settings_of_the_workers_are_heard(tmp_path):
    trainer = replicas.make_trainer(tmp_path, replicas.Pairs())
    heard = {"persistent_workers": True, "prefetch_factor": 3, "in_order": False}
    for name, value in (heard | {"num_workers": 1, "multiprocessing_context": "fork"}).items():
        setattr(trainer.args, f"dataloader_{name}", value)
    batches = trainer.get_train_dataloader()
    assert {name: getattr(batches, name) for name in heard} == heard
    assert batches.multiprocessing_context.get_start_method() == "fork"


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("kind", [replicas.Pairs, replicas.Stream])
def test_data_that_changes_is_told_the_epoch(tmp_path, kind, workers):
    batches = loader(tmp_path, kind(), workers)
    batches.set_epoch(3)
    pairs = replicas.Pairs()
    pairs.set_epoch(3)
    expected = {tuple(pairs[i]["input_ids"]) for i in range(len(pairs))}
    for batch in islice(batches, 3):
        rows = zip(batch["input_ids"], batch["attention_mask"].bool(), strict=True)
        assert all(tuple(ids[mask].tolist()) in expected for ids, mask in rows)


def test_the_seed_of_the_data_is_that_of_the_order(tmp_path):
    def order(**seeds):
        trainer = replicas.make_trainer(tmp_path, replicas.Pairs())
        for name, seed in seeds.items():
            setattr(trainer.args, name, seed)
        return list(trainer.get_train_dataloader().batch_sampler)

    assert order(seed=3) == order(seed=5, data_seed=3) != order(seed=5)


@pytest.mark.parametrize("pairs", [replicas.Pairs, replicas.Stream])
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(tmp_path, pairs):
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    replicas.train(whole, pairs(), dropout=0.3)
    replicas.train(resumed, pairs(), dropout=0.3, resume=str(whole / f"checkpoint-{replicas.SAVED}"))
    assert history(resumed, "loss") == history(whole, "loss")
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (resumed, whole))
    torch.testing.assert_close(ours, theirs, atol=0, rtol=0)


def test_text_that_nobody_tokenized_is_refused(tmp_path):
    text = Dataset.from_dict({"source": ["The ball is blue"], "target": ["La bola es azul"]})
    with pytest.raises(UserError, match='no "input_ids", only source, target: tokenize them first'):
        loader(tmp_path, text)
