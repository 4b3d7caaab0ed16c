import sys

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.translation import sentence_splitter


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["Mr. Smith has 3.5 kg of apples.", "Why?", "(See p. 5.)"]),
        ("eng_Latn", ["Mr. Smith is here.", "I love my dog"]),
        ("spa", ["El Sr. López vive aquí.", "¿Qué hora es?"]),
        ("cmn", ["我喜歡我的狗。", "球是藍色的！"]),
        (None, ["One.", "Two."]),
    ],
)
def test_sentences_end_where_the_language_ends_them(language, sentences):
    pytest.importorskip("sentencex")
    between = "" if language == "cmn" else "  "
    assert sentence_splitter(language)(f" {between.join(sentences)} ") == sentences
    assert sentence_splitter(language)("  ") == []


def test_without_the_library_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencex", None)
    with pytest.raises(UserError, match=r"pip install 'hf-attn-model\[sentences\]'"):
        sentence_splitter("en")
