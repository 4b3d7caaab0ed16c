"""Several sentences in a real browser: browsed, compared, and one at several times of a training."""

from dataclasses import replace

import numpy as np
import pytest
from looking import (
    assert_shows,
    cell_at,
    expected_map,
    head,
    numbers,
    open_table,
    read_table,
    settle,
    shown,
    stop_the_clock,
    wait_for_text,
)
from pages import OTHER, seen

from hf_attn_model.attention.places import PLACES
from hf_attn_model.view.page import write_page


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_sentences_are_browsed_and_searched(page, way):
    position = page.locator("#position")
    if way == "mouse":
        page.get_by_role("button", name="Next sentence").click()
        settle(page)
        assert position.text_content() == "2 of 3"
        page.locator("#records button").nth(2).click()
    else:
        page.keyboard.press("j")
        settle(page)
        assert position.text_content() == "2 of 3"
        page.keyboard.press("j")
    settle(page)
    assert position.text_content() == "3 of 3"
    assert shown(page)[0] == seen("A cat", "Un gato").maps.words("cross").rows
    page.keyboard.press("k")
    page.keyboard.press("/")
    page.keyboard.type("UN GATO")
    settle(page)
    assert page.locator("#records li:visible").count() == 1
    assert page.locator("#found").text_content() == "1 found"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settle(page)
    assert position.text_content() == "3 of 3"


def test_two_heads_and_two_layers_are_compared(page, record):
    page.locator("#records button").nth(2).click()  # the only one of its source
    maps = expected_map(seen("A cat", "Un gato").maps, "cross")
    head(page, "cross", 0, 1).click()
    page.keyboard.press("c")
    page.locator("#compare-layer").select_option("1")
    page.locator("#compare-head").select_option("4")
    settle(page)
    tables = open_table(page)
    assert tables.count() == 3
    for table, expected in zip(range(3), (maps[0, 1], maps[1, 4], maps[1, 4] - maps[0, 1]), strict=True):
        np.testing.assert_allclose(read_table(tables.nth(table))[2], expected, atol=7e-4)
    page.locator("#compare-head").select_option("all")
    settle(page)
    np.testing.assert_allclose(read_table(tables.nth(1))[2], maps[1].mean(axis=0), atol=3.5e-4)
    cells, position = cell_at(page, 1, 1, view="difference")
    cells.hover(position=position)
    settle(page)
    a, b = maps[0, 1][1, 1], maps[1].mean(axis=0)[1, 1]
    assert numbers(page.locator("#reading").text_content())[-3:] == pytest.approx([a, b, b - a], abs=7e-4)


def test_two_hypotheses_are_compared_where_they_begin_alike(page, record):
    head(page, "decoder", 2, 3).click()
    page.keyboard.press("c")
    settle(page)
    first, second = record.words("decoder"), seen(target=OTHER).maps.words("decoder")
    same = next(i for i, (one, other) in enumerate(zip(first.rows, second.rows, strict=False)) if one != other)
    rows, columns, difference = read_table(open_table(page).nth(2))
    assert rows == first.rows[:same]
    assert columns == first.columns[: same + 1]  # the start mark comes before
    expected = (
        (second.weights - first.weights[..., : len(second.rows), : len(second.columns)])[2, 3]
        if (first.weights.shape == second.weights.shape)
        else second.weights[2, 3][:same, : same + 1] - first.weights[2, 3][:same, : same + 1]
    )
    expected = expected[:same, : same + 1]
    there = ~np.isnan(difference)
    np.testing.assert_allclose(difference[there], expected[there], atol=7e-4)
    page.get_by_label("Record").select_option("0")
    settle(page)
    assert "this one" in page.get_by_label("Record").locator("option:checked").text_content()


@pytest.fixture
def film(tmp_path, record):
    """Attention that is even at first, and at last the record's own."""
    maps = {place: record.place(place) for place in PLACES}
    even = {place: (weights > 0) / (weights > 0).sum(axis=-1, keepdims=True) for place, weights in maps.items()}
    mixed = [
        {place: (even[place] * (1 - share) + maps[place] * share).astype(np.float32) for place in PLACES}
        for share in (0, 0.5, 1)
    ]
    frames = [replace(record, id=f"step {100 * number}", **weights) for number, weights in enumerate(mixed)]
    write_page(frames, tmp_path / "film.html", is_film=True)
    return frames, tmp_path / "film.html"


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_a_film_walks_through_the_training_and_stays_at_its_cell(open_page, film, way):
    frames, path = film
    page = open_page(path)
    assert page.locator("#list").is_hidden()
    head(page, "cross", 1, 2).click()
    cells, position = cell_at(page, 2, 1)
    cells.click(position=position)
    settle(page)
    row, column = (frames[0].words("cross").rows[2], frames[0].words("cross").columns[1])
    for step, frame in enumerate(frames):
        slider = page.locator("#frame")
        if step and way == "mouse":
            width = slider.bounding_box()["width"]
            slider.click(position={"x": 8 + (width - 16) * step / (len(frames) - 1), "y": 8})
        elif step:
            slider.press("ArrowRight")
        wait_for_text(page, "#frame-says", frame.id)
        assert slider.get_attribute("aria-valuetext") == frame.id
        assert_shows(page, expected_map(frame, "cross")[1, 2])
        assert page.locator("#making .sentence").text_content().startswith(f"{row} looks at {column} ")


def test_a_film_plays(open_page, film):
    frames, path = film
    page = open_page(path)
    stop_the_clock(page)
    button = page.locator("#play-film")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    for step, frame in enumerate(frames):
        page.clock.run_for(500 if step else 50)  # milliseconds: a frame after the click, then from picture to picture
        wait_for_text(page, "#frame-says", frame.id)
    page.clock.run_for(50)
    assert button.get_attribute("aria-pressed") == "false"
