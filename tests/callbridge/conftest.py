"""What every test claims besides its own claims."""

import logging
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest
import uvicorn

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


@pytest.fixture(autouse=True, scope="session")
def servers_leave_signals_alone() -> Iterator[None]:
    """A server within a test is stopped by the test. Two that took Ctrl-C and gave it back in the
    wrong order would leave it to one of them for ever."""

    def none(server: uvicorn.Server) -> AbstractContextManager[None]:
        return nullcontext()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.Server, "capture_signals", none)
        yield


@pytest.fixture(autouse=True)
def ctrl_c_stays() -> Iterator[None]:
    """Whoever takes Ctrl-C gives it back: otherwise it would do nothing in all that comes after."""
    before = signal.getsignal(signal.SIGINT)
    yield
    after = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
    assert after is before
