import json
from collections import Counter
from itertools import chain, islice, pairwise

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from hf_attn_model.text import bpe_dropout
from hf_attn_model.text.bpe_dropout import BPEDropout, random_bits
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.textbook import load_textbook

ODD = [
    "",
    " ",
    "  two  spaces\n",
    "👨‍👩‍👧‍👦 and 👍🏽",
    "e\u0301 <0x41> </s> <pad>",
    "\0\u200d\U0010ffff",
    "l’homme ฉันรักหมา すき 1998",
    "我 the 我喜歡",
    "sss ooo lllll eeee",  # the same merge at overlapping places
]
WORDS = [" the", " drinks", " rojos", " perro"]


def train(pair):
    """Texts of the textbook and the tokenizer of both languages."""
    texts = [text for row in load_textbook(pair, size=1009)["translation"] for text in row.values()]
    return texts, train_tokenizer(texts, vocab_size=997)


@pytest.fixture(scope="module")
def textbook():
    return train("en-es")


@pytest.fixture(scope="module")
def tokenizer(textbook):
    return textbook[1]


def numbers_of(bpe, texts):
    return np.array([number for text in texts for number in bpe.read(text)], np.int64)


def keys_for(words, first=0):
    return np.arange(first, first + len(words), dtype=np.uint64)


def saved_model(tokenizer):
    return json.loads(tokenizer.backend_tokenizer.to_str())["model"]


def draw(tokenizer, word, dropout, count):
    """Frequencies of the segmentations of a word, as tuples of strings."""
    bpe = BPEDropout(tokenizer)
    numbers = np.repeat(numbers_of(bpe, [word.removeprefix(" ")]), count)
    drawn = Counter(bpe.sample(numbers, keys_for(numbers), dropout))
    return Counter({tuple(tokenizer.convert_ids_to_tokens(tokens)): times for tokens, times in drawn.items()})


def exact_distribution(tokenizer, word, dropout):
    """Probability of each segmentation of a word: every way that algorithm 1 of the paper can take."""
    ranks = {tuple(merge): rank for rank, merge in enumerate(saved_model(tokenizer)["merges"])}
    probabilities = Counter()

    def go(subwords, probability):
        merges = sorted((ranks[pair], i) for i, pair in enumerate(pairwise(subwords)) if pair in ranks)
        for dropped, (_, i) in enumerate(merges):
            merged = (*subwords[:i], subwords[i] + subwords[i + 1], *subwords[i + 2 :])
            go(merged, probability * dropout**dropped * (1 - dropout))
        probabilities[subwords] += probability * dropout ** len(merges)

    go(tuple(word), 1.0)
    return probabilities


def chi_square_excess(drawn, probabilities):
    """How far Pearson's statistic is above its mean, in standard deviations; rare outcomes count as one."""
    count = drawn.total()
    common = [outcome for outcome, p in probabilities.items() if p * count >= 5]
    observed = [drawn[outcome] for outcome in common]
    expected = [probabilities[outcome] * count for outcome in common]
    if sum(expected) < count - 5:
        observed.append(count - sum(observed))
        expected.append(count - sum(expected))
    freedom = len(expected) - 1
    assert freedom
    statistic = sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))
    return (statistic - freedom) / (2 * freedom) ** 0.5


@pytest.mark.parametrize("pair", ["en-es", "en-zh"])
def test_without_dropout_every_text_is_as_the_tokenizer_has_it(pair):
    texts, tokenizer = train(pair)
    texts += ODD
    bpe = BPEDropout(tokenizer)
    words = [bpe.read(text) for text in texts]
    expected = [ids[:-1] for ids in tokenizer(texts)["input_ids"]]
    flat = np.concatenate(words).astype(np.int64)
    for tokens in (bpe.segment(flat), bpe.sample(flat, keys_for(flat), dropout=0)):
        rest = iter(tokens)
        assert [[*chain.from_iterable(islice(rest, len(numbers)))] for numbers in words] == expected


def test_a_dropout_of_one_gives_characters_and_bytes(textbook):
    texts, tokenizer = textbook
    bpe, vocab = BPEDropout(tokenizer), tokenizer.get_vocab()
    for text in texts[:53] + ODD:
        words = numbers_of(bpe, [text])
        drawn = [token for tokens in bpe.sample(words, keys_for(words), dropout=1) for token in tokens]
        backend = tokenizer.backend_tokenizer
        pieces = backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))
        known = [
            [c] if c in vocab else [f"<0x{byte:02X}>" for byte in c.encode()] for piece, _ in pieces for c in piece
        ]
        assert tokenizer.convert_ids_to_tokens(drawn) == [token for tokens in known for token in tokens]


@pytest.mark.parametrize("dropout", [0.1, 0.37, 0.9])
@pytest.mark.parametrize("word", WORDS)
def test_frequencies_are_those_of_the_paper(tokenizer, word, dropout):
    drawn, probabilities = draw(tokenizer, word, dropout, 9973), exact_distribution(tokenizer, word, dropout)
    assert sum(probabilities.values()) == pytest.approx(1)
    assert set(drawn) <= set(probabilities)
    assert chi_square_excess(drawn, probabilities) < 4


@pytest.mark.parametrize("word", WORDS)
def test_frequencies_are_near_those_of_tokenizers(tokenizer, word):
    """Near, not equal: `tokenizers` draws some dropped merges again. It has no seed: the bound is for any."""
    saved = json.loads(tokenizer.backend_tokenizer.to_str())
    saved["model"]["dropout"] = dropout = 0.1
    peer = Tokenizer.from_str(json.dumps(saved)).model
    count = 9973
    theirs = Counter(tuple(token.value for token in peer.tokenize(word)) for _ in range(count))
    ours = draw(tokenizer, word, dropout, count)
    distance = sum(abs(theirs[tokens] - ours[tokens]) for tokens in theirs | ours) / (2 * count)
    assert distance < 0.06  # they differ by 0.01; McDiarmid: 1e-6 that chance adds what is left
    assert len(ours) > 3


def test_a_segmentation_depends_on_word_and_key_alone(textbook):
    texts, tokenizer = textbook
    bpe = BPEDropout(tokenizer)
    words = numbers_of(bpe, texts[:97])
    keys, dropout = keys_for(words), 0.3
    drawn = bpe.sample(words, keys, dropout)
    assert bpe.sample(words[::-1], keys[::-1], dropout)[::-1] == drawn

    other = BPEDropout(tokenizer)
    other.sample(numbers_of(other, texts[97:211]), keys_for(numbers_of(other, texts[97:211])), dropout)
    again = numbers_of(other, texts[:97])
    assert [other.sample(again[i : i + 1], keys[i : i + 1], dropout)[0] for i in range(len(words))] == drawn
    assert bpe.sample(words, keys_for(words, first=10**6), dropout) != drawn


def test_a_graph_that_grew_too_large_is_grown_anew(textbook, monkeypatch):
    texts, tokenizer = textbook
    kept, forgetful = BPEDropout(tokenizer), BPEDropout(tokenizer)
    words = numbers_of(kept, texts[:101])
    assert (numbers_of(forgetful, texts[:101]) == words).all()
    keys, halves = keys_for(words), np.array_split(np.arange(len(words)), 7)
    expected = kept.sample(words, keys, 0.3)
    monkeypatch.setattr(bpe_dropout, "MAX_TOKENS", 0)
    drawn, held = [], []
    for half in halves:
        drawn += forgetful.sample(words[half], keys[half], 0.3)
        held.append(forgetful._tokens)
    assert drawn == expected
    assert max(held) < kept._tokens / 2


def test_random_bits_are_those_of_splitmix64():
    def sequence(state, length):
        for _ in range(length):
            state = (state + 0x9E3779B97F4A7C15) % 2**64
            bits = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
            bits = (bits ^ bits >> 27) * 0x94D049BB133111EB % 2**64
            yield bits ^ bits >> 31

    keys = [0, 1, 2**64 - 1, 0x123456789ABCDEF]
    bits = random_bits(np.array(keys, np.uint64)[:, None], np.arange(13))
    assert bits.tolist() == [list(sequence(key, 13)) for key in keys]
    assert random_bits(np.array(keys, np.uint64), 5).tolist() == bits[:, 5].tolist()


def build(part=None, **settings):
    """A tokenizer that can be taken, but for the settings of its model, or for a part that it lacks."""
    model = models.BPE({"a": 0}, [], **{"byte_fallback": True, **settings})
    tokenizer = Tokenizer(model)
    if part != "normalizer":
        tokenizer.normalizer = normalizers.NFC()
    if part != "pre_tokenizer":
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def word_piece():
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]")))


@pytest.mark.parametrize(
    "other",
    [
        build(byte_fallback=False),
        build(ignore_merges=True),
        build(continuing_subword_prefix="@@"),
        build(end_of_word_suffix="</w>"),
        build("normalizer"),
        build("pre_tokenizer"),
        word_piece(),
        object(),
    ],
)
def test_other_tokenizers_are_refused(other):
    bpe = BPEDropout(build())
    assert bpe.segment(np.array(bpe.read("a"))) == [(0,)]
    with pytest.raises(ValueError, match="train_tokenizer makes"):
        BPEDropout(other)
