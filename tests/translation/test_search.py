import pytest
import torch
from small_models import make_model

from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.errors import UserError
from hf_attn_model.translation.search import best_translations, translate, translate_to_ids


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
