"""The far end is asked to call somebody else itself, and is told things by SIP."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest

from callbridge import App, Call, CallReleased, CommandRefused, PlatformTold, Transferred
from callbridge.carrier.config import Behaviour
from callbridge.carrier.core.effects import SendWebhook
from callbridge.testing import CallScript, CarrierConfig, HangUp, Pair, Wait, caller, says, tone
from callbridge.testing.pair import Rest
from tests.callbridge.does import Does
from tests.callbridge.hummed import LEAVES_IT, loud_s

PERSON = "+13125550199"
ADDRESS = f"sip:{PERSON}@example.com"
VOICE, BOT = 300.0, 440.0
WEBHOOKS = "http://127.0.0.1:9/webhooks"
ANSWERS = CallScript(steps=(Wait("answered"), says(tone(3.0, VOICE)), Wait("said"), HangUp()))
CALLER = caller(Wait("hangup", within_s=100.0))


def reached(behaviour: Behaviour = ANSWERS, ring_s: float = 4.0) -> pytest.MarkDecorator:
    config = CarrierConfig(webhook_url=WEBHOOKS, numbers={PERSON: behaviour}, ring_s=ring_s)
    return pytest.mark.virtual(config=config)


def late(seconds: float, *event_types: str) -> Callable[[SendWebhook], float]:
    def lateness(webhook: SendWebhook) -> float:
        data = cast("dict[str, Any]", webhook.event["data"])
        return seconds if data["event_type"] in event_types else 0.0

    return lateness


# ---- the bots -----------------------------------------------------------------------------------


class Refers:
    """And beeps if that fails."""

    def __init__(self, address: str = ADDRESS, timeout: float = 20.0) -> None:
        self.outcomes: list[Transferred] = []
        self._address, self._timeout = address, timeout

    async def __call__(self, call: Call) -> None:
        outcome = await call.refer(self._address, headers={"X-Case": "7"}, timeout=self._timeout)
        self.outcomes.append(outcome)
        if not outcome:
            await call.play(tone(1.0, BOT))


class RefersAndCrashes:
    async def __call__(self, call: Call) -> None:
        referring = asyncio.ensure_future(call.refer(ADDRESS))
        await asyncio.sleep(1.0)
        referring.cancel()
        raise ValueError("a bug of the bot")


class RefersTwice(Refers):
    async def __call__(self, call: Call) -> None:
        self.outcomes.append(await call.refer("sip:nobody@example.com"))
        await super().__call__(call)


# ---- refer --------------------------------------------------------------------------------------


@reached()
async def test_who_has_reached_somebody_is_theirs(app: App, pair: Pair) -> None:
    bot = Refers()
    app.call(bot)
    report = await pair.call(CALLER)
    assert bot.outcomes == [Transferred("answered", "SIP 200")]
    (refer,) = [command for command in report.commands if command.name == "refer"]
    assert refer.fields["custom_headers"] == [{"name": "X-Case", "value": "7"}]
    assert "hangup" not in [command.name for command in report.commands]


@pytest.mark.parametrize(
    ("result", "cause"),
    [
        pytest.param("busy", "SIP 486", marks=reached("busy")),
        pytest.param("declined", "SIP 603", marks=reached("reject")),
        pytest.param("failed", "SIP 404", marks=reached("not_found")),
        pytest.param("no_answer", "SIP 480", marks=reached("no_answer")),
    ],
)
async def test_when_it_fails_the_call_stays_the_bots(
    app: App, pair: Pair, result: str, cause: str
) -> None:
    bot = Refers()
    app.call(bot)
    report = await pair.call(CALLER)
    assert [(outcome.result, outcome.cause) for outcome in bot.outcomes] == [(result, cause)]
    assert loud_s(report.bot, BOT) > 0.8


@reached()
async def test_what_the_platform_refuses_has_failed_with_its_words(app: App, pair: Pair) -> None:
    bot = Refers("Ann")
    app.call(bot)
    report = await pair.call(CALLER)
    assert bot.outcomes[0].result == "failed"
    assert "sip:user@host" in bot.outcomes[0].cause
    assert loud_s(report.bot, BOT) > 0.8


@reached(ring_s=8.0)
async def test_a_caller_who_hangs_up_first_is_no_answer_of_anybody(app: App, pair: Pair) -> None:
    bot = Refers()
    app.call(bot)
    placed = await pair.ring()
    await asyncio.sleep(2.0)
    await placed.hangs_up()
    assert [outcome.result for outcome in bot.outcomes] == ["unknown"]


@reached()
async def test_an_answer_whose_webhook_is_lost_is_unknown_as_the_far_end_has_left(
    app: App, pair: Pair
) -> None:
    bot = Refers()
    app.call(bot)
    pair.lateness = late(float("inf"), "call.refer.completed")
    await pair.call(CALLER)
    assert [outcome.result for outcome in bot.outcomes] == ["unknown"]


@reached("busy")
@pytest.mark.parametrize("seconds", [10.0, float("inf")], ids=["late", "lost"])
async def test_a_failure_whose_webhook_is_late_or_lost_is_a_failure(
    app: App, pair: Pair, seconds: float
) -> None:
    bot = Refers()
    app.call(bot)
    pair.lateness = late(seconds, "call.refer.failed")
    report = await pair.call(CALLER)
    assert [outcome.result for outcome in bot.outcomes] == (
        ["busy"] if seconds == 10.0 else ["failed"]
    )
    assert loud_s(report.bot, BOT) > 0.8


_asked = Rest.handle_async_request


async def _has_no_events(rest: Rest, request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/call_events"):
        return httpx.Response(200, json={"data": []})
    return await _asked(rest, request)


@reached("busy")
async def test_what_nobody_knows_is_unknown_and_the_call_is_the_bots(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rest, "handle_async_request", _has_no_events)
    bot = Refers(timeout=8.0)
    app.call(bot)
    pair.lateness = late(float("inf"), "call.refer.failed")
    report = await pair.call(CALLER)
    assert [outcome.result for outcome in bot.outcomes] == ["unknown"]
    assert loud_s(report.bot, BOT) > 0.8
    assert report.hung_up_by == "bot"


@reached(ring_s=6.0)
@pytest.mark.virtual(expect_crash=ValueError)
async def test_a_crash_of_the_bot_does_not_hang_up_who_is_being_referred(
    app: App, pair: Pair
) -> None:
    app.call(RefersAndCrashes())
    report = await pair.call(CALLER)
    assert "hangup" not in [command.name for command in report.commands]


@reached(ring_s=4.0)
async def test_an_earlier_failure_is_not_taken_for_the_one_that_is_asked_for(
    app: App, pair: Pair
) -> None:
    bot = RefersTwice(timeout=2.0)
    app.call(bot)
    await pair.call(CALLER)
    assert [outcome.result for outcome in bot.outcomes] == ["failed", "unknown"]


# ---- SIP INFO -----------------------------------------------------------------------------------


async def test_an_info_is_sent_and_one_that_is_too_long_refused(app: App, pair: Pair) -> None:
    bot = Does(
        lambda call: call.sip_info('{"seat": 7}', content_type="application/json"), sends_too_much
    )
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    (sent, refused) = [command for command in report.commands if command.name == "send_sip_info"]
    assert (sent.status, refused.status) == (200, 422)
    assert sent.fields["body"] == '{"seat": 7}'
    assert sent.fields["content_type"] == "application/json"
    assert isinstance(bot.results[1], CommandRefused)


async def sends_too_much(call: Call) -> Exception | None:
    try:
        await call.sip_info("x" * 1401)
    except CommandRefused as refused:
        return refused
    return None


class HearsOfIt:
    """Hands over, and stays to see what the other side sends."""

    def __init__(self) -> None:
        self.told: PlatformTold | None = None

    async def __call__(self, call: Call) -> None:
        info = asyncio.ensure_future(call.event("call.sip_info.received", timeout=20.0))
        assert await call.transfer(PERSON)
        with pytest.raises(CallReleased):
            await call.sip_info("too late")
        self.told = await info


@reached(CallScript(steps=(Wait("answered"), Wait("hangup", within_s=100.0))))
async def test_an_info_of_the_other_side_is_an_event_of_the_call(app: App, pair: Pair) -> None:
    bot = HearsOfIt()
    app.call(bot)
    placed = await pair.ring(Wait("hangup", within_s=100.0))
    await asyncio.sleep(8.0)
    here = pair.switch.find(placed.call_control_id)
    assert here is not None
    assert here.partner is not None
    there = here.partner.identity.call_control_id
    body = json.dumps({"body": "seat 7", "content_type": "text/plain"}).encode()
    key = app.service.settings.api_key.get_secret_value()
    url = f"/v2/calls/{there}/actions/send_sip_info"
    answer = pair.switch.request("POST", url, body, f"Bearer {key}", pair.clock.now())
    assert answer.status == 200
    pair.drain()
    await asyncio.sleep(1.0)
    assert bot.told is not None
    assert bot.told.payload["body"] == "seat 7"
    pair.switch.request("POST", f"/v2/calls/{there}/actions/hangup", b"{}", f"Bearer {key}",
                        pair.clock.now())  # fmt: skip
    pair.drain()
    await placed.over()
