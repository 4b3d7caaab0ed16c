import pytest
from forks import open_folder


@pytest.fixture
def open_path():
    """A folder that every user may look into."""
    with open_folder() as folder:
        yield folder
