"""Pages in a real browser, and what to measure there."""

import json
import os
from importlib.resources import files
from pathlib import Path

import pytest
from browsing import skip_aloud
from looking import is_stopped, settle
from pages import OTHER, seen

from hf_attn_model.view.page import write_page


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, as a package of Python brings it along."""
    try:
        package = files("axe_playwright_python")
    except ImportError:
        skip_aloud("there is no axe-core: pip install axe-playwright-python")
    return (package / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def artefact(tmp_path):
    """Where to keep a screenshot: in PAGE_ARTEFACTS, if that is set."""
    folder = Path(os.environ.get("PAGE_ARTEFACTS", tmp_path / "artefacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda name: folder / name


class Window:
    """A window of the browser that shows one file after the other: a new one takes four times as long.

    Attributes:
        page: its page.
        heard: what the page has said on the console, or asked for.
    """

    def __init__(self, browser, **options):
        self.context = browser.new_context(offline=True, **options)
        self.page, self.url, self.heard = self.context.new_page(), None, []
        self.page.set_default_timeout(20_000)
        self.page.on("console", lambda message: self.heard.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.heard.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.heard.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda asked: asked.url != self.url and self.heard.append(f"request: {asked.url}"))

    def show(self, path):
        self.url = Path(path).resolve().as_uri()
        self.page.emulate_media(media="null")
        self.page.mouse.move(0, 0)
        self.page.goto(self.url)
        settle(self.page)


@pytest.fixture(scope="session")
def windows():
    """The windows that are open, by their options."""
    return {}


@pytest.fixture
def open_page(browser, windows):
    """Open a file as a user does, from disk. No page may say anything on the console, or ask for anything."""
    shown = {}

    def open_file(path, width=1280, height=900, **options):
        options["viewport"] = {"width": width, "height": height}
        key = str(sorted(options.items()))
        assert key not in shown, "a test that looks at two pages at once needs two windows"
        if key not in windows:
            windows[key] = Window(browser, **options)
        shown[key] = windows[key]
        shown[key].show(path)
        return shown[key].page

    yield open_file
    heard = []
    for key, window in shown.items():
        heard += window.heard
        window.heard.clear()
        if is_stopped(window.page):
            windows.pop(key).context.close()
    assert heard == []


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    """Three sentences, two with the same source; with queries, keys and values."""
    records = [seen(name="best"), seen(target=OTHER, name="second"), seen("A cat", "Un gato", "cat")]
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page(records, path)
    return path


@pytest.fixture
def record():
    """What the page shows first."""
    return seen().maps


@pytest.fixture
def page(open_page, file):
    return open_page(file)


@pytest.fixture
def trace(browser):
    """Measure with the browser's own tracing: run something, and get the events of the page's main thread."""

    def run(page, act):
        browser.start_tracing(page=page, categories=["devtools.timeline", "blink.user_timing", "__metadata"])
        act()
        events = json.loads(browser.stop_tracing())["traceEvents"]
        return [event for event in events if event.get("ph") == "X"]

    return run
