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
    """Wait until one of them is done, or `timeout` seconds; raises and cancels nothing."""
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
