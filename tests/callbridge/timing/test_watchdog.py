"""The watchdog: it looks at a real loop from a real thread, so these tests take real time."""

import asyncio
import logging
import threading
import time

import pytest

from callbridge import App, Call
from callbridge.testing import Pair, run
from callbridge.timing.watchdog import Watchdog
from tests.callbridge.media import frames
from tests.callbridge.platform import eventually, serving

PATIENCE_S = 0.15
BLOCKED_S = 0.6  # also twice the patience of an application's own


def reads_a_large_file() -> None:
    time.sleep(BLOCKED_S)


def watchdogs() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "callbridge watchdog"]


async def test_it_names_the_function_that_blocks_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(PATIENCE_S)
    await asyncio.sleep(0.1)
    reads_a_large_file()
    watchdog.close()
    assert watchdog.blocked == 1
    assert watchdog.last.startswith("test_watchdog.py:")
    assert "reads_a_large_file" in watchdog.last
    (record,) = (r for r in caplog.records if r.levelno == logging.ERROR)
    assert vars(record)["at"] == watchdog.last


async def test_each_standstill_counts_once() -> None:
    watchdog = Watchdog(PATIENCE_S)
    for _ in range(2):
        await asyncio.sleep(2 * PATIENCE_S)
        reads_a_large_file()
    watchdog.close()
    assert watchdog.blocked == 2


async def test_a_loop_that_has_much_to_do_is_not_blocked() -> None:
    watchdog = Watchdog(4 * PATIENCE_S)
    until = time.monotonic() + 6 * PATIENCE_S
    while time.monotonic() < until:
        sum(range(1000))
        await asyncio.sleep(0)
    watchdog.close()
    assert watchdog.blocked == 0


async def test_its_thread_ends_when_it_is_closed() -> None:
    before = watchdogs()
    watchdog = Watchdog(60.0)
    (thread,) = (each for each in watchdogs() if each not in before)
    watchdog.close()
    thread.join(5.0)
    assert not thread.is_alive()


def test_its_thread_ends_with_a_loop_that_forgot_it(caplog: pytest.LogCaptureFixture) -> None:
    before = watchdogs()

    async def forgetful() -> None:
        Watchdog(PATIENCE_S)

    asyncio.run(forgetful())
    (thread,) = (each for each in watchdogs() if each not in before)
    thread.join(5.0)
    assert not thread.is_alive()
    assert "blocked" not in caplog.text


async def test_a_served_application_has_one_and_shows_what_it_saw() -> None:
    app = App()

    @app.call
    async def bot(call: Call) -> None:
        reads_a_large_file()

    before = watchdogs()
    async with serving(app) as served:
        answer = await served.ring()
        async with served.stream(answer) as socket:
            for frame in (frames.CONNECTED, frames.start()):
                await socket.send(frame)
            await served.platform.command("hangup")
        metrics = (await served.http.get("/metrics")).text
        assert "callbridge_loop_blocked_total 1.0" in metrics
    await eventually(lambda: set(watchdogs()) <= set(before))


def test_virtual_time_needs_none() -> None:
    before = watchdogs()
    app = App()

    async def whole() -> None:
        pair = Pair(app)
        assert watchdogs() == before
        assert b"loop_blocked" not in pair.app.service.metrics.text()
        await app.close()

    run(whole())
