import gzip
import json
import random
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

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
    "שלום عليكم",
    "ฉันรักหมา",
    "\0\x01\x7f",
    "\u200b\u200d\ufeff\ufffd",
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


def random_texts(count: int) -> list[str]:
    """Texts of every plane of Unicode, of the tokenizer's own scripts and of its special strings."""
    chance = random.Random(11)
    known = [*"".join(ENGLISH + SPANISH + CHINESE), END, PAD, "<0x0A>", "  ", "'", "’", "\u0301"]

    def piece() -> str:
        ranges = [(0, 0x80), (0x80, 0x3000), (0x3000, 0xA000), (0xE000, 0x10000), (0x10000, 0x110000)]
        return chr(chance.randrange(*chance.choice(ranges))) if chance.random() < 0.5 else chance.choice(known)

    return ["".join(piece() for _ in range(chance.randrange(1, 23))) for _ in range(count)]


@pytest.mark.parametrize("text", DIFFICULT)
def test_any_text_comes_back_unchanged(either, text):
    ids = either(text)["input_ids"]
    assert ids.count(either.eos_token_id) == 1
    assert either.decode(ids, skip_special_tokens=True) == text


def test_random_unicode_comes_back_unchanged(either):
    texts = random_texts(2_003)
    ids = either(texts)["input_ids"]
    assert either.batch_decode(ids, skip_special_tokens=True) == texts
    assert all(1 not in row[:-1] and 0 not in row and row[-1] == 1 for row in ids)


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
        covered = 0
        waiting = b""  # bytes of a character that is not complete yet
        for token, (start, end) in zip(tokens[:-1], encoding["offset_mapping"][:-1], strict=True):
            if token in BYTES:
                assert end - start <= 1
                waiting += bytes([BYTES.index(token)])
                if start < end and text[start:end].encode() != waiting:
                    assert text[start:end].encode().startswith(waiting)
                    continue
                waiting = b""
            else:
                assert text[start:end] in (token, token.removeprefix(" "))
            assert start == covered
            covered = end
        assert covered == len(text)
        assert encoding["offset_mapping"][-1] == (0, 0)


@pytest.fixture(scope="module")
def lowercase() -> PreTrainedTokenizerFast:
    return train_tokenizer(ENGLISH * 3 + SPANISH * 3 + CHINESE * 3, vocab_size=419, lowercase=True)


def test_a_vocabulary_in_lower_case_gives_the_text_back_in_lower_case(lowercase):
    texts = [text for text in [*DIFFICULT, *random_texts(401)] if len(text.lower()) == len(text)]
    ids = lowercase(texts)["input_ids"]
    assert lowercase.batch_decode(ids, skip_special_tokens=True) == [text.lower() for text in texts]
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
