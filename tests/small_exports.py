"""A small translator with a corpus to export, and what its export must hold, for all tests of exports."""

from functools import cache

import numpy as np
from small_models import make_model

from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.teacher_forcing import teacher_forced_attention
from hf_attn_model.export.export import export_attention
from hf_attn_model.text.tokenizer import train_tokenizer

PAIRS = [
    ("The ball is blue.", "La bola es azul."),
    ("I love my dog", "我喜歡我的狗"),
    ("My dog drank warm milk!", "Mi perro bebió leche tibia"),
    ("", "nada"),
    ("A cat", "Un gato"),
] * 3
IDS = [f"pair-{number}" for number in range(len(PAIRS))]
SMALL_SHARDS = {"shard_bytes": 60_000, "max_tokens": 97}  # a few sentences each
FIELDS = ("id", "source", "target", "source_tokens", "target_tokens", "source_words", "target_words")


@cache
def make_translator():
    """Model (2 encoder layers of 3 heads, 3 decoder layers of 5) and tokenizer."""
    tokenizer = train_tokenizer([text for pair in PAIRS for text in pair], vocab_size=300)
    return make_model(vocab_size=len(tokenizer)), tokenizer


@cache
def expected_records():
    """The maps of PAIRS, in memory."""
    sources, targets = zip(*PAIRS, strict=True)
    return teacher_forced_attention(*make_translator(), sources, targets, IDS)


def export(out, pairs=PAIRS, **options):
    return export_attention(*make_translator(), pairs, out, **({"ids": IDS} if pairs is PAIRS else {}) | options)


def assert_same_texts(actual, expected):
    for name in (*FIELDS, "source_word_of_token", "target_word_of_token"):
        assert getattr(actual, name) == getattr(expected, name)


def assert_same(actual, expected, atol):
    assert_same_texts(actual, expected)
    for place in PLACES:
        np.testing.assert_allclose(np.asarray(getattr(actual, place)), expected.place(place), atol=atol)


def contents(folder):
    """Every file below a folder, with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
