"""The translation written step by step, in a real browser."""

import pytest
from looking import choose, settle, shown, stop_the_clock, wait_for_text


@pytest.mark.parametrize("place", ["decoder", "cross"])
@pytest.mark.parametrize("way", ["mouse", "keyboard", "slider"])
def test_the_translation_is_written_step_by_step(page, record, place, way):
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
        assert shown(page)[0] == rows[:step]
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


def test_the_encoder_has_no_steps(page):
    page.keyboard.press("1")
    settle(page)
    assert page.locator("#step").is_disabled()
