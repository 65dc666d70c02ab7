"""What was asked of the platform belongs to the leg, whoever waits for it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import numpy as np
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
    run,
    says,
    tone,
)
from callbridge.testing.speech import pitched

PERSON = "+13125550199"
HELLO, WAIT = 440.0, 600.0
VOICE = 300.0  # of the person
TEXTS = {HELLO: "hello there", WAIT: "are you there", VOICE: "person"}
WEBHOOKS = "http://127.0.0.1:9/webhooks"
FOR_GOOD = float("inf")


def house(ring_s: float, talks_s: float = 4.0) -> CarrierConfig:
    """A person whose telephone rings so long before they answer, talk and hang up."""
    person = CallScript(
        steps=(Wait("answered"), says(tone(talks_s, VOICE)), Wait("said"), HangUp())
    )
    return CarrierConfig(webhook_url=WEBHOOKS, numbers={PERSON: person}, ring_s=ring_s)


def called(
    app: App,
    config: CarrierConfig,
    script: CallScript,
    lateness: object = None,
    **options: Any,
) -> CallReport:
    reports: list[CallReport] = []

    async def whole() -> None:
        pair = Pair(app, config, **options)
        if lateness is not None:
            pair.lateness = lateness  # type: ignore[assignment]
        reports.append(await pair.call(script))
        await pair.close()
        await asyncio.sleep(1.0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(whole())
    return reports[0]


def commands(report: CallReport) -> list[object]:
    return [entry.detail["action"] for entry in report.tape if entry.kind == "command"]


def heard_s(report: CallReport, hertz: float) -> float:
    frames = report.bot[: len(report.bot) // 160 * 160].reshape(-1, 160).astype(np.float64)
    spectra = np.abs(np.fft.rfft(frames * np.hanning(160), 1600))
    there = (spectra.max(axis=1) > 5000) & (np.abs(spectra.argmax(axis=1) * 5.0 - hertz) < 30)
    return float(there.sum()) / 50


def late(seconds: float, *event_types: str) -> object:
    """These webhooks of the person's leg come later."""

    def lateness(webhook: SendWebhook) -> float:
        data = cast("dict[str, Any]", webhook.event["data"])
        of_person = data["payload"].get("to") == PERSON
        return seconds if of_person and data["event_type"] in event_types else 0.0

    return lateness


def receptionist(outcomes: list[Transferred], **settings: object) -> App:
    app = App(speech=pitched(TEXTS))

    @app.reply(**settings)  # type: ignore[arg-type]
    async def reply(call: Call, turn: Turn) -> AsyncIterator[str]:
        if turn.text == "hello there":
            yield "One moment."
            outcomes.append(await call.transfer(PERSON, timeout=20))
        else:
            yield "Still ringing."

    return app


def test_a_word_while_the_phone_rings_does_not_cost_the_person_who_answers() -> None:
    script = caller(
        says(tone(1.0, HELLO)),
        Wait("bot_speaking", 0.2),
        Wait("bot_silent", 1.0),
        says(tone(1.0, WAIT)),
        Wait("hangup", within_s=60),
    )
    outcomes: list[Transferred] = []
    report = called(receptionist(outcomes), house(ring_s=8.0), script)
    assert report.bridged
    assert "hangup" not in commands(report)
    assert heard_s(report, VOICE) > 3.8
    assert commands(report)[-1] == "streaming_stop"  # the bot has left: it talks over nobody


@pytest.mark.parametrize("seconds", [9.0, 28.0, FOR_GOOD], ids=["late", "very late", "lost"])
def test_people_who_talk_are_not_hung_up_because_a_webhook_is_late_or_lost(seconds: float) -> None:
    outcomes: list[Transferred] = []
    app = App()

    @app.call
    async def bot(call: Call) -> None:
        outcomes.append(await call.transfer(PERSON, timeout=8))

    lateness = late(seconds, "call.answered", "call.bridged")
    config = house(ring_s=1.0, talks_s=40.0)
    report = called(app, config, caller(Wait("hangup", within_s=120)), lateness)
    assert [outcome.result for outcome in outcomes] == ["answered"]
    assert heard_s(report, VOICE) > 39.0
    assert "hangup" not in commands(report)


def test_silence_about_a_leg_that_nothing_is_known_of_is_unknown_and_hangs_nobody_up() -> None:
    outcomes: list[Transferred] = []
    app = App()

    @app.call
    async def bot(call: Call) -> None:
        outcomes.append(await call.transfer(PERSON, timeout=8))

    lost = late(FOR_GOOD, "call.initiated", "call.answered", "call.bridged", "call.hangup")
    config = house(ring_s=1.0, talks_s=40.0)
    report = called(app, config, caller(Wait("hangup", within_s=120)), lost)
    assert [outcome.result for outcome in outcomes] == ["unknown"]
    assert heard_s(report, VOICE) > 39.0
    assert "hangup" not in commands(report)


def test_nobody_answers_and_the_platform_says_so_when_it_is_asked() -> None:
    outcomes: list[Transferred] = []
    app = App()

    @app.call
    async def bot(call: Call) -> None:
        outcomes.append(await call.transfer(PERSON, timeout=8))
        await call.write(tone(1.0, VOICE))

    config = CarrierConfig(webhook_url=WEBHOOKS)  # rings until the platform gives up
    report = called(app, config, caller(Wait("hangup", within_s=60)), late(FOR_GOOD, "call.hangup"))
    assert [outcome.result for outcome in outcomes] == ["no_answer"]
    assert heard_s(report, VOICE) > 0.9
    assert commands(report)[-1] == "hangup"


def test_a_bot_that_crashes_while_the_phone_rings_costs_nobody_the_call() -> None:
    app = App()

    @app.call
    async def bot(call: Call) -> None:
        async with asyncio.timeout(1.0):
            await call.transfer(PERSON, timeout=20)

    leaves = caller(Wait("hangup", within_s=60))
    report = called(app, house(ring_s=5.0), leaves, expect_crash=TimeoutError)
    assert report.bridged
    assert heard_s(report, VOICE) > 3.8
    assert "hangup" not in commands(report)


def test_a_caller_who_hangs_up_while_it_rings_leaves_nothing_behind() -> None:
    outcomes: list[Transferred] = []
    app = receptionist(outcomes)
    waits = (says(tone(1.0, HELLO)), Wait("bot_silent", 3.0))
    report = called(app, house(ring_s=8.0), caller(*waits))
    assert not report.bridged
    assert not outcomes


def test_a_dialled_person_whose_answer_is_never_told_is_answered_all_the_same() -> None:
    results: list[str] = []
    app = App()

    async def bot(call: Call) -> None:
        await call.write(tone(1.0))

    async def whole() -> None:
        pair = Pair(app, house(ring_s=1.0, talks_s=30.0))
        pair.lateness = late(FOR_GOOD, "call.answered")  # type: ignore[assignment]
        dialled = await app.dial(PERSON, "+13125550100", bot=bot, timeout=8)
        results.append(dialled.result)
        await pair.quiet()
        await app.close()

    run(whole())
    assert results == ["answered"]
