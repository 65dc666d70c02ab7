"""Work that would block the event loop: files, speech engines. All of it goes through here, so that
a virtual loop can run it inline and say how long it took."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Jobs(Protocol):
    async def run(self, work: Callable[[], T], *, takes: float = 0.0) -> T:
        """The result of `work`, done off the loop. `takes`: seconds that it takes in tests."""
        ...


class ThreadJobs:
    """In the loop's pool of threads; takes as long as it takes."""

    async def run(self, work: Callable[[], T], *, takes: float = 0.0) -> T:
        return await asyncio.to_thread(work)


class InlineJobs:
    """At once and on the loop, then `takes` seconds of the loop's own time: for tests."""

    async def run(self, work: Callable[[], T], *, takes: float = 0.0) -> T:
        result = work()
        await asyncio.sleep(takes)
        return result
