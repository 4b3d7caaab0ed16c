"""What the app shows of a sentence."""

import json

import pytest
from looking import Reader
from small_exports import make_translator

from hf_attn_model.app import inspect_sentence
from hf_attn_model.checkpoint.alignment_config import HeadSummary
from hf_attn_model.errors import UserError
from hf_attn_model.translation.search import translate

SENTENCE = "My dog drank warm milk!"


def blocks(frame):
    """The data of the page in a frame."""
    ((attributes, _),) = Reader(frame).of("iframe")
    return {attrs["id"]: json.loads(text) for attrs, text in Reader(attributes["srcdoc"]).of("script") if "id" in attrs}


def test_the_best_translations_and_the_page_of_them():
    model, tokenizer = make_translator()
    seen = inspect_sentence(
        model, tokenizer, f"  {SENTENCE} ", num_beams=5, heads=[HeadSummary(1, 3, "aligning", 0.25, False)]
    )
    assert [seen.translations[0]] == translate(model, tokenizer, [SENTENCE], num_beams=5)
    assert len(set(seen.translations)) == len(seen.translations) <= 3
    data = blocks(seen.frame)["page-data"]
    assert [record[1] for record in data["records"]] == [SENTENCE] * 3
    assert {record[2] for record in data["records"]} == set(seen.translations)
    assert data["heads"]["1:3"]["role"] == "aligning"


@pytest.mark.parametrize(("sentence", "said"), [(" ", "type a sentence"), ("x" * 601, "601 characters are too many")])
def test_mistakes_are_told(sentence, said):
    with pytest.raises(UserError, match=said):
        inspect_sentence(*make_translator(), sentence)
