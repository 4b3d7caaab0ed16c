"""Fonts are chosen by the characters they have."""

import warnings

import pytest
from matplotlib import font_manager

from hf_attn_model.view import fonts
from hf_attn_model.view.fonts import font_families


@pytest.fixture
def installed(monkeypatch):
    """Pretend that exactly these fonts are installed, with these characters."""

    def install(characters_of):
        monkeypatch.setattr(fonts, "_characters", lambda family: frozenset(characters_of.get(family, "")))
        monkeypatch.setattr(font_manager, "get_font_names", lambda: list(characters_of))

    return install


def test_dejavu_suffices_for_latin_greek_and_cyrillic():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert font_families(["bebió", "▁ball", "</s>", "λόγος", "мяч", "a b\n"]) == ["DejaVu Sans"]


def test_the_preferred_font_for_chinese_comes_after_dejavu(installed):
    installed({"DejaVu Sans": "dog", "Aardvark": "我喜歡狗", "WenQuanYi Micro Hei": "我喜歡狗"})
    assert font_families(["dog", "我喜歡", "狗"]) == ["DejaVu Sans", "WenQuanYi Micro Hei"]


def test_fonts_complete_each_other(installed):
    installed({"DejaVu Sans": "dog", "Noto Sans CJK SC": "我", "Thai Font": "ก"})
    assert font_families(["dog", "我ก"]) == ["DejaVu Sans", "Noto Sans CJK SC", "Thai Font"]


def test_a_missing_font_is_named_in_one_line(installed):
    installed({"DejaVu Sans": "dog", "Useless": "x"})
    with pytest.warns(UserWarning, match="no installed font has 狗;.* fonts-noto-cjk .*PingFang SC") as caught:
        assert font_families(["dog", "狗"]) == ["DejaVu Sans"]
    assert "\n" not in str(caught[0].message)


def test_the_last_resort_of_matplotlib_is_no_font_for_a_character(installed):
    if fonts.LAST_RESORT in font_manager.get_font_names():  # matplotlib brings it along since 3.11
        assert "狗" in fonts._characters(fonts.LAST_RESORT), "it has all of them, and a hyphen in its name"
    installed({"DejaVu Sans": "dog", fonts.LAST_RESORT: "狗"})
    with pytest.warns(UserWarning, match="no installed font has 狗"):
        assert font_families(["dog", "狗"]) == ["DejaVu Sans"]


def test_installed_characters_are_those_that_the_font_draws():
    assert {"a", "▁", "é"} <= fonts._characters("DejaVu Sans")
    assert "狗" not in fonts._characters("DejaVu Sans")
    assert fonts._characters("No Such Font") == frozenset()
