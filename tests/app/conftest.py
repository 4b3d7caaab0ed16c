"""The app of the small translator, served on this machine."""

import pytest
from small_exports import make_translator

from hf_attn_model.app.interface import build_interface


@pytest.fixture(scope="module")
def app():
    """Where it serves."""
    interface = build_interface(*make_translator(), "small")
    _, url, _ = interface.launch(prevent_thread_lock=True, quiet=True)
    yield url
    interface.close()
