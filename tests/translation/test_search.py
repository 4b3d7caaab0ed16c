import copy
import logging

import pytest
import torch
from families import build
from small_models import make_model

from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.errors import UserError
from hf_attn_model.text.corpora import load_corpus
from hf_attn_model.translation.hypotheses import Translation
from hf_attn_model.translation.search import best_translations, search, translate, translate_to_ids

SLOW = pytest.mark.slow


@pytest.fixture(scope="module")
def translator(translator_folder):
    return load_translator(str(translator_folder))


SENTENCES = ["two seven one", "", "six", "three three five", "   ", "one one one two three four", "seven"]


@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_batch_equals_its_sentences_alone_line_for_line(translator, num_beams):
    alone = [translate(*translator, [sentence], num_beams=num_beams)[0] for sentence in SENTENCES]
    together = translate(*translator, SENTENCES, num_beams=num_beams, batch_size=2)
    assert together == alone
    assert [i for i, text in enumerate(together) if not text] == [1, 4]


def test_greedy_equals_the_argmax_of_a_plain_loop(translator):
    model, tokenizer = translator
    source = tokenizer("two seven one", return_tensors="pt")
    ids = torch.tensor([[model.config.decoder_start_token_id]])
    while ids[0, -1] != tokenizer.eos_token_id and ids.shape[1] < 25:
        logits = model(**source, decoder_input_ids=ids).logits
        ids = torch.cat([ids, logits[:, -1:].argmax(-1)], dim=1)
    expected = tokenizer.decode(ids[0], skip_special_tokens=True)
    assert translate(model, tokenizer, ["two seven one"], num_beams=1) == [expected]


def test_beam_search_is_that_of_transformers(translator):
    tokenizer = translator[1]
    model = make_model(vocab_size=len(tokenizer))  # untrained, so that the best beam is not the greedy one
    source = tokenizer("two seven one", return_tensors="pt")
    length = 2 * source["input_ids"].shape[1] + 10
    beams = [model.generate(**source, num_beams=beams, max_new_tokens=length) for beams in (1, 3)]
    greedy, best = (tokenizer.batch_decode(ids, skip_special_tokens=True) for ids in beams)
    assert greedy != best
    assert translate(model, tokenizer, ["two seven one"], num_beams=3) == best


@pytest.mark.parametrize("num_beams", [1, 3])
def test_ids_are_what_the_search_wrote_without_start_mark_and_padding(translator, num_beams):
    model, tokenizer = translator
    found = translate_to_ids(model, tokenizer, SENTENCES, num_beams=num_beams)
    for sentence, ids in zip(SENTENCES, found, strict=True):
        if not sentence.strip():
            assert ids == [tokenizer.eos_token_id]
            continue
        source = tokenizer(sentence, return_tensors="pt")
        alone = model.generate(**source, num_beams=num_beams, do_sample=False, max_new_tokens=20)[0].tolist()
        assert [model.config.decoder_start_token_id, *ids] == alone
        assert ids.index(tokenizer.eos_token_id) == len(ids) - 1
    assert len({len(ids) for ids in found}) > 2, "some are padded"
    texts = [tokenizer.decode(ids, skip_special_tokens=True) for ids in found]
    assert texts == translate(model, tokenizer, SENTENCES, num_beams=num_beams)


def test_a_translation_without_end_keeps_all_its_tokens(translator):
    _, tokenizer = translator
    model = make_model(vocab_size=len(tokenizer))
    model.generation_config.eos_token_id = None
    (ids,) = translate_to_ids(model, tokenizer, ["two seven one"], num_beams=1)
    assert tokenizer.eos_token_id not in ids, "else this shows nothing"
    assert len(ids) == 2 * len(tokenizer("two seven one").input_ids) + 10


def test_a_sentence_beyond_the_models_positions_is_refused_by_line(translator):
    with pytest.raises(UserError, match=r"line 12 has \d+ tokens, but the model reads at most 31"):
        translate(*translator, ["one", "one " * 40], first_line=11)
    with pytest.raises(UserError, match=r"pair 7 has \d+ tokens"):
        translate_to_ids(*translator, ["one " * 40], names=["pair 7"])


def test_no_sentences_no_translations(translator):
    assert translate(*translator, []) == translate_to_ids(*translator, []) == []


@pytest.mark.parametrize("place", ["nowhere", "."])
def test_a_folder_without_a_checkpoint_is_named(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="cannot load a translator from"):
        load_translator(place)


def test_the_best_translations_are_those_of_the_beam(translator):
    tokenizer = translator[1]
    model = make_model(vocab_size=len(tokenizer))
    source = tokenizer("two seven one", return_tensors="pt")
    length = 2 * source["input_ids"].shape[1] + 10
    for beams, count in ((3, 2), (1, 3)):  # the beam is at least as wide as the number asked for
        found = best_translations(model, tokenizer, "two seven one", count, num_beams=beams)
        several = {"num_beams": max(beams, count), "num_return_sequences": count, "max_new_tokens": length}
        expected = tokenizer.batch_decode(model.generate(**source, **several), skip_special_tokens=True)
        assert [tokenizer.decode(ids, skip_special_tokens=True) for ids in found] == expected
        assert len(set(map(tuple, found))) == count


def test_the_best_translations_of_little_and_of_too_much(translator):
    model, tokenizer = translator
    assert best_translations(model, tokenizer, " ", 3) == [[tokenizer.eos_token_id]]
    with pytest.raises(UserError, match="best of 0"):
        best_translations(model, tokenizer, "two", 0)
    with pytest.raises(UserError, match=r"the sentence has \d+ tokens"):
        best_translations(model, tokenizer, "two " * 100, 1)


def test_a_beam_is_one_to_a_thousand_wide(translator):
    for width in (0, 1001, 1_000_000):
        with pytest.raises(UserError, match=f"a beam must be 1 to 1000 wide, got {width}"):
            translate(*translator, ["one"], num_beams=width)
    with pytest.raises(UserError, match="a beam must be 1 to 1000 wide, got 1001"):
        best_translations(*translator, "one", 1001, num_beams=5)


def test_what_is_no_text_is_refused_by_line(translator):
    for wrong, what in (
        ("two \ud800", "line 12 has half a surrogate pair at character 4"),
        (None, "line 12 must be a text"),
    ):
        with pytest.raises(UserError, match=what):
            translate(*translator, ["one", wrong], first_line=11)
    with pytest.raises(UserError, match="the sentence has half a surrogate pair at character 0"):
        best_translations(*translator, "\ud800", 1)


def test_a_tokenizer_of_another_model_is_refused(translator):
    with pytest.raises(UserError, match=r"line 1 has the token id \d+, but the model knows 0 to 36: its tokenizer"):
        translate(make_model(), translator[1], ["one"])


OF_ALL_LENGTHS = ["six", "one two three four five", "", "seven six", "four " * 7]


def alone(model, tokenizer, sentence, num_beams, count=1):
    """What transformers finds for a sentence by itself, with a limit of its own: hypotheses up to their end marks."""
    source = tokenizer(sentence, return_tensors="pt")
    positions = getattr(model.config, "max_position_embeddings", 997)
    limit = min(2 * source["input_ids"].shape[1] + 11, positions)
    options = {"num_beams": num_beams, "num_return_sequences": count, "max_length": limit}
    hypotheses = []
    for ids in model.generate(**source, **options)[:, 1:].tolist():
        end = next((i for i, token in enumerate(ids) if token in ENDS), limit - 2)
        hypotheses.append(ids[: end + 1])
    return hypotheses, limit


ENDS = [1, *range(4, 257, 2)]  # so many that a model which learned nothing soon meets one
FORCED = {"forced_eos_token_id": 1}
SEARCHES = [(1, {}), (1, FORCED), (3, {}), (3, {"early_stopping": True}), (3, {"early_stopping": "never"}), (3, FORCED)]


@pytest.fixture(params=["ours", "marian", "t5"])
def untrained(request, translator):
    """A model that now ends, and now comes to the limit; with the tokenizer."""
    tokenizer = translator[1]
    model = build(request.param)
    model.resize_token_embeddings(len(tokenizer))
    head = model.get_output_embeddings()
    head.weight = torch.nn.Parameter(torch.randn_like(head.weight))
    model.generation_config.update(eos_token_id=ENDS, min_length=19)  # short sentences come to their limit before
    return model, tokenizer


@pytest.mark.parametrize(("num_beams", "settings"), SEARCHES, ids=str)
def test_a_sentence_has_its_own_limit_whatever_it_is_translated_with(untrained, num_beams, settings):
    model, tokenizer = untrained
    model.generation_config.update(**settings)
    found = search(model, tokenizer, OF_ALL_LENGTHS, num_beams=num_beams)
    for sentence, translation in zip(OF_ALL_LENGTHS, found, strict=True):
        if not sentence:
            assert translation == Translation([tokenizer.eos_token_id], False)
            continue
        (ids,), limit = alone(model, tokenizer, sentence, num_beams)
        assert translation.ids == ids
        is_long = len(ids) == limit - 1
        assert translation.is_cut == (is_long and (settings == FORCED or ids[-1] not in ENDS))
    assert {translation.is_cut for translation in found} == {True, False}
    assert search(model, tokenizer, OF_ALL_LENGTHS, num_beams=num_beams, batch_size=2) == found


def test_the_best_ones_too(untrained):
    model, tokenizer = untrained
    for sentence in OF_ALL_LENGTHS[:2]:
        expected, _ = alone(model, tokenizer, sentence, 4, count=3)
        assert best_translations(model, tokenizer, sentence, 3, num_beams=4) == expected


@pytest.mark.parametrize(
    ("num_beams", "count"), [(5, 23), pytest.param(1, 200, marks=SLOW), pytest.param(5, 200, marks=SLOW)]
)
def test_the_textbook_is_translated_alike_alone_and_among_others(num_beams, count):
    model, tokenizer = load_translator("textbook")
    sentences = list(load_corpus("textbook:en-es", "en", "es", "test").dataset["source"])[:count]
    sentences[::11] = [sentence.split()[0] for sentence in sentences[::11]]  # where it finds no end
    together = search(model, tokenizer, sentences, num_beams=num_beams)
    assert any(translation.is_cut for translation in together)
    by_ones = search(model, tokenizer, sentences, num_beams=num_beams, batch_size=1)
    assert by_ones == together


def test_limits_that_were_reached_are_counted_and_named(untrained, caplog):
    model, tokenizer = untrained
    model.generation_config.eos_token_id = None  # there is no end
    with caplog.at_level(logging.WARNING, logger="hf_attn_model"):
        translate(model, tokenizer, ["one", "", "two"], num_beams=1, first_line=7)
        translate(model, tokenizer, ["", " "], num_beams=1)
        translate_to_ids(model, tokenizer, ["one"] * 13, num_beams=1)
        search(model, tokenizer, ["one"], num_beams=1)  # which tells whom it concerns
    names = ", ".join(f"sentence {i}" for i in range(10))
    assert caplog.messages == [
        "2 translations reached their limit (line 7, line 9)",
        f"13 translations reached their limit ({names}, and 3 more)",
    ]


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_a_sentence_for_which_there_are_no_numbers_is_named(untrained, num_beams, number):
    model, tokenizer = untrained
    encoder = model.get_encoder()
    encoder.set_input_embeddings(copy.deepcopy(encoder.get_input_embeddings()))  # those of the decoder stay as they are
    seven = tokenizer("one seven").input_ids[-2]
    assert seven not in tokenizer("one two three").input_ids
    with torch.no_grad():
        encoder.get_input_embeddings().weight[seven, 3] = number
    for batch_size in (1, 64):
        with pytest.raises(UserError, match=r'line 3 \("two seven"\): the model computes NaN or infinity: its weights'):
            translate(model, tokenizer, ["one", "two", "two seven"], num_beams=num_beams, batch_size=batch_size)
    with pytest.raises(UserError, match=r'the sentence \("one seven"\): the model computes NaN'):
        best_translations(model, tokenizer, "one seven", 2)
