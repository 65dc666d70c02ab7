"""The life of a call, end to end in virtual time: every way in and every way out."""

import asyncio

import numpy as np
import pytest
from examples import jingle

from callbridge import Call, CallEnded, CallReleased, Outcome, StreamLost, Transferred
from callbridge.calls.leg import client_state
from callbridge.carrier.people.script import Step
from callbridge.control.events import Event
from callbridge.testing import (
    CallScript,
    CarrierConfig,
    HangUp,
    Pair,
    Press,
    Wait,
    caller,
    converse,
    says,
    tone,
)
from callbridge.testing.callers import NUMBER
from tests.callbridge.rehearsal import in_memory

ANSWERED = Wait("answered")

WEBHOOKS = "http://127.0.0.1:9/webhooks"
ELSEWHERE = "+13125550199"


def patient(*steps: Step) -> CallScript:
    """A caller who leaves it to the other side to hang up."""
    return caller(*steps, Wait("hangup", within_s=120))


async def echo(call: Call) -> None:
    async for pcm in call.audio():
        await call.write(pcm)


def causes(pair: Pair) -> dict[str, int]:
    return dict(pair.app.service.calls.counts.ended)


def test_an_echo_is_the_callers_voice_sample_for_sample() -> None:
    async def test(pair: Pair) -> None:
        report = await pair.call(caller(says(tone(1.0)), Wait("bot_silent", 0.6)))
        spoken = report.caller[np.flatnonzero(report.caller)[0] :][:8000]
        echoed = report.bot[np.flatnonzero(report.bot)[0] :][:8000]
        delay = np.flatnonzero(report.bot)[0] - np.flatnonzero(report.caller)[0]
        assert 0 < delay <= 480  # 60 ms: two ticks of the carrier and nothing of ours
        # mu-law twice is mu-law once: the echo equals the voice as the line carried it.
        error = echoed.astype(float) - spoken
        assert 10 * np.log10((spoken.astype(float) ** 2).sum() / (error**2).sum()) > 30
        assert causes(pair) == {"normal_clearing": 1}

    in_memory(echo, test)


def test_a_bot_that_returns_hangs_up_when_all_was_heard() -> None:
    async def bot(call: Call) -> None:
        await call.write(tone(2.0))

    async def test(pair: Pair) -> None:
        report = await pair.call(patient())
        assert abs(np.count_nonzero(report.bot) - 16000) < 400
        assert report.hangup_source == "callee"

    in_memory(bot, test)


def test_a_key_cuts_the_tune_and_the_outcome_says_where() -> None:
    outcomes: list[Outcome] = []

    async def bot(call: Call) -> None:
        outcomes.append(await call.play(tone(10.0), stop_on="5"))

    async def test(pair: Pair) -> None:
        report = await pair.call(patient(Wait("bot_speaking", 2.0), Press("5")))
        (outcome,) = outcomes
        heard = np.flatnonzero(report.bot)
        sounding = (heard[-1] - heard[0] + 1) / 8000
        assert (outcome.stop, outcome.digit, outcome.certainty) == ("key", "5", "measured")
        assert 2.0 <= outcome.heard_s <= sounding
        assert sounding - outcome.heard_s < 0.05
        assert len(report.clears) == 1

    in_memory(bot, test)


def test_a_key_that_is_not_asked_for_does_not_stop() -> None:
    outcomes: list[Outcome] = []

    async def bot(call: Call) -> None:
        outcomes.append(await call.play(tone(3.0), stop_on="#"))

    async def test(pair: Pair) -> None:
        await pair.call(patient(Wait("bot_speaking", 1.0), Press("12")))
        assert outcomes[0].stop == "finished"
        assert outcomes[0].heard_s == pytest.approx(3.0)

    in_memory(bot, test)


def test_gather_takes_keys_in_the_order_of_their_pressing() -> None:
    gathered: list[str] = []

    async def bot(call: Call) -> None:
        result = await call.gather(5, prompt=tone(5.0))
        gathered.append(f"{result.digits} {result.stop}")

    async def test(pair: Pair) -> None:
        await pair.call(patient(Wait("bot_speaking", 0.5), Press("55#")))

    in_memory(bot, test)
    assert gathered == ["55 end_key"]


def test_gather_times_out_with_what_there_is() -> None:
    gathered: list[tuple[str, str]] = []

    async def bot(call: Call) -> None:
        first = await call.gather(4, timeout=3.0, between=1.0)
        second = await call.gather(1, timeout=2.0)
        gathered.extend([(first.digits, first.stop), (second.digits, second.stop)])

    async def test(pair: Pair) -> None:
        await pair.call(patient(Press("42")))

    in_memory(bot, test)
    assert gathered == [("42", "timeout"), ("", "timeout")]


def test_keys_beyond_a_gather_wait_for_the_next() -> None:
    gathered: list[str] = []

    async def bot(call: Call) -> None:
        await call.play(tone(2.0))
        gathered.append((await call.gather(2)).digits)
        gathered.append((await call.gather(2)).digits)

    async def test(pair: Pair) -> None:
        await pair.call(patient(Press("1234")))

    in_memory(bot, test)
    assert gathered == ["12", "34"]


def test_a_crashing_bot_apologises_and_hangs_up() -> None:
    async def bot(call: Call) -> None:
        await call.write(tone(5.0))
        raise ValueError("a bug of the bot")

    async def test(pair: Pair) -> None:
        report = await pair.call(patient())
        counts = pair.app.service.calls.counts
        assert counts.bots_crashed == 1
        spectrum = np.abs(np.fft.rfft(report.bot.astype(float)))
        hertz = np.fft.rfftfreq(len(report.bot), 1 / 8000)
        for wanted in (950, 1400, 1800):  # the three tones of ITU-T E.180
            near = (hertz > wanted - 5) & (hertz < wanted + 5)
            assert spectrum[near].max() > 20 * np.median(spectrum)
        assert report.hangup_cause == "normal_clearing"

    in_memory(bot, test)


def test_a_bot_that_swallows_cancellation_is_left_behind_and_counted() -> None:
    released = asyncio.Event()

    async def bot(call: Call) -> None:
        while not released.is_set():
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                continue

    async def test(pair: Pair) -> None:
        await pair.call(caller())
        counts = pair.app.service.calls.counts
        assert counts.bots_stuck == 1
        assert len(pair.app.service.calls) == 0
        counts.bots_stuck = 0  # as the harness wants none
        released.set()
        for task in asyncio.all_tasks():
            if task.get_name().startswith("bot "):
                task.cancel()
                await asyncio.wait({task})

    in_memory(bot, test)


def test_awaits_on_an_ended_call_raise() -> None:
    errors: list[type[Exception]] = []

    async def bot(call: Call) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            for attempt in (call.write(tone(0.1)), call.gather(), call.transfer(ELSEWHERE)):
                try:
                    await attempt
                except CallEnded as error:
                    errors.append(type(error))

    async def test(pair: Pair) -> None:
        await pair.call(caller())

    in_memory(bot, test)
    assert errors == [CallEnded] * 3


def test_a_caller_who_gives_up_before_the_answer() -> None:
    async def test(pair: Pair) -> None:
        report = await pair.call(CallScript(to=NUMBER, steps=(HangUp(),)))
        assert report.hangup_cause == "originator_cancel"
        assert causes(pair) == {"originator_cancel": 1}

    in_memory(echo, test, delay=0.1)


def test_a_lost_stream_is_restored_and_the_bot_notices_nothing() -> None:
    async def test(pair: Pair) -> None:
        call_control_id = pair.place(caller(says(tone(8.0)), Wait("bot_silent", 0.6)))
        await asyncio.sleep(2.0)
        pair.drop_sockets()
        report = await pair.finished(call_control_id)
        assert pair.app.service.calls.counts.streams_restored == 1
        echoed = np.flatnonzero(report.bot)
        assert echoed[-1] > 7.5 * 8000

    in_memory(echo, test)


def test_a_stream_that_cannot_be_restored_is_told_to_the_bot() -> None:
    errors: list[str] = []

    async def bot(call: Call) -> None:
        try:
            await echo(call)
        except StreamLost as error:
            errors.append(str(error))
            raise

    async def test(pair: Pair) -> None:
        call_control_id = pair.place(patient(says(tone(60.0), background=True)))
        await asyncio.sleep(1.0)
        pair.refuse_sockets = True
        pair.drop_sockets()
        report = await pair.finished(call_control_id)
        assert report.hangup_source == "callee"
        assert pair.app.service.calls.counts.streams_given_up == 1

    in_memory(bot, test)
    assert len(errors) == 1


def test_what_is_played_into_a_lost_stream_ends() -> None:
    outcomes: list[str] = []

    async def bot(call: Call) -> None:
        for _ in range(2):
            outcome = await call.play(tone(30.0))
            outcomes.append(outcome.stop)

    async def test(pair: Pair) -> None:
        call_control_id = pair.place(patient())
        await asyncio.sleep(1.0)
        pair.refuse_sockets = True
        pair.drop_sockets()
        await pair.finished(call_control_id)

    in_memory(bot, test)
    assert outcomes == ["stream_lost", "stream_lost"]


def test_a_call_whose_stream_never_opens_is_hung_up() -> None:
    async def test(pair: Pair) -> None:
        pair.refuse_sockets = True
        report = await pair.call(CallScript(to=NUMBER, steps=(ANSWERED, Wait("hangup"))))
        assert report.hangup_cause == "normal_clearing"
        assert len(pair.refused) == 2  # asked a second time before giving up

    in_memory(echo, test)


def transferring(outcomes: list[Transferred]) -> object:
    async def bot(call: Call) -> None:
        outcome = await call.transfer(ELSEWHERE, timeout=8)
        outcomes.append(outcome)
        if not outcome:
            await call.write(tone(1.0))
        else:
            with pytest.raises(CallReleased):
                await call.write(tone(1.0))

    return bot


def test_an_answered_transfer_releases_the_call() -> None:
    outcomes: list[Transferred] = []
    person = CallScript(steps=(ANSWERED, says(tone(2.0, 600.0)), HangUp()))
    config = CarrierConfig(webhook_url=WEBHOOKS, numbers={ELSEWHERE: person})

    async def test(pair: Pair) -> None:
        report = await pair.call(patient())
        assert report.bridged
        assert np.count_nonzero(report.bot) > 1.8 * 8000  # the caller hears the person
        assert "hangup" not in [e.detail.get("action") for e in report.tape if e.kind == "command"]

    in_memory(transferring(outcomes), test, config)  # type: ignore[arg-type]
    assert [outcome.result for outcome in outcomes] == ["answered"]


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [("busy", "busy"), ("no_answer", "no_answer"), ("reject", "rejected"), ("not_found", "failed")],
)
def test_a_failed_transfer_leaves_the_caller_with_the_bot(behaviour: str, result: str) -> None:
    outcomes: list[Transferred] = []
    config = CarrierConfig(webhook_url=WEBHOOKS, numbers={ELSEWHERE: behaviour})  # type: ignore[dict-item]

    async def test(pair: Pair) -> None:
        report = await pair.call(patient())
        assert not report.bridged
        assert np.count_nonzero(report.bot) > 7500

    in_memory(transferring(outcomes), test, config)  # type: ignore[arg-type]
    assert [outcome.result for outcome in outcomes] == [result]


def test_dialling_a_person_who_answers() -> None:
    person = CallScript(
        steps=(ANSWERED, says(tone(1.0)), Wait("bot_silent", 0.6), HangUp()),
    )
    config = CarrierConfig(webhook_url=WEBHOOKS, numbers={ELSEWHERE: person})

    async def test(pair: Pair) -> None:
        dialled = await pair.app.dial(ELSEWHERE, NUMBER)
        assert dialled
        assert dialled.call.direction == "outgoing"
        report = await pair.finished(dialled.call.call_control_id)
        assert np.count_nonzero(report.bot) > 7500
        assert causes(pair) == {"normal_clearing": 1}

    in_memory(echo, test, config)


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [("busy", "busy"), ("no_answer", "no_answer"), ("reject", "rejected"), ("not_found", "failed")],
)
def test_dialling_a_person_who_does_not(behaviour: str, result: str) -> None:
    config = CarrierConfig(webhook_url=WEBHOOKS, numbers={ELSEWHERE: behaviour})  # type: ignore[dict-item]

    async def test(pair: Pair) -> None:
        dialled = await pair.app.dial(ELSEWHERE, NUMBER, timeout=6)
        assert dialled.result == result
        assert not dialled

    in_memory(echo, test, config)


def test_a_number_without_a_bot_is_rejected() -> None:
    async def test(pair: Pair) -> None:
        pair.app._any_number = None  # pyright: ignore[reportPrivateUsage]
        report = await pair.call(CallScript(to=NUMBER, steps=(Wait("hangup"),)))
        assert report.hangup_cause == "not_found"
        assert pair.app.service.calls.counts.refused == 1

    in_memory(echo, test)


def test_above_the_limit_new_calls_get_503_and_running_ones_go_on() -> None:
    async def test(pair: Pair) -> None:
        first = pair.place(caller(says(tone(3.0)), Wait("bot_silent", 0.6)))
        await asyncio.sleep(0.5)
        second = pair.place(CallScript(to=NUMBER, steps=(Wait("answered", within_s=2.5), HangUp())))
        over = await pair.finished(second)
        assert over.failed
        assert pair.app.service.metrics.webhooks["refused"] >= 1
        report = await pair.finished(first)
        assert not report.failed

    in_memory(echo, test, max_calls=1)


def test_rejecting_above_the_limit() -> None:
    async def test(pair: Pair) -> None:
        first = pair.place(caller(says(tone(1.0))))
        await asyncio.sleep(0.2)
        over = await pair.finished(pair.place(CallScript(to=NUMBER, steps=(Wait("hangup"),))))
        assert over.hangup_cause == "user_busy"
        await pair.finished(first)

    in_memory(echo, test, max_calls=1, when_full="reject")


def test_draining_lets_running_calls_finish_and_takes_no_new_ones() -> None:
    async def test(pair: Pair) -> None:
        running = pair.place(caller(says(tone(2.0)), Wait("bot_silent", 0.6)))
        await asyncio.sleep(0.2)
        drained = asyncio.create_task(pair.app.service.calls.drain(30.0))
        await asyncio.sleep(0.1)
        late = pair.place(CallScript(to=NUMBER, steps=(Wait("answered", within_s=1.0), HangUp())))
        report, refused = await asyncio.gather(pair.finished(running), pair.finished(late))
        await drained
        assert not report.failed
        assert refused.failed

    in_memory(echo, test)


def test_draining_ends_what_does_not_finish_in_time() -> None:
    async def test(pair: Pair) -> None:
        placed = pair.place(patient(says(tone(100.0))))
        await asyncio.sleep(0.5)
        await pair.app.service.calls.drain(2.0)
        assert len(pair.app.service.calls) == 0
        report = await pair.finished(placed)
        assert report.hangup_source == "callee", "nobody is left on a silent line"
        assert report.duration_s < 3.0

    in_memory(echo, test)


def test_ten_minutes_of_echo_with_interruptions_are_the_same_every_time() -> None:
    def one() -> tuple[bytes, list[str]]:
        result: list[tuple[bytes, list[str]]] = []

        async def bot(call: Call) -> None:
            frames = 0
            async for pcm in call.audio():
                await call.write(pcm)
                frames += 1
                if frames % 500 == 0:
                    call.interrupt()

        async def test(pair: Pair) -> None:
            report = await pair.call(caller(says(tone(600.0))))
            assert len(report.clears) >= 55
            assert pair.app.service.calls.counts.media["early_marks"] == 0
            assert pair.app.service.calls.counts.media["stray_marks"] == 0
            result.append((report.bot.tobytes(), [entry.kind for entry in report.tape]))

        in_memory(bot, test)
        return result[0]

    assert one() == one()


def test_the_jingle_of_the_examples() -> None:
    """As the README prints it."""
    report = converse(jingle.app, caller(Wait("bot_speaking", 2.0), Press("5"), Wait("hangup")))
    assert report.clears
    assert report.hangup_source == "callee"
    assert not report.failed


def test_events_without_an_id_belong_to_nobody_for_long() -> None:
    async def test(pair: Pair) -> None:
        calls = pair.app.service.calls
        first = pair.place(caller(says(tone(0.5))))
        await asyncio.sleep(0.1)
        (leg,) = calls.legs()
        state = client_state(leg.reference)
        calls.on_event(Event("call.unknown", "1", "", {"client_state": state}))
        await pair.finished(first)
        before = calls.counts.stray_events
        calls.on_event(Event("call.unknown", "2", "", {}))
        assert calls.counts.stray_events == before + 1

    in_memory(echo, test)
