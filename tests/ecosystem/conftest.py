"""Folders with which a user starts: pairs of sentences, and a translator that has learnt nothing yet."""

import json

import pytest
from ecosystem import stock_trainer
from ecosystem.launch import arguments
from small_models import make_config

NUMBERS = ["one", "two", "three", "four", "five", "six", "seven"]
ZAHLEN = ["eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben"]


def write_pairs(path, numbers, backwards=True):
    """Write lines of English and German numbers, by default in opposite order."""
    step = -1 if backwards else 1
    lines = [
        {"source": " ".join(NUMBERS[n] for n in row), "target": " ".join(ZAHLEN[n] for n in row[::step])}
        for row in numbers
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """Files of pairs: `train` (64 of them, of 1 to 5 words) and `dev` (16 of those); `other_*` count forwards."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = [[(i * k + k * k) % 7 for k in range(1, 2 + i * i % 5)] for i in range(64)]
    write_pairs(folder / "train.jsonl", rows)
    write_pairs(folder / "dev.jsonl", rows[::4])
    write_pairs(folder / "other_train.jsonl", rows, backwards=False)
    write_pairs(folder / "other_dev.jsonl", rows[::4], backwards=False)
    return folder


@pytest.fixture(scope="session")
def blank(pairs, tmp_path_factory):
    """A folder with a tokenizer and a configuration, but no weights."""
    from hf_attn_model.text.tokenizer import train_tokenizer

    tokenizer = train_tokenizer([" ".join(NUMBERS), " ".join(ZAHLEN)] * 2, 300)
    folder = tmp_path_factory.mktemp("blank")
    tokenizer.save_pretrained(folder)
    config = make_config(vocab_size=len(tokenizer), dropout=0.1, encoder_layers=1, decoder_layers=1)
    config.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def trained(blank, pairs, tmp_path_factory):
    """The folder that the stock training script leaves: a translator that knows its pairs by heart."""
    folder = tmp_path_factory.mktemp("trained")
    steps = ["--max_steps", 150, "--learning_rate", 1e-2, "--save_strategy", "no", "--per_device_train_batch_size", 16]
    stock_trainer.main(arguments(blank, folder, pairs / "train.jsonl", None, *steps))
    return folder
