"""Codes of languages mean what they mean, in every spelling; each family of models finds its own."""

import pytest
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES as M2M
from transformers.models.mbart50.tokenization_mbart50 import FAIRSEQ_LANGUAGE_CODES as MBART
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB

from hf_attn_model.errors import UserError
from hf_attn_model.languages import choose_code, find_code, is_same_language, language_of_bleu, meaning_of, name_of

OPUS = [">>spa<<", ">>por<<", ">>pt_BR<<", ">>cmn_Hans<<", ">>cmn_Hant<<", ">>deu<<"]

SAME = [  # typed, codes, what is meant
    *[(code, NLLB, "zho_Hans") for code in ("zh", "zho", "chi", "cmn", "zh-CN", "zh_Hans", "cmn_Hans")],
    *[(code, NLLB, "zho_Hant") for code in ("zh-TW", "zh-HK", "zh-Hant", "cmn-Hant")],
    *[("yue", NLLB, "yue_Hant"), ("no", NLLB, "nob_Latn"), ("nb", NLLB, "nob_Latn"), ("nn", NLLB, "nno_Latn")],
    *[("ar", NLLB, "arb_Arab"), ("fa", NLLB, "pes_Arab"), ("fa-AF", NLLB, "prs_Arab"), ("ms", NLLB, "zsm_Latn")],
    *[("sw", NLLB, "swh_Latn"), ("lv", NLLB, "lvs_Latn"), ("et", NLLB, "est_Latn"), ("tl", NLLB, "tgl_Latn")],
    *[("fil", NLLB, "tgl_Latn"), ("tw", NLLB, "twi_Latn"), ("ak", NLLB, "aka_Latn"), ("es-MX", NLLB, "spa_Latn")],
    *[("sr", NLLB, "srp_Cyrl"), ("ace-Arab", NLLB, "ace_Arab"), ("ace", NLLB, "ace_Latn"), ("EN", NLLB, "eng_Latn")],
    *[("en", MBART, "en_XX"), ("eng_Latn", MBART, "en_XX"), ("zh", MBART, "zh_CN"), ("ko", MBART, "ko_KR")],
    *[("pt-PT", MBART, "pt_XX"), ("spa", MBART, "es_XX"), ("iw", MBART, "he_IL"), ("fil", MBART, "tl_XX")],
    *[("eng", M2M["m2m100"], "en"), ("zho_Hans", M2M["m2m100"], "zh"), ("nob", M2M["m2m100"], "no")],
    *[("nso", M2M["m2m100"], "ns"), ("__es__", M2M["m2m100"], "es"), ("es_XX", M2M["m2m100"], "es")],
    *[("es", OPUS, ">>spa<<"), ("pt", OPUS, ">>por<<"), ("pt-BR", OPUS, ">>pt_BR<<"), ("zh", OPUS, ">>cmn_Hans<<")],
    *[("zh-TW", OPUS, ">>cmn_Hant<<"), ("de", OPUS, ">>deu<<"), ("es", ["<2es>", "<2de>"], "<2es>")],
]
OTHER = [("zh-TW", MBART), ("sr-Latn", M2M["m2m100"]), ("nn", M2M["m2m100"])]
OTHER += [("xx", NLLB), ("spanish", NLLB), ("fra_lat", NLLB), ("", NLLB)]


@pytest.mark.parametrize(("typed", "codes", "meant"), SAME)
def test_codes_of_one_language_find_each_other(typed, codes, meant):
    assert find_code(typed, codes) == meant
    assert is_same_language(typed, meant)


@pytest.mark.parametrize("codes", [NLLB, MBART, M2M["m2m100"], M2M["wmt21"], OPUS])
def test_each_code_means_itself_and_is_a_language(codes):
    assert [find_code(code, codes) for code in codes] == codes
    assert [code for code in codes if meaning_of(code) is None] == []
    narrow = [(meaning_of(code).language, meaning_of(code).script, meaning_of(code).region) for code in codes]
    assert len(set(narrow)) >= len(codes) - (codes is OPUS)  # por is read as that of Brazil


@pytest.mark.parametrize(("typed", "codes"), OTHER)
def test_another_language_or_script_finds_nothing(typed, codes):
    assert find_code(typed, codes) is None


def test_several_that_are_meant_alike_are_none():
    assert find_code("es-AR", ["es_ES", "es_MX"]) is None
    assert find_code("es-AR", ["es", "es_MX"]) == "es"


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("zh-Latn", "zho_Hans (Chinese, Hans), zho_Hant (Chinese, Hant)"),
        ("spanish", "spa_Latn (Spanish, Latn)"),
        ("fra_Latin", "fra_Latn (French, Latn)"),
    ],
)
def test_a_wrong_code_is_refused_with_near_ones_and_their_number(typed, near):
    with pytest.raises(UserError) as refused:
        choose_code(typed, NLLB, "--target-lang", "small/nllb")
    line = str(refused.value)
    assert line.startswith(f"--target-lang {typed}: none of the {len(NLLB)} languages of small/nllb; near it: ")
    assert near in line


def test_where_nothing_is_near_some_codes_are_named():
    with pytest.raises(UserError, match=r"none of the 3 languages of it; choose from de, en, es$"):
        choose_code("!?", ["de", "en", "es"], "--source-lang", "it")


def test_names_are_those_that_iana_registers():
    assert name_of("cmn") == "Mandarin Chinese"
    assert name_of("en_XX") == "English"
    assert name_of("source") == "source"


BLEU = {
    "zh": ("zh", "zho", "cmn", "zh-TW", "zh_CN", "zho_Hans", "cmn_Hans", "yue", ">>cmn<<"),
    "ja": ("ja", "jpn", "ja_XX", "jpn_Jpan"),
    "ko": ("ko", "kor", "ko_KR", "kor_Hang"),
    "de": ("de", "deu", "ger", "de_DE", "deu_Latn"),
    "nb": ("no", "nob_Latn"),
    "": ("zh-Latn",),
    "source": ("source",),
}


@pytest.mark.parametrize(("code", "known"), [(code, known) for known, codes in BLEU.items() for code in codes])
def test_sacrebleu_knows_the_language(code, known):
    assert language_of_bleu(code) == known
