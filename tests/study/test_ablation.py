"""Effects of changed heads: scores against the packaged metric, replicates against resampled corpora."""

import json

import numpy as np
import pytest
import torch
from sacrebleu.metrics import BLEU, CHRF

from hf_attn_model.alignment.pairs import GoldPair
from hf_attn_model.alignment.scores import alignment_error_rate
from hf_attn_model.attention.intervene import intervene
from hf_attn_model.attention.teacher_forcing import teacher_forced_attention
from hf_attn_model.checkpoint.alignment_config import AlignmentConfig
from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.errors import UserError
from hf_attn_model.study.ablation import ablate, all_heads
from hf_attn_model.study.bootstrap import draw_sentences
from hf_attn_model.training.metrics import load_translation_metric
from hf_attn_model.translation.search import translate

HEADS = (("cross", 1, 0), ("cross", 1, 1))


@pytest.fixture(scope="module")
def counting(corpus):
    """Sources, targets and gold links of the language in which one counts backwards."""
    rows = [json.loads(line) for line in (corpus / "dev.jsonl").read_text(encoding="utf-8").splitlines()]
    sources, targets = [row["en"] for row in rows], [row["de"] for row in rows]
    links = [(0, 2), (1, 1), (2, 0)]
    gold = [GoldPair(s, t, s.split(), t.split(), links, []) for s, t in zip(sources, targets, strict=True)]
    return sources, targets, gold


@pytest.fixture
def translator(translator_folder):
    return load_translator(str(translator_folder))


@pytest.mark.parametrize("mode", ["uniform", "zero"])
def test_scores_are_those_of_the_untouched_and_of_the_changed_model(translator, counting, mode):
    model, tokenizer = translator
    sources, targets, gold = counting
    config = AlignmentConfig(heads=((1, 0),), rule="target")
    (found,) = ablate(
        model, tokenizer, sources, targets, [HEADS], mode, gold=gold, alignment=config, num_beams=1, samples=53
    )
    effects = {effect.metric: effect for effect in found.effects}
    assert (found.heads, found.mode, list(effects)) == (HEADS, mode, ["BLEU", "chrF", "AER"])
    metric = load_translation_metric()
    before = translate(model, tokenizer, sources, num_beams=1)
    records = [teacher_forced_attention(model, tokenizer, sources, targets)]
    with intervene(model, HEADS, mode):
        after = translate(model, tokenizer, sources, num_beams=1)
        records.append(teacher_forced_attention(model, tokenizer, sources, targets))
    assert before != after
    for name, translations in (("before", before), ("after", after)):
        scores = metric.compute(predictions=translations, references=targets, target_lang="de")
        assert getattr(effects["BLEU"], name) == pytest.approx(scores["bleu"])
        assert getattr(effects["chrF"], name) == pytest.approx(scores["chrf"])
    for name, maps in zip(("before", "after"), records, strict=True):
        links = [
            [(int(row[:3].argmax()), i) for i, row in enumerate(record.words("cross").weights[1, 0][:3])]
            for record in maps
        ]
        rate = alignment_error_rate(links, [pair.sure for pair in gold], [[]] * len(gold))
        assert getattr(effects["AER"], name) == pytest.approx(100 * rate)
    for effect in effects.values():
        low, high = effect.interval
        assert low - 1e-9 <= effect.difference <= high + 1e-9
        assert effect.difference == effect.after - effect.before


def test_intervals_are_those_of_resampled_corpora(translator, counting):
    model, tokenizer = translator
    sources, targets, _ = counting
    samples = 23
    (found,) = ablate(model, tokenizer, sources, targets, [HEADS], "zero", num_beams=1, samples=samples)
    with intervene(model, HEADS, "zero"):
        after = translate(model, tokenizer, sources, num_beams=1)
    before = translate(model, tokenizer, sources, num_beams=1)
    for effect, metric in zip(found.effects, (BLEU(), CHRF()), strict=True):
        differences = []
        for counts in draw_sentences(len(sources), samples)[1:].astype(int):
            chosen = np.repeat(np.arange(len(sources)), counts)
            scores = [
                metric.corpus_score([texts[i] for i in chosen], [[targets[i] for i in chosen]]).score
                for texts in (after, before)
            ]
            differences.append(scores[0] - scores[1])
        assert effect.interval == pytest.approx(np.percentile(differences, [2.5, 97.5]), abs=1e-9)


def test_a_head_that_says_nothing_changes_nothing(translator, counting):
    model, tokenizer = translator
    sources, targets, gold = counting
    with torch.no_grad():
        model.model.decoder.layers[0].encoder_attn.out_proj.weight.unflatten(1, (2, -1))[:, 1] = 0
    for mode in ("uniform", "zero"):
        heads = [[("cross", 0, 1)]]
        (found,) = ablate(
            model,
            tokenizer,
            sources,
            targets,
            heads,
            mode,
            gold=gold,
            alignment=AlignmentConfig(((1, 0),)),
            num_beams=1,
            samples=11,
        )
        for effect in found.effects:
            assert (effect.difference, *effect.interval) == pytest.approx((0, 0, 0), abs=1e-9)


def test_all_heads_are_listed_by_themselves(translator):
    model, tokenizer = translator
    heads = [head for (head,) in all_heads(model, tokenizer, "one two", "zwei eins")]
    assert len(heads) == len(set(heads)) == (1 + 2 + 2) * 2
    assert heads[0] == ("encoder", 0, 0)
    assert heads[-1] == ("cross", 1, 1)


def test_mistakes_come_to_light_before_the_long_work(translator, counting, monkeypatch):
    model, tokenizer = translator
    sources, targets, _ = counting
    monkeypatch.setattr("hf_attn_model.study.ablation.search", pytest.fail)
    with pytest.raises(UserError, match="heads 0 to 1, not 2"):
        next(ablate(model, tokenizer, sources, targets, [HEADS, [("cross", 0, 2)]], "uniform"))
    with pytest.raises(UserError, match="choose from uniform, zero"):
        next(ablate(model, tokenizer, sources, targets, [HEADS], "halve"))
    with pytest.raises(UserError, match="do not pair up"):
        next(ablate(model, tokenizer, sources, targets[1:], [HEADS], "uniform"))
