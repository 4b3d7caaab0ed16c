"""Pages in a real browser, and what to measure there."""

import json
import os
from importlib.resources import files
from pathlib import Path

import pytest
from browsing import skip_aloud
from looking import settle
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


@pytest.fixture
def open_page(browser):
    """Open a file as a user does, from disk. No page may say anything on the console, or ask for anything."""
    contexts, heard = [], []

    def open_file(path, width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: request.url != url and heard.append(f"request: {request.url}"))
        url = Path(path).resolve().as_uri()
        page.goto(url)
        settle(page)
        return page

    yield open_file
    for context in contexts:
        context.close()
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
