"""Speech work in threads, few at a time: what somebody waits for goes first.

Recognition takes all of a core. With one worker on two cores the event loop keeps the other; a
queue that grows without end would only make every caller wait, so it is bounded, and what does not
fit fails at once and is said so to the caller."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from bridge.errors import SpeechFailed
from bridge.jobs import Jobs

T = TypeVar("T")


class SpeechPool:
    """`workers` jobs at once, at most `waiting` behind them; a job that hangs is given up.

    A thread cannot be stopped: after `patience` seconds its result is no longer waited for and its
    place is given away."""

    def __init__(
        self, jobs: Jobs, *, workers: int = 1, waiting: int = 32, patience: float = 15.0
    ) -> None:
        self.done = 0
        self.failed = 0
        self.hung = 0
        self.turned_away = 0
        self._jobs = jobs
        self._workers = workers
        self._waiting = waiting
        self._patience = patience
        self._running = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def queued(self) -> int:
        return len(self._queue)

    async def run(self, work: Callable[[], T], *, speculative: bool = False) -> T:
        """The result of `work`. Speculative work is only done when nothing else is.

        Raises SpeechFailed: no room, the engine raised, or it hangs."""
        await self._place(speculative)
        try:
            async with asyncio.timeout(self._patience):
                result = await self._jobs.run(work)
        except TimeoutError:
            self.hung += 1
            raise SpeechFailed(f"the engine hangs: nothing for {self._patience:g} s") from None
        except Exception as error:  # whatever a foreign engine raises, its call goes on
            self.failed += 1
            raise SpeechFailed(f"the engine raised {type(error).__name__}: {error}") from error
        finally:
            self._running -= 1
            self._next()
        self.done += 1
        return result

    async def _place(self, speculative: bool) -> None:
        if self._running < self._workers and not self._queue:
            self._running += 1
            return
        if speculative or len(self._queue) >= self._waiting:
            self.turned_away += not speculative
            raise SpeechFailed("no worker is free" if speculative else "too much to recognise")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it was given to us in the same moment
                self._running -= 1
                self._next()
            raise

    def _next(self) -> None:
        while self._queue and self._running < self._workers:
            place = self._queue.popleft()
            if not place.done():
                self._running += 1
                place.set_result(None)
