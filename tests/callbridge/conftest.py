"""What every test claims besides its own claims."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_call_broke(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A bug of ours ends the one call that it is in, so a test has to look for it."""
    yield
    assert "the call broke" not in [record.message for record in caplog.get_records("call")]
