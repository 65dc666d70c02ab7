"""What was asked of the platform belongs to the leg, whoever waits for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from callbridge import App, Call, Transferred, Turn
from callbridge.carrier.core.effects import SendWebhook
from callbridge.testing import (
    CallReport,
    CallScript,
    CarrierConfig,
    HangUp,
    Pair,
    Wait,
    caller,
    says,
    tone,
)
from callbridge.testing.callers import NUMBER
from callbridge.testing.speech import pitched
from tests.callbridge.does import Does
from tests.callbridge.hummed import LEAVES_IT, loud_s

PERSON = "+13125550199"
HELLO, WAIT = 440.0, 600.0
VOICE = 300.0  # of the person
TEXTS = {HELLO: "hello there", WAIT: "are you there", VOICE: "person"}
WEBHOOKS = "http://127.0.0.1:9/webhooks"
FOR_GOOD = float("inf")


@pytest.fixture
def app() -> App:
    return App(speech=pitched(TEXTS))


def person(*, ring_s: float, talks_s: float = 4.0) -> pytest.MarkDecorator:
    """Somebody whose telephone rings so long before they answer, talk and hang up."""
    steps = (Wait("answered"), says(tone(talks_s, VOICE)), Wait("said"), HangUp())
    numbers = {PERSON: CallScript(steps=steps)}
    config = CarrierConfig(webhook_url=WEBHOOKS, numbers=numbers, ring_s=ring_s)
    return pytest.mark.virtual(config=config)


def late(seconds: float, *event_types: str) -> Callable[[SendWebhook], float]:
    """These webhooks of the person's leg come later."""

    def lateness(webhook: SendWebhook) -> float:
        data = cast("dict[str, Any]", webhook.event["data"])
        of_person = data["payload"].get("to") == PERSON
        return seconds if of_person and data["event_type"] in event_types else 0.0

    return lateness


def commands(report: CallReport) -> list[object]:
    return [entry.detail["action"] for entry in report.tape if entry.kind == "command"]


# ---- the bots -----------------------------------------------------------------------------------


class Receptionist:
    """Transfers who says hello, and says to whoever speaks meanwhile that it rings."""

    def __init__(self) -> None:
        self.outcomes: list[Transferred] = []

    async def __call__(self, call: Call, turn: Turn) -> AsyncIterator[str]:
        if turn.text == TEXTS[HELLO]:
            yield "One moment."
            self.outcomes.append(await call.transfer(PERSON, timeout=20))
        else:
            yield "Still ringing."


def transfers() -> Does:
    return Does(lambda call: call.transfer(PERSON, timeout=8))


async def transfers_and_loses_patience(call: Call) -> None:
    async with asyncio.timeout(1.0):
        await call.transfer(PERSON, timeout=20)


async def beeps(call: Call) -> None:
    await call.write(tone(1.0))


# ---- transfers ----------------------------------------------------------------------------------


@person(ring_s=8.0)
async def test_a_word_while_the_phone_rings_does_not_cost_the_person_who_answers(
    app: App, pair: Pair
) -> None:
    app.reply()(Receptionist())
    report = await pair.call(
        caller(
            says(tone(1.0, HELLO)), Wait("bot_speaking", 0.2), Wait("bot_silent", 1.0),
            says(tone(1.0, WAIT)), Wait("hangup", within_s=60),
        )
    )  # fmt: skip
    assert report.bridged
    assert "hangup" not in commands(report)
    assert loud_s(report.bot, VOICE) > 3.8
    assert commands(report)[-1] == "streaming_stop"  # the bot has left: it talks over nobody


@person(ring_s=1.0, talks_s=40.0)
@pytest.mark.parametrize("seconds", [9.0, 28.0, FOR_GOOD], ids=["late", "very late", "lost"])
async def test_people_who_talk_are_not_hung_up_because_a_webhook_is_late_or_lost(
    app: App, pair: Pair, seconds: float
) -> None:
    bot = transfers()
    app.call(bot)
    pair.lateness = late(seconds, "call.answered", "call.bridged")
    report = await pair.call(caller(LEAVES_IT))
    assert [outcome.result for outcome in bot.results] == ["answered"]
    assert loud_s(report.bot, VOICE) > 39.0
    assert "hangup" not in commands(report)


@person(ring_s=1.0, talks_s=40.0)
async def test_silence_about_a_leg_that_nothing_is_known_of_is_unknown_and_hangs_nobody_up(
    app: App, pair: Pair
) -> None:
    bot = transfers()
    app.call(bot)
    lost = ("call.initiated", "call.answered", "call.bridged", "call.hangup")
    pair.lateness = late(FOR_GOOD, *lost)
    report = await pair.call(caller(LEAVES_IT))
    assert [outcome.result for outcome in bot.results] == ["unknown"]
    assert loud_s(report.bot, VOICE) > 39.0
    assert "hangup" not in commands(report)


async def test_nobody_answers_and_the_platform_says_so_when_it_is_asked(
    app: App, pair: Pair
) -> None:
    """As the number is not listed, it rings until the platform gives up."""
    bot = Does(
        lambda call: call.transfer(PERSON, timeout=8),
        lambda call: call.write(tone(1.0, VOICE)),
    )
    app.call(bot)
    pair.lateness = late(FOR_GOOD, "call.hangup")
    report = await pair.call(caller(Wait("hangup", within_s=60)))
    assert bot.results[0].result == "no_answer"
    assert loud_s(report.bot, VOICE) > 0.9
    assert commands(report)[-1] == "hangup"


@person(ring_s=5.0)
@pytest.mark.virtual(expect_crash=TimeoutError)
async def test_a_bot_that_crashes_while_the_phone_rings_costs_nobody_the_call(
    app: App, pair: Pair
) -> None:
    app.call(transfers_and_loses_patience)
    report = await pair.call(caller(Wait("hangup", within_s=60)))
    assert report.bridged
    assert loud_s(report.bot, VOICE) > 3.8
    assert "hangup" not in commands(report)


@person(ring_s=8.0)
async def test_a_caller_who_hangs_up_while_it_rings_leaves_nothing_behind(
    app: App, pair: Pair
) -> None:
    receptionist = app.reply()(Receptionist())
    report = await pair.call(caller(says(tone(1.0, HELLO)), Wait("bot_silent", 3.0)))
    assert not report.bridged
    assert [outcome.result for outcome in receptionist.outcomes] == ["caller_hung_up"]


@person(ring_s=8.0)
async def test_a_caller_who_hangs_up_first_is_an_outcome_of_the_transfer(
    app: App, pair: Pair
) -> None:
    bot = transfers()
    app.call(bot)
    report = await pair.call(caller(says(tone(2.0, HELLO)), Wait("said"), HangUp()))
    assert bot.results == [Transferred("caller_hung_up", report.hangup_cause or "")]
    assert not bot.results[0]
    assert app.service.calls.counts.bots_crashed == 0


# ---- a dial -------------------------------------------------------------------------------------


@person(ring_s=1.0, talks_s=30.0)
async def test_a_dialled_person_whose_answer_is_never_told_is_answered_all_the_same(
    app: App, pair: Pair
) -> None:
    pair.lateness = late(FOR_GOOD, "call.answered")
    dialled = await app.dial(PERSON, NUMBER, bot=beeps, timeout=8)
    assert dialled.result == "answered"
