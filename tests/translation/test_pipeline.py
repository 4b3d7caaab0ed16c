"""`pipeline("translation", ...)` for every seq2seq model once the package is imported, as transformers 4 had it."""

import pytest
from foreign import LANGUAGES, MODELS, PREFIX, write_translator
from processes import python
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer, pipeline

import hf_attn_model
from hf_attn_model import UserError, set_languages, translate
from hf_attn_model.checkpoint.checkpoint import TEXTBOOK_FOLDER
from hf_attn_model.textbook import load_textbook
from hf_attn_model.translation.pipeline import TranslationPipeline

FEW = ("marian_two_vocabularies", "marian_to_many", "m2m_100", "t5")  # each is told its languages in a way of its own
ALL = [kind if kind in FEW else pytest.param(kind, marks=pytest.mark.slow) for kind in MODELS]
TEXTS = ["The ball is blue", "I love my dog", "", "The cat"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    rows = load_textbook("en-es", "train", size=600)["translation"]
    written = {}

    def write(kind):
        if kind not in written:
            written[kind] = tmp_path_factory.mktemp("pipelines") / kind
            write_translator(kind, written[kind], [row["en"] for row in rows], [row["es"] for row in rows])
        return written[kind]

    return write


def by_verb(folder, target="es"):
    """The same search, by `translate`."""
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    set_languages(model, tokenizer, "en", target)
    return [{"translation_text": text} for text in translate(model, tokenizer, TEXTS, num_beams=2, batch_size=1)]


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory):
    """A translator as it is saved for the Hub, with its code; the packed one comes without."""
    folder = tmp_path_factory.mktemp("own")
    AutoModelForSeq2SeqLM.from_pretrained(TEXTBOOK_FOLDER).save_pretrained(folder)
    AutoTokenizer.from_pretrained(TEXTBOOK_FOLDER).save_pretrained(folder)
    return str(folder)


def test_our_own_model_needs_no_trust_in_remote_code(own_folder):
    named = [pipeline(task, own_folder) for task in ("translation", "translation_en_to_es")]
    assert [type(each) for each in named] == [TranslationPipeline] * 2
    assert named[0]("The ball is blue") == named[1]("The ball is blue") == [{"translation_text": "La bola es azul"}]
    assert pipeline(model=own_folder).task == "translation"


def test_a_configuration_keeps_the_code_of_its_pipeline_in_files(own_folder, tmp_path):
    config = AutoConfig.from_pretrained(own_folder)
    assert list(config.custom_pipelines) == ["translation"]
    assert "translation" not in config.custom_pipelines
    config.save_pretrained(tmp_path)
    assert '"impl": "pipeline_translation.TranslationPipeline"' in (tmp_path / "config.json").read_text()


@pytest.mark.parametrize("kind", ALL)
def test_every_family_translates_by_either_name_of_the_task(kind, folders):
    folder = str(folders(kind))
    by_task = pipeline("translation_en_to_es", model=folder, num_beams=2)
    by_codes = pipeline("translation", model=folder, src_lang="eng", tgt_lang="spa", num_beams=2)
    by_call = pipeline("translation", model=by_codes.model, tokenizer=by_codes.tokenizer)
    found = by_codes(TEXTS)
    assert found == by_verb(folder)
    assert by_call(TEXTS, src_lang="en", tgt_lang=LANGUAGES.get(kind, (None, "es"))[1], num_beams=2) == found
    assert by_task(TEXTS[0]) == by_codes(TEXTS[0])


def test_any_iterable_and_any_size_of_batches(folders):
    translator = pipeline("translation_en_to_es", str(folders("m2m_100")), num_beams=2, max_length=17)
    expected = translator(TEXTS)
    assert translator(tuple(TEXTS)) == expected
    assert translator(TEXTS, batch_size=3) == expected
    for lazy in (map(str, TEXTS), (text for text in TEXTS), dict.fromkeys(TEXTS)):
        assert [hypotheses[0] for hypotheses in translator(lazy, batch_size=2)] == expected
    assert translator(()) == []


def test_keywords_of_version_4(folders, monkeypatch):
    translator = pipeline("translation", str(folders("nllb")), src_lang="eng_Latn", tgt_lang="spa_Latn")
    long = " ".join(["The ball is blue"] * 30)
    with pytest.raises(ValueError, match="split it"):
        translator(long)
    assert len(translator(long, truncation=True, max_length=9)) == 1
    short = translator.preprocess(long, languages=("eng_Latn", "spa_Latn"), truncation=True)["input_ids"]
    assert short.shape == (1, 64)
    assert short[0, -1] == translator.tokenizer.eos_token_id
    decoded = []
    decode = translator.tokenizer.decode
    monkeypatch.setattr(translator.tokenizer, "decode", lambda *a, **k: decoded.append(k) or decode(*a, **k))
    translator(TEXTS[0], clean_up_tokenization_spaces=True)
    assert {"skip_special_tokens": True, "clean_up_tokenization_spaces": True} in decoded


def test_wrong_languages_and_none_are_refused(folders):
    nllb, many = (pipeline("translation", str(folders(kind))) for kind in ("nllb", "marian_to_many"))
    with pytest.raises(UserError, match=r"tgt_lang spanish: none of the 202 languages .*spa_Latn \(Spanish"):
        nllb(TEXTS[0], src_lang="en", tgt_lang="spanish")
    with pytest.raises(ValueError, match="give src_lang and tgt_lang"):
        nllb(TEXTS[0])
    with pytest.raises(UserError, match="translates into 3 languages"):
        many(TEXTS[0])
    assert many(">>spa<< The ball") == many("The ball", tgt_lang="es")
    with pytest.raises(UserError, match="tgt_lang fr: none of the 1 languages"):
        pipeline("translation_en_to_fr", str(folders("t5")))


def test_a_task_in_words_comes_from_the_configuration(folders):
    translator = pipeline("translation_en_to_es", str(folders("t5")))
    plain = pipeline("translation", str(folders("t5")))
    assert translator("The ball") == plain(PREFIX + "The ball") != plain("The ball")


def test_tokens_of_two_vocabularies_have_their_own_names(folders):
    translator = pipeline("translation", str(folders("marian_two_vocabularies")))
    (record,) = translator("The ball is blue", return_attention=True)
    assert "".join(record["source_tokens"]) == "▁The▁ball▁is▁blue</s>" or "<unk>" in record["source_tokens"]
    assert record["cross"].shape[-2:] == (len(record["target_tokens"]), len(record["source_tokens"]))


@pytest.mark.parametrize("first", ["hf_attn_model", "transformers.pipelines"])
def test_whichever_is_imported_first(first):
    second = "transformers.pipelines" if first == "hf_attn_model" else "hf_attn_model"
    code = (
        f"import {first}, {second}; from transformers.pipelines import check_task, get_supported_tasks\n"
        "print(check_task('translation_en_to_es')[0], 'translation' in get_supported_tasks())\n"
        "for task in ('summarization', 'translation_', 'nonsense'):\n"
        "    try:\n        check_task(task)\n    except KeyError:\n        print('refused')\n"
    )
    done = python("-c", code, bare=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["translation", "True", *["refused"] * 3]
    assert hf_attn_model
