"""Texts that are too long: the oracle is counting again."""

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text.tally import Tally
from hf_attn_model.text.too_long import LengthLimit, join_parts

MOST = 7


def count(text):
    """Tokens of three letters, and an end mark."""
    return sum(-(-len(word) // 3) for word in text.split()) + 1


def limit(on_long):
    return LengthLimit(count, MOST, on_long)


TEXT = "The cat sat. It drank milk, all of it, and extraordinarilyverylong words. Then it slept"


@pytest.mark.parametrize("on_long", ["skip", "truncate", "split", "error"])
def test_a_text_that_fits_is_read_as_it_is(on_long):
    tally = Tally()
    assert limit(on_long).fit("The cat sat.  On it", "f, line 1", tally) == ["The cat sat.  On it"]
    assert not tally


def test_parts_fit_end_at_sentences_or_clauses_and_lose_nothing():
    tally = Tally()
    parts = limit("split").fit(TEXT, "f, line 5", tally)
    assert all(count(part) <= MOST for part in parts)
    assert parts[0] == "The cat sat."
    assert parts[1] == "It drank milk,"
    assert "".join("".join(parts).split()) == "".join(TEXT.split())
    assert tally.summary() == "1 too long, split (f, line 5)"


def test_a_beginning_is_as_long_as_fits_and_ends_with_a_word():
    tally = Tally()
    (part,) = limit("truncate").fit(TEXT, "f, line 5", tally)
    assert TEXT.startswith(part + " ")
    longer = part + TEXT[len(part) :].split()[0]
    assert count(part) <= MOST
    assert count(TEXT[: TEXT.index(" ", len(longer))]) > MOST
    assert tally.summary() == "1 too long, cut (f, line 5)"


def test_a_single_word_is_cut_inside_but_never_between_a_letter_and_its_accent():
    word = "e\N{COMBINING ACUTE ACCENT}" * 17
    for on_long in ("truncate", "split"):
        for part in limit(on_long).fit(word, "f, line 1", Tally()):
            assert part.replace("e\N{COMBINING ACUTE ACCENT}", "") == ""
            assert count(part) <= MOST


def test_chinese_is_cut_between_characters():
    parts = LengthLimit(len, 5, "split").fit("我喜歡我的狗。他喝了牛奶和水", "f, line 1", Tally())
    assert parts == ["我喜歡我的", "狗。", "他喝了牛奶", "和水"]


def test_what_is_left_out_is_counted_and_an_error_names_its_line():
    tally = Tally()
    for line in range(1, 6):
        assert limit("skip").fit(TEXT, f"f, line {line}", tally) == []
    assert tally.summary() == "5 too long, left out (f, line 1; f, line 2; f, line 3; and 2 more)"
    with pytest.raises(UserError, match=rf"^f, line 5: {count(TEXT)} tokens, but the model reads at most 7: "):
        limit("error").fit(TEXT, "f, line 5", tally)


def test_nothing_fits_into_a_model_of_no_positions():
    with pytest.raises(UserError, match="no text fits into 1 tokens"):
        LengthLimit(count, 1, "split").fit("cat", "f, line 1", Tally())


def test_a_long_text_is_not_counted_again_for_every_part():
    asked = []

    def slow(text):
        asked.append(len(text))
        return count(text)

    text = "the cat " * 2_000
    LengthLimit(slow, MOST, "split").fit(text, "f, line 1", Tally())
    assert max(asked) < 100


def test_parts_are_joined_by_a_space_where_the_script_has_spaces():
    assert join_parts(["El gato.", "", "La bola."]) == "El gato. La bola."
    assert join_parts(["我喜歡狗。", "他喝了", "牛奶"]) == "我喜歡狗。他喝了牛奶"
