"""Time, as two numbers: one to measure with, one to show and to sign.

Nothing below `server` and `client` reads a clock; they are handed `now`. What awaits takes its
time from the event loop, so that a virtual loop (`callbridge.testing`) moves all of it at once."""

import asyncio
import time
from typing import Any, Protocol


class Clock(Protocol):
    def now(self) -> float:
        """Monotonic seconds, on the scale of the running event loop's own."""
        ...

    def wall(self) -> float:
        """Unix seconds: tokens, signatures, log lines."""
        ...


class SystemClock:
    """The machine's. Loops count on the same scale, but uvloop's own time has whole milliseconds
    and stands still while the loop works."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)


def wall_of(clock: Clock, at: float) -> float:
    """A time of the clock as Unix seconds, to the millisecond: recordings know these, too."""
    return round(clock.wall() - clock.now() + at, 3)


async def first_of(*futures: "asyncio.Future[Any]", timeout: float | None = None) -> None:
    """Wait until one of them is done, or `timeout` seconds; raises and cancels nothing.

    What `asyncio.wait` does in 4.4 us takes 1.8 here, and is asked for four times in a turn."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()

    def wake(_: "asyncio.Future[Any] | None" = None) -> None:
        if not woken.done():
            woken.set_result(None)

    timer = None if timeout is None else loop.call_later(timeout, wake)
    for future in futures:
        future.add_done_callback(wake)
    try:
        await woken
    finally:
        if timer is not None:
            timer.cancel()
        for future in futures:
            future.remove_done_callback(wake)
