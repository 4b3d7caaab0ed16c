"""Attention watched in training: what is written and when, and that the training does not feel it."""

import json
from dataclasses import replace

import pytest
import torch
from datasets import Dataset
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
)

from hf_attn_model.alignment.pairs import Pair
from hf_attn_model.errors import UserError
from hf_attn_model.study.curve import CURVE_FILE, read_curve, read_frames, write_curve
from hf_attn_model.study.measures import measure
from hf_attn_model.study.relevance import textbook_pairs
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.training import train as training
from hf_attn_model.training.callbacks.attention import AttentionCallback


@pytest.fixture(scope="module")
def textbook_recipe(small_recipe):
    """The small model on 211 sentences of the textbook, 13 held-out ones watched."""
    arguments = small_recipe.training | {"max_steps": 5, "eval_steps": 2}
    words = {"source_lang": "en", "target_lang": "es", "vocab_size": 500}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hf_attn_model.textbook.dataset.SIZES", {"train": 211, "dev": 17, "test": 5})
        yield replace(small_recipe, corpus="textbook:en-es", **words, watch_attention=13, training=arguments)


@pytest.fixture(scope="module")
def watched(textbook_recipe, tmp_path_factory):
    """What a watched training leaves."""
    return training.train(textbook_recipe, tmp_path_factory.mktemp("watched") / "run")


def weights_of(folder):
    return AutoModelForSeq2SeqLM.from_pretrained(folder).state_dict()


def test_a_training_is_measured_from_the_first_step_on_and_does_not_feel_it(textbook_recipe, watched, tmp_path):
    records = read_curve(watched)
    assert [record["step"] for record in records] == [0, 2, 4, 5]  # initialisation, evaluations, the last checkpoint
    assert all(record["sentences"] == 13 for record in records)
    assert {"entropy", "alignment", "relevance", "probe"} <= records[0].keys()
    frames = read_frames(records)
    assert [frame.id for frame in frames] == ["step 0", "step 2", "step 4", "step 5"]
    assert {frame.source for frame in frames} == {"The black cat drank the milk"}
    assert (frames[0].place("cross") != frames[1].place("cross")).any()
    assert records[0]["entropy"] != records[1]["entropy"]

    plain = training.train(replace(textbook_recipe, watch_attention=0), tmp_path / "plain")
    assert not (plain / CURVE_FILE).exists()
    theirs = weights_of(plain)
    assert all(torch.equal(weights, theirs[name]) for name, weights in weights_of(watched).items())


def test_the_first_record_is_of_fresh_weights_and_the_last_of_the_trained_ones(textbook_recipe, watched):
    records = read_curve(watched)
    checkpoint = AutoModelForSeq2SeqLM.from_pretrained(watched / "checkpoint-5").eval()
    tokenizer = AutoTokenizer.from_pretrained(watched)
    pairs = textbook_pairs("en-es", "en", "dev", 0, 13)
    last = measure(checkpoint, tokenizer, pairs)
    assert records[-1]["alignment"]["heads"] == last["alignment"]["heads"]
    assert records[-1]["entropy"]["cross"]["mean"] == pytest.approx(last["entropy"]["cross"]["mean"], rel=1e-5)
    training.set_seed(42)
    fresh = measure(training.build_model(textbook_recipe, tokenizer).eval(), tokenizer, pairs)
    assert records[0]["entropy"]["cross"]["mean"] == pytest.approx(fresh["entropy"]["cross"]["mean"], rel=1e-5)


def test_tensorboard_gets_the_curves(watched):
    events = EventAccumulator(str(watched / "runs" / "attention"))
    events.Reload()
    records = read_curve(watched)
    for tag, value in {
        "entropy/decoder": lambda record: record["entropy"]["decoder"]["mean"],
        "alignment_error_rate/best_head": lambda record: record["alignment"]["best"],
        "relevance_encoder/verb-object": lambda record: record["relevance"]["encoder"]["verb-object"]["related"],
        "relevance_cross/verb-object_control": lambda record: record["relevance"]["cross"]["verb-object"]["control"],
    }.items():
        points = [(event.step, event.value) for event in events.Scalars(tag)]
        assert points == [(record["step"], pytest.approx(value(record), rel=1e-6)) for record in records]


def test_a_resumed_training_goes_on_with_its_records(textbook_recipe, watched, tmp_path, monkeypatch):
    whole = read_curve(watched)

    class Stop(Exception):
        pass

    def interrupt(trainer, *args, **kwargs):
        if trainer.state.global_step == 3:
            raise Stop
        return compute_loss(trainer, *args, **kwargs)

    compute_loss = training.TranslationTrainer.compute_loss
    monkeypatch.setattr(training.TranslationTrainer, "compute_loss", interrupt)
    with pytest.raises(Stop):
        training.train(textbook_recipe, tmp_path / "stopped")
    monkeypatch.setattr(training.TranslationTrainer, "compute_loss", compute_loss)
    stopped = tmp_path / "stopped"
    assert [record["step"] for record in read_curve(stopped)] == [0, 2]
    lost = [*read_curve(stopped), {"step": 3}]  # measured after the checkpoint that is gone on from
    write_curve(stopped, lost)
    resumed = read_curve(training.train(textbook_recipe, stopped, resume=True))
    assert [record["step"] for record in resumed] == [0, 2, 4, 5]
    assert resumed[:2] == whole[:2]
    assert resumed[-1]["alignment"] == whole[-1]["alignment"]


def test_of_other_corpora_entropy_is_known(small_recipe, tmp_path):
    recipe = replace(small_recipe, watch_attention=5, training=small_recipe.training | {"max_steps": 3})
    records = read_curve(training.train(recipe, tmp_path / "run"))
    assert [record["step"] for record in records] == [0, 3]
    assert set(records[0]) == {"step", "epoch", "sentences", "entropy", "frame"}
    assert records[0]["sentences"] == 5


def test_it_serves_a_stock_trainer_and_ignores_what_happens_outside_of_a_training(textbook_recipe, tmp_path):
    pairs = [Pair("The ball is blue", "La bola es azul"), Pair("I love my dog", "Amo a mi perro")]
    tokenizer = train_tokenizer([text for pair in pairs for text in (pair.source, pair.target)], 300)
    model = training.build_model(textbook_recipe, tokenizer)
    ids = [{"input_ids": tokenizer(p.source).input_ids, "labels": tokenizer(p.target).input_ids} for p in pairs]
    trainer = Seq2SeqTrainer(
        model,
        Seq2SeqTrainingArguments(str(tmp_path), use_cpu=True, report_to=[], num_train_epochs=3, disable_tqdm=True),
        DataCollatorForSeq2Seq(tokenizer, model),
        Dataset.from_list(ids),
        Dataset.from_list(ids),
        processing_class=tokenizer,
        callbacks=[AttentionCallback(pairs)],
    )
    (tmp_path / CURVE_FILE).write_text(json.dumps({"step": 0, "of": "another training"}) + "\n")
    trainer.evaluate()
    assert "of" in read_curve(tmp_path)[0]
    trainer.train()
    assert model.training
    trainer.state.global_step = 5
    trainer.evaluate()
    records = read_curve(tmp_path)
    assert [record["step"] for record in records] == [0, 3]
    assert "of" not in records[0]
    assert not (tmp_path / "runs").exists()


def test_a_folder_without_records_is_told(tmp_path):
    with pytest.raises(UserError, match="watch_attention=256"):
        read_curve(tmp_path)
    (tmp_path / CURVE_FILE).write_text('{"step": 0}\n{"st')
    with pytest.raises(UserError, match="is damaged"):
        read_curve(tmp_path)
