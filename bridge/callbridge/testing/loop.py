"""An event loop whose clock jumps: ten minutes of conversation pass in the time its work takes.

The loop is asyncio's own; only its selector is ours. Where a real one would sleep until the next
timer, this one moves the clock there. It jumps only when nothing is ready, and never while work is
under way in a thread, for which it waits in real time."""

import asyncio
import selectors
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

SHUTDOWN_S = 5.0  # real seconds; only ever waited as a loop with threads closes
EPOCH = 1_800_000_000.0  # Unix time at virtual second 0: any, and always the same


class Stuck(RuntimeError):
    """Nothing is ready, nothing is planned, no work is under way: this would wait for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.in_flight = 0  # calls in threads
        self.has_threads = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return []  # something is ready: sockets, of which tests have none, can wait
        if self.in_flight:
            return super().select(None)  # a thread wakes the loop when it is done
        if timeout is None:
            if self.has_threads and (events := super().select(SHUTDOWN_S)):
                return events  # the pool of threads says that it has shut down
            raise Stuck("every task waits for something that will not happen")
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time starts at 0 and passes only between callbacks."""

    def __init__(self) -> None:
        self._selector_of_time = _JumpingSelector()
        super().__init__(self._selector_of_time)

    def time(self) -> float:
        return self._selector_of_time.now

    def run_in_executor(  # type: ignore[override]  # the same call, counted
        self, executor: Any, func: Any, *args: Any
    ) -> "asyncio.Future[Any]":
        future = super().run_in_executor(executor, func, *args)
        self._selector_of_time.in_flight += 1
        self._selector_of_time.has_threads = True
        future.add_done_callback(self._landed)
        return future

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
        self._broken: list[BaseException] = []

    def __enter__(self) -> "VirtualRunner":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Raises Stuck where a real loop would hang, and what a callback raised, which a real loop
        would only log."""
        try:
            return self._runner.run(self._watched(main))
        finally:
            if self._broken:
                raise self._broken[0]

    async def _watched(self, main: Coroutine[Any, Any, T]) -> T:
        asyncio.get_running_loop().set_exception_handler(self._remember)
        return await main

    def _remember(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._broken.append(context.get("exception") or RuntimeError(context["message"]))


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time; raises what `VirtualRunner.run` raises."""
    with VirtualRunner() as runner:
        return runner.run(main)
