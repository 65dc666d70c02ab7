"""A thread that writes for an event loop, and may be left behind in the middle of it."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

Work = tuple[Callable[[], None], "asyncio.Future[None]"]


class PatientThread:
    """Does one thing after the other. A pipe that nobody reads holds it up, and nothing else: not
    the loop, nor the end of the process, which waits for the threads of `asyncio.to_thread`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._work: SimpleQueue[Work] = SimpleQueue()
        threading.Thread(target=self._run, name="patient", daemon=True).start()

    async def do(self, work: Callable[[], None]) -> None:
        """Raises what it raises."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._work.put((work, done))
        await done

    def _run(self) -> None:
        while True:
            work, done = self._work.get()
            error: Exception | None = None
            try:
                work()
            except Exception as raised:  # it is the caller's
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_tell, done, error)


def _tell(done: "asyncio.Future[None]", error: Exception | None) -> None:
    if done.done():  # cancelled
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
