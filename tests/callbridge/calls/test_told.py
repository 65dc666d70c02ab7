"""What the platform tells of a call, as the bot sees it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from callbridge import App, Call, CallEnded, PlatformTold
from callbridge.calls.leg import Hangup
from callbridge.carrier.core.effects import SendWebhook
from callbridge.tape.events import CallEvent
from callbridge.testing import CallScript, HangUp, Pair, Wait, caller, says, tone
from tests.callbridge.does import Does
from tests.callbridge.hummed import LEAVES_IT

ENDED = "call.playback.ended"


def late(seconds: float, event_type: str) -> Callable[[SendWebhook], float]:
    def lateness(webhook: SendWebhook) -> float:
        data = cast("dict[str, Any]", webhook.event["data"])
        return seconds if data["event_type"] == event_type else 0.0

    return lateness


async def speaks_and_waits(call: Call) -> PlatformTold | None:
    """The event is looked out for before the command that causes it."""
    ended = call.event("call.speak.ended", timeout=10.0)
    await call.send("speak", payload="Good morning.", voice="AWS.Polly.Joanna")
    return await ended


def waits_for(event_type: str, timeout: float | None) -> Callable[[Call], Awaitable[Any]]:
    return lambda call: call.event(event_type, timeout=timeout)


class Watches:
    """Keeps all that happens; `leaves_at` a number of events, the loop is left."""

    def __init__(self, leaves_at: int = 1000) -> None:
        self.seen: list[CallEvent] = []
        self._leaves_at = leaves_at

    async def __call__(self, call: Call) -> None:
        async for event in call.events():
            self.seen.append(event)
            if len(self.seen) == self._leaves_at:
                break

    @property
    def told(self) -> list[PlatformTold]:
        return [event for event in self.seen if isinstance(event, PlatformTold)]


class WaitsAndGoesOn:
    """Waits for what does not come, and then asks for more."""

    def __init__(self) -> None:
        self.results: list[PlatformTold | None] = []

    async def __call__(self, call: Call) -> None:
        self.results.append(await call.event("call.enqueued"))
        with pytest.raises(CallEnded):
            await call.event("call.enqueued")


async def test_events_have_every_webhook_of_the_call(app: App, pair: Pair) -> None:
    watches = Watches()
    app.call(watches)
    await pair.call(caller(HangUp()))
    (over,) = [told for told in watches.told if told.event_type == "call.hangup"]
    assert over.payload["hangup_cause"] == "normal_clearing"
    assert over.occurred_at
    names = [type(event).__name__ for event in watches.seen]
    assert names.index("PlatformTold") < names.index("CallOver")


async def test_an_event_that_is_looked_out_for_before_its_command_is_not_missed(
    app: App, pair: Pair
) -> None:
    bot = Does(speaks_and_waits)
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    (told,) = bot.results
    assert (told.event_type, told.payload["status"]) == ("call.speak.ended", "completed")


async def test_a_webhook_that_is_late_is_waited_for(app: App, pair: Pair) -> None:
    bot = Does(speaks_and_waits)
    app.call(bot)
    pair.lateness = late(5.0, "call.speak.ended")
    await pair.call(caller(LEAVES_IT))
    assert bot.results[0].event_type == "call.speak.ended"


async def test_a_webhook_that_is_lost_is_none_in_time(app: App, pair: Pair) -> None:
    bot = Does(speaks_and_waits, waits_for("call.enqueued", 0.5))
    app.call(bot)
    pair.lateness = late(float("inf"), "call.speak.ended")
    report = await pair.call(caller(LEAVES_IT))
    assert bot.results == [None, None]
    assert 10.0 < report.duration_s < 13.0


async def test_who_waits_when_the_caller_hangs_up_is_let_go(app: App, pair: Pair) -> None:
    bot = WaitsAndGoesOn()
    app.call(bot)
    await pair.call(caller(HangUp()))
    assert bot.results == [None]


class StaysToTheEnd:
    """Transfers its caller, if there is somebody to, and learns when the call is over."""

    def __init__(self, to: str = "") -> None:
        self.to = to
        self.lasted_s = 0.0
        self.hangup: Hangup | None = None

    async def __call__(self, call: Call) -> None:
        if self.to:
            assert await call.transfer(self.to)
        began = asyncio.get_running_loop().time()
        self.hangup = await call.over()
        self.lasted_s = asyncio.get_running_loop().time() - began


TALKS = CallScript(steps=(Wait("answered"), says(tone(3.0, 300.0)), HangUp()))


@pytest.mark.virtual(numbers={"+13125550199": TALKS})
async def test_who_has_handed_a_call_over_learns_when_it_is_over(app: App, pair: Pair) -> None:
    bot = StaysToTheEnd(to="+13125550199")
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert report.bridged
    assert bot.lasted_s == pytest.approx(3.0, abs=0.2)
    assert bot.hangup == Hangup("normal_clearing", "callee")
    (stop,) = [command for command in report.commands if command.name == "streaming_stop"]
    assert stop.at_s < report.duration_s - 2.5, "nothing of what the two say comes to the bot"


async def test_who_waits_for_the_end_is_told_why_it_came(app: App, pair: Pair) -> None:
    bot = StaysToTheEnd()
    app.call(bot)
    await pair.call(caller(says(tone(1.0, 300.0)), HangUp()))
    assert bot.lasted_s == pytest.approx(1.0, abs=0.2)
    assert bot.hangup == Hangup("normal_clearing", "caller")


async def test_who_has_stopped_listening_leaves_nothing_behind(app: App, pair: Pair) -> None:
    bot = Does(Watches(leaves_at=1), waits_for("call.enqueued", 0.2), waits_for(ENDED, 0.2))
    app.call(bot)
    placed = await pair.ring(Wait("hangup"))
    (leg,) = app.service.calls.legs()
    await asyncio.sleep(0.3)
    listening = leg.tape._listeners  # pyright: ignore[reportPrivateUsage]
    await placed.over()
    assert len(listening) == 2  # the test's own, and the one event that is waited for


async def test_a_webhook_shows_in_the_log_at_debug_and_without_tokens(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "callbridge")
    app.call(Watches())
    await pair.call(caller(HangUp()))
    lines = [vars(record) for record in caplog.records if record.message == "the platform tells"]
    started = [line for line in lines if line["event_type"] == "streaming.started"]
    assert started[0]["payload"]["stream_url"].endswith("token=***")
