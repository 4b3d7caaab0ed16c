"""Attention watched in a stock Seq2SeqTrainer of a stock Marian, against what Marian gives for its checkpoints."""

import numpy as np
import pytest
import torch
from families import eager_weights
from safetensors.torch import load_file
from small_trainings import assert_same, make_training
from stock_models import build
from transformers import AutoModelForSeq2SeqLM

from hf_attn_model.alignment.pairs import Pair
from hf_attn_model.attention.places import PLACES
from hf_attn_model.errors import UserError
from hf_attn_model.study.curve import read_curve, read_frames
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.training.callbacks.attention import AttentionCallback

PAIRS = [Pair("a b a", "b a"), Pair("b", "a a b b a")]
OPTIONS = {"save_steps": 3, "max_steps": 6, "eval_strategy": "steps", "eval_steps": 2}


@pytest.mark.parametrize("family", ["marian", "ours"])
def test_records_are_of_the_attention_that_the_model_gives_of_itself(family, tmp_path):
    model = build(family, vocab_size=300)
    start = tmp_path / "start"
    model.save_pretrained(start)
    trainer = make_training(model, tmp_path / "watched", AttentionCallback(PAIRS), **OPTIONS)
    trainer.train()
    records = read_curve(tmp_path / "watched")
    assert [record["step"] for record in records] == [0, 2, 3, 4, 6]

    tokenizer = train_tokenizer(["a b"], 300)
    rows = [tokenizer(pair.source, text_target=pair.target) for pair in PAIRS]
    frames = read_frames(records)
    for number, folder in ((0, start), (2, "checkpoint-3"), (4, "checkpoint-6")):
        loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "watched" / folder).eval()
        weights = eager_weights(loaded, trainer.data_collator(rows))
        for place in PLACES:
            np.testing.assert_allclose(frames[number].place(place), weights[0][place], atol=2e-3)
            maps = [pair[place].double() for pair in weights]
            entropies = torch.cat([-torch.special.xlogy(one, one).sum(-1).flatten(0, 1).mT for one in maps])
            assert records[number]["entropy"][place]["mean"] == pytest.approx(entropies.mean().item(), rel=1e-5)
    assert records[0]["entropy"] != records[-1]["entropy"]

    make_training(build(family, vocab_size=300), tmp_path / "plain", **OPTIONS).train()
    assert_same(*(load_file(tmp_path / run / "checkpoint-6" / "model.safetensors") for run in ("watched", "plain")))


def test_a_trainer_without_a_tokenizer_is_refused_at_its_start(tmp_path):
    trainer = make_training(build("marian"), tmp_path, AttentionCallback(PAIRS), parts={"processing_class": None})
    with pytest.raises(UserError, match=r"no tokenizer to read its pairs with: Trainer\(processing_class"):
        trainer.train()
    assert trainer.state.global_step == 0
