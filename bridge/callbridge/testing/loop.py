"""An event loop whose clock jumps: ten minutes of conversation pass in the time its work takes.

The loop is asyncio's own; only its selector is ours. Where a real one would sleep until the next
timer, this one moves the clock there. It jumps only when nothing is ready, and never while work is
under way in a thread, for which it waits in real time."""

import asyncio
import selectors
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar, cast

T = TypeVar("T")

SHUTDOWN_S = 5.0  # real seconds; only ever waited as a loop with threads closes
ENDING_S = 60.0  # virtual seconds that tasks may take to end when a loop closes
STANDSTILL = 1_000_000  # rounds of a loop in one instant: no test does so much at once
EPOCH = 1_800_000_000.0  # Unix time at virtual second 0: any, and always the same


class Stuck(RuntimeError):
    """This would run for ever: nothing is ready, planned or under way, or a task never waits."""


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.ends_at = float("inf")  # of a loop that closes
        self.rounds = 0  # in this instant
        self.in_flight = 0  # calls in threads
        self.has_threads = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.rounds += 1
        if timeout is not None and timeout <= 0:
            if self.rounds > STANDSTILL:
                raise Stuck("time stands still: a task goes round and round and never waits")
            return []  # something is ready: sockets, of which tests have none, can wait
        self.rounds = 0
        if self.in_flight:
            return super().select(None)  # a thread wakes the loop when it is done
        if timeout is None:
            if self.has_threads and (events := super().select(SHUTDOWN_S)):
                return events  # the pool of threads says that it has shut down
            raise Stuck("every task waits for something that will not happen")
        self.now += timeout
        if self.now > self.ends_at:
            raise Stuck(f"a task did not end {ENDING_S:g} s after it was cancelled")
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time starts at 0 and passes only between callbacks."""

    def __init__(self) -> None:
        self._selector_of_time = _JumpingSelector()
        self._made: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        super().__init__(self._selector_of_time)

    def time(self) -> float:
        return self._selector_of_time.now

    def create_task(self, coro: Any, **options: Any) -> "asyncio.Task[Any]":
        task = super().create_task(coro, **options)
        self._made.add(task)
        return task

    def tell_failures(self) -> None:
        """Tell the exception handler of tasks that failed while nobody looked. A real loop does so
        when such a task is forgotten, which may be after the end of the test."""
        for task in list(self._made):
            # The flag is asyncio's own: whether nobody has asked for the exception yet.
            if task.done() and getattr(task, "_log_traceback", False):
                error = task.exception()
                message = f"the task {task.get_name()!r} failed"
                self.call_exception_handler({"message": message, "exception": error, "task": task})

    def begin_ending(self) -> None:
        """Tasks that do not end though they are cancelled hold nobody up for ever."""
        self._selector_of_time.ends_at = self.time() + ENDING_S
        self._selector_of_time.rounds = 0  # one that went round and round may end when cancelled

    def run_in_executor(  # type: ignore[override]  # the same call, counted
        self, executor: Any, func: Any, *args: Any
    ) -> "asyncio.Future[Any]":
        future = super().run_in_executor(executor, func, *args)
        self._selector_of_time.in_flight += 1
        self._selector_of_time.has_threads = True
        future.add_done_callback(self._landed)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Threads end in real time. The limit that Python sets from 3.12 on is one of this loop's
        time, which would jump to it at once."""
        await super().shutdown_default_executor()

    def _landed(self, _: "asyncio.Future[Any] | Future[Any]") -> None:
        self._selector_of_time.in_flight -= 1


class VirtualClock:
    """The virtual loop in which it is made, as a `callbridge.timing.clock.Clock`."""

    def __init__(self) -> None:
        self.now = asyncio.get_running_loop().time

    def wall(self) -> float:
        return EPOCH + self.now()


class VirtualRunner:
    """`asyncio.Runner` in virtual time: one coroutine after another, on one loop."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=VirtualLoop)
        self._loop = cast("VirtualLoop", self._runner.get_loop())
        self._loop.set_exception_handler(self._remember)
        self._broken: list[BaseException] = []

    def __enter__(self) -> "VirtualRunner":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._loop.begin_ending()
        try:
            self._runner.close()
        except Stuck as stuck:
            if kind is None:  # else there is something more important to tell
                names = sorted(task.get_name() for task in asyncio.all_tasks(self._loop))
                raise Stuck(f"{stuck}: {', '.join(names)}") from None

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Raises Stuck where a real loop would hang, and what a callback or a task raised while
        nobody looked, which a real loop would only log."""
        try:
            return self._runner.run(main)
        finally:
            self._loop.tell_failures()
            if self._broken:
                raise self._broken[0]

    def _remember(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._broken.append(context.get("exception") or RuntimeError(context["message"]))


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time; raises what `VirtualRunner.run` raises."""
    with VirtualRunner() as runner:
        return runner.run(main)
