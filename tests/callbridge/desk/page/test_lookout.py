"""One looks for all: what is asked of the platform, how often, and what when it does not answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from callbridge import App
from callbridge.control.client import connect
from callbridge.desk.desk import Desk
from callbridge.desk.page.lookout import LONGEST_PAUSE_S, Lookout
from callbridge.desk.page.trails import MOST_OF_A_LEG, LegTrails
from callbridge.serve.account import AccountSettings
from callbridge.testing import Pair
from callbridge.testing.loop import VirtualClock

Answer = Callable[[httpx.Request], httpx.Response]


class CountedPlatform(httpx.AsyncBaseTransport):
    """A platform with so many calls; `asked` counts questions by their path."""

    def __init__(self, calls: int = 0) -> None:
        self.asked: Counter[str] = Counter()
        self.at: list[float] = []
        self.answer: Answer | None = None
        self.calls = [
            {
                "call_control_id": f"v3:{number}",
                "call_leg_id": f"leg{number}",
                "call_session_id": f"s{number}",
                "call_duration": 5,
            }
            for number in range(calls)
        ]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v2")
        name = "leg_events" if "filter[leg_id]" in request.url.params else path.split("/")[-1]
        self.asked[name] += 1
        self.at.append(asyncio.get_running_loop().time())
        if self.answer is not None:
            return self.answer(request)
        first = request.url.params.get("page[number]", "1") == "1"
        found: list[Any] = self.calls if name == "active_calls" and first else []
        return httpx.Response(200, json={"data": found, "meta": {"total_pages": 1}})


@asynccontextmanager
async def looking(platform: CountedPlatform, every_s: float = 5.0) -> AsyncGenerator[Lookout]:
    account = AccountSettings.load(api_key="k", base_url="http://127.0.0.1:9/v2", connection_id="1")
    control = connect(account.base_url, "k", platform, hedge_after=60.0)
    lookout = Lookout(Desk(account, control), VirtualClock(), every_s)
    task = asyncio.create_task(lookout.run())
    try:
        yield lookout
    finally:
        assert not task.done(), task.exception()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await control.aclose()


@pytest.mark.virtual
async def test_with_nobody_there_nothing_is_asked(app: App, pair: Pair) -> None:
    platform = CountedPlatform()
    async with looking(platform):
        await asyncio.sleep(120.0)
    assert not platform.asked


@pytest.mark.virtual
async def test_a_hundred_viewers_ask_no_more_than_one(app: App, pair: Pair) -> None:
    asked: list[int] = []
    for viewers in (1, 100):
        platform = CountedPlatform(calls=3)
        async with looking(platform) as lookout:
            with ExitStack() as stack:
                for _ in range(viewers):
                    stack.enter_context(lookout.watched(("all", "")))
                await asyncio.sleep(120.0)
        asked.append(platform.asked.total())
    assert asked[0] == asked[1]


@pytest.mark.virtual
async def test_a_hundred_calls_cost_four_questions_a_look(app: App, pair: Pair) -> None:
    """And each call that was there before, one; eight of them a look."""
    platform = CountedPlatform(calls=100)
    async with looking(platform) as lookout:
        with lookout.watched(("all", "")):
            await asyncio.sleep(4.0)
            assert platform.asked["leg_events"] == 8
            await asyncio.sleep(116.0)
            platform.asked.clear()
            await asyncio.sleep(60.0)
    assert platform.asked.total() == 48
    assert platform.asked["leg_events"] == 0
    assert len(lookout.board.calls) == 100


@pytest.mark.virtual
async def test_pages_that_come_and_go_hurry_nobody(app: App, pair: Pair) -> None:
    platform = CountedPlatform()
    async with looking(platform) as lookout:
        for _ in range(600):
            with lookout.watched(("all", "")):
                await asyncio.sleep(0.1)
    assert platform.asked["active_calls"] <= 61


@pytest.mark.virtual
async def test_what_is_limited_is_asked_again_when_it_may_be(app: App, pair: Pair) -> None:
    platform = CountedPlatform()
    async with looking(platform) as lookout:
        with lookout.watched(("all", "")):
            await asyncio.sleep(2.0)
            known_at = lookout.board.at
            platform.answer = lambda request: httpx.Response(429, headers={"retry-after": "90"})
            await asyncio.sleep(6.0)
            assert "HTTP 429" in lookout.board.problem
            assert "again in 90 s" in lookout.board.problem
            assert lookout.board.at == known_at
            platform.asked.clear()
            lookout.nudge()
            await asyncio.sleep(80.0)
            assert not platform.asked
            platform.answer = None
            await asyncio.sleep(15.0)
            assert not lookout.board.problem


@pytest.mark.virtual
async def test_what_fails_is_asked_less_and_less(app: App, pair: Pair) -> None:
    platform = CountedPlatform()
    platform.answer = lambda request: httpx.Response(401, json={"errors": [{"code": "10009"}]})
    async with looking(platform) as lookout:
        with lookout.watched(("all", "")):
            await asyncio.sleep(600.0)
    assert "does not take TELNYX_API_KEY" in lookout.board.problem
    pauses = [after - before for before, after in zip(platform.at, platform.at[1:], strict=False)]
    assert pauses[:4] == pytest.approx([5, 10, 20, 40], abs=0.1)
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE_S, abs=0.1)


@pytest.mark.virtual
async def test_an_account_that_may_read_no_events_sees_the_calls(app: App, pair: Pair) -> None:
    platform = CountedPlatform(calls=2)

    def no_events(request: httpx.Request) -> httpx.Response:
        if "call_events" in request.url.path:
            return httpx.Response(403, json={"errors": [{"code": "10010", "title": "no"}]})
        found = platform.calls if request.url.path.endswith("active_calls") else []
        return httpx.Response(200, json={"data": found, "meta": {"total_pages": 1}})

    platform.answer = no_events
    async with looking(platform) as lookout:
        board = await lookout.fresh()
    assert [(call.id, call.state) for call in board.calls] == [("v3:0", ""), ("v3:1", "")]
    assert not board.problem


@pytest.mark.virtual
async def test_what_the_platform_leaves_out_is_not_missed(app: App, pair: Pair) -> None:
    """Items with nothing in them, and with nonsense."""
    platform = CountedPlatform()

    def odd(request: httpx.Request) -> httpx.Response:
        items: list[Any] = [{}, {"call_leg_id": 7, "id": None, "name": [], "status": 3}]
        items.append({"whisper_call_control_ids": 5, "event_timestamp": "yesterday", "id": "x"})
        return httpx.Response(200, json={"data": items, "meta": {"total_pages": 1}})

    platform.answer = odd
    async with looking(platform) as lookout:
        with lookout.watched(("conference", "x"), ("queue", "")):
            await asyncio.sleep(10.0)
    assert len(lookout.board.calls) == len(lookout.board.queues) == 3
    assert not lookout.board.problem


def test_events_of_a_leg_are_kept_within_bounds_and_with_their_beginning() -> None:
    trails = LegTrails()
    for number in range(2000):
        event = {
            "call_leg_id": "leg",
            "event_timestamp": f"2026-11-29T20:{number // 60:02}:{number % 60:02}.000000Z",
            "name": "call.initiated" if not number else f"event{number}",
        }
        trails.add([event, event])
    kept = trails.of("leg")
    assert kept is not None
    assert len(kept.events) <= MOST_OF_A_LEG
    assert kept.events[0]["name"] == "call.initiated"
    assert kept.events[-1]["name"] == "event1999"
    trails.keep(set())
    assert trails.of("leg") is None
