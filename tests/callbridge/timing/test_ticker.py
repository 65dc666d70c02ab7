"""One timer for all deadlines: slots of 5 ms, no wake without work, no failure that spreads."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from callbridge.testing import run
from callbridge.testing.loop import VirtualClock
from callbridge.timing.clock import SystemClock
from callbridge.timing.loop import new_loop
from callbridge.timing.ticker import BEAT_S, SLOT_S, Ticker

LOOPS = [asyncio.new_event_loop, new_loop]  # asyncio's own; uvloop where there is one


def in_virtual_time(test: Callable[[Ticker], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test(Ticker(VirtualClock()))

    run(whole())


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_callback_comes_at_its_deadline_or_within_a_slot_after_it() -> None:
    async def test(ticker: Ticker) -> None:
        late: list[float] = []

        def came(deadline: float) -> None:
            late.append(now() - deadline)

        for ms in (0, 1, 3, 5, 7, 20, 999):
            ticker.at(ms / 1000, partial(came, ms / 1000))
        await asyncio.sleep(2)
        assert len(late) == 7
        assert min(late) >= -1e-6
        assert max(late) < SLOT_S

    in_virtual_time(test)


def test_an_earlier_deadline_overtakes_a_planned_one() -> None:
    async def test(ticker: Ticker) -> None:
        came: list[str] = []
        ticker.at(0.500, lambda: came.append(f"late {now():.3f}"))
        ticker.at(0.020, lambda: came.append(f"early {now():.3f}"))
        await asyncio.sleep(1)
        assert came == ["early 0.020", "late 0.500"]

    in_virtual_time(test)


def test_the_same_callback_twice_in_a_slot_is_one_call() -> None:
    async def test(ticker: Ticker) -> None:
        came: list[float] = []

        def callback() -> None:
            came.append(now())

        assert ticker.at(0.011, callback) == ticker.at(0.014, callback)
        await asyncio.sleep(1)
        assert len(came) == 1

    in_virtual_time(test)


def test_callbacks_of_a_slot_come_in_the_order_in_which_they_were_planned() -> None:
    async def test(ticker: Ticker) -> None:
        came: list[int] = []
        for number in range(50):
            ticker.at(0.010, partial(came.append, number))
        await asyncio.sleep(1)
        assert came == list(range(50))

    in_virtual_time(test)


def test_a_callback_may_plan_itself_again() -> None:
    async def test(ticker: Ticker) -> None:
        came: list[float] = []

        def again() -> None:
            came.append(now())
            if len(came) < 100:
                ticker.at(now() + 0.020, again)

        ticker.at(0.0, again)
        await asyncio.sleep(10)
        assert came == pytest.approx([0.020 * n for n in range(100)])

    in_virtual_time(test)


def test_a_late_deadline_planned_in_a_callback_does_not_delay_an_earlier_one() -> None:
    async def test(ticker: Ticker) -> None:
        came: list[float] = []

        def plans_a_late_one() -> None:
            ticker.at(1.0, lambda: None)

        ticker.at(0.005, plans_a_late_one)
        ticker.at(0.100, lambda: came.append(now()))
        await asyncio.sleep(2)
        assert came == [pytest.approx(0.100)]

    in_virtual_time(test)


def test_a_callback_that_fails_is_told_and_the_others_go_on() -> None:
    async def test(ticker: Ticker) -> None:
        told: list[str] = []
        came: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(repr(context["exception"])))

        def broken() -> None:
            raise ValueError("a bug")

        ticker.at(0.010, broken)
        ticker.at(0.010, lambda: came.append("same slot"))
        ticker.at(0.500, lambda: came.append("later slot"))
        await asyncio.sleep(1)
        assert told == ["ValueError('a bug')"]
        assert came == ["same slot", "later slot"]

    in_virtual_time(test)


def test_a_loop_without_deadlines_is_not_woken() -> None:
    async def test(ticker: Ticker) -> None:
        ticker.at(0.010, lambda: None)
        await asyncio.sleep(0.020)
        loop = asyncio.get_running_loop()
        assert not [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]

    in_virtual_time(test)


def test_a_thousand_calls_wake_the_loop_once_a_slot() -> None:
    async def test(ticker: Ticker) -> None:
        wakes = 0
        fire = ticker._fire  # pyright: ignore[reportPrivateUsage]

        def counted() -> None:
            nonlocal wakes
            wakes += 1
            fire()

        ticker._fire = counted  # type: ignore[method-assign]
        for number in range(1000):
            ticker.at(0.100 + number / 10_000, lambda: None)
        await asyncio.sleep(1)
        assert wakes == 21

    in_virtual_time(test)


def test_what_is_closed_calls_nobody() -> None:
    async def test(ticker: Ticker) -> None:
        came: list[float] = []
        ticker.at(0.010, lambda: came.append(now()))
        ticker.close()
        await asyncio.sleep(1)
        assert came == []

    in_virtual_time(test)


def test_the_beat_is_a_slot_every_50_ms_until_it_is_closed() -> None:
    async def test(ticker: Ticker) -> None:
        ticker.beat()
        await asyncio.sleep(20.5 * BEAT_S)
        assert ticker.lag.buckets()[0] == ("0.0005", 20)  # virtual time is never late
        assert ticker.worst_lag_s == 0.0
        ticker.close()
        await asyncio.sleep(1)
        assert ticker.lag.buckets()[-1] == ("+Inf", 20)

    in_virtual_time(test)


# ---- real time ----------------------------------------------------------------------------------


def in_real_time(
    loop: Callable[[], asyncio.AbstractEventLoop], main: Coroutine[Any, Any, None]
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_blocked_loop_shows_as_lag(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Real time, as only a real loop can be blocked."""

    async def test() -> None:
        ticker = Ticker(SystemClock())
        came = asyncio.Event()
        begun = time.monotonic()
        ticker.at(begun + 0.005, came.set)
        while time.monotonic() < begun + 0.050:
            pass
        async with asyncio.timeout(5):
            await came.wait()
        ticker.close()
        assert 0.035 < ticker.worst_lag_s < 1.0
        assert ticker.lag.total == ticker.worst_lag_s
        counts = dict(ticker.lag.buckets())
        assert (counts["0.02"], counts["+Inf"]) == (0, 1)

    in_real_time(loop, test())


@pytest.mark.parametrize("loop", LOOPS)
def test_no_callback_comes_early(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """uvloop's own timers count whole milliseconds, and may come before their time."""

    async def test() -> None:
        ticker, early = Ticker(SystemClock()), list[float]()
        came = asyncio.Event()

        def callback(deadline: float) -> None:
            early.append(deadline - time.monotonic())
            if len(early) == 20:
                came.set()

        begun = time.monotonic()
        for number in range(20):
            deadline = begun + number * 0.0101
            ticker.at(deadline, partial(callback, deadline))
        async with asyncio.timeout(5):
            await came.wait()
        ticker.close()
        assert max(early) < 1e-6

    in_real_time(loop, test())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_closed_ticker_may_be_used_again(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def test() -> None:
        ticker, came = Ticker(SystemClock()), asyncio.Event()
        ticker.at(time.monotonic() + 0.005, lambda: None)
        ticker.close()
        ticker.at(time.monotonic() + 0.005, came.set)
        async with asyncio.timeout(5):
            await came.wait()
        ticker.close()

    in_real_time(loop, test())
