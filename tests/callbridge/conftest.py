"""What every test claims besides its own claims."""

import logging
from collections.abc import Iterator

import pytest

from callbridge.serve.logs import LaterLines


@pytest.fixture(autouse=True)
def no_call_broke(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A bug of ours ends the one call that it is in, so a test has to look for it."""
    yield
    assert "the call broke" not in [record.getMessage() for record in caplog.get_records("call")]


@pytest.fixture(autouse=True)
def logging_stays() -> Iterator[None]:
    """A command that is run within a test sets up the log of its process, which is ours."""
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in root.handlers[:]:
        if isinstance(handler, LaterLines):
            root.removeHandler(handler)
