"""What tests read off a page: its text as a browser takes it apart, and what an open one shows."""

import re
from datetime import datetime
from html.parser import HTMLParser
from weakref import WeakSet

import numpy as np

from hf_attn_model.attention.words import merge_words

SPECIALS = ("keep", "column", "drop")
STOPPED = WeakSet()  # pages on which time does not pass


class Reader(HTMLParser):
    """Reads scripts, styles and tags the way a browser does."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.contents, self.comments = [], [], []
        self.is_inside = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.contents.append("")
        self.is_inside = True

    def handle_endtag(self, tag):
        self.is_inside = False

    def handle_data(self, data):
        if self.is_inside:
            self.contents[-1] += data

    def handle_comment(self, data):
        self.comments.append(data)

    def of(self, wanted):
        return [
            (attrs, content) for (tag, attrs), content in zip(self.tags, self.contents, strict=True) if tag == wanted
        ]


def number(text: str) -> float:
    """Read a number as it is written on the page."""
    return float(text.replace("−", "-").replace("+", ""))


def numbers(text: str) -> list[float]:
    """Read all numbers in a text."""
    return [number(found) for found in re.findall(r"[−+]?\d+(?:\.\d+)?", text)]


def read_table(table) -> tuple[list[str], list[str], np.ndarray]:
    """Read rows, columns and numbers of a table on the page; what is hidden, or a picture, is NaN."""
    cells = table.evaluate("table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))")
    (_, *columns), *lines = cells
    weights = [[np.nan if cell in ("hidden", "") else number(cell) for cell in line[1:]] for line in lines]
    return [line[0] for line in lines], columns, np.array(weights)


def open_table(page):
    """Open the table below the map, and find it."""
    page.locator("#table-box").evaluate("box => { box.open = true; }")  # the focus stays where it is
    return page.locator("#table table")


def expected_map(record, place, unit="words", special="keep") -> np.ndarray:
    """The maps of a place, (L,H,rows,columns), as the package merges them."""
    if unit == "words":
        return record.words(place, special).weights
    source, written = record.source_word_of_token, record.target_word_of_token
    sides = {"encoder": (source, source), "decoder": (written, [None, *written[:-1]]), "cross": (written, source)}
    rows, columns = ([None if word is None else i for i, word in enumerate(side)] for side in sides[place])
    return merge_words(record.place(place), rows, columns, special)


def settle(page):
    """Wait until the frame after next: all that changed is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def shown(page):
    """Read the table of the map that is shown: rows, columns and numbers."""
    settle(page)
    return read_table(open_table(page).first)


def assert_shows(page, expected):
    """The page shows these weights, and hides none but zeros."""
    _, _, weights = shown(page)
    assert weights.shape == expected.shape
    is_shown = ~np.isnan(weights)
    assert (expected[~is_shown] == 0).all()
    np.testing.assert_allclose(weights[is_shown], expected[is_shown], atol=3.5e-4)


def wait_for_text(page, selector, text):
    """Wait until an element says something. (Playwright's own waiting needs eval, which the page forbids.)"""
    for _ in range(200):
        if text in page.locator(selector).text_content():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{selector} says {page.locator(selector).text_content()!r}, not {text!r}")


def stop_the_clock(page):
    """Let time pass on a page only by `page.clock.run_for(milliseconds)`: frames and intervals, too."""
    page.clock.install(time=datetime(2026, 1, 1))
    page.clock.pause_at(datetime(2026, 1, 2))
    STOPPED.add(page)


def is_stopped(page):
    """Whether time does not pass by itself any more, whatever the page shows next."""
    return page in STOPPED


def choose(page, name, value):
    """Choose one of the radio buttons of a group."""
    page.locator(f"input[name={name}][value={value}]").check(force=True)
    settle(page)


def head(page, place, layer, number):
    """The little map of a head."""
    return page.locator(f".place[data-place={place}]").get_by_role("gridcell", name=f"Layer {layer}, head {number}")


def cell_at(page, row, column, view="A"):
    """Where a cell of an enlarged map is, for a mouse; when all that changed before is drawn."""
    settle(page)
    cells = page.locator(f"figure[data-view={view}] .cells")
    size = number(cells.evaluate("cells => getComputedStyle(cells).getPropertyValue('--cell')").removesuffix("px"))
    return cells, {"x": (column + 0.5) * size, "y": (row + 0.5) * size}
