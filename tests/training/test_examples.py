"""Training sees the ids that a search and a teacher-forced pass see, also where a model knows many languages."""

import pytest
from datasets import Dataset
from foreign import write_translator
from stock_checkpoints import build, sentences
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from hf_attn_model import UserError, set_languages
from hf_attn_model.attention.tokenized import tokenize_with_words
from hf_attn_model.text.multilingual import encode_sources
from hf_attn_model.training.examples import tokenize

CODES = {"m2m_100": ("en", "es"), "nllb": ("eng_Latn", "spa_Latn"), "mbart": ("en_XX", "es_XX")}
PAIRS = Dataset.from_dict({"source": sentences("en")[:17], "target": sentences("es")[:17]})


@pytest.fixture(scope="module", params=CODES)
def many(request, tmp_path_factory):
    """Model and tokenizer of many languages, told which; and the folder that they lie in, and the codes."""
    folder = tmp_path_factory.mktemp(request.param)
    model = build(request.param, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    set_languages(model, tokenizer, "eng", "spa")
    return model, tokenizer, folder, CODES[request.param]


def test_ids_are_those_of_transformers_with_both_languages_set(many):
    _, tokenizer, folder, (source, target) = many
    stock = AutoTokenizer.from_pretrained(folder, src_lang=source, tgt_lang=target)
    expected = stock(PAIRS["source"][:], text_target=PAIRS["target"][:])
    examples = tokenize(PAIRS, tokenizer, 67)
    assert examples["input_ids"][:] == expected["input_ids"]
    assert examples["labels"][:] == expected["labels"]
    marks = {stock.convert_tokens_to_ids(f"__{code}__" if len(code) == 2 else code) for code in (source, target)}
    assert marks <= {*examples["input_ids"][0], *examples["labels"][0]}


def test_ids_are_those_of_the_search_and_of_a_teacher_forced_pass(many):
    model, tokenizer, _, _ = many
    examples = tokenize(PAIRS, tokenizer, 67)
    assert examples["input_ids"][:] == encode_sources(tokenizer, PAIRS["source"])
    for column, name, is_target in (("source", "input_ids", False), ("target", "labels", True)):
        sides = tokenize_with_words(tokenizer, PAIRS[column][:], is_target=is_target)
        assert examples[name][:] == [side.ids for side in sides]
    begin = {model.generation_config.forced_bos_token_id, model.generation_config.decoder_start_token_id}
    assert examples["labels"][0][0] in begin or examples["labels"][0][-1] in begin


def test_the_mark_of_a_target_language_stands_before_every_source(tmp_path):
    write_translator("marian_to_many", tmp_path, sentences("en"), sentences("es"))
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    with pytest.raises(UserError, match="nothing says into which"):
        tokenize(PAIRS, tokenizer, 67)
    set_languages(model, tokenizer, "en", "es")
    expected = tokenizer([f">>spa<< {text}" for text in PAIRS["source"]])["input_ids"]
    assert tokenize(PAIRS, tokenizer, 67)["input_ids"][:] == expected


def test_languages_that_nobody_names_are_refused(tmp_path):
    build("nllb", tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.tgt_lang = None
    with pytest.raises(UserError, match="nothing says which the targets are in"):
        tokenize(PAIRS, tokenizer, 67)


def test_white_space_at_the_end_is_not_learnt():
    from hf_attn_model import load_translator

    _, tokenizer = load_translator("textbook")
    pairs = Dataset.from_dict({"source": ["The ball \n"], "target": ["La bola "]})
    examples = tokenize(pairs, tokenizer, 61)
    assert examples[0] == {"input_ids": tokenizer("The ball")["input_ids"], "labels": tokenizer("La bola")["input_ids"]}
