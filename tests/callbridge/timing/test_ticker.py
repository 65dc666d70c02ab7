"""One timer for all deadlines: slots of 5 ms, no wake without work, no failure that spreads."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial

import pytest

from callbridge.testing.loop import VirtualClock
from callbridge.timing.clock import SystemClock
from callbridge.timing.loop import new_loop
from callbridge.timing.ticker import BEAT_S, SLOT_S, Ticker

LOOPS = [asyncio.new_event_loop, new_loop]  # asyncio's own; uvloop where there is one


def now() -> float:
    return asyncio.get_running_loop().time()


def nothing() -> None:
    pass


def plan_nothing(ticker: Ticker, deadline: float) -> None:
    ticker.at(deadline, nothing)


def broken() -> None:
    raise ValueError("a bug")


class CountingTicker(Ticker):
    wakes = 0

    def _fire(self) -> None:
        self.wakes += 1
        super()._fire()


class Came:
    """A callback that keeps when it was called."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self) -> None:
        self.times.append(now())


class PlansItself(Came):
    """20 ms later, until it was called so many times."""

    def __init__(self, ticker: Ticker, times: int) -> None:
        super().__init__()
        self._ticker, self._until = ticker, times

    def __call__(self) -> None:
        super().__call__()
        if len(self.times) < self._until:
            self._ticker.at(now() + 0.020, self)


@pytest.mark.virtual
async def test_a_callback_comes_at_its_deadline_or_within_a_slot_after_it() -> None:
    ticker = Ticker(VirtualClock())
    deadlines = [ms / 1000 for ms in (0, 1, 3, 5, 7, 20, 999)]
    came = {deadline: Came() for deadline in deadlines}
    for deadline in deadlines:
        ticker.at(deadline, came[deadline])
    await asyncio.sleep(2)
    late = [at - deadline for deadline in deadlines for at in came[deadline].times]
    assert len(late) == 7
    assert min(late) >= -1e-6
    assert max(late) < SLOT_S


@pytest.mark.virtual
async def test_an_earlier_deadline_overtakes_a_planned_one() -> None:
    ticker = Ticker(VirtualClock())
    came: list[str] = []
    ticker.at(0.500, lambda: came.append(f"late {now():.3f}"))
    ticker.at(0.020, lambda: came.append(f"early {now():.3f}"))
    await asyncio.sleep(1)
    assert came == ["early 0.020", "late 0.500"]


@pytest.mark.virtual
async def test_the_same_callback_twice_in_a_slot_is_one_call() -> None:
    ticker = Ticker(VirtualClock())
    came = Came()
    assert ticker.at(0.011, came) == ticker.at(0.014, came)
    await asyncio.sleep(1)
    assert len(came.times) == 1


@pytest.mark.virtual
async def test_callbacks_of_a_slot_come_in_the_order_in_which_they_were_planned() -> None:
    ticker = Ticker(VirtualClock())
    came: list[int] = []
    for number in range(50):
        ticker.at(0.010, partial(came.append, number))
    await asyncio.sleep(1)
    assert came == list(range(50))


@pytest.mark.virtual
async def test_a_callback_may_plan_itself_again() -> None:
    ticker = Ticker(VirtualClock())
    again = PlansItself(ticker, times=100)
    ticker.at(0.0, again)
    await asyncio.sleep(10)
    assert again.times == pytest.approx([0.020 * n for n in range(100)])


@pytest.mark.virtual
async def test_a_late_deadline_planned_in_a_callback_does_not_delay_an_earlier_one() -> None:
    ticker = Ticker(VirtualClock())
    came = Came()
    ticker.at(0.005, partial(plan_nothing, ticker, 1.0))
    ticker.at(0.100, came)
    await asyncio.sleep(2)
    assert came.times == [pytest.approx(0.100)]


@pytest.mark.virtual
async def test_a_callback_that_fails_is_told_and_the_others_go_on() -> None:
    ticker = Ticker(VirtualClock())
    told: list[str] = []
    came: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(repr(context["exception"])))
    ticker.at(0.010, broken)
    ticker.at(0.010, lambda: came.append("same slot"))
    ticker.at(0.500, lambda: came.append("later slot"))
    await asyncio.sleep(1)
    assert told == ["ValueError('a bug')"]
    assert came == ["same slot", "later slot"]


@pytest.mark.virtual
async def test_a_loop_without_deadlines_is_not_woken() -> None:
    ticker = Ticker(VirtualClock())
    ticker.at(0.010, nothing)
    await asyncio.sleep(0.020)
    loop = asyncio.get_running_loop()
    assert not [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]


@pytest.mark.virtual
async def test_a_thousand_calls_wake_the_loop_once_a_slot() -> None:
    ticker = CountingTicker(VirtualClock())
    for number in range(1000):
        ticker.at(0.100 + number / 10_000, nothing)
    await asyncio.sleep(1)
    assert ticker.wakes == 21


@pytest.mark.virtual
async def test_what_is_closed_calls_nobody() -> None:
    ticker = Ticker(VirtualClock())
    came = Came()
    ticker.at(0.010, came)
    ticker.close()
    await asyncio.sleep(1)
    assert came.times == []


@pytest.mark.virtual
async def test_the_beat_is_a_slot_every_50_ms_until_it_is_closed() -> None:
    ticker = Ticker(VirtualClock())
    ticker.beat()
    await asyncio.sleep(20.5 * BEAT_S)
    assert ticker.lag.buckets()[0] == ("0.0005", 20)  # virtual time is never late
    assert ticker.worst_lag_s == 0.0
    ticker.close()
    await asyncio.sleep(1)
    assert ticker.lag.buckets()[-1] == ("+Inf", 20)


# ---- real time ----------------------------------------------------------------------------------


class OnTime:
    """A callback for one deadline of real time; keeps how early it came, in seconds."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.came = asyncio.Event()

    def __call__(self) -> None:
        self.early = self.deadline - time.monotonic()
        self.came.set()


@pytest.fixture(params=LOOPS)
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    """A loop in real time, as only a real one can be blocked."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner


async def blocked_for_50_ms() -> None:
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


async def twenty_deadlines() -> None:
    ticker = Ticker(SystemClock())
    begun = time.monotonic()
    callbacks = [OnTime(begun + number * 0.0101) for number in range(20)]
    for callback in callbacks:
        ticker.at(callback.deadline, callback)
    async with asyncio.timeout(5):
        for callback in callbacks:
            await callback.came.wait()
    ticker.close()
    assert max(callback.early for callback in callbacks) < 1e-6


async def closed_and_used_again() -> None:
    ticker, came = Ticker(SystemClock()), asyncio.Event()
    ticker.at(time.monotonic() + 0.005, nothing)
    ticker.close()
    ticker.at(time.monotonic() + 0.005, came.set)
    async with asyncio.timeout(5):
        await came.wait()
    ticker.close()


def test_a_blocked_loop_shows_as_lag(runner: asyncio.Runner) -> None:
    runner.run(blocked_for_50_ms())


def test_no_callback_comes_early(runner: asyncio.Runner) -> None:
    """uvloop's own timers count whole milliseconds, and may come before their time."""
    runner.run(twenty_deadlines())


def test_a_closed_ticker_may_be_used_again(runner: asyncio.Runner) -> None:
    runner.run(closed_and_used_again())
