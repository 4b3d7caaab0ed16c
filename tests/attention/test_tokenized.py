"""Tokens find their words with every kind of tokenizer; offsets found from pieces against those that are told."""

import json

import pytest
from transformers import M2M100Tokenizer, MarianTokenizer

from hf_attn_model.attention.tokenized import offsets_by_decoding, read_hypotheses, tokenize_with_words
from hf_attn_model.errors import UserError
from hf_attn_model.text.tokenizer import train_tokenizer

TEXTS = [
    "The black cat drank the milk, again and again.",
    "My dogs don't like cats: dogs like milk!",
    "A café in Málaga costs 3.50 € (or less).",
    "  two  spaces  and three   dogs",
]


@pytest.fixture(scope="module")
def pieces_folder(tmp_path_factory):
    sentencepiece = pytest.importorskip("sentencepiece")
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "text.txt").write_text("\n".join(TEXTS * 3), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"), model_prefix=str(folder / "spm"), model_type="bpe", vocab_size=97, minloglevel=2
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spm.model"))
    vocabulary = [pieces.id_to_piece(i) for i in range(pieces.get_piece_size())]
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *[piece for piece in vocabulary if piece[0] != "<"]]
    (folder / "vocab.json").write_text(json.dumps({piece: i for i, piece in enumerate(vocabulary)}), encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=["ours", "marian", "m2m_100"])
def tokenizer(request):
    if request.param == "ours":
        return train_tokenizer(TEXTS * 2, vocab_size=330)
    folder = request.getfixturevalue("pieces_folder")
    spm, vocabulary = str(folder / "spm.model"), str(folder / "vocab.json")
    if request.param == "marian":
        return MarianTokenizer(spm, spm, vocabulary)
    return M2M100Tokenizer(vocabulary, spm, src_lang="en", tgt_lang="es")


def spelled(side):
    """Each word with the text that its tokens spell."""
    pieces = {}
    for token, word in zip(side.tokens, side.word_of_token, strict=True):
        pieces.setdefault(word, []).append(token)
    return [
        (word.text, "".join(pieces.get(i, [])).replace("▁", "").replace(" ", "")) for i, word in enumerate(side.words)
    ]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("is_target", [False, True])
def test_tokens_spell_the_words_they_belong_to(tokenizer, text, is_target):
    (side,) = tokenize_with_words(tokenizer, [text], is_target=is_target)
    assert [side.text[word.start : word.end] for word in side.words] == [word.text for word in side.words]
    assert tokenizer.convert_ids_to_tokens(side.ids) == side.tokens
    for word, spelling in spelled(side):
        if "<unk>" not in spelling and "<0x" not in spelling:
            assert spelling.strip() == word
    special = [word for token, word in zip(side.tokens, side.word_of_token, strict=True) if token in ("</s>", "__en__")]
    assert special
    assert special == [None] * len(special)


def test_an_unknown_word_is_a_word(tokenizer):
    (side,) = tokenize_with_words(tokenizer, ["the 猫 drank"])
    owners = [word for word in side.word_of_token if word is not None]
    assert sorted(set(owners)) == [0, 1, 2]
    assert owners == sorted(owners)


def test_given_words_are_found_in_their_text(tokenizer):
    words = [["The", "black cat", "drank", "the", "milk", ",", "again", "and", "again."]]
    (side,) = tokenize_with_words(tokenizer, TEXTS[:1], words=words)
    assert [word.text for word in side.words] == words[0]
    assert set(side.word_of_token) == {*range(9), None}
    with pytest.raises(UserError, match="2 lists of words for 1 texts"):
        tokenize_with_words(tokenizer, TEXTS[:1], words=words * 2)
    with pytest.raises(UserError, match="'dog', does not follow"):
        tokenize_with_words(tokenizer, TEXTS[:1], words=[["The", "dog"]])
    assert tokenize_with_words(tokenizer, []) == []


def test_hypotheses_keep_their_tokens(tokenizer):
    """The usual tokens of a text, and the same text cut into single characters."""
    usual = tokenize_with_words(tokenizer, TEXTS[:2], is_target=True)
    vocabulary = tokenizer.get_vocab()
    letters = [vocabulary[piece] for piece in ("▁a", "c", "a", "t")] if "▁a" in vocabulary else None
    if letters is None:
        letters = [vocabulary[piece] for piece in (" ", "c", "a", "t", " ", "a")]
    end = tokenizer.eos_token_id
    first, second, cut = read_hypotheses(tokenizer, [usual[0].ids, usual[1].ids, [*letters, end]])
    assert [first, second] == usual
    assert cut.ids == [*letters, end]
    assert cut.text == tokenizer.decode(letters, skip_special_tokens=True)
    assert cut.word_of_token[-1] is None
    assert None not in cut.word_of_token[:-1]
    for word, spelling in spelled(cut):
        assert spelling == word


def test_a_hypothesis_may_hold_half_a_character():
    tokenizer = train_tokenizer(TEXTS, vocab_size=330)
    ids = [*tokenizer("the ")["input_ids"][:-1], 2 + 0xE7, 1]  # the first of three bytes
    (side,) = read_hypotheses(tokenizer, [ids])
    assert side.ids == ids
    assert len(side.word_of_token) == len(ids)


@pytest.mark.parametrize("text", TEXTS)
def test_offsets_by_decoding_equal_those_a_fast_tokenizer_tells(text):
    """Our own tokenizer's: its pieces are looked for as if it told nothing."""
    tokenizer = train_tokenizer(TEXTS * 2, vocab_size=330)
    encoding = tokenizer(text, return_offsets_mapping=True)
    pieces = tokenizer.convert_ids_to_tokens(encoding["input_ids"])[:-1]
    offsets = offsets_by_decoding(tokenizer, text, pieces)
    for piece, (start, end), found in zip(pieces, encoding["offset_mapping"], offsets, strict=False):
        if not piece.isspace():
            assert text[slice(*found)] == text[start:end].strip(" ")


class Spaced:
    """Decodes by putting spaces where `▁` is."""

    def convert_tokens_to_string(self, pieces):
        return "".join(pieces).replace("▁", " ").strip()


def test_a_piece_in_another_form_is_found():
    text = "A ﬁne x²y  “day”"  # NFKC writes fine and x2y, Moses "day"
    pieces = ["▁a", "▁fi", "ne", "▁x", "2", "y", '▁"', "day", '"']
    found = offsets_by_decoding(Spaced(), text, pieces)
    assert [text[slice(*span)] for span in found] == ["A", "ﬁ", "ne", "x", "²", "y", "“", "day", "”"]


def test_marks_that_a_tokenizer_has_swapped_stay_with_each_other():
    found = offsets_by_decoding(Spaced(), 'a ,"b', ["▁a", '"', ",", "▁b"])
    assert found == [(0, 1), (2, 4), (2, 4), (4, 5)]


def test_a_piece_that_completes_another_stands_with_it():
    class Unescaped(Spaced):
        def convert_tokens_to_string(self, pieces):
            return super().convert_tokens_to_string(pieces).replace("&amp;", "& ").strip()

    found = offsets_by_decoding(Unescaped(), "b & a", ["b", "▁&a", "mp", ";", "a"])
    assert found == [(0, 1), (2, 3), (2, 3), (2, 3), (4, 5)]


def test_a_piece_that_adds_nothing_stands_with_the_next():
    found = offsets_by_decoding(Spaced(), "a dog", ["▁", "a", "▁", "dog", "▁"])
    assert found == [(0, 1), (0, 1), (2, 5), (2, 5), (2, 5)]
    assert offsets_by_decoding(Spaced(), "", ["▁", "▁"]) == [(0, 0)] * 2
