"""The maps in a real browser, by mouse and by keyboard: what it shows are the numbers of the maps."""

import numpy as np
import pytest
from looking import SPECIALS, assert_shows, cell_at, choose, expected_map, head, numbers, settle, shown, wait_for_text

from hf_attn_model.attention.places import PLACES
from hf_attn_model.view.tables import show_token


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("unit", ["words", "subwords"])
def test_numbers_are_the_maps_whatever_becomes_of_special_tokens(page, record, place, unit):
    choose(page, "place", place)
    choose(page, "unit", unit)
    head(page, place, 1, 2).click()
    for special in SPECIALS:
        page.get_by_label("Special tokens").select_option(special)
        assert_shows(page, expected_map(record, place, unit, special)[1, 2])


def test_labels_are_the_words_and_the_tokens(page, record):
    rows, columns, _ = shown(page)
    assert rows == record.words("cross").rows
    assert columns == record.words("cross").columns
    page.keyboard.press("w")
    rows, columns, _ = shown(page)
    tokens = record.tokens("cross")
    assert rows == [show_token(token) for token in tokens.rows]
    assert columns == [show_token(token) for token in tokens.columns]


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_heads_are_averaged(page, record, way):
    maps = expected_map(record, "cross")
    if way == "mouse":
        head(page, "cross", 0, 1).click()
        assert_shows(page, maps[0, 1])
        head(page, "cross", 2, 4).click(modifiers=["Shift"])
        assert_shows(page, (maps[0, 1] + maps[2, 4]) / 2)
        page.get_by_role("button", name="Average several").click()
        head(page, "cross", 0, 1).click()
        assert_shows(page, maps[2, 4])
        page.locator(".place[data-place=cross]").get_by_role("rowheader", name="Layer 1").click()
        assert_shows(page, maps[1].mean(axis=0))
        page.get_by_role("button", name="Cross-attention: the mean of all heads").click()
    else:
        head(page, "cross", 0, 0).focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert_shows(page, maps[0, 1])
        for key in ("ArrowDown", "ArrowDown", "End", "Space"):
            page.keyboard.press(key)
        assert_shows(page, (maps[0, 1] + maps[2, 4]) / 2)
        for key in ("ArrowUp", "Home", "Enter"):
            page.keyboard.press(key)
        assert_shows(page, maps[1].mean(axis=0))
        page.get_by_role("button", name="Cross-attention: the mean of all heads").press("Enter")
    assert_shows(page, maps.mean(axis=(0, 1)))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_a_word_is_followed_where_it_looks_and_who_looks_at_it(page, record, place, way):
    choose(page, "place", place)
    head(page, place, 0, 1).click()
    settle(page)  # the words of this place stand there
    labelled = record.words(place)
    weights = labelled.weights[0, 1]
    row = 3
    word = page.locator("#queries .word").nth(row)
    assert word.text_content() == labelled.rows[row]
    if way == "mouse":
        page.mouse.move(1, 1)
        word.hover()
    else:
        page.locator("#queries .word").first.focus()
        for _ in range(row):
            page.keyboard.press("ArrowRight")
    settle(page)
    strongest = int(weights[row].argmax())
    reading = page.locator("#reading").text_content()
    assert reading.startswith(f"{labelled.rows[row]} looks at {labelled.columns[strongest]} ")
    assert numbers(reading)[0] == pytest.approx(weights[row, strongest], abs=6e-3)
    in_row = page.locator("#keys .word").nth(strongest)
    assert "background-color" in in_row.get_attribute("style")
    assert page.locator(".row-labels .followed").text_content() == labelled.rows[row]
    assert page.locator(".band.row").is_visible()
    is_column = labelled.rows[row] in labelled.columns and place != "cross"
    assert page.locator(".band.column").is_visible() == is_column
    assert ("is looked at by" in reading) == is_column
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    assert page.locator("#lines").evaluate(drawn)
    if way == "keyboard":
        wait_for_text(page, "#live", f"{labelled.rows[row]} looks at")
    else:
        page.mouse.move(1, 1)
        settle(page)
        assert page.locator(".band.row").is_hidden()


def test_lines_begin_at_the_word_and_end_at_what_it_looks_at(page, record):
    """The strongest line of a row is drawn below the word that it ends at."""
    head(page, "cross", 0, 1).click()
    settle(page)
    weights = record.words("cross").weights[0, 1]
    row = 2
    page.locator("#queries .word").nth(row).hover()
    settle(page)
    ends = page.evaluate(
        """() => {
          const canvas = document.getElementById('lines');
          const ratio = canvas.width / canvas.clientWidth;
          const box = canvas.getBoundingClientRect();
          const { data, width } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return [...document.querySelectorAll('#keys .word')].map((word) => {
            const own = word.getBoundingClientRect();
            const x = Math.round((own.left + own.width / 2 - box.left - 5) * ratio);
            const y = Math.round((own.bottom - box.top + 3) * ratio);
            let sum = 0;
            for (let i = x; i < x + 10 * ratio; i += 1) sum += data[4 * (y * width + i) + 3];
            return sum;
          });
        }"""
    )
    assert int(np.argmax(ends)) == int(weights[row].argmax())


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_a_cell_is_read_out(page, record, way):
    head(page, "cross", 1, 0).click()
    weights = expected_map(record, "cross")[1, 0]
    row, column = 4, 2
    if way == "mouse":
        cells, position = cell_at(page, row, column)
        cells.hover(position=position)
    else:
        page.keyboard.press("m")
        for key, times in (("ArrowDown", row), ("ArrowRight", column)):
            for _ in range(times):
                page.keyboard.press(key)
    settle(page)
    labels = record.words("cross")
    reading = page.locator("#reading").text_content()
    assert reading.startswith(f"{labels.rows[row]} looks at {labels.columns[column]}: ")
    assert numbers(reading)[-1] == pytest.approx(weights[row, column], abs=3.5e-4)
    for band in ("row", "column", "cell"):
        assert page.locator(f".band.{band}").is_visible()
    if way == "keyboard":
        wait_for_text(page, "#live", reading)


def test_colours_of_cells_grow_with_their_weights(page, record):
    head(page, "cross", 1, 0).click()
    settle(page)
    weights = expected_map(record, "cross")[1, 0]
    reds = page.locator(".cells canvas").evaluate(
        """(canvas, [rows, columns]) => {
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const [width, height] = [canvas.width / columns, canvas.height / rows];
          const at = (r, c) => 4 * (Math.round(r * height + 3) * canvas.width + Math.round(c * width + 3));
          return Array.from({ length: rows }, (_, r) => Array.from({ length: columns },
            (_, c) => data[at(r, c)] + data[at(r, c) + 1] + data[at(r, c) + 2]));
        }""",
        list(weights.shape),
    )
    order = np.argsort(weights.ravel())
    lightness = np.array(reds).ravel()[order]
    assert (np.diff(lightness) <= 3).all()  # darker, the stronger; levels may tie
    assert lightness[0] > lightness[-1] + 300


def test_three_places_side_by_side_follow_one_word(page, record):
    page.keyboard.press("v")
    settle(page)
    boxes = [figure.bounding_box() for figure in page.locator("figure.heatmap").all()]
    assert len({box["x"] for box in boxes}) == 3
    assert len({box["y"] for box in boxes}) == 1
    source = 2
    cells, position = cell_at(page, 1, source, view="cross")
    cells.hover(position=position)
    settle(page)
    words = record.words("encoder")
    assert page.locator("figure[data-view=encoder] .column-labels .followed").text_content() == words.columns[source]
    assert page.locator("figure[data-view=encoder] .row-labels .followed").text_content() == words.rows[source]
    assert (
        page.locator("figure[data-view=decoder] .row-labels .followed").text_content()
        == record.words("decoder").rows[1]
    )


def test_the_page_states_its_error(page):
    facts = page.locator("#facts").text_content()
    assert "16 bits" in facts
    stated = numbers(facts.split("Queries")[0])[-1]
    assert 1e-5 < stated <= 2.5e-4
