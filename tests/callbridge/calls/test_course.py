"""The life of a call, end to end in virtual time: every way in and every way out."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest
from examples import jingle

from callbridge import App, Call, CallEnded, CallGone, CallReleased, StreamLost, Transferred
from callbridge.calls.leg import client_state
from callbridge.carrier.config import Unreachable
from callbridge.carrier.core.effects import SendWebhook
from callbridge.carrier.people.script import Step
from callbridge.control.commands import Hangup
from callbridge.control.events import Event
from callbridge.testing import (
    CallReport,
    CallScript,
    CarrierConfig,
    HangUp,
    LeftBehind,
    Pair,
    Press,
    Wait,
    caller,
    converse,
    run,
    says,
    tone,
)
from callbridge.testing.callers import NUMBER
from telecodecs.dtmf import DtmfDetector
from tests.callbridge.does import Does
from tests.callbridge.hummed import LEAVES_IT

ELSEWHERE = "+13125550199"
WEBHOOKS = "http://127.0.0.1:9/webhooks"
WAITS_IN_VAIN = CallScript(to=NUMBER, steps=(Wait("hangup"),))


def gives_up_after(seconds: float) -> CallScript:
    """Somebody who rings so long, and whose script fails if nobody answers."""
    return CallScript(to=NUMBER, steps=(Wait("answered", within_s=seconds), HangUp()))


def elsewhere(*steps: Step) -> CarrierConfig:
    """A carrier with a person at ELSEWHERE, who answers and does these steps."""
    person = CallScript(steps=(Wait("answered"), *steps))
    return CarrierConfig(webhook_url=WEBHOOKS, numbers={ELSEWHERE: person})


def refusing(behaviour: Unreachable) -> pytest.MarkDecorator:
    """A carrier on which ELSEWHERE does this."""
    config = CarrierConfig(webhook_url=WEBHOOKS, numbers={ELSEWHERE: behaviour})
    return pytest.mark.virtual(config=config)


REFUSALS = [
    pytest.param("busy", marks=refusing("busy")),
    pytest.param("no_answer", marks=refusing("no_answer")),
    pytest.param("declined", marks=refusing("reject")),
    pytest.param("failed", marks=refusing("not_found")),
]


def causes(app: App) -> dict[str, int]:
    return dict(app.service.calls.counts.ended)


# ---- the bots -----------------------------------------------------------------------------------


async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)


async def interrupts_every_ten_seconds(call: Call) -> None:
    """An echo that is cut by itself."""
    frames = 0
    async for pcm in call.audio():
        await call.write(pcm)
        frames += 1
        if frames % 500 == 0:
            call.interrupt()


async def beeps_for_two_seconds(call: Call) -> None:
    await call.write(tone(2.0))


async def crashes_while_it_beeps(call: Call) -> None:
    await call.write(tone(5.0))
    raise ValueError("a bug of the bot")


class Stubborn:
    """Swallows cancellation a hundred times, or until it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        for _ in range(100):
            if self.released.is_set():
                break
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                continue

    async def gives_in(self) -> None:
        """Ends at last: no task may outlive its test."""
        self.released.set()
        (left,) = (task for task in asyncio.all_tasks() if task.get_name().startswith("bot "))
        left.cancel()
        await asyncio.wait({left})


class InAGroup:
    """Does several things at once."""

    def __init__(self, *works: Callable[[Call], Coroutine[Any, Any, None]]) -> None:
        self._works = works

    async def __call__(self, call: Call) -> None:
        async with asyncio.TaskGroup() as tasks:
            for work in self._works:
                tasks.create_task(work(call))


async def asks_for_a_key(call: Call) -> None:
    await call.gather(timeout=1000)


async def fails_in_the_end(call: Call) -> None:
    try:
        await call.gather(timeout=1000)
    except CallEnded:
        raise ValueError("no bot should") from None


class TriesAgain:
    """Goes on when its call has ended, and keeps the errors that it is given."""

    def __init__(self) -> None:
        self.errors: list[type[Exception]] = []

    async def __call__(self, call: Call) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            for attempt in (call.write(tone(0.1)), call.gather(), call.transfer(ELSEWHERE)):
                try:
                    await attempt
                except CallEnded as error:
                    self.errors.append(type(error))


class ToldOfItsStream:
    """An echo that keeps why it ended."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    async def __call__(self, call: Call) -> None:
        try:
            await echo(call)
        except StreamLost as error:
            self.errors.append(str(error))
            raise


class HandsOver:
    """Transfers the caller, and beeps for a second if that fails."""

    def __init__(self) -> None:
        self.outcomes: list[Transferred] = []

    async def __call__(self, call: Call) -> None:
        outcome = await call.transfer(ELSEWHERE, timeout=8)
        self.outcomes.append(outcome)
        if not outcome:
            await call.write(tone(1.0))
        else:
            with pytest.raises(CallReleased):
                await call.write(tone(1.0))


# ---- audio and keys -----------------------------------------------------------------------------


async def test_an_echo_is_the_callers_voice_sample_for_sample(app: App, pair: Pair) -> None:
    app.call(echo)
    report = await pair.call(caller(says(tone(1.0)), Wait("bot_silent", 0.6)))
    spoken = report.caller[np.flatnonzero(report.caller)[0] :][:8000]
    echoed = report.bot[np.flatnonzero(report.bot)[0] :][:8000]
    delay = np.flatnonzero(report.bot)[0] - np.flatnonzero(report.caller)[0]
    assert 0 < delay <= 480  # 60 ms: two ticks of the carrier and nothing of ours
    # mu-law twice is mu-law once: the echo equals the voice as the line carried it.
    error = echoed.astype(float) - spoken
    assert 10 * np.log10((spoken.astype(float) ** 2).sum() / (error**2).sum()) > 30
    assert causes(app) == {"normal_clearing": 1}


async def test_a_bot_that_returns_hangs_up_when_all_was_heard(app: App, pair: Pair) -> None:
    app.call(beeps_for_two_seconds)
    report = await pair.call(caller(LEAVES_IT))
    assert abs(np.count_nonzero(report.bot) - 16000) < 400
    assert report.hung_up_by == "bot"


async def test_a_key_cuts_the_tune_and_the_outcome_says_where(app: App, pair: Pair) -> None:
    plays = Does(lambda call: call.play(tone(10.0), stop_on="5"))
    app.call(plays)
    report = await pair.call(caller(Wait("bot_speaking", 2.0), Press("5"), LEAVES_IT))
    (outcome,) = plays.results
    heard = np.flatnonzero(report.bot)
    sounding = (heard[-1] - heard[0] + 1) / 8000
    assert (outcome.stop, outcome.digit, outcome.certainty) == ("key", "5", "measured")
    assert 2.0 <= outcome.heard_s <= sounding
    assert sounding - outcome.heard_s < 0.05
    assert len(report.clears) == 1


async def test_a_key_that_is_not_asked_for_does_not_stop(app: App, pair: Pair) -> None:
    plays = Does(lambda call: call.play(tone(3.0), stop_on="#"))
    app.call(plays)
    await pair.call(caller(Wait("bot_speaking", 1.0), Press("12"), LEAVES_IT))
    (outcome,) = plays.results
    assert outcome.stop == "finished"
    assert outcome.heard_s == pytest.approx(3.0)


async def test_gather_takes_keys_in_the_order_of_their_pressing(app: App, pair: Pair) -> None:
    asks = Does(lambda call: call.gather(5, prompt=tone(5.0)))
    app.call(asks)
    await pair.call(caller(Wait("bot_speaking", 0.5), Press("55#"), LEAVES_IT))
    assert [(entry.digits, entry.stop) for entry in asks.results] == [("55", "end_key")]


async def test_gather_times_out_with_what_there_is(app: App, pair: Pair) -> None:
    asks = Does(
        lambda call: call.gather(4, timeout=3.0, between=1.0),
        lambda call: call.gather(1, timeout=2.0),
    )
    app.call(asks)
    await pair.call(caller(Press("42"), LEAVES_IT))
    entries = [(entry.digits, entry.stop) for entry in asks.results]
    assert entries == [("42", "timeout"), ("", "timeout")]


async def test_keys_beyond_a_gather_wait_for_the_next(app: App, pair: Pair) -> None:
    asks = Does(
        lambda call: call.play(tone(2.0)),
        lambda call: call.gather(2),
        lambda call: call.gather(2),
    )
    app.call(asks)
    await pair.call(caller(Press("1234"), LEAVES_IT))
    assert [entry.digits for entry in asks.results[1:]] == ["12", "34"]


# ---- bots that go wrong -------------------------------------------------------------------------


@pytest.mark.virtual(expect_crash=ValueError)
async def test_a_crashing_bot_apologises_and_hangs_up(app: App, pair: Pair) -> None:
    app.call(crashes_while_it_beeps)
    report = await pair.call(caller(LEAVES_IT))
    assert app.service.calls.counts.bots_crashed == 1
    spectrum = np.abs(np.fft.rfft(report.bot.astype(float)))
    hertz = np.fft.rfftfreq(len(report.bot), 1 / 8000)
    for wanted in (950, 1400, 1800):  # the three tones of ITU-T E.180
        near = (hertz > wanted - 5) & (hertz < wanted + 5)
        assert spectrum[near].max() > 20 * np.median(spectrum)
    assert report.hangup_cause == "normal_clearing"


@pytest.mark.virtual(expect_crash=LeftBehind)
async def test_a_bot_that_swallows_cancellation_is_left_behind_and_counted(
    app: App, pair: Pair
) -> None:
    stubborn = Stubborn()
    app.call(stubborn)
    await pair.call(caller())
    assert app.service.calls.counts.bots_stuck == 1
    assert len(app.service.calls) == 0
    await stubborn.gives_in()


@pytest.mark.virtual(max_call_s=20.0, expect_crash=LeftBehind)
async def test_a_caller_is_not_left_on_the_line_with_a_bot_that_does_not_end(
    app: App, pair: Pair
) -> None:
    stubborn = Stubborn()
    app.call(stubborn)
    report = await pair.call(caller(LEAVES_IT))
    assert report.hung_up_by == "bot"
    assert report.duration_s < 60
    await stubborn.gives_in()


async def test_a_bot_of_several_tasks_ends_well_when_the_caller_hangs_up(
    app: App, pair: Pair
) -> None:
    app.call(InAGroup(asks_for_a_key, asks_for_a_key))
    await pair.call(caller())
    assert app.service.calls.counts.bots_crashed == 0


@pytest.mark.virtual(expect_crash=ExceptionGroup)
async def test_what_else_one_of_its_tasks_raises_is_a_crash(app: App, pair: Pair) -> None:
    app.call(InAGroup(asks_for_a_key, fails_in_the_end))
    await pair.call(caller())
    assert app.service.calls.counts.bots_crashed == 1


async def test_awaits_on_an_ended_call_raise(app: App, pair: Pair) -> None:
    bot = TriesAgain()
    app.call(bot)
    await pair.call(caller())
    assert bot.errors == [CallEnded] * 3


Act = Callable[[Call], Coroutine[Any, Any, Any]]


class ActsTooLate:
    """Asks something of the platform when it is told to."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self.now = asyncio.Event()
        self.raised: BaseException | None = None

    async def __call__(self, call: Call) -> None:
        await self.now.wait()
        try:
            await self._act(call)
        except Exception as error:
            self.raised = error
            raise


async def records(call: Call) -> None:
    async with call.record():
        pass


COMMANDS: dict[str, Act] = {
    "record": records,
    "join": lambda call: call.join("room"),
    "send": lambda call: call.send("speak", payload="Good day.", voice="female", language="en-US"),
    "speak": lambda call: call.speak("Good day."),
    "send_digits": lambda call: call.send_digits("1"),
    "leave_queue": lambda call: call.leave_queue(),
}


class Pauses(ActsTooLate):
    """A recording that it has begun in time."""

    async def __call__(self, call: Call) -> None:
        async with call.record() as recording:
            await self.now.wait()
            await recording.pause()


class Hides(ActsTooLate):
    """What is recorded."""

    async def __call__(self, call: Call) -> None:
        async with call.record():
            await super().__call__(call)


async def hides(call: Call) -> None:
    async with call.secure():
        pass


ENDS = ("call.hangup", "call.recording.saved")


def ends_told_after(seconds: float) -> Callable[[SendWebhook], float]:
    def lateness(webhook: SendWebhook) -> float:
        event: dict[str, Any] = webhook.event
        return seconds if event["data"]["event_type"] in ENDS else 0.0

    return lateness


@pytest.mark.parametrize("told_after_s", [0.3, float("inf")])
@pytest.mark.parametrize("act", COMMANDS.values(), ids=list(COMMANDS))
async def test_what_is_asked_of_a_call_before_its_end_is_told_raises_that_it_has_ended(
    app: App,
    pair: Pair,
    act: Act,
    told_after_s: float,
) -> None:
    bot = ActsTooLate(act)
    app.call(bot)
    pair.lateness = ends_told_after(told_after_s)
    call = await pair.ring()
    await call.does(HangUp())
    bot.now.set()
    await call.over()
    assert isinstance(bot.raised, CallEnded)
    assert app.service.calls.counts.bots_crashed == 0


@pytest.mark.parametrize("bot_class", [Pauses, Hides])
async def test_nor_is_a_recording_paused_that_has_ended_with_the_call(
    app: App, pair: Pair, bot_class: type[ActsTooLate]
) -> None:
    bot = bot_class(hides)
    app.call(bot)
    pair.lateness = ends_told_after(0.3)
    call = await pair.ring()
    await call.does(HangUp())
    bot.now.set()
    await call.over()
    assert app.service.calls.counts.bots_crashed == 0


@pytest.mark.virtual(expect_crash=CallGone)
async def test_that_another_call_has_ended_is_told_as_it_is(app: App, pair: Pair) -> None:
    bot = ActsTooLate(lambda call: call.send(Hangup(call_control_id="v3:another")))
    app.call(bot)
    call = await pair.ring()
    bot.now.set()
    await call.over()
    assert isinstance(bot.raised, CallGone)


# ---- streams ------------------------------------------------------------------------------------


@pytest.mark.virtual(delay=0.1)
async def test_a_caller_who_gives_up_before_the_answer(app: App, pair: Pair) -> None:
    app.call(echo)
    report = await pair.call(CallScript(to=NUMBER, steps=(HangUp(),)))
    assert report.hangup_cause == "originator_cancel"
    assert causes(app) == {"originator_cancel": 1}


async def test_a_lost_stream_is_restored_and_the_bot_notices_nothing(app: App, pair: Pair) -> None:
    app.call(echo)
    call = await pair.ring(says(tone(8.0)), Wait("bot_silent", 0.6), HangUp())
    await asyncio.sleep(2.0)
    pair.drop_sockets()
    report = await call.over()
    assert app.service.calls.counts.streams_restored == 1
    assert np.flatnonzero(report.bot)[-1] > 7.5 * 8000


async def test_a_stream_that_cannot_be_restored_is_told_to_the_bot(app: App, pair: Pair) -> None:
    bot = ToldOfItsStream()
    app.call(bot)
    call = await pair.ring(says(tone(60.0)))
    await asyncio.sleep(1.0)
    pair.refuse_sockets = True
    pair.drop_sockets()
    report = await call.over()
    assert report.hung_up_by == "bot"
    assert app.service.calls.counts.streams_given_up == 1
    assert len(bot.errors) == 1


async def test_what_is_played_into_a_lost_stream_ends(app: App, pair: Pair) -> None:
    plays = Does(lambda call: call.play(tone(30.0)), lambda call: call.play(tone(30.0)))
    app.call(plays)
    call = await pair.ring()
    await asyncio.sleep(1.0)
    pair.refuse_sockets = True
    pair.drop_sockets()
    await call.over()
    assert [outcome.stop for outcome in plays.results] == ["stream_lost", "stream_lost"]


async def test_a_call_whose_stream_never_opens_is_hung_up(app: App, pair: Pair) -> None:
    app.call(echo)
    pair.refuse_sockets = True
    report = await pair.call(CallScript(to=NUMBER, steps=(Wait("answered"), Wait("hangup"))))
    assert report.hangup_cause == "normal_clearing"
    assert len(pair.refused) == 2  # asked a second time before giving up


# ---- other people -------------------------------------------------------------------------------


@pytest.mark.virtual(config=elsewhere(says(tone(2.0, 600.0)), HangUp()))
async def test_an_answered_transfer_releases_the_call(app: App, pair: Pair) -> None:
    bot = HandsOver()
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert [outcome.result for outcome in bot.outcomes] == ["answered"]
    assert report.bridged
    assert np.count_nonzero(report.bot) > 1.8 * 8000  # the caller hears the person
    assert "hangup" not in [e.detail.get("action") for e in report.tape if e.kind == "command"]
    assert app.service.calls.counts.bots_crashed == 0


@pytest.mark.virtual(config=elsewhere(says(tone(2.0, 600.0)), HangUp()))
async def test_a_transfer_reaches_an_extension_and_brings_its_headers(app: App, pair: Pair) -> None:
    @app.call
    async def bot(call: Call) -> None:
        assert await call.transfer(ELSEWHERE, digits="w12#", headers={"X-Ticket": "17"})

    report = await pair.call(caller(LEAVES_IT))
    (sent,) = (each for each in report.commands if each.name == "transfer")
    assert sent.fields["custom_headers"] == [{"name": "X-Ticket", "value": "17"}]
    (bridged,) = (entry for entry in report.tape if entry.kind == "bridged")
    person = pair.switch.report(str(bridged.detail["leg"]))
    heard = DtmfDetector(person.sample_rate)
    assert heard.process(person.bot) == "12#"


@pytest.mark.parametrize("result", REFUSALS)
async def test_a_failed_transfer_leaves_the_caller_with_the_bot(
    app: App, pair: Pair, result: str
) -> None:
    bot = HandsOver()
    app.call(bot)
    report = await pair.call(caller(LEAVES_IT))
    assert [outcome.result for outcome in bot.outcomes] == [result]
    assert not report.bridged
    assert np.count_nonzero(report.bot) > 7500


@pytest.mark.virtual(config=elsewhere(says(tone(1.0)), Wait("bot_silent", 0.6), HangUp()))
async def test_dialling_a_person_who_answers(app: App, pair: Pair) -> None:
    app.call(echo)
    dialled = await app.dial(ELSEWHERE, NUMBER)
    assert dialled
    assert dialled.call.direction == "outgoing"
    report = await pair.finished(dialled.call.call_control_id)
    assert np.count_nonzero(report.bot) > 7500
    assert causes(app) == {"normal_clearing": 1}


@pytest.mark.parametrize("result", REFUSALS)
async def test_dialling_a_person_who_does_not(app: App, pair: Pair, result: str) -> None:
    app.call(echo)
    dialled = await app.dial(ELSEWHERE, NUMBER, timeout=6)
    assert dialled.result == result
    assert not dialled


# ---- numbers and limits -------------------------------------------------------------------------


async def test_a_number_without_a_bot_is_rejected(app: App, pair: Pair) -> None:
    app.call(ELSEWHERE)(echo)
    report = await pair.call(WAITS_IN_VAIN)
    assert report.hangup_cause == "not_found"
    assert app.service.calls.counts.refused == 1


@pytest.mark.virtual(max_calls=1)
async def test_above_the_limit_new_calls_get_503_and_running_ones_go_on(
    app: App, pair: Pair
) -> None:
    app.call(echo)
    running = await pair.ring(says(tone(3.0)), Wait("bot_silent", 0.6), HangUp())
    refused = await pair.call(gives_up_after(2.5))
    assert refused.failed
    assert app.service.metrics.webhooks["refused"] >= 1
    assert not (await running.over()).failed


@pytest.mark.virtual(max_calls=1, when_full="reject")
async def test_rejecting_above_the_limit(app: App, pair: Pair) -> None:
    app.call(echo)
    running = await pair.ring(says(tone(1.0)), HangUp())
    rejected = await pair.call(WAITS_IN_VAIN)
    assert rejected.hangup_cause == "user_busy"
    await running.over()


# ---- draining -----------------------------------------------------------------------------------


async def test_draining_lets_running_calls_finish_and_takes_no_new_ones(
    app: App, pair: Pair
) -> None:
    app.call(echo)
    running = await pair.ring(says(tone(2.0)), Wait("bot_silent", 0.6), HangUp())
    drained = asyncio.create_task(app.service.calls.drain(30.0))
    await asyncio.sleep(0.1)
    late = await pair.call(gives_up_after(1.0))
    report = await running.over()
    await drained
    assert not report.failed
    assert late.failed


async def test_draining_ends_what_does_not_finish_in_time(app: App, pair: Pair) -> None:
    app.call(echo)
    call = await pair.ring(says(tone(100.0)))
    await asyncio.sleep(0.5)
    await app.service.calls.drain(2.0)
    assert len(app.service.calls) == 0
    report = await call.over()
    assert report.hung_up_by == "bot", "nobody is left on a silent line"
    assert report.duration_s < 3.0


# ---- and more -----------------------------------------------------------------------------------


async def ten_minutes_of_echo() -> CallReport:
    app = App()
    app.call(interrupts_every_ten_seconds)
    pair = Pair(app)
    report = await pair.call(caller(says(tone(600.0))))
    counts = app.service.calls.counts
    assert (counts.media["early_marks"], counts.media["stray_marks"]) == (0, 0)
    assert counts.bots_stuck == 0
    await app.close()
    return report


def test_ten_minutes_of_echo_with_interruptions_are_the_same_every_time() -> None:
    first, second = run(ten_minutes_of_echo()), run(ten_minutes_of_echo())
    assert len(first.clears) >= 55
    assert first.bot.tobytes() == second.bot.tobytes()
    assert [entry.kind for entry in first.tape] == [entry.kind for entry in second.tape]


def test_the_jingle_of_the_examples() -> None:
    """As the README prints it."""
    report = converse(jingle.app, caller(Wait("bot_speaking", 2.0), Press("5"), Wait("hangup")))
    assert report.clears
    assert report.hangup_source == "callee"
    assert not report.failed


async def test_events_without_an_id_belong_to_nobody_for_long(app: App, pair: Pair) -> None:
    app.call(echo)
    calls = app.service.calls
    ringing = pair.place(caller(says(tone(0.5))))
    await asyncio.sleep(0.1)
    (leg,) = calls.legs()
    state = client_state(leg.reference)
    calls.on_event(Event("call.unknown", "1", "", {"client_state": state}))
    await pair.finished(ringing)
    before = calls.counts.stray_events
    calls.on_event(Event("call.unknown", "2", "", {}))
    assert calls.counts.stray_events == before + 1
