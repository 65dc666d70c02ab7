"""Work that would block the event loop: files, speech engines. All of it goes through here, so that
a virtual loop can run it inline and say how long it took."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
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


class OneThread:
    """A thread that does one thing after the other and may wait for what the loop does, where the
    few of the pool may not."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread

    async def run(self, work: Callable[[], T], *, takes: float = 0.0) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


@asynccontextmanager
async def apart(jobs: Jobs) -> AsyncGenerator[Jobs]:
    """A thread of its own for the block, if these jobs are done by threads. Work that was not
    waited for is done first; nobody waits for the thread."""
    if not isinstance(jobs, ThreadJobs):
        yield jobs
        return
    thread = ThreadPoolExecutor(1, thread_name_prefix="apart")
    try:
        yield OneThread(thread)
    finally:
        thread.shutdown(wait=False)
