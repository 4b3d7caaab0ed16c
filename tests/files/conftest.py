import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def open_path():
    """A folder that every user may look into."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
