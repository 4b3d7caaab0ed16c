"""Text is aligned by the columns that a terminal gives it."""

import pytest

from hf_attn_model.view.tables import bar, display_width, pad, paragraph, show_token, table


@pytest.mark.parametrize(
    ("text", "width"), [("dog", 3), ("我喜歡", 6), ("e\u0301", 1), ("。", 2), ("", 0), ("▁ball", 5)]
)
def test_display_width(text, width):
    assert display_width(text) == width
    assert display_width(pad(text, 7)) == 7


def test_white_space_is_shown():
    assert show_token(" ball") == "▁ball"
    assert show_token("\n") == "▁"


def test_columns_of_a_table_are_aligned():
    lines = table(["key", "weight", ""], [["我", "0.5", "██"], ["<start>", "10.25", ""]], numbers=(1,))
    assert lines == ["   key      weight", "   我          0.5  ██", "   <start>   10.25"]
    assert [display_width(line) for line in lines] == [18, 22, 18]


def test_paragraphs_keep_their_margin():
    lines = paragraph("  " + "word " * 50, indent=3)
    assert all(line.startswith("     word") and len(line) <= 100 for line in lines)
    assert " ".join("".join(lines).split()).count("word") == 50


def test_paragraphs_break_texts_without_spaces():
    chinese = "我喜歡我的狗" * 20
    lines = paragraph("target: " + chinese)
    assert "".join(lines).removeprefix("target: ") == chinese
    assert max(map(display_width, lines)) in (99, 100)


def test_bars_are_in_proportion():
    assert [len(bar(share)) for share in (0.0, 0.25, 1.0)] == [0, 10, 40]
