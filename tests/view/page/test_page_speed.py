"""Speed, with the browser's own tracing: sixty words on each side, six and six layers of eight heads."""

import statistics

import pytest
from looking import cell_at, settle
from pages import SIZES_60_WORDS, make_vectors, random_sentence

from hf_attn_model.view.page import SeenSentence, write_page

FRAME = 16  # milliseconds
SCRIPT = ("EventDispatch", "FireAnimationFrame")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    record = random_sentence(**SIZES_60_WORDS)
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page([SeenSentence(record, make_vectors(record, width=64))], path, with_vectors=True)
    return path


def test_it_opens_within_a_second(open_page, file):
    opened = []
    for _ in range(3):
        page = open_page(file)
        opened.append(page.evaluate("performance.getEntriesByName('ready')[0].startTime"))
        assert page.locator(".head canvas").count() == 3 * 6 * 8
    assert min(opened) < 1000, opened


@pytest.mark.parametrize("over", ["cells", "words"])
def test_a_hover_answers_within_a_frame(open_page, file, trace, over):
    page = open_page(file)

    def move():
        for step in range(40):
            if over == "cells":
                cells, position = cell_at(page, step % 13, (step * 7) % 53)
                cells.hover(position=position, force=True)
            else:
                page.locator("#queries .word").nth(step).hover(force=True)
            settle(page)

    move()  # warm
    events = trace(page, move)
    spent = sorted(
        event.get("tdur", event["dur"]) / 1000  # of the thread's own time
        for event in events
        if event["name"] in SCRIPT
    )
    assert len(spent) >= 40
    print(f"script of a hover over {over}: median {statistics.median(spent):.2f} ms, most {spent[-1]:.2f} ms")
    assert statistics.quantiles(spent, n=20)[-1] < FRAME, spent
