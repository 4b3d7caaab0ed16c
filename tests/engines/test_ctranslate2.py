"""The search of CTranslate2 finds what `generate` finds, and refuses what it would do in another way."""

import pytest
import torch
from small_models import make_model
from stock_checkpoints import sentences

from hf_attn_model import UserError, load_translator
from hf_attn_model.engines.ctranslate2 import open_engine
from hf_attn_model.model.decoding import NonFiniteLogits
from hf_attn_model.text.multilingual import encode_sources
from hf_attn_model.textbook import load_textbook
from hf_attn_model.translation import Sampling, SearchSettings
from hf_attn_model.translation.hypotheses import search_batch
from hf_attn_model.translation.search import search
from hf_attn_model.translation.stream import translate_stream


@pytest.fixture(scope="module")
def translator():
    model, tokenizer = load_translator("textbook")
    return model, tokenizer, open_engine(model, tokenizer, threads=1)


@pytest.fixture(scope="module")
def sources(translator):
    texts = [pair["en"] for pair in load_textbook("en-es", "test")["translation"][:23]]
    return [translator[1](text)["input_ids"] for text in texts]


def same(one, other, tolerance=1e-4):
    """Both found the same tokens, cut where the other is, with the same scores."""
    assert [each.ids for each in one] == [each.ids for each in other]
    assert [each.is_cut for each in one] == [each.is_cut for each in other]
    if one[0].score is not None:
        for ours, theirs in zip(one, other, strict=True):
            assert ours.score == pytest.approx(theirs.score, abs=tolerance)
            assert ours.log_probability == pytest.approx(theirs.log_probability, abs=20 * tolerance)


def best(found):
    return [hypotheses[0] for hypotheses in found]


@pytest.mark.parametrize(
    "settings",
    [
        SearchSettings(1, with_scores=True),
        SearchSettings(4, with_scores=True),
        SearchSettings(3, length_penalty=0.3, with_scores=True),
        SearchSettings(1, no_repeat_ngram_size=2),
        SearchSettings(1, prefix="El perro", with_scores=True),
        SearchSettings(2, max_length_ratio=0.01, with_scores=True),
    ],
    ids=str,
)
def test_finds_what_generate_finds(translator, sources, settings):
    model, tokenizer, engine = translator
    same(best(search_batch(model, tokenizer, sources, settings)), best(engine.search_batch(sources, settings)))


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("prefix", ["", "la casa"])
def test_of_stock_classes_too_with_their_marks_and_limits(pair, width, prefix):
    """Their weights are random: most translations come to their limits, where some have to end with a mark."""
    model, tokenizer = pair.stock.model, pair.stock.tokenizer
    if pair.name == "m2m_100":
        pair.stock.set_languages("en", "es")
    settings = SearchSettings(width, prefix=prefix, no_repeat_ngram_size=0, with_scores=pair.name[:6] != "marian")
    ids = sorted(encode_sources(tokenizer, sentences("en")[:11]), key=len)
    engine = open_engine(model, tokenizer, threads=1)
    if prefix and width > 1:
        with pytest.raises(UserError, match="ranks translations with a prefix in another way"):
            engine.search_batch(ids, settings)
        return
    found, expected = best(engine.search_batch(ids, settings)), best(search_batch(model, tokenizer, ids, settings))
    if width == 1:
        same(expected, found, tolerance=1e-3)
    else:  # `generate` goes on for longer, which tells in models that never end
        assert sum(one.ids == other.ids for one, other in zip(expected, found, strict=True)) >= 9


def test_a_sentence_has_a_limit_of_its_own(translator, sources):
    model, tokenizer, engine = translator
    ids = [sources[0], sources[0] * 5, sources[0] * 3]
    settings = SearchSettings(1, max_length_ratio=0.5)
    alone = [best(engine.search_batch([each], settings))[0] for each in ids]
    assert best(engine.search_batch(ids, settings)) == alone == best(search_batch(model, tokenizer, ids, settings))


def test_an_end_mark_alone_is_an_empty_translation(translator, sources):
    _, tokenizer, engine = translator
    for width in (1, 3):
        found = best(engine.search_batch([[tokenizer.eos_token_id], sources[0]], SearchSettings(width)))
        assert [each.ids == [tokenizer.eos_token_id] for each in found] == [True, False]


def test_rows_and_lists_go_through_it(translator):
    model, tokenizer, engine = translator
    texts = ["The ball is blue", "", "I love my dog", " "]
    expected, found = (search(model, tokenizer, texts, num_beams=2, engine=each) for each in (None, engine))
    same(expected, found)
    rows = [
        [row.translations[0].text for row in translate_stream(model, tokenizer, texts, engine=each)]
        for each in (None, engine)
    ]
    assert rows[0] == rows[1]
    assert rows[1][0] == "La bola es azul"
    assert rows[1][1] == ""


@pytest.mark.parametrize("quantization", ["int8", "int16"])
def test_a_quantised_one_translates(translator, sources, quantization):
    model, tokenizer, _ = translator
    engine = open_engine(model, tokenizer, quantization=quantization, threads=1)
    settings = SearchSettings(2)
    pairs = zip(
        best(engine.search_batch(sources, settings)),
        best(search_batch(model, tokenizer, sources, settings)),
        strict=True,
    )
    assert sum(one.ids == other.ids for one, other in pairs) >= 20


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (SearchSettings(sampling=Sampling()), "draws no samples"),
        (SearchSettings(5, n_best=2), "the next ones are others"),
        (SearchSettings(5, prefix="El"), "ranks translations with a prefix"),
        (SearchSettings(5, no_repeat_ngram_size=3), "tokens must not come twice"),
        (SearchSettings(1, no_repeat_ngram_size=3, with_scores=True), "scores in another way"),
    ],
    ids=str,
)
def test_a_search_of_another_kind_is_refused(translator, sources, settings, why):
    with pytest.raises(UserError, match=why):
        translator[2].search_batch(sources, settings)


@pytest.mark.parametrize(("setting", "value"), [("min_length", 3), ("repetition_penalty", 1.2)])
def test_a_generation_setting_that_it_does_not_know_is_refused(setting, value):
    model, tokenizer = load_translator("textbook")
    setattr(model.generation_config, setting, value)
    with pytest.raises(UserError, match=f"{setting} is {value} in its generation settings"):
        open_engine(model, tokenizer)


def test_another_start_mark_than_that_of_the_conversion_is_refused(translator, sources):
    model, tokenizer = load_translator("textbook")
    engine = open_engine(model, tokenizer, threads=1)
    model.generation_config.decoder_start_token_id = 7
    with pytest.raises(UserError, match="CTranslate2 begins with <pad>, as the model did"):
        engine.search_batch(sources, SearchSettings(1))


def test_what_is_no_number_is_found(translator):
    tokenizer = translator[1]
    model = make_model(vocab_size=len(tokenizer), pad_token_id=0, decoder_start_token_id=0)
    model.lm_head.weight.data[5, 0] = torch.nan
    with pytest.raises(NonFiniteLogits):
        open_engine(model, tokenizer, threads=1).search_batch([[5, 2]], SearchSettings(2))
