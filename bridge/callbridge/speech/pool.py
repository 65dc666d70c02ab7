"""Speech work in threads, few at a time, in the order in which it was asked for.

Recognition takes all of a core. With one worker on two cores the event loop keeps the other; a
queue that grows without end would only make every caller wait, so it is bounded, and what does not
fit fails at once and is said so to the caller."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from callbridge.errors import SpeechFailed
from callbridge.timing.jobs import Jobs

T = TypeVar("T")


class SpeechPool:
    """`workers` jobs at once, at most `waiting` behind them; a job that hangs is given up.

    What has waited `longest_wait` seconds, if that is set, is turned away: a caller hears "sorry"
    rather than nothing.

    A thread cannot be stopped. Who asked for its work may have gone: it keeps its place all the
    same, as it keeps its core. After `patience` seconds its result is no longer waited for and its
    place is given away, but not for ever: with `stuck_limit` threads in an engine that does not
    come back, all work fails at once until one does."""

    def __init__(
        self,
        jobs: Jobs,
        *,
        workers: int = 1,
        waiting: int = 32,
        longest_wait: float | None = None,
        patience: float = 15.0,
        stuck_limit: int = 2,
    ) -> None:
        self.done = 0
        self.failed = 0
        self.hung = 0
        self.turned_away = 0
        self.stuck = 0  # threads that hang now
        self._jobs = jobs
        self._workers = workers
        self._waiting = waiting
        self._longest_wait = longest_wait
        self._patience = patience
        self._stuck_limit = stuck_limit
        self._running = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def queued(self) -> int:
        return sum(not place.done() for place in self._queue)

    @property
    def idle(self) -> bool:
        """Whether work would begin at once. What may turn out to be in vain asks this first."""
        return self._running < self._workers and not self.queued and not self._given_up

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`. Raises SpeechFailed: no room, the engine raised, or it hangs."""
        await self._place()
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._work(work, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await answer

    async def _work(self, work: Callable[[], T], answer: "asyncio.Future[T]") -> None:
        """One job from its place in the pool to its result, whoever still waits for that."""
        job = asyncio.ensure_future(self._jobs.run(work))
        await asyncio.wait({job}, timeout=self._patience)
        failure = self._failure(job)
        self._running -= 1
        self._next()
        if answer.done():
            return  # the call has ended, or its bot was interrupted
        if failure is None:
            answer.set_result(job.result())
        else:
            answer.set_exception(failure)

    def _failure(self, job: "asyncio.Future[T]") -> SpeechFailed | None:
        if not job.done():
            self.hung += 1
            self.stuck += 1
            job.add_done_callback(self._came_back)
            return SpeechFailed(f"the engine hangs: nothing for {self._patience:g} s")
        error = asyncio.CancelledError() if job.cancelled() else job.exception()
        if error is None:
            self.done += 1
            return None
        self.failed += 1
        if isinstance(error, SpeechFailed):
            return error
        failure = SpeechFailed(f"the engine raised {type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure

    def _came_back(self, job: "asyncio.Future[Any]") -> None:
        self.stuck -= 1
        if not job.cancelled():
            job.exception()  # retrieved: nobody waits for it any more

    # ---- places -----------------------------------------------------------------------------

    @property
    def _given_up(self) -> bool:
        return self.stuck >= self._stuck_limit

    async def _place(self) -> None:
        if self.idle:
            self._running += 1
            return
        if self._given_up:
            self.turned_away += 1
            raise SpeechFailed("the engine hangs")
        if self.queued >= self._waiting:
            self.turned_away += 1
            raise SpeechFailed("too much to do for the speech engines")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(self._longest_wait):
                await self._given(place)
        except TimeoutError:
            self.turned_away += 1
            raise SpeechFailed("too much to do for the speech engines") from None

    async def _given(self, place: asyncio.Future[None]) -> None:
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._running -= 1  # it was given to us in the same moment
                self._next()
            raise

    def _next(self) -> None:
        while self._queue and (self._given_up or self._running < self._workers):
            place = self._queue.popleft()
            if place.done():
                continue  # who waited for it has gone
            if self._given_up:
                self.turned_away += 1
                place.set_exception(SpeechFailed("the engine hangs"))
            else:
                self._running += 1
                place.set_result(None)
