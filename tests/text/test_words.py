import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.text.words import join_words, locate_words, split_words, word_of_token


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        (" \t\n\u200b", ""),
        ("The ball's blue.", "The|ball's|blue|."),
        ("¿Qué año?", "¿|Qué|año|?"),
        ("man\u0303ana", "man\u0303ana"),
        ("l’homme don't mother-in-law", "l’homme|don't|mother-in-law"),
        ("'quoted' - x-", "'|quoted|'|-|x|-"),
        ("In 1998: 3.14 or 1,000.", "In|1998|:|3.14|or|1,000|."),
        ("我喜歡狗。", "我|喜|歡|狗|。"),
        ("ABC漢字コーヒーたべる", "ABC|漢|字|コーヒー|た|べ|る"),
        ("می‌خواهم", "می‌خواهم"),
        ("ok👨‍👩‍👧!", "ok|👨‍👩‍👧|!"),
    ],
)
def test_split_words(text, words):
    assert [text[start:end] for start, end in split_words(text)] == (words.split("|") if words else [])


def test_located_words_are_those_of_the_text():
    text = "The cat is on the mat on the mat ."
    words = ["The", "cat", "the", "mat", "mat", "."]
    spans = locate_words(text, words)
    assert [text[start:end] for start, end in spans] == words
    assert spans == sorted(spans)
    assert spans[3:5] == [(18, 21), (29, 32)]


@pytest.mark.parametrize("words", [["ball", "The"], ["The", "bola"], ["The", ""]])
def test_words_that_do_not_follow_are_refused(words):
    with pytest.raises(UserError, match=r"word 2, '.*', does not follow in the text"):
        locate_words("The ball", words)


def most_shared(token: tuple[int, int], spans: list[tuple[int, int]]) -> int | None:
    """Brute force: the first of the words with the greatest overlap."""
    shared = [len(set(range(*token)) & set(range(*span))) for span in spans]
    return shared.index(max(shared)) if any(shared) else None


def test_a_token_belongs_to_the_word_it_shares_most_with():
    spans = [(0, 3), (4, 6), (6, 7), (9, 14)]
    tokens = [(start, end) for start in range(17) for end in range(start, 17)]
    assert word_of_token(tokens, spans) == [most_shared(token, spans) for token in tokens]


def test_special_tokens_and_white_space_have_no_word():
    assert word_of_token([(0, 0), (0, 3), (3, 4), (0, 0)], [(0, 3), (4, 7)]) == [None, 0, None, None]


def test_subwords_and_bytes_of_a_trained_tokenizer_merge_into_words():
    tokenizer = train_tokenizer(["the unbelievable ball", "un believable balls"] * 3, vocab_size=283)
    text = "unbelievable 狗, balls"
    encoding = tokenizer(text, return_offsets_mapping=True)
    spans = split_words(text)
    assert len(encoding["input_ids"]) > len(spans) + 1
    words: dict[int, set[int]] = {}
    for word, offsets in zip(word_of_token(encoding["offset_mapping"], spans), encoding["offset_mapping"], strict=True):
        if word is not None:
            words.setdefault(word, set()).update(range(*offsets))
    merged = ["".join(text[place] for place in sorted(places)) for _, places in sorted(words.items())]
    assert [word.strip() for word in merged] == ["unbelievable", "狗", ",", "balls"]


def test_words_under_one_token_are_joined_so_that_each_has_a_token():
    text = "我喜歡我的狗。"
    offsets = [(0, 1), (1, 3), (3, 5), (5, 7), (0, 0)]
    spans = join_words(split_words(text), offsets)
    assert [text[start:end] for start, end in spans] == ["我", "喜歡", "我的", "狗。"]
    assert word_of_token(offsets, spans) == [0, 1, 2, 3, None]


def test_words_with_tokens_of_their_own_are_not_joined():
    spans = [(0, 3), (4, 8), (8, 9)]
    assert join_words(spans, [(0, 2), (2, 3), (3, 8), (8, 9), (0, 0)]) == spans


def test_overlapping_tokens_join_a_chain_of_words():
    assert join_words([(0, 1), (1, 2), (2, 3), (3, 4)], [(0, 2), (1, 3), (3, 4)]) == [(0, 3), (3, 4)]
