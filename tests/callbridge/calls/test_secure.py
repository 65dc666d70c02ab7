"""Numbers of cards and PINs: the bot gets them, and nobody reads them later."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest

from callbridge import App, Call, CallEnded, CommandRefused, PlatformTold, Recording
from callbridge.carrier.core.effects import SendWebhook
from callbridge.errors import LocalProtocolError
from callbridge.tape.events import KeyPressed
from callbridge.testing import HangUp, Pair, Press, Wait, caller, says, tone
from callbridge.testing.pair import Rest
from tests.callbridge.hummed import LEAVES_IT, loud_s

CARD = "4929 three seven one 5551"
PIN = "4711"
BEFORE, INSIDE, AFTER = 440.0, 600.0, 800.0
PAUSES = ("record_pause", "record_resume")


def late(seconds: float, event_type: str) -> Callable[[SendWebhook], float]:
    def lateness(webhook: SendWebhook) -> float:
        data = cast("dict[str, Any]", webhook.event["data"])
        return seconds if data["event_type"] == event_type else 0.0

    return lateness


class Asks:
    """For a card by voice and for a PIN by keys, in a secure block."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.history: list[str] = []
        self.keys: list[str] = []
        self.told: PlatformTold | None = None

    async def __call__(self, call: Call) -> None:
        watching = asyncio.create_task(self._watch(call))
        async with call.secure():
            await call.say("Your card, please.")
            card = (await call.listen()).text
            await call.say(f"That is {card}?")
            key = call.event("call.dtmf.received", timeout=5.0)
            pin = (await call.gather(len(PIN), timeout=20.0)).digits
            self.told = await key
            call.log.info("card %s, pin %s", card, pin, extra={"pin": pin, "cents": 995})
            self.answers += [card, pin]
        self.history = [message["content"] for message in call.history]
        await call.say("Press one of 12 keys.")
        self.answers.append((await call.gather(1)).digits)
        watching.cancel()

    async def _watch(self, call: Call) -> None:
        async for event in call.events():
            if isinstance(event, KeyPressed):
                self.keys.append(event.digit)


def answers() -> Any:
    return caller(
        Wait("bot_silent", 1.0), says(CARD), Wait("bot_speaking", 0.5), Wait("bot_silent", 1.0),
        Press(PIN), Wait("bot_speaking", 0.5), Wait("bot_silent", 1.0), Press("8"), LEAVES_IT,
    )  # fmt: skip


# ---- what is kept -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "voice",
    [
        pytest.param("media", marks=pytest.mark.virtual(voice="media")),
        pytest.param("relay", marks=pytest.mark.virtual(voice="relay")),
    ],
)
async def test_the_bot_gets_the_number_and_the_tape_the_log_and_the_history_dots(
    app: App, pair: Pair, voice: str
) -> None:
    bot = Asks()
    app.call(bot)
    report = await pair.call(answers())
    assert bot.answers == [CARD, PIN, "8"]
    assert [turn.text for turn in report.heard] == ["•••• • • • ••••"]
    assert [turn.text for turn in report.said] == [
        "Your card, please.", "That is •••• • • • ••••?",
        "Press one of 12 keys.",
    ]  # fmt: skip
    assert bot.history == ["Your card, please.", "•••• • • • ••••", "That is •••• • • • ••••?"]
    assert bot.keys == ["•", "•", "•", "•", "8"]
    assert bot.told is not None
    assert bot.told.payload["digit"] == "4"  # who has asked for it


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["in time", "late"])
async def test_no_digit_is_on_the_tape_or_in_the_log(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture, seconds: float
) -> None:
    caplog.set_level(logging.DEBUG, "callbridge")
    tape = Lines()
    pair.lateness = late(seconds, "call.dtmf.received")
    app.call(Asks())
    placed = await pair.ring(*answers().steps[2:])
    (leg,) = app.service.calls.legs()
    leg.tape._readers = (*leg.tape._readers, tape)  # pyright: ignore[reportPrivateUsage]
    await placed.over()
    await asyncio.sleep(2.0)  # for webhooks that come behind the end
    logged = [vars(record) for record in caplog.records]
    line = next(fields for fields in logged if "card" in str(fields["msg"]))
    assert line["message"] == "card •••• • • • ••••, pin ••••"
    assert (line["pin"], line["cents"]) == ("••••", "•••")
    told = [event for event in tape.events if isinstance(event, PlatformTold)]
    digits = [event.payload["digit"] for event in told if "digit" in event.payload]
    assert len(digits) >= len(PIN)
    assert set(digits) == {"•"}
    kept = [
        f"{value}" for fields in logged for value in fields.values() if type(value) in (str, dict)
    ]
    for text in (str(tape.events), str(kept)):
        assert "4929" not in text
        assert "5551" not in text


class Lines:
    """A reader of a tape."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.errors: list[object] = []

    def on_event(self, ids: object, at: float, event: object, error: object) -> None:
        self.events.append(event)
        self.errors.append(error)


class CrashesWithIt:
    async def __call__(self, call: Call) -> None:
        async with call.record(format="wav"), call.secure():
            pin = (await call.gather(4, timeout=20.0)).digits
            raise ValueError(f"no account has {pin}")


@pytest.mark.virtual(expect_crash=ValueError)
async def test_a_crash_with_the_number_in_its_words_is_told_without_it(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.call(CrashesWithIt())
    report = await pair.call(caller(Press(PIN), LEAVES_IT))
    assert [str(crash) for crash in report.crashes] == ["no account has ••••"]
    (crashed,) = [record for record in caplog.records if record.message == "the bot raised"]
    assert crashed.exc_info is not None
    assert "no account has ••••" in str(crashed.exc_info[1])
    assert PIN not in str([each for each in vars(crashed).values() if not isinstance(each, float)])
    assert [command.name for command in report.commands].count("record_resume") == 1


class LogsWhatItCatches:
    async def __call__(self, call: Call) -> None:
        async with call.secure():
            try:
                raise KeyError(PIN)
            except KeyError:
                call.log.exception("failed with 100%% of %s", PIN)


async def test_an_error_that_is_logged_in_the_block_has_no_digits(
    app: App, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    app.call(LogsWhatItCatches())
    await pair.call(caller(LEAVES_IT))
    (record,) = [record for record in caplog.records if "failed" in record.message]
    assert record.message == "failed with •••% of ••••"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "'••••'"


# ---- recordings ---------------------------------------------------------------------------------


class Records:
    """Beeps before, in and behind a secure block, and while it is recorded."""

    def __init__(self, *, nested: bool = False) -> None:
        self.recording: Recording | None = None
        self._nested = nested

    async def __call__(self, call: Call) -> None:
        async with call.record(format="wav") as self.recording:
            await call.play(tone(1.0, BEFORE))
            async with call.secure():
                if self._nested:
                    async with call.secure():
                        await call.play(tone(0.5, INSIDE))
                await self.inside(call, self.recording)
            await call.play(tone(1.0, AFTER))
        await self.recording.saved()

    async def inside(self, call: Call, recording: Recording) -> None:
        await call.play(tone(1.0, INSIDE))

    def heard(self, pair: Pair) -> list[float]:
        """Seconds of each beep in the file."""
        assert self.recording is not None
        ours = pair.recordings.saved[self.recording.id][:, 1]
        return [round(loud_s(ours, hertz), 1) for hertz in (BEFORE, INSIDE, AFTER)]


class PausedByTheBot(Records):
    async def inside(self, call: Call, recording: Recording) -> None:
        await recording.pause()


class ResumesTooEarly(Records):
    async def inside(self, call: Call, recording: Recording) -> None:
        await recording.pause()
        await recording.resume()
        await call.play(tone(1.0, INSIDE))


class BeginsInside(Records):
    async def inside(self, call: Call, recording: Recording) -> None:
        with pytest.raises(LocalProtocolError):
            async with call.record():
                pytest.fail("it is recorded")


class GoesOnInside(Records):
    async def inside(self, call: Call, recording: Recording) -> None:
        with pytest.raises(CallEnded):
            await call.gather(timeout=60.0)
        raise CallEnded("as it was told")


def paused(report: Any) -> list[str]:
    return [command.name for command in report.commands if command.name in PAUSES]


@pytest.mark.parametrize(
    ("bot", "heard"),
    [
        (Records(), [1.0, 0.0, 1.0]),
        (Records(nested=True), [1.0, 0.0, 1.0]),
        (ResumesTooEarly(), [1.0, 0.0, 1.0]),
        (BeginsInside(), [1.0, 0.0, 1.0]),
        (PausedByTheBot(), [1.0, 0.0, 0.0]),
    ],
    ids=["once", "nested", "resumed by the bot", "begun in it", "paused by the bot"],
)
async def test_the_block_is_not_in_the_recording(
    app: App, pair: Pair, bot: Records, heard: list[float]
) -> None:
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert bot.heard(pair) == pytest.approx(heard, abs=0.11)
    assert len(paused(report)) == (2 if heard[2] else 1)


async def test_a_caller_who_hangs_up_in_the_block_leaves_what_was_before_it(
    app: App, pair: Pair
) -> None:
    bot = GoesOnInside()
    app.call(bot)
    report = await pair.call(caller(Wait("bot_speaking", 1.0), Wait("bot_silent", 2.0), HangUp()))
    await asyncio.sleep(1.0)
    assert bot.heard(pair) == pytest.approx([1.0, 0.0, 0.0], abs=0.11)
    assert paused(report) == ["record_pause"]


_asked = Rest.handle_async_request


async def _refuses_to_pause(rest: Rest, request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("record_pause"):
        error = {"code": "90020", "title": "Not now"}
        return httpx.Response(422, json={"errors": [error]})
    return await _asked(rest, request)


async def _refuses_to_resume(rest: Rest, request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("record_resume"):
        error = {"code": "90020", "title": "Not now"}
        return httpx.Response(422, json={"errors": [error]})
    return await _asked(rest, request)


class IsRefused:
    def __init__(self) -> None:
        self.asked = False
        self.refusals: list[CommandRefused] = []

    async def __call__(self, call: Call) -> None:
        async with call.record():
            try:
                async with call.secure():
                    self.asked = True
            except CommandRefused as refused:
                self.refusals.append(refused)


async def test_when_the_pause_is_refused_nothing_is_asked(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rest, "handle_async_request", _refuses_to_pause)
    bot = IsRefused()
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    assert not bot.asked
    assert bot.refusals[0].code == "90020"


async def test_a_recording_that_does_not_resume_is_an_error_in_the_log_and_no_end_of_the_bot(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Rest, "handle_async_request", _refuses_to_resume)
    bot = Records()
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert loud_s(report.bot, AFTER) > 0.8
    assert bot.recording is not None
    assert bot.recording.paused
    assert "recording not changed" in [record.message for record in caplog.records]
