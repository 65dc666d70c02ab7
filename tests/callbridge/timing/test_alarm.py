"""The alarm, on every loop that it may find itself on."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import pytest

from callbridge.testing import loop as virtual
from callbridge.timing.alarm import Alarm, LoopTimer, TimerFd, alarm
from callbridge.timing.loop import new_loop

Test = Callable[[], Awaitable[None]]
LOOPS = [new_loop, asyncio.new_event_loop]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")


class Bell:
    """Counts and times what it is rung by."""

    def __init__(self) -> None:
        self.rung: list[float] = []
        self._rings = asyncio.Event()

    def ring(self) -> None:
        self.rung.append(monotonic())
        self._rings.set()

    async def wait(self) -> float:
        async with asyncio.timeout(5):
            await self._rings.wait()
        self._rings.clear()
        return self.rung[-1]


def on(new: Callable[[], asyncio.AbstractEventLoop], test: Test) -> None:
    with asyncio.Runner(loop_factory=new) as runner:
        runner.run(_wait(test))


async def _wait(test: Test) -> None:
    await test()


@LINUX
@pytest.mark.parametrize("new", LOOPS)
def test_it_rings_once_at_its_time_and_not_before(
    new: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def test() -> None:
        bell = Bell()
        clock = alarm(bell.ring)
        assert isinstance(clock, TimerFd)
        for delay in (0.0103, 0.0004, 0.0, -1.0):  # what has passed rings at once
            deadline = monotonic() + delay
            clock.at(deadline)
            assert await bell.wait() >= deadline
        await asyncio.sleep(0.02)
        assert len(bell.rung) == 4
        clock.close()
        clock.close()

    on(new, test)


@pytest.mark.parametrize("make", [pytest.param(TimerFd, marks=LINUX), LoopTimer])
def test_a_new_time_replaces_the_old_one(make: Callable[[Callable[[], None]], Alarm]) -> None:
    async def test() -> None:
        bell = Bell()
        clock = make(bell.ring)
        clock.at(monotonic() + 0.01)
        deadline = monotonic() + 0.03
        clock.at(deadline)
        assert await bell.wait() >= deadline - 0.001  # the loop's own clock may round
        clock.at(monotonic() + 0.01)
        clock.close()
        await asyncio.sleep(0.03)
        assert len(bell.rung) == 1

    on(asyncio.new_event_loop, test)


class NoReaders(asyncio.SelectorEventLoop):
    """Like the Proactor loop of Windows."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        if self.is_running() and callback.__name__ == "_expired":
            raise NotImplementedError
        super().add_reader(fd, callback, *args)


def test_a_loop_without_readers_uses_its_own_timer() -> None:
    async def test() -> None:
        bell = Bell()
        clock = alarm(bell.ring)
        assert isinstance(clock, LoopTimer)
        clock.at(monotonic() + 0.005)
        await bell.wait()
        clock.close()

    on(NoReaders, test)


def test_in_virtual_time_it_is_the_loops_timer_that_rings() -> None:
    async def test() -> None:
        rung: list[float] = []
        running = asyncio.get_running_loop()
        LoopTimer(lambda: rung.append(running.time())).at(running.time() + 3600)
        await asyncio.sleep(3601)
        assert rung == [3600.0]

    virtual.run(test())
