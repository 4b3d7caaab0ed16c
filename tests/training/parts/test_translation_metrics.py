"""BLEU and chrF of what a stock Seq2SeqTrainer generates, against sacreBLEU on translations made by hand."""

import numpy as np
import pytest
import sacrebleu
from datasets import Dataset
from small_trainings import make_training
from stock_models import build
from transformers import EvalPrediction

from hf_attn_model.errors import UserError
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.training.metrics import compute_translation_metrics, load_translation_metric

TEXTS = ["the ball is blue and round", "I love my dog and my cat", "the black cat drank the milk"]


@pytest.fixture
def tokenizer():
    return train_tokenizer(TEXTS * 2, 320)


@pytest.mark.parametrize(("family", "steps"), [("marian", 29), ("ours", 13)])  # until some words are right
def test_a_stock_trainer_evaluates_the_translations(family, steps, tokenizer, tmp_path):
    pairs = [{"input_ids": tokenizer(text).input_ids, "labels": tokenizer(text).input_ids} for text in TEXTS]
    trainer = make_training(
        build(family, vocab_size=len(tokenizer), d_model=48),
        tmp_path,
        parts={"processing_class": tokenizer, "compute_metrics": compute_translation_metrics(tokenizer, "en")},
        max_steps=steps,
        save_strategy="no",
        predict_with_generate=True,
        generation_max_length=23,
        per_device_eval_batch_size=2,
    )
    trainer.data_collator.tokenizer = tokenizer
    trainer.train_dataset = trainer.eval_dataset = Dataset.from_list(pairs)
    trainer.train()
    scores = trainer.evaluate()

    model = trainer.model.eval()
    ids = [model.generate(**tokenizer(text, return_tensors="pt"), max_length=23)[0] for text in TEXTS]
    translations = tokenizer.batch_decode(ids, skip_special_tokens=True)
    assert scores["eval_bleu"] == sacrebleu.corpus_bleu(translations, [TEXTS]).score
    assert scores["eval_chrf"] == sacrebleu.corpus_chrf(translations, [TEXTS]).score
    assert 1 < scores["eval_chrf"] < 99, "the translations are all right or all wrong: the test tells little"


def test_padding_of_both_kinds_is_no_text(tokenizer):
    def padded(texts, filler):
        rows = [tokenizer(text).input_ids for text in texts]
        return np.array([row + [filler] * (31 - len(row)) for row in rows])

    translations = [TEXTS[0], TEXTS[2], "The black cat"]
    start = np.full((3, 1), tokenizer.pad_token_id)
    for filler in (-100, tokenizer.pad_token_id):
        predictions = np.concatenate([start, padded(translations, filler)], axis=1)
        for lowercase in (False, True):
            compute = compute_translation_metrics(tokenizer, "es", lowercase=lowercase)
            scores = compute(EvalPrediction(predictions, padded(TEXTS, -100)))
            expected = load_translation_metric().compute(
                predictions=translations, references=TEXTS, target_lang="es", lowercase=lowercase
            )
            assert scores == {name: expected[name] for name in ("bleu", "chrf", "tokenized_bleu")}


def test_what_will_fail_is_told_before_the_training(tokenizer, monkeypatch):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    with pytest.raises(UserError, match="BLEU for 'ja'"):
        compute_translation_metrics(tokenizer, "ja")


def test_logits_are_no_translations(tokenizer):
    compute = compute_translation_metrics(tokenizer, "en")
    for predictions in (np.zeros((2, 3, 5)), (np.zeros((2, 3, 5)), np.zeros((2, 7, 11)))):
        with pytest.raises(UserError, match="set predict_with_generate=True"):
            compute(EvalPrediction(predictions, np.zeros((2, 3), np.int64)))
