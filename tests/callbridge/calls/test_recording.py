"""Recordings of a call: what is in them, and who learns of it when things go wrong."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import httpx
import msgspec
import pytest

from callbridge import (
    App,
    AudioFileError,
    Call,
    CallEnded,
    CommandRefused,
    PlatformTold,
    Recording,
    RecordingOutcome,
)
from callbridge.carrier.core.effects import SaveRecording, SendWebhook
from callbridge.host.audiofile import read
from callbridge.tape.events import ErrandSettled
from callbridge.testing import CallScript, CarrierConfig, HangUp, Pair, Wait, caller, says, tone
from callbridge.testing.pair import Rest
from tests.callbridge.hummed import LEAVES_IT, loud_s

BOT, PERSON, ASIDE = 440.0, 600.0, 800.0
NEVER = float("inf")


def late(seconds: float) -> Callable[[SendWebhook], float]:
    """Webhooks of recordings come so late."""

    def lateness(webhook: SendWebhook) -> float:
        data = cast("dict[str, Any]", webhook.event["data"])
        return seconds if data["event_type"].startswith("call.recording.") else 0.0

    return lateness


# ---- the bots -----------------------------------------------------------------------------------


class Records:
    """Beeps for a second while it is recorded, and asks what became of it."""

    def __init__(self, timeout: float = 30.0, **fields: Any) -> None:
        self.outcomes: list[RecordingOutcome] = []
        self.recordings: list[Recording] = []
        self._timeout, self._fields = timeout, fields

    async def __call__(self, call: Call) -> None:
        async with call.record(on_saved=self.keep, **self._fields) as recording:
            self.recordings.append(recording)
            await call.play(tone(1.0, BOT))
            await self.inside(call, recording)
        self.outcomes.append(await recording.saved(self._timeout))

    async def inside(self, call: Call, recording: Recording) -> None:
        """What else happens in the block."""

    async def keep(self, outcome: RecordingOutcome) -> None:
        self.outcomes.append(outcome)


class PausesItself(Records):
    async def inside(self, call: Call, recording: Recording) -> None:
        await recording.pause()
        assert recording.paused
        await call.play(tone(1.0, ASIDE))
        await recording.resume()
        await call.play(tone(1.0, BOT))


class Lingers(Records):
    async def inside(self, call: Call, recording: Recording) -> None:
        await asyncio.sleep(1.0)


class Crashes(Records):
    async def inside(self, call: Call, recording: Recording) -> None:
        raise ValueError("a bug of the bot")


class Listens(Records):
    """Until the caller hangs up."""

    async def inside(self, call: Call, recording: Recording) -> None:
        with pytest.raises(CallEnded):
            await call.gather(timeout=60.0)


class CrashesWhenTold(Records):
    async def keep(self, outcome: RecordingOutcome) -> None:
        self.outcomes.append(outcome)
        raise KeyError("no such folder")


class RecordsTwice:
    """One in the other, of which the inner one ends first."""

    def __init__(self) -> None:
        self.outcomes: list[RecordingOutcome] = []

    async def __call__(self, call: Call) -> None:
        async with call.record(format="wav") as whole:
            async with call.record(format="mp3", channels="single") as part:
                await call.play(tone(0.5, BOT))
            self.outcomes.append(await part.saved())
            await call.play(tone(0.5, BOT))
        self.outcomes.append(await whole.saved())


class AsksForTheImpossible:
    def __init__(self) -> None:
        self.refusals: list[CommandRefused] = []

    async def __call__(self, call: Call) -> None:
        try:
            async with call.record(max_length=99_999):
                pytest.fail("it is recorded")
        except CommandRefused as refused:
            self.refusals.append(refused)


def contents(pair: Pair, outcome: RecordingOutcome) -> Any:
    """(n, channels) of what the carrier has saved."""
    return pair.recordings.saved[outcome.id]


# ---- a block ------------------------------------------------------------------------------------


async def test_what_is_heard_in_the_block_is_in_the_file(app: App, pair: Pair) -> None:
    bot = Records(format="wav")
    app.call(bot)
    report = await pair.call(caller(says(tone(0.5, PERSON)), LEAVES_IT))
    outcome, told = bot.outcomes
    assert outcome == told
    assert outcome
    assert list(outcome.urls) == ["wav"]
    assert outcome.duration_s == pytest.approx(1.0, abs=0.15)
    person, ours = contents(pair, outcome).T
    assert loud_s(person, PERSON) == pytest.approx(0.5, abs=0.1)
    assert loud_s(ours, BOT) == pytest.approx(1.0, abs=0.1)
    assert [c.name for c in report.commands].count("record_stop") == 1


async def test_the_application_fetches_a_recording_by_its_link(app: App, pair: Pair) -> None:
    bot = Records(format="wav", channels="single")
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    clip = read(await app.fetch(bot.outcomes[0].urls["wav"]))
    assert loud_s(clip.pcm, BOT) == pytest.approx(1.0, abs=0.1)
    with pytest.raises(AudioFileError):
        await app.fetch("http://127.0.0.1:9/carrier/recordings/another/one.wav")


@pytest.mark.virtual(texml=True)
async def test_a_call_that_texml_leads_is_recorded_and_told_of_as_well(
    app: App, pair: Pair
) -> None:
    bot = Records()
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert bot.outcomes[0]
    assert report.duration_s < 5.0  # it was told, and had not to be asked for
    assert loud_s(contents(pair, bot.outcomes[0])[:, 1], BOT) > 0.8


async def test_what_is_said_in_a_pause_is_not_in_the_file(app: App, pair: Pair) -> None:
    bot = PausesItself()
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    pcm = contents(pair, bot.outcomes[0])[:, 1]
    assert loud_s(pcm, ASIDE) == 0.0
    assert loud_s(pcm, BOT) == pytest.approx(2.0, abs=0.2)
    assert loud_s(report.bot, ASIDE) > 0.8
    assert list(bot.outcomes[0].urls) == ["mp3"]


async def test_two_recordings_are_told_apart(app: App, pair: Pair) -> None:
    bot = RecordsTwice()
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    part, whole = bot.outcomes
    assert (list(part.urls), list(whole.urls)) == (["mp3"], ["wav"])
    assert contents(pair, part).shape[1] == 1
    assert len(contents(pair, whole)) > 1.8 * len(contents(pair, part))


async def test_a_refusal_is_an_error_with_the_platforms_words(app: App, pair: Pair) -> None:
    bot = AsksForTheImpossible()
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    assert bot.refusals[0].status == 422


async def test_a_recording_that_has_ended_by_itself_is_stopped_without_a_word(
    app: App, pair: Pair
) -> None:
    bot = Lingers(max_length=1)
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert bot.outcomes[0].duration_s == pytest.approx(1.0)
    assert "record_stop" not in [c.name for c in report.commands]


# ---- who hangs up, who crashes ------------------------------------------------------------------


async def test_the_caller_hangs_up_in_the_middle_and_the_file_is_told_of_all_the_same(
    app: App, pair: Pair
) -> None:
    bot = Listens()
    app.call(bot)
    pair.lateness = late(20.0)
    report = await pair.call(caller(Wait("bot_speaking", 1.0), HangUp()))
    assert bot.outcomes == []
    await asyncio.sleep(21.0)
    (outcome,) = bot.outcomes
    assert outcome
    assert loud_s(contents(pair, outcome)[:, 1], BOT) > 0.8
    assert "record_stop" not in [c.name for c in report.commands]
    assert app.service.calls.counts.stray_events == 0


async def test_saved_is_still_answered_when_the_call_and_the_bot_have_ended(
    app: App, pair: Pair
) -> None:
    bot = Listens()
    app.call(bot)
    pair.lateness = late(20.0)
    await pair.call(caller(Wait("bot_speaking", 1.0), HangUp()))
    early = await bot.recordings[0].saved(timeout=1.0)
    assert early  # the platform was asked, and knew it before its webhook came
    assert await bot.recordings[0].saved() == early


@pytest.mark.virtual(expect_crash=ValueError)
async def test_a_bot_that_crashes_in_the_block_is_recorded_no_more(app: App, pair: Pair) -> None:
    bot = Crashes()
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    (outcome,) = bot.outcomes
    assert outcome
    assert len(contents(pair, outcome)) / 8000 == pytest.approx(1.0, abs=0.15)
    assert loud_s(report.bot, 950.0) > 0.2  # the apology, which is not in the file
    assert loud_s(contents(pair, outcome)[:, 1], 950.0) == 0.0


@pytest.mark.virtual(expect_crash=KeyError)
async def test_a_crash_of_who_is_told_is_told(app: App, pair: Pair) -> None:
    bot = CrashesWhenTold()
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    assert [outcome.result for outcome in bot.outcomes].count("saved") == 2


SOMEBODY = "+13125550199"
TALKS = CallScript(steps=(Wait("answered"), says(tone(4.0, ASIDE)), Wait("said"), HangUp()))


class HandsOver(Records):
    async def inside(self, call: Call, recording: Recording) -> None:
        assert await call.transfer(SOMEBODY)


@pytest.mark.virtual(
    config=CarrierConfig(webhook_url="http://127.0.0.1:9/webhooks", numbers={SOMEBODY: TALKS})
)
async def test_who_is_handed_over_is_recorded_no_more(app: App, pair: Pair) -> None:
    bot = HandsOver()
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    outcome = bot.outcomes[0]
    assert outcome
    assert loud_s(report.bot, ASIDE) > 3.5
    assert loud_s(contents(pair, outcome)[:, 1], ASIDE) < 0.2


# ---- webhooks -----------------------------------------------------------------------------------


async def test_a_late_webhook_is_waited_for(app: App, pair: Pair) -> None:
    bot = Records()
    app.call(bot)
    pair.lateness = late(10.0)
    report = await pair.call(caller(LEAVES_IT))
    assert bot.outcomes[0]
    assert report.duration_s > 11.0


_delivered = Pair._deliver  # pyright: ignore[reportPrivateUsage]


def _deliver_twice(pair: Pair, webhook: SendWebhook, attempt: int) -> None:
    """The second time under another id."""
    _delivered(pair, webhook, attempt)
    data = cast("dict[str, Any]", webhook.event["data"])
    again = {"data": data | {"id": f"{data['id']}-again"}}
    _delivered(pair, msgspec.structs.replace(webhook, event=again), attempt)


async def test_a_webhook_that_comes_twice_is_told_once(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pair, "_deliver", _deliver_twice)
    bot = Records()
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    assert [outcome.result for outcome in bot.outcomes] == ["saved", "saved"]  # told, and returned


async def test_when_the_webhook_is_lost_the_platform_is_asked(app: App, pair: Pair) -> None:
    bot = Records()
    app.call(bot)
    pair.lateness = late(NEVER)
    await pair.call(caller(Wait("hangup", within_s=60.0)))
    outcome = bot.outcomes[0]
    assert outcome
    assert outcome.urls["mp3"]
    assert outcome.duration_s == pytest.approx(1.0, abs=0.15)
    assert outcome in bot.outcomes[1:]


async def test_what_the_platform_does_not_know_either_is_unknown(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rest, "handle_async_request", _knows_no_recordings)
    bot = Listens()
    app.call(bot)
    pair.lateness = late(NEVER)
    await pair.call(caller(Wait("bot_speaking", 1.0), HangUp()))
    await asyncio.sleep(299.0)
    assert bot.outcomes == []
    await asyncio.sleep(2.0)
    (outcome,) = bot.outcomes
    assert (outcome.result, outcome.id) == ("unknown", bot.recordings[0].id)
    assert not outcome


_asked = Rest.handle_async_request


async def _knows_no_recordings(rest: Rest, request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/recordings"):
        return httpx.Response(200, json={"data": [], "meta": {"total_pages": 1}})
    return await _asked(rest, request)


async def _names_no_recordings(rest: Rest, request: httpx.Request) -> httpx.Response:
    """The documents have no recording_id in the answer."""
    if request.url.path.endswith("/record_start"):
        await _asked(rest, request)
        return httpx.Response(200, json={"data": {"result": "ok"}})
    return await _asked(rest, request)


@pytest.mark.parametrize("seconds", [0.0, NEVER], ids=["told", "asked"])
async def test_a_platform_whose_answer_names_no_recording_is_understood(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(Rest, "handle_async_request", _names_no_recordings)
    bot = PausesItself()
    app.call(bot)
    pair.lateness = late(seconds)
    await pair.call(caller(Wait("hangup", within_s=60.0)))
    outcome = bot.outcomes[0]
    assert loud_s(contents(pair, outcome)[:, 1], ASIDE) == 0.0
    assert bot.recordings[0].id == outcome.id


def _cannot_save(pair: Pair, wish: SaveRecording) -> None:
    reason = "Failed to authorize with storage using custom credentials"
    pair.switch.recording_failed(wish.recording_id, reason, pair.clock.now())


async def test_two_without_names_are_told_apart_by_their_formats(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rest, "handle_async_request", _names_no_recordings)
    bot = RecordsTwice()
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    part, whole = bot.outcomes
    assert (list(part.urls), list(whole.urls)) == (["mp3"], ["wav"])


async def test_a_recording_that_cannot_be_saved_has_failed_and_says_why(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pair, "_save", _cannot_save)
    bot = Records()
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    outcome = bot.outcomes[0]
    assert (outcome.result, outcome.id) == ("failed", bot.recordings[0].id)
    assert outcome.cause.startswith("Failed to authorize")


async def test_of_two_the_error_names_neither_and_both_are_asked_for(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pair, "_save", _cannot_save)
    bot = EndsBothAtOnce()
    app.call(bot)
    report = await pair.call(caller(Wait("hangup", within_s=60.0)))
    assert [outcome.result for outcome in bot.outcomes] == ["failed", "failed"]
    assert report.duration_s < 40.0


class SavesTheFirst:
    """A platform that can save the first recording of a call alone."""

    def __init__(self) -> None:
        self._save = Pair._save  # pyright: ignore[reportPrivateUsage]
        self._first = ""

    def __get__(self, pair: Pair, owner: type[Pair]) -> Callable[[SaveRecording], None]:
        return partial(self._saves, pair)

    def _saves(self, pair: Pair, wish: SaveRecording) -> None:
        self._first = self._first or wish.recording_id
        if wish.recording_id == self._first:
            self._save(pair, wish)
        else:
            _cannot_save(pair, wish)


async def test_an_error_is_not_taken_for_that_of_a_recording_that_is_saved(
    app: App, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pair, "_save", SavesTheFirst())
    bot = TwoUntilTheEnd()
    app.call(bot)
    pair.lateness = later_saved
    await pair.call(caller(Wait("bot_speaking", 0.5), HangUp()))
    await asyncio.sleep(90.0)
    assert bot.told == {"first": "saved", "second": "failed"}


def later_saved(webhook: SendWebhook) -> float:
    """The error comes first."""
    data = cast("dict[str, Any]", webhook.event["data"])
    return 5.0 if data["event_type"] == "call.recording.saved" else 0.0


class TwoUntilTheEnd:
    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    async def __call__(self, call: Call) -> None:
        async with call.record(on_saved=self.first), call.record(on_saved=self.second):
            await call.play(tone(0.6, BOT))
            await call.gather(timeout=60.0)

    async def first(self, outcome: RecordingOutcome) -> None:
        self.told["first"] = outcome.result

    async def second(self, outcome: RecordingOutcome) -> None:
        self.told["second"] = outcome.result


class SeesTheLink:
    """By each of the ways in which a bot is told."""

    def __init__(self) -> None:
        self.urls: list[object] = []

    async def __call__(self, call: Call) -> None:
        told = asyncio.ensure_future(call.event("call.recording.saved", timeout=10.0))
        seen = asyncio.ensure_future(self._first(call))
        async with call.record(format="wav") as recording:
            await call.play(tone(0.5, BOT))
        saved = await told
        assert saved is not None
        self.urls = [saved.payload["recording_urls"], await seen, (await recording.saved()).urls]

    async def _first(self, call: Call) -> object:
        async for event in call.events():
            if isinstance(event, PlatformTold) and "recording_urls" in event.payload:
                return event.payload["recording_urls"]
        return None


async def test_the_bot_is_told_the_whole_link(app: App, pair: Pair) -> None:
    bot = SeesTheLink()
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    assert bot.urls[0] == bot.urls[1] == bot.urls[2]
    assert "***" not in str(bot.urls)


async def test_a_process_that_ends_waits_for_what_is_yet_to_be_told(app: App, pair: Pair) -> None:
    bot = Listens()
    app.call(bot)
    pair.lateness = late(3.0)
    await pair.call(caller(Wait("bot_speaking", 1.0), HangUp()))
    assert bot.outcomes == []
    await app.close()
    assert [outcome.result for outcome in bot.outcomes] == ["saved"]


class EndsBothAtOnce(RecordsTwice):
    async def __call__(self, call: Call) -> None:
        async with call.record() as first, call.record() as second:
            await call.play(tone(0.5, BOT))
        self.outcomes += [await first.saved(10.0), await second.saved(10.0)]


async def test_after_the_call_its_tape_says_what_became_of_the_recording(
    app: App, pair: Pair
) -> None:
    tape = Kept()
    app.call(Records())
    placed = await pair.ring(Wait("hangup"))
    (leg,) = app.service.calls.legs()
    leg.tape._readers = (*leg.tape._readers, tape)  # pyright: ignore[reportPrivateUsage]
    await placed.over()
    assert [(e.errand, e.result) for e in tape.settled] == [("recording", "saved")]
    (saved,) = [told for told in tape.told if told.event_type == "call.recording.saved"]
    assert str(saved.payload["recording_urls"]).endswith(".mp3?***'}")


class Kept:
    """A reader of a tape."""

    def __init__(self) -> None:
        self.settled: list[ErrandSettled] = []
        self.told: list[PlatformTold] = []

    def on_event(self, ids: object, at: float, event: object, error: object) -> None:
        if isinstance(event, ErrandSettled):
            self.settled.append(event)
        elif isinstance(event, PlatformTold):
            self.told.append(event)
