"""A clock for tests, in place of the module `time`."""

import pytest


class FakeTime:
    """A second later whenever it is asked."""

    def __init__(self):
        self.seconds = 0.0

    def perf_counter(self):
        self.seconds += 1
        return self.seconds


@pytest.fixture
def fake_time():
    return FakeTime()
