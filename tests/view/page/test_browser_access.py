"""The page for every eye and hand, in a real browser: light, dark, small, printed, in any script, by keyboard alone."""

import pytest
from looking import cell_at, numbers, open_table, settle
from pages import random_weights, sentence_of

from hf_attn_model.view.page import write_page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_looks_as_the_system_does_and_as_told(open_page, file, artefact, scheme):
    page = open_page(file, color_scheme=scheme)
    page.locator("#queries .word").nth(1).hover()
    page.screenshot(path=artefact(f"page-{scheme}.png"), full_page=True)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    first = page.evaluate(ground)
    assert (numbers(first)[0] > 200) == (scheme == "light")
    for _ in range(2 if scheme == "light" else 1):
        page.keyboard.press("t")
    settle(page)
    assert (numbers(page.evaluate(ground))[0] > 200) == (scheme == "dark")


def test_a_telephone_shows_all_of_it(open_page, file, artefact):
    page = open_page(file, width=390, height=844, has_touch=True, is_mobile=True)
    page.locator("#queries .word").nth(1).tap()
    cells, position = cell_at(page, 1, 1)
    cells.tap(position=position)
    settle(page)
    assert page.locator("#making").is_visible()
    page.screenshot(path=artefact("page-390.png"), full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.keyboard.press("v")
    settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_prints_on_white(open_page, file, artefact):
    page = open_page(file, color_scheme="dark")
    first_cell = """canvas => {
      const pen = new OffscreenCanvas(1, 1).getContext('2d');
      pen.drawImage(canvas, 2, 2, 1, 1, 0, 0, 1, 1);
      return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    }"""
    on_screen = page.locator(".cells canvas").evaluate(first_cell)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#theme").is_hidden()
    assert numbers(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))[0] > 200
    assert sum(page.locator(".cells canvas").evaluate(first_cell)) > 300 > sum(on_screen), "a small weight is light"
    page.pdf(path=artefact("page.pdf"))


def test_scripts_from_right_to_left_and_without_spaces(open_page, tmp_path, artefact):
    source, target = ["هل", "تحب", "القطط"], [*"我喜歡我的黑貓。"]
    record = sentence_of(source, target, random_weights({"source": len(source) + 1, "target": len(target) + 1}, 1, 2))
    write_page([record], tmp_path / "page.html")
    page = open_page(tmp_path / "page.html")
    assert page.locator("#keys").get_attribute("dir") == "rtl"
    assert page.locator("#queries").get_attribute("dir") == "ltr"
    places = [page.locator("#keys .word").nth(i).bounding_box()["x"] for i in range(len(source))]
    assert places == sorted(places, reverse=True)
    page.locator("#keys .word").first.focus()
    page.keyboard.press("ArrowLeft")  # the next word stands on the left
    settle(page)
    assert page.locator("#keys .word").nth(1).evaluate("word => word === document.activeElement")
    page.screenshot(path=artefact("page-rtl-cjk.png"))


def test_all_can_be_reached_with_the_keyboard(page):
    """Tab goes through the page once, and whatever has the focus is seen to have it."""
    reached, unseen = [], []
    for _ in range(200):
        page.keyboard.press("Tab")
        name, is_seen = page.evaluate(
            """() => {
              const one = document.activeElement;
              const style = getComputedStyle(one);
              const beside = one.nextElementSibling && getComputedStyle(one.nextElementSibling);
              const isSeen = style.outlineStyle !== 'none' || (beside && beside.outlineStyle !== 'none');
              return [one.id || one.name || one.className || one.tagName, isSeen];
            }"""
        )
        if name == "BODY" or (reached and name == reached[0] and len(reached) > 5):
            break
        reached.append(name)
        if not is_seen:
            unseen.append(name)
    assert unseen == []
    for name in ("theme", "help-button", "search", "place", "unit", "special", "step", "play", "layout", "several"):
        assert name in reached, name
    assert [name for name in reached if "word" in name]
    assert reached.count("head") == 3  # one stop in each grid
    assert "cells" in reached


@pytest.mark.parametrize("start", ["#queries .word", "#keys .word", ".place[data-place=cross] .head", ".cells"])
def test_keys_of_one_letter_leave_the_focus_where_it_is(page, start):
    """What has the focus is built anew by many keys; the one in its place has it then."""
    page.locator(start).first.focus()
    if start != ".cells":
        page.keyboard.press("ArrowRight")
    settle(page)
    here = "selector => [...document.querySelectorAll(selector)].indexOf(document.activeElement)"
    before = page.evaluate(here, start)
    for key in "ttaavvccjk":
        page.keyboard.press(key)
        settle(page)
        assert page.evaluate(here, start) == before >= 0, key
    for key in "1swjkw23":  # other words, of which one has the focus
        page.keyboard.press(key)
        settle(page)
        assert page.evaluate(here, start) >= 0, key


def test_a_word_hands_the_focus_to_its_first_subword_and_takes_it_back(page, record):
    words = page.locator("#queries .word")
    split = next(i for i, word in enumerate(record.target_word_of_token) if word == record.target_word_of_token[i + 1])
    word = record.target_word_of_token[split]
    words.nth(word).focus()
    for key, place in (("w", split), ("ArrowRight", split + 1), ("w", word)):
        page.keyboard.press(key)
        settle(page)
        assert words.nth(place).evaluate("word => word === document.activeElement")


def test_help_lists_the_keys_and_letters_can_be_switched_off(page):
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    assert "words or subwords" in page.locator("#key-list").text_content()
    page.get_by_label("Keys of one letter work").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    settle(page)
    assert page.locator("input[name=place]:checked").get_attribute("value") == "cross"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(open_page, file, axe, scheme, width):
    page = open_page(file, width=width, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")

    def violations():
        page.evaluate(f"() => {{ {axe} }}") if not page.evaluate("'axe' in window") else None
        found = page.evaluate("async () => (await axe.run({ resultTypes: ['violations'] })).violations")
        return [
            f"{each['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
            for each in found
            for node in each["nodes"]
        ]

    assert violations() == []
    open_table(page)
    page.get_by_label("Special tokens").select_option("drop")
    page.keyboard.press("c")
    page.locator("#queries .word").nth(1).focus()
    settle(page)
    assert violations() == []
    page.keyboard.press("v")
    page.get_by_role("button", name="Cross-attention: the mean of all heads").click()
    page.locator("figure[data-view=cross] .cells").press("Enter")
    settle(page)
    assert page.locator("#making").is_visible()
    assert violations() == []
    page.keyboard.press("?")
    assert violations() == []
