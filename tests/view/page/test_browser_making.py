""" "How was this number made?" in a real browser: the numbers are the model's own and add up."""

import numpy as np
import pytest
from looking import cell_at, choose, expected_map, head, number, numbers, read_table, settle
from pages import random_sentence, seen

from hf_attn_model.attention.places import PLACES
from hf_attn_model.view.page import write_page


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
@pytest.mark.parametrize("place", PLACES)
def test_how_a_number_was_made(page, way, place):
    inside = seen()
    layer, number_of_head, row, column = 1, 2, 5, 2
    choose(page, "place", place)
    choose(page, "unit", "subwords")
    head(page, place, layer, number_of_head).click()
    settle(page)
    if way == "mouse":
        cells, position = cell_at(page, row, column)
        cells.click(position=position)
    else:
        page.keyboard.press("m")
        for key in ["ArrowDown"] * row + ["ArrowRight"] * column + ["Enter"]:
            page.keyboard.press(key)
    settle(page)
    panel = page.locator("#making")
    assert panel.is_visible()
    vectors = inside.vectors[place]
    query, key, value = (getattr(vectors, name)[layer, number_of_head] for name in ("query", "key", "value"))
    weights = inside.maps.place(place)[layer, number_of_head]
    tables = panel.locator("table.dimensions")
    read = read_table(tables.nth(0))[2][:, :3]
    np.testing.assert_allclose(read, np.stack([query[row], key[column], query[row] * key[column]], axis=1), atol=1e-4)
    steps = panel.locator(".equation")
    products = query[row] * key[column]
    plus, minus, dot = numbers(steps.nth(0).text_content())
    assert (plus, -minus) == pytest.approx((products[products > 0].sum(), products[products < 0].sum()), abs=2e-4)
    assert dot == pytest.approx(products.sum(), abs=2e-4)
    assert numbers(steps.nth(1).text_content()) == pytest.approx(
        [dot, vectors.scaling, dot * vectors.scaling], abs=2e-4
    )
    assert numbers(steps.nth(2).text_content())[-1] == pytest.approx(dot * vectors.scaling, abs=2e-4)
    assert numbers(steps.nth(3).text_content())[-1] == pytest.approx(weights[row, column], abs=2e-4)
    softmax = panel.locator("table:not(.dimensions)").last
    in_row = softmax.evaluate("table => [...table.tBodies[0].rows].map(row => row.cells[3].textContent)")
    np.testing.assert_allclose([number(text) for text in in_row], weights[row], atol=2e-4)
    together = softmax.evaluate("table => [...table.tFoot.rows[0].cells].map(cell => cell.textContent)")
    assert number(together[3]) == pytest.approx(1, abs=1e-4)
    made, in_map, differs = numbers(steps.nth(4).text_content())
    assert made == pytest.approx(weights[row, column], abs=1e-5)
    assert in_map == pytest.approx(weights[row, column], abs=2.5e-4)
    assert differs == pytest.approx(abs(made - in_map), abs=2e-6)
    context = read_table(tables.nth(1))[2][:, :4]
    np.testing.assert_allclose(context[:, 0], value[column], atol=1e-4)
    np.testing.assert_allclose(context[:, 3], weights[row] @ value, atol=2e-4)
    np.testing.assert_allclose(context[:, 1] + context[:, 2], context[:, 3], atol=2e-4)
    page.keyboard.press("Escape")
    settle(page)
    assert panel.is_hidden()
    if way == "keyboard":
        assert page.evaluate("document.activeElement.className") == "cells"


def test_a_word_of_several_tokens_is_taken_apart(page, record):
    """The cell of a word is what single heads and tokens add up to, and each of them can be followed."""
    page.get_by_label("Special tokens").select_option("drop")
    page.get_by_role("button", name="Cross-attention: the mean of all heads").click()
    settle(page)
    weights = expected_map(record, "cross", special="drop").mean(axis=(0, 1))
    cells, position = cell_at(page, 1, 1)
    cells.click(position=position)
    settle(page)
    parts = page.locator("table.parts")
    adds = parts.evaluate("table => [...table.tBodies[0].rows].map(row => row.cells[5].textContent)")
    foot = parts.evaluate("table => [...table.tFoot.rows].map(row => row.cells[1].textContent)")
    assert sum(map(number, [*adds, foot[0]])) == pytest.approx(number(foot[1]), abs=6e-4)
    assert number(foot[1]) == pytest.approx(weights[1, 1], abs=3.5e-4)
    assert [number(text) for text in adds] == sorted((number(text) for text in adds), reverse=True)
    parts.locator("input").nth(1).check()
    settle(page)
    chosen = page.locator("table.parts tr.chosen").evaluate("row => [...row.cells].map(cell => cell.textContent)")
    made = numbers(page.locator("#making .equation").nth(4).text_content())[0]
    assert made == pytest.approx(number(chosen[4]), abs=4e-4)


def test_a_cell_of_b_is_one_of_b_on_a_page_of_many_heads(open_page, tmp_path):
    """Where there are more little maps than the page keeps, the map that was drawn is made anew meanwhile."""
    write_page([random_sentence(words=3, tokens=5, layers=11, heads=13)], tmp_path / "page.html")
    page = open_page(tmp_path / "page.html")
    head(page, "cross", 2, 3).click()
    for key in "cw":
        page.keyboard.press(key)
        settle(page)
    cells, position = cell_at(page, 1, 1, view="B")
    cells.click(position=position)
    settle(page)
    assert "layer 2, head 4" in page.locator("#making .sentence").text_content()


def test_dimensions_are_sorted_by_their_products(page):
    cells, position = cell_at(page, 1, 1)
    cells.click(position=position)
    page.get_by_role("button", name="largest first").click()
    settle(page)
    products = np.abs(read_table(page.locator("table.dimensions").first)[2][:, 2])
    assert (np.diff(products) <= 0).all()


def test_a_page_of_weights_alone_says_how_to_get_the_rest(open_page, tmp_path):
    write_page([seen()], tmp_path / "page.html", with_vectors=False)
    page = open_page(tmp_path / "page.html")
    cells, position = cell_at(page, 1, 1)
    cells.click(position=position)
    settle(page)
    note = page.locator("#making .note").text_content()
    assert "--keep qk" in note
    assert 'hf-attn view MODEL "a sentence" --out page.html' in note
