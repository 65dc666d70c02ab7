"""`callbridge call`: rings, follows the call to its end, and hangs up at Ctrl-C."""

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

from callbridge.carrier.core.report import TapeEntry
from callbridge.carrier.net import ring

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Followed(NamedTuple):
    """The carrier's report of a finished call, and whether the person at the terminal ended it."""

    report: dict[str, Any]
    stopped: bool


async def follow(
    carrier: ring.Carrier,
    script: dict[str, Any],
    base: str,
    *,
    tell: Callable[[TapeEntry], None],
    hanging_up: Callable[[], None],
) -> Followed:
    """`tell` gets what happens. The first Ctrl-C hangs up, after `hanging_up` was called; a second
    one cancels. Raises CallbridgeError in the carrier's own words."""
    call = await carrier.ring(script, base)
    stop = asyncio.Event()
    with _stopping(stop):
        leaving = asyncio.create_task(_hang_up(carrier, call, stop, hanging_up))
        try:
            async for entry in carrier.tape(call):
                tell(entry)
            return Followed(await carrier.finished(call), stop.is_set())
        finally:
            leaving.cancel()


async def _hang_up(
    carrier: ring.Carrier, call: str, stop: asyncio.Event, hanging_up: Callable[[], None]
) -> None:
    await stop.wait()
    hanging_up()
    await carrier.hang_up(call)


@contextmanager
def _stopping(stop: asyncio.Event) -> Generator[None]:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"

    def signalled() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in STOPPING:
        loop.add_signal_handler(number, signalled)
    try:
        yield
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)
