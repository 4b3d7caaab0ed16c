import gzip
import json
import random
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import regex
from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerFast

from hf_attn_model.errors import UserError
from hf_attn_model.text.tokenizer import BYTES, END, PAD, train_tokenizer

DATA = Path(__file__).parents[2] / "../shared/data"

ENGLISH = ["The ball is blue.", "The ball is red.", "I love my dog.", "He doesn't love the blue ball.", "In 1998."]
SPANISH = ["La bola es azul.", "¿Es roja la bola?", "Amo a mi perro.", "El año 1998."]
CHINESE = ["我喜歡我的狗。", "我喜歡藍色的球。", "他不喜歡狗。", "球是藍色的。"]

DIFFICULT = [
    "",
    " ",
    "  ",
    " The ball",
    "The ball ",
    "The  ball   is",
    "\n",
    "The\tball\r\nis\n",
    "\u00a0ball\u2003\u3000",
    "我",
    " 我",
    "  我 喜歡 ",
    "「我」",
    " 。",
    "ーa ー",
    "👨‍👩‍👧‍👦 and 👍🏽",
    "e\u0301a\u0303 \u0301",
    unicodedata.normalize("NFC", "mañana"),
    unicodedata.normalize("NFD", "mañana"),
    "▁The▁ball",
    "Ġball",
    "<0x41><0xF0>",
    "<pad>The</s> ball</s>",
    "</s> ",
    "\ufeffThe ball",
    "\u200b 我",
    "ball 我 。",
    "ba\u00adll \u2060is",
    "שלום عليكم",
    "ฉันรักหมา",
    "\0\x01\x7f",
    "\u200b\u200d\ufeff\ufffd",
    "می‌خواهم \u06dd क्‍ष",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f a\U000e0067",
    "\U0010ffff\ue000",
    "don't l’homme ''quoted'' mother-in-law 3.14",
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(ENGLISH * 3 + SPANISH * 3 + CHINESE * 3, vocab_size=419)


@pytest.fixture(scope="module", params=["trained", "saved and loaded"])
def either(request, tokenizer, tmp_path_factory) -> PreTrainedTokenizerFast:
    """The same tokenizer, fresh or from disk."""
    if request.param == "trained":
        return tokenizer
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def lowercase() -> PreTrainedTokenizerFast:
    return train_tokenizer(ENGLISH * 3 + SPANISH * 3 + CHINESE * 3, vocab_size=419, lowercase=True)


def random_texts(count: int) -> list[str]:
    """Texts of every plane of Unicode, of the tokenizer's own scripts and of its special strings."""
    chance = random.Random(11)
    known = [*"".join(ENGLISH + SPANISH + CHINESE), END, PAD, "<0x0A>", "  ", "'", "’", "\u0301"]

    def piece() -> str:
        ranges = [(0, 0x80), (0x80, 0x3000), (0x3000, 0xA000), (0xE000, 0x10000), (0x10000, 0x110000)]
        return chr(chance.randrange(*chance.choice(ranges))) if chance.random() < 0.5 else chance.choice(known)

    return ["".join(piece() for _ in range(chance.randrange(1, 23))) for _ in range(count)]


WHITE = regex.compile(r"\p{White_Space}")
UNSEEN = [chr(code) for code in (*range(9), 0x1F, 0x7F, 0xAD, 0x61C, 0x200B, 0x200E, 0x202A, 0x2060, 0x2069, 0xFEFF)]
JOINERS = ["\u200c", "\u200d"]
SPACES = [" ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u2028", "\u3000", "\u0085"]
PLAIN = r"\p{L}&&\p{Latin}\p{Greek}\p{Cyrillic}\p{Hebrew}\p{Armenian}\p{Georgian}\p{Hangul}\p{Han}\p{Hiragana}"
SHAPED = regex.compile(
    rf"(?V1)[\p{{L}}\p{{M}}\p{{So}}\p{{Sk}}--[{PLAIN[8:]}\p{{Katakana}}ー\p{{Thai}}\p{{Lao}}\p{{Khmer}}\p{{Myanmar}}]]"
)


def is_tag(character: str) -> bool:
    return "\U000e0020" <= character <= "\U000e007f"


def as_seen(text: str) -> str:
    """What a reader sees of a text: character by character, by their properties."""
    shown = ""
    for character in text:
        last = shown[-1:]
        if WHITE.match(character):
            shown += " " if shown and last != " " else ""
        elif character in JOINERS:
            shown += character if SHAPED.match(last) else ""
        elif is_tag(character):
            shown += character if last == "\U0001f3f4" or is_tag(last) else ""
        elif unicodedata.category(character) == "Cc":
            continue
        elif unicodedata.category(character) != "Cf" or not regex.match(r"\p{Default_Ignorable_Code_Point}", character):
            shown += character
    return shown


@pytest.mark.parametrize("text", DIFFICULT)
def test_any_text_comes_back_as_it_is_seen(either, text):
    ids = either(text)["input_ids"]
    assert ids.count(either.eos_token_id) == 1
    assert either.decode(ids, skip_special_tokens=True) == as_seen(text)


def test_random_unicode_comes_back_as_it_is_seen(either):
    texts = [text for text in random_texts(2_003) if text not in (PAD, END)]
    ids = either(texts)["input_ids"]
    assert either.batch_decode(ids, skip_special_tokens=True) == [as_seen(text) for text in texts]
    assert all(1 not in row[:-1] and 0 not in row and row[-1] == 1 for row in ids)


VISIBLE = [
    *ENGLISH,
    *SPANISH,
    *CHINESE,
    "می‌خواهم",
    "क्‍ष ക്‍",
    "👨‍👩‍👧‍👦 and 👍🏽",
    "ball 我 。 3.14",
    "</s> <pad>",
    "(2 < 3)",
]


def disturbed(text: str, chance: random.Random) -> str:
    """The same to a reader: with what nobody sees in it, and other white space."""
    written = "".join(chance.choices(["", *SPACES, *UNSEEN, *JOINERS], k=2))
    for character in text:
        written += "".join(chance.choices(SPACES, k=chance.randrange(1, 4))) if character == " " else character
        if chance.random() < 0.4:
            written += chance.choice(UNSEEN if SHAPED.match(character) else [*UNSEEN, *JOINERS])
    return written


@pytest.mark.parametrize("lower", [False, True])
def test_what_nobody_sees_changes_no_ids_and_offsets_are_those_of_the_same_characters(tokenizer, lowercase, lower):
    chance = random.Random(13)
    for text in VISIBLE * 17:
        other = disturbed(text, chance)
        assert as_seen(other) == text
        one, two = ((lowercase if lower else tokenizer)(each, return_offsets_mapping=True) for each in (text, other))
        assert one["input_ids"] == two["input_ids"], (text, other)
        space = int(one.tokens()[0] == " ")  # the space in front has the place of the first character, seen or not
        for (a, b), (c, d) in zip(one["offset_mapping"][space:], two["offset_mapping"][space:], strict=True):
            assert as_seen(other[c:d]).strip(" \u200c\u200d") == text[a:b].strip(" \u200c\u200d")


def test_ids_of_the_special_tokens_and_bytes(either):
    assert type(either) is PreTrainedTokenizerFast
    assert (either.pad_token_id, either.eos_token_id, either.unk_token_id) == (0, 1, None)
    assert either.convert_tokens_to_ids(BYTES) == list(range(2, 258))
    assert len(either) <= 419
    assert either.model_max_length == 512
    assert set(either("The ball")) == {"input_ids", "attention_mask"}


def test_a_word_is_the_same_readable_token_wherever_it_stands(tokenizer):
    assert tokenizer.tokenize("The ball") == [" The", " ball"]
    assert tokenizer.tokenize("ball The") == [" ball", " The"]


def test_chinese_needs_no_segmenting_and_gets_no_spaces(tokenizer):
    """A token over a word boundary would hide the words from the model."""
    assert tokenizer.tokenize("我喜歡狗。") == ["我", "喜", "歡", "狗", "。"]
    assert not [token for token in tokenizer.get_vocab() if len(re.findall("[\u4e00-\u9fff]", token)) > 1]


def test_punctuation_and_digits_stand_alone(tokenizer):
    tokens = tokenizer.tokenize("In 1998. In 1998!")
    assert tokens == [" In", " 1", "9", "9", "8", ".", " In", " 1", "9", "9", "8", "<0x21>"]


def test_offsets_are_spans_of_the_given_text(either):
    for text in [*DIFFICULT, *random_texts(401)]:
        encoding = either(text, return_offsets_mapping=True)
        tokens = either.convert_ids_to_tokens(encoding["input_ids"])
        left, last = list(text), 0  # what no token has covered, and where the last one ended
        waiting = b""  # bytes of a character that is not complete yet
        for token, (start, end) in zip(tokens[:-1], encoding["offset_mapping"][:-1], strict=True):
            if token == " " and not last:  # the space in front has the place of the first character
                continue
            assert start >= last or text[start:end] == text[last - 1 : last]  # the bytes of one character share it
            if token in BYTES:
                waiting += bytes([BYTES.index(token)])
                assert text[start:end].encode().startswith(waiting)
                waiting = b"" if text[start:end].encode() == waiting else waiting
            else:
                assert as_seen(text[start:end]).strip(" ") == token.strip(" ")
            left[start:end] = " " * (end - start)
            last = end
        assert as_seen("".join(left)).strip(" \u200c\u200d") == ""
        assert encoding["offset_mapping"][-1] == (0, 0)


def test_a_vocabulary_in_lower_case_gives_the_text_back_in_lower_case(lowercase):
    texts = [text for text in [*DIFFICULT, *random_texts(401)] if len(text.lower()) == len(text)]
    ids = lowercase(texts)["input_ids"]
    assert lowercase.batch_decode(ids, skip_special_tokens=True) == [as_seen(text.lower()) for text in texts]
    assert lowercase.tokenize("THE Ball") == [" the", " ball"]
    assert not any(token != token.lower() for token in lowercase.get_vocab() if token not in BYTES)


def test_offsets_of_a_vocabulary_in_lower_case_are_spans_of_the_given_text(lowercase):
    text = "The BALL is\u0130 BLUE"  # a capital whose small letter is two characters
    encoding = lowercase(text, return_offsets_mapping=True)
    assert " BALL" in [text[start:end] for start, end in encoding["offset_mapping"]]
    assert max(end for _, end in encoding["offset_mapping"]) == len(text)


def test_rare_characters_fall_back_to_bytes():
    rare = "龘"
    frequent = train_tokenizer([rare * 50, "ab " * 50], vocab_size=300)
    assert frequent.tokenize(rare) == [rare]
    seldom = train_tokenizer(["ab " * 5_003, rare], vocab_size=300)
    assert seldom.tokenize(rare) == [f"<0x{byte:02X}>" for byte in rare.encode()]


def test_an_alphabet_larger_than_the_vocabulary_keeps_the_frequent_characters_and_leaves_room_for_merges():
    alphabet = [chr(0x4E00 + place) for place in range(997)]
    frequent = "ひらがな"
    tokenizer = train_tokenizer([*alphabet, *[frequent] * 31], vocab_size=258 + 101)
    vocabulary = tokenizer.get_vocab()
    assert len(tokenizer) <= 258 + 101
    assert set(frequent) < set(vocabulary)
    assert frequent in vocabulary


def test_vocabulary_size_is_an_upper_bound_that_real_text_reaches():
    path = DATA / "tatoeba_en-zh/dev.jsonl.gz"
    if not path.exists():
        pytest.skip("needs ../shared/data")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        sentences = [text for line in lines for text in json.loads(line)["translation"].values()]
    tokenizer = train_tokenizer(sentences, vocab_size=1_009)
    assert len(tokenizer) == 1_009
    assert tokenizer.batch_decode(tokenizer(sentences)["input_ids"], skip_special_tokens=True) == sentences


@pytest.mark.train
def test_training_is_deterministic_across_processes():
    script = (
        "import json, sys; from hf_attn_model.text.tokenizer import train_tokenizer;"
        "print(json.dumps(train_tokenizer(json.load(sys.stdin), vocab_size=311).get_vocab()))"
    )
    sentences = [chr(0x4E00 + place) + chr(0x4E01 + place) for place in range(997)] * 2  # ties everywhere
    run = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(sentences), capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == train_tokenizer(sentences, vocab_size=311).get_vocab()


def test_a_vocabulary_without_room_is_refused():
    with pytest.raises(UserError, match=r"vocab_size is 258, but 258 entries"):
        train_tokenizer(ENGLISH, vocab_size=258)


@pytest.mark.parametrize("sentences", [[], ["", " \n"]])
def test_no_text_is_refused(sentences):
    with pytest.raises(UserError, match="every sentence is empty"):
        train_tokenizer(sentences, vocab_size=1_009)


ADDED = [
    ">>spa<< The ball",
    "It costs [NUM] euros",
    "[NUM], dog [NUM][NUM] (x[NUM]y)",
    "a </s> b <pad>c [NUM]",
    "我[NUM]喜歡 [NUM] 我",
    "「我」 @x@ 我「我」 a@x@ 。",
    "[NUM] ",
    "▁ <0x41> ▁ball",
]


@pytest.mark.parametrize("is_saved", [False, True])
def test_a_token_that_is_added_is_one_id_and_the_text_comes_back(tmp_path, is_saved):
    tokenizer = train_tokenizer(ENGLISH + SPANISH + CHINESE, vocab_size=317)
    plain = tokenizer(DIFFICULT)["input_ids"]
    tokenizer.add_special_tokens({"additional_special_tokens": [">>spa<<"]})
    tokenizer.add_tokens([AddedToken("[NUM]", normalized=False), "@x@", "「我」"])
    if is_saved:
        tokenizer.save_pretrained(tmp_path)
        tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert [
        ids for ids, text in zip(tokenizer(DIFFICULT)["input_ids"], DIFFICULT, strict=True) if "「我」" not in text
    ] == [ids for ids, text in zip(plain, DIFFICULT, strict=True) if "「我」" not in text]
    for text in ADDED:
        *ids, end = tokenizer(text)["input_ids"]
        assert end == 1
        assert not {0, 1} & set(ids)
        assert tokenizer.decode(ids) == text
        for token in (">>spa<<", "[NUM]", "@x@", "「我」"):
            assert ids.count(tokenizer.convert_tokens_to_ids(token)) == text.count(token)
    assert tokenizer.tokenize(">>spa<< The ball") == [">>spa<<", *tokenizer.tokenize("The ball")]
    assert tokenizer.decode(tokenizer(">>spa<< The ball")["input_ids"], skip_special_tokens=True) == "The ball"
