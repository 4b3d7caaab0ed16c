"""The page in a real browser, by mouse and by keyboard: what it shows are the numbers of the maps."""

from dataclasses import replace

import numpy as np
import pytest
from looking import (
    SPECIALS,
    cell_at,
    choose,
    expected_map,
    head,
    number,
    numbers,
    open_table,
    read_table,
    stop_the_clock,
    wait_for_text,
)
from pages import HOSTILE, hostile_sentence, random_weights, seen, sentence_of

from hf_attn_model.maps.sentence import PLACES
from hf_attn_model.view.labels import show_token
from hf_attn_model.view.page import write_page

OTHER = "Mi perro bebió la leche."  # another translation of the same source


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Three sentences, two with the same source; with queries, keys and values."""
    records = [seen(name="best"), seen(target=OTHER, name="second"), seen("A cat", "Un gato", "cat")]
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page(records, path)
    return path


@pytest.fixture
def record():
    return seen().maps


@pytest.fixture
def page(open_page, file):
    return open_page(file)


def shown(page, settle):
    settle(page)
    return read_table(open_table(page).first)


def assert_shows(page, settle, expected):
    _, _, weights = shown(page, settle)
    assert weights.shape == expected.shape
    seen_cells = ~np.isnan(weights)
    assert (expected[~seen_cells] == 0).all()
    np.testing.assert_allclose(weights[seen_cells], expected[seen_cells], atol=3.5e-4)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("unit", ["words", "subwords"])
def test_numbers_are_the_maps_whatever_becomes_of_special_tokens(page, record, settle, place, unit):
    choose(page, "place", place)
    choose(page, "unit", unit)
    head(page, place, 1, 2).click()
    for special in SPECIALS:
        page.get_by_label("Special tokens").select_option(special)
        assert_shows(page, settle, expected_map(record, place, unit, special)[1, 2])


def test_labels_are_the_words_and_the_tokens(page, record, settle):
    rows, columns, _ = shown(page, settle)
    assert rows == record.words("cross").rows
    assert columns == record.words("cross").columns
    page.keyboard.press("w")
    rows, columns, _ = shown(page, settle)
    tokens = record.tokens("cross")
    assert rows == [show_token(token) for token in tokens.rows]
    assert columns == [show_token(token) for token in tokens.columns]


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_heads_are_averaged(page, record, settle, way):
    maps = expected_map(record, "cross")
    if way == "mouse":
        head(page, "cross", 0, 1).click()
        assert_shows(page, settle, maps[0, 1])
        head(page, "cross", 2, 4).click(modifiers=["Shift"])
        assert_shows(page, settle, (maps[0, 1] + maps[2, 4]) / 2)
        page.get_by_role("button", name="Average several").click()
        head(page, "cross", 0, 1).click()
        assert_shows(page, settle, maps[2, 4])
        page.locator(".place[data-place=cross]").get_by_role("rowheader", name="Layer 1").click()
        assert_shows(page, settle, maps[1].mean(axis=0))
        page.get_by_role("button", name="Cross-attention: the mean of all heads").click()
    else:
        head(page, "cross", 0, 0).focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert_shows(page, settle, maps[0, 1])
        for key in ("ArrowDown", "ArrowDown", "End", "Space"):
            page.keyboard.press(key)
        assert_shows(page, settle, (maps[0, 1] + maps[2, 4]) / 2)
        for key in ("ArrowUp", "Home", "Enter"):
            page.keyboard.press(key)
        assert_shows(page, settle, maps[1].mean(axis=0))
        page.get_by_role("button", name="Cross-attention: the mean of all heads").press("Enter")
    assert_shows(page, settle, maps.mean(axis=(0, 1)))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_a_word_is_followed_where_it_looks_and_who_looks_at_it(page, record, settle, place, way):
    choose(page, "place", place)
    head(page, place, 0, 1).click()
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


def test_lines_begin_at_the_word_and_end_at_what_it_looks_at(page, record, settle):
    """The strongest line of a row is drawn below the word that it ends at."""
    head(page, "cross", 0, 1).click()
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
def test_a_cell_is_read_out(page, record, settle, way):
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


def test_colours_of_cells_grow_with_their_weights(page, record, settle):
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


@pytest.mark.parametrize("place", ["decoder", "cross"])
@pytest.mark.parametrize("way", ["mouse", "keyboard", "slider"])
def test_the_translation_is_written_step_by_step(page, record, settle, place, way):
    choose(page, "place", place)
    rows = record.words(place).rows
    for step in (len(rows) - 1, len(rows) - 2):
        if way == "mouse":
            box = page.locator("#step").bounding_box()
            share = (step - 1) / (len(rows) - 1)
            page.mouse.click(box["x"] + 8 + share * (box["width"] - 16), box["y"] + box["height"] / 2)
        elif way == "keyboard":
            page.keyboard.press(",")
        else:
            page.locator("#step").press("ArrowLeft")
        settle(page)
        assert page.locator("#step-says").text_content() == f"Step {step} of {len(rows)} · writes {rows[step - 1]}"
        assert page.locator("#queries .word:not(:disabled)").count() == step
        assert shown(page, settle)[0] == rows[:step]
        assert page.locator(".row-labels .followed").text_content() == rows[step - 1]
    page.keyboard.press(".")
    page.keyboard.press(".")
    settle(page)
    assert "all is written" in page.locator("#step-says").text_content()


def test_the_translation_writes_itself(page, record):
    stop_the_clock(page)
    page.get_by_role("button", name="Write it").click()
    rows = record.words("cross").rows
    for step in range(1, len(rows)):
        page.clock.run_for(50 if step == 1 else 900)  # milliseconds: a frame after the click, then from word to word
        wait_for_text(page, "#step-says", f"Step {step} of")
    page.clock.run_for(900)
    wait_for_text(page, "#step-says", "all is written")


def test_the_encoder_has_no_steps(page, settle):
    page.keyboard.press("1")
    settle(page)
    assert page.locator("#step").is_disabled()


def test_three_places_side_by_side_follow_one_word(page, record, settle):
    page.keyboard.press("v")
    settle(page)
    assert page.locator("figure.heatmap").count() == 3
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


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
def test_sentences_are_browsed_and_searched(page, settle, way):
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
    assert shown(page, settle)[0] == seen("A cat", "Un gato").maps.words("cross").rows
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


def test_two_heads_and_two_layers_are_compared(page, record, settle):
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


def test_two_hypotheses_are_compared_where_they_begin_alike(page, record, settle):
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


@pytest.mark.parametrize("way", ["mouse", "keyboard"])
@pytest.mark.parametrize("place", PLACES)
def test_how_a_number_was_made(page, settle, way, place):
    inside = seen()
    layer, number_of_head, row, column = 1, 2, 5, 2
    choose(page, "place", place)
    choose(page, "unit", "subwords")
    head(page, place, layer, number_of_head).click()
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


def test_a_word_of_several_tokens_is_taken_apart(page, record, settle):
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


def test_dimensions_are_sorted_by_their_products(page, settle):
    cells, position = cell_at(page, 1, 1)
    cells.click(position=position)
    page.get_by_role("button", name="largest first").click()
    settle(page)
    products = np.abs(read_table(page.locator("table.dimensions").first)[2][:, 2])
    assert (np.diff(products) <= 0).all()


def test_a_page_of_weights_alone_says_how_to_get_the_rest(open_page, tmp_path, settle):
    write_page([seen()], tmp_path / "page.html", with_vectors=False)
    page = open_page(tmp_path / "page.html")
    cells, position = cell_at(page, 1, 1)
    cells.click(position=position)
    settle(page)
    note = page.locator("#making .note").text_content()
    assert "--keep qk" in note
    assert 'hf-attn view MODEL "a sentence" --out page.html' in note


def test_the_page_states_its_error(page):
    facts = page.locator("#facts").text_content()
    assert "16 bits" in facts
    stated = numbers(facts.split("Queries")[0])[-1]
    assert 1e-5 < stated <= 2.5e-4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_looks_as_the_system_does_and_as_told(open_page, file, settle, artefact, scheme):
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


def test_a_telephone_shows_all_of_it(open_page, file, settle, artefact):
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


def test_hostile_tokens_are_shown_and_do_nothing(open_page, tmp_path, settle, artefact):
    write_page([hostile_sentence(), hostile_sentence()], tmp_path / "page.html")
    page = open_page(tmp_path / "page.html", width=390)
    rows, columns, _ = shown(page, settle)
    for label, text in ((columns[0], HOSTILE[0]), (rows[-2], HOSTILE[0])):
        assert label == text.replace(" ", "▁")
    assert len(columns) == len(HOSTILE) + 1
    page.locator("#keys .word").nth(2).hover()
    for key in ("w", "c", "v", "j"):
        page.keyboard.press(key)
        settle(page)
    cells, position = cell_at(page, 0, 0, view="cross")
    cells.click(position=position)
    settle(page)
    assert page.evaluate("window.stolen") is None
    assert page.locator("img").count() == 0
    assert page.locator("b", has_text="title").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    controls = "\u2028\u2029\u202e\u2066\u0000\u001b"
    assert not set(controls) & set(page.evaluate("document.body.innerText"))
    page.screenshot(path=artefact("page-hostile.png"), full_page=True)


def test_the_policy_stops_what_is_not_the_page(browser, file):
    """Scripts, handlers and requests that get into the page all the same do nothing."""
    page = browser.new_page()
    page.goto(file.as_uri())
    blocked = page.evaluate(
        """async () => {
          const found = [];
          document.addEventListener('securitypolicyviolation', (event) => found.push(event.effectiveDirective));
          const script = document.createElement('script');
          try { script.text = 'window.stolen = 1'; } catch { found.push('trusted-types'); }
          document.body.append(script);
          try { document.body.innerHTML += '<img src=x>'; } catch { found.push('html'); }
          await fetch('http://127.0.0.1:9/').catch(() => {});
          await new Promise((done) => setTimeout(done, 200));
          return found;
        }"""
    )
    assert page.evaluate("window.stolen") is None
    assert "html" in blocked
    assert "connect-src" in blocked
    page.close()


def test_in_the_frame_of_a_notebook_it_works_and_cannot_get_out(open_page, tmp_path, record, settle):
    (tmp_path / "notebook.html").write_text(f"<!DOCTYPE html><title>Notebook</title>{record._repr_html_()}")
    page = open_page(tmp_path / "notebook.html")
    inside = page.frame_locator("iframe")
    inside.locator("#queries .word").nth(1).hover()
    settle(page)
    assert inside.locator("#reading").text_content().startswith(f"{record.words('cross').rows[1]} looks at ")
    frame = page.frames[1]
    reach = "() => { try { return window.parent.document.title } catch (error) { return error.name } }"
    assert frame.evaluate(reach) == "SecurityError"


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
def test_a_film_walks_through_the_training_and_stays_at_its_cell(open_page, film, settle, way):
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
        assert_shows(page, settle, expected_map(frame, "cross")[1, 2])
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


def test_scripts_from_right_to_left_and_without_spaces(open_page, tmp_path, settle, artefact):
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


def test_all_can_be_reached_with_the_keyboard(page, settle):
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


def test_help_lists_the_keys_and_letters_can_be_switched_off(page, settle):
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    assert "words or subwords" in page.locator("#key-list").text_content()
    page.get_by_label("Keys of one letter work").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    settle(page)
    assert page.locator("input[name=place]:checked").get_attribute("value") == "cross"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(open_page, file, axe, settle, scheme, width):
    page = open_page(file, width=width, color_scheme=scheme, bypass_csp=True, reduced_motion="reduce")

    def violations():
        page.evaluate(f"() => {{ {axe} }}") if not page.evaluate("'axe' in window") else None
        found = page.evaluate("async () => (await axe.run()).violations")
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
