"""The pool of speech work, in virtual time: order, limits, engines that raise or hang."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pytest

from callbridge.errors import SpeechFailed
from callbridge.speech.pool import SpeechPool

T = TypeVar("T")

FOREVER = 1e9


@dataclass(frozen=True)
class Work:
    """What a thread would do: `takes` seconds, then a result or an exception."""

    takes: float
    result: object = "done"

    def __call__(self) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


class Threads:
    """As threads are: what was begun goes on, whoever has lost interest."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.woken = asyncio.Event()  # brings threads back that hang

    async def run(self, work: Callable[[], T], *, takes: float = 0.0) -> T:
        assert isinstance(work, Work)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            async with asyncio.timeout(work.takes):
                await self.woken.wait()
        except TimeoutError:
            pass
        finally:
            self.running -= 1
        result: T = work()
        return result


def now() -> float:
    return asyncio.get_running_loop().time()


async def finished(pool: SpeechPool, work: Work) -> tuple[object, float]:
    """The result of it, and when it came."""
    return await pool.run(work), now()


@pytest.mark.virtual
async def test_one_at_a_time_in_the_order_of_asking() -> None:
    threads = Threads()
    pool = SpeechPool(threads)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(finished(pool, Work(1.0, name))) for name in "abc"]
        await asyncio.sleep(0.5)
        assert (pool.queued, pool.idle) == (2, False)
    assert threads.most == 1
    assert pool.idle
    assert [each.result() for each in asked] == [("a", 1.0), ("b", 2.0), ("c", 3.0)]
    assert (pool.done, pool.failed, pool.hung, pool.turned_away) == (3, 0, 0, 0)


@pytest.mark.virtual
async def test_so_many_workers_work_at_once() -> None:
    threads = Threads()
    pool = SpeechPool(threads, workers=3)
    await asyncio.gather(*(pool.run(Work(1.0)) for _ in range(6)))
    assert (now(), threads.most) == (2.0, 3)


@pytest.mark.virtual
async def test_what_does_not_fit_fails_at_once() -> None:
    threads = Threads()
    pool = SpeechPool(threads, waiting=2)
    fit = [asyncio.create_task(pool.run(Work(1.0))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(SpeechFailed, match="too much to do"):
        await pool.run(Work(1.0))
    assert now() == 0.0
    await asyncio.gather(*fit)
    assert (pool.done, pool.turned_away) == (3, 1)


@pytest.mark.parametrize(
    "error", [ValueError("bad weights"), asyncio.CancelledError(), TimeoutError("no answer")]
)
@pytest.mark.virtual
async def test_an_engine_that_raises_fails_its_own_work_only(error: BaseException) -> None:
    threads = Threads()
    pool = SpeechPool(threads)
    with pytest.raises(SpeechFailed, match=type(error).__name__) as caught:
        await pool.run(Work(0.1, error))
    assert isinstance(caught.value.__cause__, type(error))
    assert await pool.run(Work(0.1)) == "done"
    assert (pool.done, pool.failed) == (1, 1)


@pytest.mark.virtual
async def test_what_is_said_of_an_engine_already_is_not_said_twice() -> None:
    pool = SpeechPool(Threads())
    with pytest.raises(SpeechFailed, match=r"^it returned nothing$"):
        await pool.run(Work(0.1, SpeechFailed("it returned nothing")))
    assert pool.failed == 1


@pytest.mark.virtual
async def test_work_that_hangs_is_given_up_and_its_place_given_away() -> None:
    threads = Threads()
    pool = SpeechPool(threads)
    hanging = asyncio.create_task(pool.run(Work(FOREVER)))
    behind = asyncio.create_task(pool.run(Work(1.0)))
    with pytest.raises(SpeechFailed, match="hangs: nothing for 15 s"):
        await hanging
    assert now() == 15.0
    assert await behind == "done"
    assert (now(), threads.running, pool.stuck) == (16.0, 1, 1)
    threads.woken.set()
    await asyncio.sleep(0.01)
    assert (threads.running, pool.stuck) == (0, 0)
    assert (pool.done, pool.hung) == (1, 1)


@pytest.mark.virtual
async def test_an_engine_that_never_comes_back_takes_no_more_threads() -> None:
    threads = Threads()
    pool = SpeechPool(threads)
    asked = [asyncio.create_task(pool.run(Work(FOREVER))) for _ in range(10)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert now() == 30.0  # two were tried, and nobody waits for the others to be
    assert all(isinstance(result, SpeechFailed) for result in results)
    assert not pool.idle
    with pytest.raises(SpeechFailed, match="the engine hangs"):
        await pool.run(Work(1.0))
    assert (now(), threads.most) == (30.0, 2)
    threads.woken.set()
    await asyncio.sleep(0.01)
    assert await pool.run(Work(1.0)) == "done"
    assert (pool.done, pool.hung, pool.turned_away, pool.queued) == (1, 2, 9, 0)


@pytest.mark.virtual
async def test_what_has_waited_too_long_is_turned_away() -> None:
    threads = Threads()
    pool = SpeechPool(threads, longest_wait=3.0)
    first, second, third = (asyncio.create_task(pool.run(Work(2.0))) for _ in range(3))
    with pytest.raises(SpeechFailed, match="too much"):
        await third
    assert now() == 3.0
    assert (await first, await second) == ("done", "done")
    assert (pool.done, pool.turned_away, pool.queued) == (2, 1, 0)


@pytest.mark.virtual
async def test_who_gives_up_waiting_leaves_no_gap_in_the_queue() -> None:
    pool = SpeechPool(Threads())
    first, second, third = (asyncio.create_task(pool.run(Work(1.0))) for _ in range(3))
    await asyncio.sleep(0.5)
    second.cancel()
    await asyncio.sleep(0)
    assert pool.queued == 1
    assert await third == "done"
    assert (now(), first.done()) == (2.0, True)
    assert pool.done == 2


@pytest.mark.virtual
async def test_a_thread_keeps_its_place_when_its_call_has_ended() -> None:
    threads = Threads()
    pool = SpeechPool(threads)
    first = asyncio.create_task(pool.run(Work(3.0, ValueError("heard by nobody"))))
    await asyncio.sleep(1.0)
    first.cancel()
    await asyncio.sleep(0)
    assert first.cancelled()
    assert not pool.idle
    await pool.run(Work(1.0))
    assert (now(), threads.most) == (4.0, 1)
    assert (pool.done, pool.failed) == (1, 1)


async def ask_in_a_storm(pool: SpeechPool, dice: random.Random) -> str:
    """At any time, for work of any kind, with any patience; what came of it."""
    await asyncio.sleep(dice.uniform(0, 40))
    result = dice.choice(["done", "done", ValueError("no")])
    takes = FOREVER if dice.random() < 0.01 else dice.expovariate(4.0)
    try:
        async with asyncio.timeout(dice.choice([0.0, 0.2, 1.0, 100.0])):
            return cast("str", await pool.run(Work(takes, result)))
    except SpeechFailed:
        return "failed"
    except TimeoutError:
        return "left"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.virtual
async def test_a_storm_leaves_nothing_behind(seed: int) -> None:
    dice = random.Random(seed)
    threads = Threads()
    pool = SpeechPool(threads, workers=2, waiting=4, patience=5.0)
    came_to = await asyncio.gather(*(ask_in_a_storm(pool, dice) for _ in range(400)))
    threads.woken.set()
    await asyncio.sleep(1.0)
    assert (threads.running, pool.stuck, pool.queued) == (0, 0, 0)
    assert pool.idle
    assert threads.most <= 2 + 2  # workers, and those that hang
    assert {"done", "failed", "left"} == set(came_to)
    assert pool.turned_away > 0
