"""Every token lies in the word that contains its characters, with the real tokenizer of every family of translators."""

import gzip
import html
import json
import re
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from foreign import KINDS, LANGUAGES, write_tokenizer
from transformers import AutoTokenizer

from hf_attn_model.attention.tokenized import read_hypotheses, tokenize_with_words
from hf_attn_model.text.multilingual import special_ids

DATA = Path(__file__).parents[2] / "../shared/data/tatoeba_en-es/train.jsonl.gz"
LEARNT, MANY, FEW = 1_500, 2_000, 61
OTHERS = [
    "The “dog” isn't my mother-in-law's… 猫 ﬁne x² (3.50 €)!",
    "  Two  spaces,\tand a tab & a sign; 50% off, once",
    "猫",
    "",
]
SAME = str.maketrans("“”„«»‘’´`—–‐", '"""""' + "''''" + "---")  # as Moses' normalisation sees them


@cache
def sentences():
    if not DATA.exists():
        pytest.skip("needs ../shared/data")
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        pairs = [json.loads(line)["translation"] for line, _ in zip(lines, range(LEARNT + MANY), strict=False)]
    return [pair["en"] for pair in pairs], [pair["es"] for pair in pairs]


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request, tmp_path_factory):
    english, spanish = sentences()
    folder = tmp_path_factory.mktemp(request.param)
    write_tokenizer(request.param, folder, english[:LEARNT], spanish[:LEARNT])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    source, target = LANGUAGES.get(request.param, (None, None))
    if request.param == "marian_to_many":
        tokenizer.source_prefix = f"{target} "
    elif request.param != "t5" and source:
        tokenizer.src_lang, tokenizer.tgt_lang = source, target
    return tokenizer


def spelling(tokenizer, tokens):
    """What tokens spell, marks of their family taken away: a regular expression, where an unknown one may spell all."""
    name = type(tokenizer).__name__
    if name == "ByT5Tokenizer":
        tokens = [bytes(map(ord, tokens)).decode("utf-8", errors="replace")]
    elif name == "RobertaTokenizer":
        tokens = [tokenizer.convert_tokens_to_string(tokens)]
    unknown = "\0"
    tokens = [unknown if token == tokenizer.unk_token else re.sub("^▁|</w>$|@@$", "", token) for token in tokens]
    return re.escape(folded("".join(tokens).replace("@-@", "-"))).replace(re.escape(unknown), ".*")


def escaped(text):
    """As Moses writes it, whose escapes subword-nmt cuts as any characters; in Spanish, quotes stand before commas."""
    return html.escape(text.translate(SAME).replace(',"', '",')).replace("&#x27;", "&apos;")


def folded(text):
    return "".join(unicodedata.normalize("NFKC", text.translate(SAME)).casefold().split()).translate(SAME)


def check(tokenizer, side):
    special = special_ids(tokenizer)
    assert [side.text[word.start : word.end] for word in side.words] == [word.text for word in side.words]
    assert len(side.word_of_token) == len(side.tokens) == len(side.ids)
    pieces = {}
    for token, number, word in zip(side.tokens, side.ids, side.word_of_token, strict=True):
        assert number not in special or word is None, side
        pieces.setdefault(word, []).append(token)
    for index, word in enumerate(side.words):
        written = escaped(word.text) if type(tokenizer).__name__ == "FSMTTokenizer" else word.text
        assert re.fullmatch(spelling(tokenizer, pieces.get(index, [])), folded(written)), (word, pieces, side)
    owners = [word for word in side.word_of_token if word is not None]
    assert owners == sorted(owners)


def check_sentences(tokenizer, texts, is_target):
    for side, text in zip(tokenize_with_words(tokenizer, texts, is_target=is_target), texts, strict=True):
        assert side.text == text
        check(tokenizer, side)


@pytest.mark.parametrize("is_target", [False, True])
def test_tokens_lie_in_the_words_that_they_spell(tokenizer, is_target):
    texts = sentences()[is_target][LEARNT : LEARNT + FEW]
    check_sentences(tokenizer, [*texts, *OTHERS], is_target)


@pytest.mark.slow
@pytest.mark.parametrize("is_target", [False, True])
def test_tokens_of_thousands_of_sentences_lie_in_the_words_that_they_spell(tokenizer, is_target):
    check_sentences(tokenizer, sentences()[is_target][LEARNT : LEARNT + MANY], is_target)


def test_hypotheses_lie_in_the_words_that_they_spell(tokenizer):
    forced = tokenize_with_words(tokenizer, sentences()[1][LEARNT : LEARNT + FEW], is_target=True)
    for given, side in zip(forced, read_hypotheses(tokenizer, [side.ids for side in forced]), strict=True):
        assert (side.ids, side.tokens) == (given.ids, given.tokens)
        check(tokenizer, side)
