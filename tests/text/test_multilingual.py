"""Languages of a translator are set as transformers' own documentation sets them by hand."""

import pytest
import torch
from foreign import LANGUAGES, MODELS, PREFIX, write_translator
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from hf_attn_model import UserError, set_languages, teacher_forced_attention, translate
from hf_attn_model.attention.tokenized import read_hypotheses, tokenize_with_words
from hf_attn_model.text.multilingual import check_search, check_targets, own_languages, source_marks, tokenizer_codes
from hf_attn_model.textbook import load_textbook

SOURCE, TARGET = "The ball is blue", "La bola es azul"
SEARCH = {"num_beams": 2, "do_sample": False}


@pytest.fixture(scope="module", params=[kind for kind in MODELS if kind != "marian_two_vocabularies"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, tmp_path_factory):
    rows = load_textbook("en-es", "train", size=600)["translation"]
    folder = tmp_path_factory.mktemp(kind)
    write_translator(kind, folder, [row["en"] for row in rows], [row["es"] for row in rows])
    return folder


def load(folder):
    return AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def by_hand(kind, model, tokenizer):
    """Inputs and arguments of `generate` as model cards write them."""
    source, target = LANGUAGES[kind]
    if kind in ("marian_to_many", "t5"):
        return tokenizer((">>spa<< " if kind == "marian_to_many" else PREFIX) + SOURCE, return_tensors="pt"), {}
    tokenizer.src_lang, tokenizer.tgt_lang = source, target
    start = tokenizer.get_lang_id("es") if kind == "m2m_100" else tokenizer.convert_tokens_to_ids(target)
    name = "decoder_start_token_id" if kind == "mbart" else "forced_bos_token_id"
    return tokenizer(SOURCE, return_tensors="pt"), {name: start}


def test_translations_are_those_of_generate_by_hand(kind, folder):
    model, tokenizer = load(folder)
    inputs, begin = by_hand(kind, model, tokenizer)
    longest = 2 * inputs["input_ids"].shape[1] + 11
    expected = model.generate(**inputs, **begin, **SEARCH, max_length=min(longest, 64))
    model, tokenizer = load(folder)
    found = set_languages(model, tokenizer, "eng", "spa")
    assert found.target == LANGUAGES[kind][1]
    check_search(model, tokenizer)
    texts = translate(model, tokenizer, [SOURCE], num_beams=2)
    assert texts == tokenizer.batch_decode(expected, skip_special_tokens=True)


def test_teacher_forcing_reads_what_the_tokenizer_makes_of_a_target(kind, folder):
    model, tokenizer = load(folder)
    inputs, _ = by_hand(kind, model, tokenizer)
    target = tokenizer(text_target=TARGET)["input_ids"]
    model, tokenizer = load(folder)
    set_languages(model, tokenizer, "en", "es")
    (source_side,) = tokenize_with_words(tokenizer, [SOURCE])
    (target_side,) = tokenize_with_words(tokenizer, [TARGET], is_target=True)
    assert source_side.ids == inputs["input_ids"][0].tolist()
    assert target_side.ids == target
    assert [word.text for word in target_side.words] == TARGET.split()
    start = model.generation_config.decoder_start_token_id
    with torch.no_grad():
        model.set_attn_implementation("eager")
        expected = model(
            **inputs, decoder_input_ids=torch.tensor([[start, *target[:-1]]]), output_attentions=True
        ).cross_attentions
    (maps,) = teacher_forced_attention(model, tokenizer, [SOURCE], [TARGET])
    torch.testing.assert_close(torch.from_numpy(maps.place("cross")), torch.cat(expected), atol=1e-6, rtol=0)


def test_hypotheses_of_the_search_and_forced_targets_begin_alike(kind, folder):
    model, tokenizer = load(folder)
    set_languages(model, tokenizer, "en", "es")
    (forced,) = tokenize_with_words(tokenizer, [TARGET], is_target=True)
    end = forced.ids.index(tokenizer.eos_token_id) + 1
    (side,) = read_hypotheses(tokenizer, [forced.ids[:end]])
    assert side.text == TARGET
    assert side.word_of_token == forced.word_of_token[:end]


def test_languages_are_saved_with_the_tokenizer(kind, folder, tmp_path):
    model, tokenizer = load(folder)
    chosen = set_languages(model, tokenizer, "en", "es")
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    if kind in ("marian_to_many", "t5"):
        return  # a text before the source is none of their settings
    again = load(tmp_path)
    assert own_languages(*again) == chosen
    assert set_languages(*again) == chosen


def test_nothing_is_guessed(kind, folder):
    model, tokenizer = load(folder)
    if kind == "t5":
        assert set_languages(model, tokenizer).target is None
        return
    with pytest.raises(UserError, match=r"name the (source|target) language: hf_attn_model.set_languages"):
        set_languages(model, tokenizer)
    if kind != "mbart":  # its decoder begins with Spanish
        with pytest.raises(UserError, match="nothing says"):
            translate(model, tokenizer, [SOURCE])
    with pytest.raises(UserError, match="nothing says"):
        teacher_forced_attention(model, tokenizer, [SOURCE], [TARGET])


def test_what_transformers_sets_in_silence_is_not_taken_for_a_choice(tmp_path):
    rows = load_textbook("en-es", "train", size=600)["translation"]
    write_translator("nllb", tmp_path, [row["en"] for row in rows], [row["es"] for row in rows])
    model, tokenizer = load(tmp_path)
    tokenizer.tgt_lang = "spa_Latn"  # without a search that begins with it
    check_targets(tokenizer)
    with pytest.raises(UserError, match="which to translate into"):
        translate(model, tokenizer, [SOURCE])


def test_a_translator_of_one_pair_has_no_choice():
    from hf_attn_model.checkpoint import load_translator

    model, tokenizer = load_translator("textbook")
    before = model.generation_config.to_dict()
    assert (tokenizer_codes(tokenizer), source_marks(tokenizer)) == ([], [])
    set_languages(model, tokenizer, "en", "es")
    assert model.generation_config.to_dict() == before
