"""A real browser for tests: Debian's Chromium, driven by Playwright.

`make test` installs both where it can; where they are missing the tests say so and are skipped.
"""

import os
import shutil
import warnings
from contextlib import contextmanager

import pytest


def skip_aloud(reason: str) -> None:
    warnings.warn(f"nothing was tried in a browser: {reason}", stacklevel=2)
    pytest.skip(reason)


@contextmanager
def launch_chromium():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        skip_aloud("there is no playwright: pip install playwright")
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        skip_aloud("there is no chromium: apt-get install chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
