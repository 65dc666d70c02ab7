"""A call that comes in, before it is answered: who decides, and what becomes of who does not."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from callbridge import App, Call, CallEnded, Ringing, SettingsError, Transferred
from callbridge.calls.incoming import ShakenStir
from callbridge.carrier.core.effects import SendWebhook
from callbridge.carrier.people.script import Step
from callbridge.errors import BotError
from callbridge.testing import (
    CallReport,
    CallScript,
    CarrierConfig,
    HangUp,
    LeftBehind,
    Pair,
    Wait,
    caller,
    says,
    tone,
)
from callbridge.testing.callers import NUMBER
from tests.callbridge.hummed import LEAVES_IT, loud_s

PERSON = "+13125550199"
BOT, VOICE = 440.0, 300.0
WEBHOOKS = "http://127.0.0.1:9/webhooks"
NEVER_ANSWERED = CallScript(to=NUMBER, steps=(Wait("hangup", within_s=100.0),))


def gives_up_after(seconds: float) -> CallScript:
    return CallScript(to=NUMBER, steps=(Wait("answered", within_s=seconds), HangUp()))


def person(*, ring_s: float = 2.0, steps: tuple[Step, ...] | None = None) -> pytest.MarkDecorator:
    """Somebody at PERSON whose telephone rings so long before they answer, talk and hang up."""
    steps = steps or (Wait("answered"), says(tone(3.0, VOICE)), Wait("said"), HangUp())
    config = CarrierConfig(
        webhook_url=WEBHOOKS, numbers={PERSON: CallScript(steps=steps)}, ring_s=ring_s
    )
    return pytest.mark.virtual(config=config)


def names(report: Any) -> list[str]:
    return [command.name for command in report.commands]


def lost(*event_types: str) -> Callable[[SendWebhook], float]:
    def lateness(webhook: SendWebhook) -> float:
        data = cast("dict[str, Any]", webhook.event["data"])
        return float("inf") if data["event_type"] in event_types else 0.0

    return lateness


async def beeps(call: Call) -> None:
    await call.play(tone(1.0, BOT))


def answered_by_bot(report: CallReport) -> bool:
    return loud_s(report.bot, BOT) > 0.8


class Decides:
    """Does what it is told, and keeps what comes of it."""

    def __init__(self, act: Callable[[Ringing], Awaitable[Any]]) -> None:
        self._act = act
        self.rings: list[Ringing] = []
        self.results: list[Any] = []
        self.cancelled = False

    async def __call__(self, ring: Ringing) -> None:
        self.rings.append(ring)
        try:
            self.results.append(await self._act(ring))
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def nothing(ring: Ringing) -> None:
    """The bot answers."""


async def waits_for_ever(ring: Ringing) -> None:
    await asyncio.sleep(1000.0)


def parks(seconds: float) -> Decides:
    return Decides(lambda ring: asyncio.sleep(seconds))


async def crashes(ring: Ringing) -> None:
    raise ValueError("no such list")


# ---- what is known ------------------------------------------------------------------------------


async def test_who_decides_sees_who_is_calling(app: App, pair: Pair) -> None:
    decides = Decides(nothing)
    app.call(beeps)
    app.incoming(decides)
    script = CallScript(
        from_="+13125550111", to=NUMBER, headers={"X-Ticket": "7"},
        steps=(Wait("answered"), Wait("streaming"), LEAVES_IT),
    )  # fmt: skip
    report = await pair.call(script)
    (ring,) = decides.rings
    assert (ring.from_, ring.to) == ("+13125550111", NUMBER)
    assert ring.headers == {"X-Ticket": "7"}
    assert (ring.shaken_stir, ring.client_state) == (None, "")
    assert report.call_control_id == ring.call_control_id
    assert answered_by_bot(report)


@pytest.mark.parametrize(
    ("payload", "name", "headers", "shaken_stir"),
    [
        ({}, "", {}, None),
        ({"caller_id_name": None, "custom_headers": None}, "", {}, None),
        (
            {
                "caller_id_name": "ANN",
                "custom_headers": [{"name": "X-A", "value": "1"}, {"name": "X-A", "value": "2"}],
                "sip_headers": [{"name": "Diversion", "value": "<sip:1@x>"}, "odd", {}],
                "shaken_stir_attestation": "B",
                "shaken_stir_validated": True,
            },
            "ANN",
            {"X-A": "1, 2", "Diversion": "<sip:1@x>"},
            ShakenStir("B", validated=True),
        ),
        ({"shaken_stir_validated": False}, "", {}, ShakenStir("", validated=False)),
    ],
    ids=["nothing", "null", "all", "not validated"],
)
async def test_what_the_platform_says_of_the_caller_is_typed(
    app: App,
    pair: Pair,
    payload: dict[str, object],
    name: str,
    headers: dict[str, str],
    shaken_stir: ShakenStir | None,
) -> None:
    app.call(beeps)
    placed = await pair.ring(LEAVES_IT)
    (course,) = app.service.calls._by_reference.values()  # pyright: ignore[reportPrivateUsage]
    ring = Ringing(course.leg, course.platform, course.connecting, payload)
    assert (ring.caller_name, ring.headers, ring.shaken_stir) == (name, headers, shaken_stir)
    await placed.over()


# ---- rejecting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("busy", "user_busy"),
        ("declined", "call_rejected"),
        ("not_found", "not_found"),
        ("unavailable", "unspecified"),
    ],
)
async def test_a_call_that_is_rejected_is_not_answered(
    app: App, pair: Pair, reason: Any, cause: str
) -> None:
    app.call(beeps)
    decides = Decides(lambda ring: ring.reject(reason))
    app.incoming(decides)
    report = await pair.call(NEVER_ANSWERED)
    assert names(report) == ["reject"]
    assert report.hangup_cause == cause
    assert not answered_by_bot(report)
    assert app.service.calls.counts.refused == 1
    assert len(app.service.calls) == 0


async def test_a_rejection_that_the_platform_does_not_confirm_ends_the_call_all_the_same(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.call(beeps)
    app.incoming(Decides(lambda ring: ring.reject("busy")))
    pair.lateness = lost("call.hangup")
    report = await pair.call(NEVER_ANSWERED)
    assert names(report) == ["reject"]
    assert "the platform did not confirm the hang-up" in [r.message for r in caplog.records]
    assert dict(app.service.calls.counts.ended) == {"call_rejected": 1}


async def test_a_rejected_call_takes_nothing_more(app: App, pair: Pair) -> None:
    decides = Decides(rejects_twice)
    app.call(beeps)
    app.incoming(decides)
    await pair.call(NEVER_ANSWERED)
    assert decides.results == ["ended"]


async def rejects_twice(ring: Ringing) -> str:
    await ring.reject("busy")
    try:
        await ring.transfer(PERSON)
    except CallEnded:
        return "ended"
    return "not ended"


# ---- parking, and the deadline ------------------------------------------------------------------


async def test_a_call_rings_as_long_as_nobody_has_decided(app: App, pair: Pair) -> None:
    app.call(beeps)
    app.incoming(parks(20.0))
    report = await pair.call(caller(LEAVES_IT))
    (answer,) = [command for command in report.commands if command.name == "answer"]
    assert answer.at_s == pytest.approx(20.0, abs=0.1)
    assert answered_by_bot(report)


async def test_behind_the_deadline_the_bot_answers(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    decides = Decides(waits_for_ever)
    app.call(beeps)
    app.incoming(deadline=7.0)(decides)
    report = await pair.call(caller(LEAVES_IT))
    (answer,) = [command for command in report.commands if command.name == "answer"]
    assert answer.at_s == pytest.approx(7.0, abs=0.2)
    assert decides.cancelled
    assert answered_by_bot(report)
    assert [r for r in caplog.records if "has not decided" in r.message]


async def test_a_caller_who_hangs_up_cancels_it(app: App, pair: Pair) -> None:
    decides = Decides(waits_for_ever)
    app.call(beeps)
    app.incoming(decides)
    report = await pair.finished(pair.place(gives_up_after(5.0)))
    assert decides.cancelled
    assert names(report) == []


class Stubborn:
    """Does not decide, and does not end when it is told to, until it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def __call__(self, ring: Ringing) -> None:
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                continue


@pytest.mark.virtual(expect_crash=LeftBehind)
async def test_who_does_not_end_is_left_behind_and_the_bot_answers(app: App, pair: Pair) -> None:
    decides = Stubborn()
    app.call(beeps)
    app.incoming(deadline=2.0)(decides)
    report = await pair.call(caller(LEAVES_IT))
    decides.released.set()
    assert answered_by_bot(report)
    assert app.service.calls.counts.bots_stuck == 1


@pytest.mark.virtual(expect_crash=ValueError)
async def test_a_crash_is_told_and_the_bot_answers(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.call(beeps)
    app.incoming(crashes)
    report = await pair.call(caller(LEAVES_IT))
    assert answered_by_bot(report)
    (told,) = [r for r in caplog.records if "for incoming calls raised" in r.message]
    assert told.levelno == logging.ERROR
    assert "no such list" in str(told.exc_info)


# ---- transfers ----------------------------------------------------------------------------------


def transfers(timeout: float = 20.0) -> Decides:
    return Decides(lambda ring: ring.transfer(PERSON, timeout=timeout))


@person()
async def test_a_call_is_handed_over_without_being_answered_by_us(app: App, pair: Pair) -> None:
    decides = transfers()
    app.call(beeps)
    app.incoming(decides)
    report = await pair.call(NEVER_ANSWERED)
    assert decides.results == [Transferred("answered")]
    assert names(report) == ["transfer"]
    assert loud_s(report.bot, VOICE) > 2.5
    assert not answered_by_bot(report)


@person(steps=(Wait("answered"), says(tone(30.0, VOICE)), Wait("said"), HangUp()))
async def test_who_talks_is_left_alone_though_the_webhooks_of_it_are_lost(
    app: App, pair: Pair
) -> None:
    decides = transfers(timeout=5.0)
    app.call(beeps)
    app.incoming(decides)
    pair.lateness = lost("call.answered", "call.bridged")
    report = await pair.call(NEVER_ANSWERED)
    assert [outcome.result for outcome in decides.results] == ["answered"]
    assert loud_s(report.bot, VOICE) > 28.0
    assert not answered_by_bot(report)


@person(ring_s=60.0)
async def test_when_nobody_takes_the_call_the_bot_answers(app: App, pair: Pair) -> None:
    decides = transfers(timeout=8.0)
    app.call(beeps)
    app.incoming(decides)
    report = await pair.call(caller(LEAVES_IT))
    assert [outcome.result for outcome in decides.results] == ["no_answer"]
    assert answered_by_bot(report)
    assert names(report)[:2] == ["transfer", "answer"]


@person(ring_s=60.0)
async def test_a_caller_who_hangs_up_while_it_rings_there_is_an_outcome(
    app: App, pair: Pair
) -> None:
    decides = transfers()
    app.call(beeps)
    app.incoming(decides)
    await pair.finished(pair.place(gives_up_after(5.0)))
    assert [outcome.result for outcome in decides.results] == ["caller_hung_up"]


@person(ring_s=12.0)
async def test_the_deadline_waits_while_it_rings_there(app: App, pair: Pair) -> None:
    decides = transfers()
    app.call(beeps)
    app.incoming(deadline=5.0)(decides)
    report = await pair.call(NEVER_ANSWERED)
    assert decides.results == [Transferred("answered")]
    assert not answered_by_bot(report)
    assert loud_s(report.bot, VOICE) > 2.5


async def loses_patience(ring: Ringing) -> None:
    try:
        async with asyncio.timeout(1.0):
            await ring.transfer(PERSON, timeout=20.0)
    except TimeoutError:
        return


@person(ring_s=6.0)
async def test_who_answers_late_gets_the_caller_though_nobody_waits_any_more(
    app: App, pair: Pair
) -> None:
    app.call(beeps)
    app.incoming(loses_patience)
    report = await pair.call(NEVER_ANSWERED)
    assert not answered_by_bot(report)
    assert loud_s(report.bot, VOICE) > 2.5


# ---- registration -------------------------------------------------------------------------------


async def test_a_number_has_its_own_and_the_others_have_the_general_one(
    app: App, pair: Pair
) -> None:
    own, general = Decides(nothing), Decides(nothing)
    app.call(beeps)
    app.incoming("+1 (312) 555-0100")(own)
    app.incoming(general)
    await pair.call(caller(LEAVES_IT))
    await pair.call(caller(LEAVES_IT, to="+13125550177"))
    assert [len(own.rings), len(general.rings)] == [1, 1]


def test_two_who_decide_about_one_number_are_an_error(app: App) -> None:
    app.incoming(NUMBER)(nothing)
    app.incoming(nothing)
    with pytest.raises(SettingsError):
        app.incoming(NUMBER)(nothing)
    with pytest.raises(SettingsError):
        app.incoming()(nothing)
    with pytest.raises(SettingsError):
        app.incoming(deadline=0.0)


def test_what_cannot_decide_is_told_where_it_is_registered(app: App) -> None:
    with pytest.raises(BotError, match="not async"):
        app.incoming(_plain)  # type: ignore[arg-type]
    with pytest.raises(BotError, match="is called as"):
        app.incoming(_of_two)  # type: ignore[arg-type]


def _plain(ring: Ringing) -> None:
    """No coroutine."""


async def _of_two(ring: Ringing, more: str) -> None:
    """One argument too many."""
