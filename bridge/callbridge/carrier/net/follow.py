"""`callbridge call`: rings, follows the call to its end, and hangs up at Ctrl-C."""

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

from callbridge.carrier.core.report import TapeEntry
from callbridge.carrier.net import ring
from callbridge.errors import CallbridgeError

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
    one cancels. Raises CallbridgeError in the carrier's own words, and when there is no bridge."""
    call = await carrier.ring(script, base)
    stop = asyncio.Event()
    with _stopping(stop):
        leaving = asyncio.create_task(_hang_up(carrier, call, stop, hanging_up))
        try:
            async for entry in carrier.tape(call):
                tell(entry)
                if why := unannounced(entry):
                    await carrier.hang_up(call)
                    raise CallbridgeError(why)
            return Followed(await carrier.finished(call), stop.is_set())
        finally:
            leaving.cancel()


def unannounced(entry: TapeEntry) -> str:
    """Why the call cannot be answered, if no bridge took the webhook that announces it."""
    detail = entry.detail
    if entry.kind != "webhook delivery" or detail["event_type"] != "call.initiated":
        return ""
    if not detail.get("given_up"):
        return ""
    url, said = detail["url"], str(detail["said"])
    if said == "401":
        return (
            f"the bridge at {url} does not know this carrier's key: start it with the settings "
            "that the carrier wrote, `. out/carrier.env`"
        )
    if said.isdecimal():
        return f"the bridge at {url} answers {said} to a call that comes in"
    return f"nobody answers at {url} ({said}): start a bridge with `callbridge serve bot.py`"


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
