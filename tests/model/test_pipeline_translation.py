"""The translation pipeline against `translate`, `generate`, `force` and a brute-force sum of log-probabilities."""

import copy
import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from families import build
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    MarianConfig,
    MarianMTModel,
    MaxLengthCriteria,
    StoppingCriteriaList,
    pipeline,
)

from hf_attn_model.attention.teacher_forcing import teacher_forced_attention
from hf_attn_model.model import AttnConfig
from hf_attn_model.model.pipeline_translation import TranslationPipeline
from hf_attn_model.translation.search import translate

SENTENCES = ["one two three", "seven", "four four five", "", "two six one", "three one"]


@pytest.fixture(scope="module")
def translator(translator_folder):
    return pipeline("translation", str(translator_folder), pipeline_class=TranslationPipeline)


@pytest.fixture
def new_modules(monkeypatch, tmp_path):
    """Let the code of checkpoints be copied anew, as in another process."""
    for name in [name for name in sys.modules if name.split(".")[0] == "transformers_modules"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not Path(path, "transformers_modules").is_dir()])
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "transformers_modules"]:
        del sys.modules[name]


def texts(records):
    return [record["translation_text"] for record in records]


@pytest.mark.usefixtures("new_modules")
def test_the_task_needs_no_registration_where_remote_code_is_trusted(translator, translator_folder, monkeypatch):
    monkeypatch.delattr(AttnConfig, "custom_pipelines")  # as where the package is not imported
    loaded = pipeline("translation", str(translator_folder), trust_remote_code=True)
    assert type(loaded).__name__ == "TranslationPipeline"
    assert type(loaded).__module__.startswith("transformers_modules.")
    assert loaded("one two three") == translator("one two three")
    assert pipeline(model=str(translator_folder), trust_remote_code=True).task == "translation"


def test_one_text_a_list_and_a_generator_keep_their_order_and_shape(translator):
    alone = [translator(sentence) for sentence in SENTENCES]
    assert [len(hypotheses) for hypotheses in alone] == [1] * len(SENTENCES)
    assert alone[3] == [{"translation_text": ""}]
    assert len(set(texts(hypotheses[0] for hypotheses in alone))) == len(SENTENCES)
    assert translator(SENTENCES) == [hypotheses[0] for hypotheses in alone]
    stream = iter(translator(sentence for sentence in SENTENCES))
    assert next(stream) == alone[0]
    assert list(stream) == alone[1:]
    assert translator([]) == []


@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_batches_equal_translate(translator, batch_size, padding_side, monkeypatch):
    monkeypatch.setattr(translator.tokenizer, "padding_side", padding_side)
    expected = translate(translator.model, translator.tokenizer, SENTENCES, num_beams=3)
    assert texts(translator(SENTENCES, batch_size=batch_size, num_beams=3)) == expected


def test_the_search_of_the_recipe_is_the_default(translator, translator_folder):
    assert json.loads((translator_folder / "generation_config.json").read_text())["num_beams"] == 2
    assert texts(translator(SENTENCES)) == translate(translator.model, translator.tokenizer, SENTENCES, num_beams=2)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_several_hypotheses_are_those_of_generate_best_first(translator, batch_size):
    search = {"num_beams": 5, "num_return_sequences": 4, "max_length": 25}
    found = translator(SENTENCES[:3], batch_size=batch_size, **search)
    for sentence, hypotheses in zip(SENTENCES, found, strict=False):
        source = translator.tokenizer(sentence, return_tensors="pt")
        expected = translator.model.generate(**source, **search)
        assert texts(hypotheses) == translator.tokenizer.batch_decode(expected, skip_special_tokens=True)
        scores = translator.score([sentence] * 4, texts(hypotheses))
        rates = [score["log_probability"] / len(score["target_tokens"]) for score in scores]
        assert rates == sorted(rates, reverse=True)


def test_parameters_of_generate_hold_for_a_call_or_for_all(translator, translator_folder):
    short = texts(translator(SENTENCES[:1], max_new_tokens=2))
    assert len(translator.tokenizer(short[0])["input_ids"]) < len(translator.tokenizer(SENTENCES[0])["input_ids"])
    for_all = pipeline(
        "translation", str(translator_folder), pipeline_class=TranslationPipeline, max_new_tokens=2, batch_size=2
    )
    assert texts(for_all(SENTENCES[:1])) == short
    assert texts(for_all(SENTENCES, max_new_tokens=20)) == texts(translator(SENTENCES))
    sampled = {
        translator("one two three", do_sample=True, num_beams=1, temperature=9.0)[0]["translation_text"]
        for _ in range(7)
    }
    assert len(sampled) > 1
    by_dict = translator(SENTENCES[0], return_dict_in_generate=True, output_scores=True)
    assert by_dict == translator(SENTENCES[0])


def test_a_default_search_says_nothing_of_lengths(translator, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    with caplog.at_level(logging.WARNING):
        translator(SENTENCES, batch_size=2)
    assert "length" not in caplog.text


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_attention_is_that_of_a_forced_pass_over_the_translation(translator, padding_side, monkeypatch):
    monkeypatch.setattr(translator.tokenizer, "padding_side", padding_side)
    sources = [sentence for sentence in SENTENCES if sentence]
    before = translator.model.config._attn_implementation
    found = translator(sources, batch_size=3, num_beams=3, num_return_sequences=2, return_attention=True)
    assert translator.model.config._attn_implementation == before
    for source, hypotheses in zip(sources, found, strict=True):
        for record in hypotheses:
            (expected,) = teacher_forced_attention(
                translator.model, translator.tokenizer, [source], [record["translation_text"]]
            )
            assert record["source_tokens"] == expected.source_tokens
            assert record["target_tokens"] == expected.target_tokens
            for place in ("encoder", "decoder", "cross"):
                weights = record[place]
                assert weights.dtype == torch.float32
                np.testing.assert_allclose(weights.numpy(), expected.place(place), atol=1e-6)


def test_attention_of_a_blank_text_is_that_of_its_end_mark(translator):
    blank, other = translator([" \u200b", "one two three"], batch_size=2, return_attention=True)
    assert blank["translation_text"] == ""
    assert blank["target_tokens"] == ["</s>"]
    assert blank["decoder"].shape[-2:] == (1, 1)
    assert other["decoder"].shape[-1] == len(other["target_tokens"]) > 1


def test_the_implementation_comes_back_after_a_failure(translator, monkeypatch):
    before = translator.model.config._attn_implementation
    monkeypatch.setattr(type(translator.model), "forward", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        translator._attend(torch.ones(1, 3), torch.ones(1, 3), torch.ones(1, 3, dtype=torch.long))
    assert translator.model.config._attn_implementation == before


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_score_is_the_sum_of_log_probabilities_read_token_by_token(translator, padding_side, monkeypatch):
    monkeypatch.setattr(translator.tokenizer, "padding_side", padding_side)
    model, tokenizer = translator.model, translator.tokenizer
    sources, targets = ["one two three", "seven"], ["drei zwei eins", "eins eins eins eins"]
    for source, target, score in zip(sources, targets, translator.score(sources, targets), strict=True):
        read, expected = [0], []
        for token in tokenizer(target)["input_ids"]:
            logits = model(**tokenizer(source, return_tensors="pt"), decoder_input_ids=torch.tensor([read])).logits
            expected.append(logits[0, -1].log_softmax(-1)[token].item())
            read.append(token)
        assert score["token_log_probabilities"] == pytest.approx(expected, abs=1e-4)
        assert score["log_probability"] == pytest.approx(sum(expected), abs=1e-4)
        assert score["target_tokens"] == tokenizer.convert_ids_to_tokens(read[1:])
        assert translator.score(source, target)["log_probability"] == pytest.approx(sum(expected), abs=1e-4)
    by_ones = translator.score(sources, targets, batch_size=1)
    assert [score["log_probability"] for score in by_ones] == pytest.approx(
        [score["log_probability"] for score in translator.score(sources, targets)], abs=1e-4
    )
    assert translator.score([], []) == []


def test_score_is_the_score_of_beam_search(translator):
    source = translator.tokenizer("two six one", return_tensors="pt")
    found = translator.model.generate(
        **source, num_beams=3, length_penalty=0.0, return_dict_in_generate=True, output_scores=True
    )
    text = translator.tokenizer.decode(found.sequences[0], skip_special_tokens=True)
    assert translator.score("two six one", text)["log_probability"] == pytest.approx(
        found.sequences_scores[0].item(), abs=1e-4
    )


def test_mistakes_are_told(translator):
    with pytest.raises(ValueError, match="reads at most 31: split it"):
        translator("one " * 40)
    with pytest.raises(ValueError, match="reads at most 31: split it"):
        translator.score("one", "one " * 40)
    with pytest.raises(TypeError, match="reads texts, got dict"):
        translator([{"en": "one"}])
    with pytest.raises(ValueError, match="two lists of texts of the same length"):
        translator.score(["one"], ["eins", "zwei"])
    with pytest.raises(ValueError, match="two lists of texts of the same length"):
        translator.score("one", ["eins"])


@pytest.mark.usefixtures("new_modules")
def test_a_saved_pipeline_keeps_its_code_and_loads_again(translator, tmp_path):
    translator.save_pretrained(tmp_path / "saved")
    loaded = pipeline("translation", str(tmp_path / "saved"), trust_remote_code=True)
    assert loaded(SENTENCES) == translator(SENTENCES)


def test_marian_is_translated_and_shown_too(translator):
    """Any encoder-decoder model: here one with random weights."""
    torch.manual_seed(0)
    sizes = {"d_model": 22, "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 17, "decoder_ffn_dim": 19}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    ids = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0, "forced_eos_token_id": 1}
    config = MarianConfig(vocab_size=len(translator.tokenizer), max_position_embeddings=31, **sizes, **heads, **ids)
    marian = TranslationPipeline(
        model=MarianMTModel._from_config(config, attn_implementation="eager").eval(), tokenizer=translator.tokenizer
    )
    _, record = marian(SENTENCES[:2], batch_size=2, return_attention=True)
    source = marian.tokenizer(SENTENCES[1], return_tensors="pt")
    steps = marian.model.generate(**source, max_length=19, return_dict_in_generate=True, output_attentions=True)
    shown = record["cross"][:, :, : len(steps.cross_attentions)]  # (L,H,T,S)
    assert len(steps.cross_attentions) > 1
    for t, layers in enumerate(steps.cross_attentions):
        torch.testing.assert_close(shown[:, :, t], torch.cat(layers)[:, :, 0], atol=1e-6, rtol=0)


def test_a_translation_has_its_own_limit_whatever_it_is_translated_with(translator, caplog):
    tokenizer = translator.tokenizer
    torch.manual_seed(5)
    model = build("marian", vocab_size=len(tokenizer))
    model.generation_config.update(forced_eos_token_id=None, max_length=37)
    endless = TranslationPipeline(model=model, tokenizer=tokenizer)
    sentences = ["one", "", "seven six five four three"]
    for forced in (None, tokenizer.eos_token_id):
        for num_beams in (1, 3):
            search = {"num_beams": num_beams, "forced_eos_token_id": forced}
            caplog.clear()
            found = endless(sentences, batch_size=3, return_attention=True, **search)
            for sentence, record in zip(sentences, found, strict=True):
                assert record["decoder"].shape[-1] == record["cross"].shape[-2] == len(record["target_tokens"])
                if not sentence:
                    assert record["target_tokens"] == ["</s>"]
                    continue
                source = tokenizer(sentence, return_tensors="pt")
                limit = min(2 * source["input_ids"].shape[1] + 11, 37)
                ids = model.generate(**source, **search, max_length=limit)[0, 1:]
                assert record["target_tokens"] == tokenizer.convert_ids_to_tokens(ids.tolist())
                assert len(record["target_tokens"]) == limit - 1
            assert caplog.messages == [
                f"{sentence!r}: its translation reached its limit" for sentence in sentences[::2]
            ]
    caplog.clear()
    assert len(endless(["one"], return_attention=True, max_new_tokens=3)[0]["target_tokens"]) == 3
    assert "limit" not in caplog.text, "a limit of the user's own is no surprise"


def test_what_is_handed_on_has_no_tail(translator):
    search = {"num_beams": 5, "num_return_sequences": 5, "return_attention": True}
    (records,) = translator(["one two three"], **search)
    lengths = {len(record["target_tokens"]) for record in records}
    assert len(lengths) > 1, "else nothing is filled up"
    source = translator.tokenizer("one two three", return_tensors="pt")
    raw = translator.model.generate(**source, num_beams=5, num_return_sequences=5)
    assert any(row.eq(1).sum() > 1 for row in raw), "transformers fills up with end marks, as pad has the id 0"
    for record in records:
        assert record["target_tokens"].index("</s>") == len(record["target_tokens"]) - 1


def test_no_numbers_and_no_characters_are_told_with_the_text(translator):
    broken = TranslationPipeline(model=copy.deepcopy(translator.model), tokenizer=translator.tokenizer)
    with torch.no_grad():
        broken.model.model.decoder.layers[1].fc1.weight[3, 5] = torch.nan
    for search in ({"num_beams": 1}, {"num_beams": 3}, {"max_new_tokens": 5}):
        with pytest.raises(
            ValueError, match=r"^'two one': sentence 0 of the batch: the model computes NaN or infinity"
        ):
            broken(["two one", "six"], batch_size=2, **search)
    with pytest.raises(ValueError, match=r"^'six': the model computes NaN or infinity"):
        broken.score("six", "sechs")
    for call in (translator, lambda text: translator.score(text, "eins"), lambda text: translator.score("one", text)):
        with pytest.raises(ValueError, match="has half a surrogate pair at character 4"):
            call("two \ud83d")


def test_processors_and_criteria_of_a_users_own_are_kept(translator):
    class Three(LogitsProcessor):
        def __call__(self, input_ids, scores):
            return torch.full_like(scores, -torch.inf).index_fill(1, torch.tensor([3]), 0.0)

    found = translator(
        ["one"],
        num_beams=1,
        return_attention=True,
        logits_processor=LogitsProcessorList([Three()]),
        stopping_criteria=StoppingCriteriaList([MaxLengthCriteria(5)]),
    )
    assert found[0]["target_tokens"] == translator.tokenizer.convert_ids_to_tokens([3]) * 4
