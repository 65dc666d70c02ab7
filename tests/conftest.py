"""Asynchronous tests that ask for `pair` run in virtual time: see the plugin."""

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest
import uvicorn

from callbridge.host.blas import keep_to_one_thread

keep_to_one_thread()  # as `callbridge serve` does

pytest_plugins = ["callbridge.testing.plugin"]


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
