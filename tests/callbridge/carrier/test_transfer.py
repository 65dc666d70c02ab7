"""Two legs: bridged, failed, parked, and ended together."""

from typing import Any

import numpy as np
import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, HangUp, Play, Step, Wait
from callbridge.host.audiofile import Clip
from tests.callbridge.carrier.line import STAY, Line, codes, tone
from tests.callbridge.carrier.playing_line import PlayingLine

BOB, CAROL = "+13125550199", "+13125550198"


def line_to(*steps: Step, carol: Any = None, codec: str = "PCMU") -> Line:
    bob: Any = CallScript(steps=steps or STAY, codec=codec)  # type: ignore[arg-type]
    numbers = {BOB: bob} | ({CAROL: carol} if carol is not None else {})
    return Line(CarrierConfig(webhook_url="http://app/", numbers=numbers, ring_s=0.1))


def transferred(line: Line, *steps: Step, to: str = BOB, **fields: object) -> tuple[str, str]:
    alice = line.ring(*(steps or STAY))
    line.command(alice, "answer")
    assert line.command(alice, "transfer", to=to, **fields).status == 200
    return alice, line.payload("call.initiated")["call_control_id"]


def test_the_events_of_a_transfer() -> None:
    line = line_to()
    alice, bob = transferred(line, target_leg_client_state="Qg==")
    line.tick(10)
    assert line.event_types(bob) == ["call.initiated", "call.answered", "call.bridged"]
    assert line.event_types(alice) == ["call.initiated", "call.answered"]
    bridged = line.payload("call.bridged")
    assert bridged["client_state"] == "Qg=="
    assert (bridged["from"], bridged["to"]) == ("+13125550100", BOB)
    first = line.events[0]["payload"]
    assert bridged["call_session_id"] == first["call_session_id"]
    assert bridged["call_leg_id"] != first["call_leg_id"]


@pytest.mark.parametrize("codec", ["PCMU", "L16"])
def test_both_hear_each_other(codec: str) -> None:
    bob_says, alice_says = Clip(tone(400, hz=300), 8000), Clip(tone(400, hz=700), 8000)
    line = line_to(Play(bob_says), *STAY, codec=codec)
    alice, bob = transferred(line, Wait("bot_speaking"), Play(alice_says), *STAY)
    line.tick(60)
    for listener, hz in ((alice, 300), (bob, 700)):
        report = line.report(listener)
        spectrum = np.abs(np.fft.rfft(report.bot.astype(float)))
        found = np.argmax(spectrum) * report.sample_rate / len(report.bot)
        assert found == pytest.approx(hz, abs=5)


@pytest.mark.parametrize(
    ("behaviour", "cause"),
    [("busy", "user_busy"), ("reject", "call_rejected"), ("no_answer", "no_answer")],
)
def test_a_failed_transfer_ends_leg_b_and_leaves_leg_a(behaviour: str, cause: str) -> None:
    line = line_to(carol=behaviour)
    alice, carol = transferred(line, to=CAROL)
    line.tick(10)
    assert line.event_types(carol) == ["call.initiated", "call.hangup"]
    assert line.payload("call.hangup")["hangup_cause"] == cause
    assert line.report(alice).state == "answered"
    assert line.command(alice, "transfer", to=BOB).status == 200


def test_nobody_at_the_number_is_a_timeout() -> None:
    line = line_to()
    alice, _ = transferred(line, to=CAROL, timeout_secs=5)
    line.tick(251)
    assert line.payload("call.hangup")["hangup_cause"] == "timeout"
    assert line.report(alice).state == "answered"


@pytest.mark.parametrize(
    ("who", "source"), [("alice", "caller"), ("bob", "callee"), ("command", "callee")]
)
def test_when_one_of_a_pair_hangs_up_the_other_ends_too(who: str, source: str) -> None:
    line = line_to(Wait("bot_silent", for_s=0.5), HangUp()) if who == "bob" else line_to()
    leaves = (Wait("bot_silent", for_s=1.0), HangUp()) if who == "alice" else STAY
    alice, bob = transferred(line, *leaves)
    line.tick(60)
    if who == "command":
        line.command(alice, "hangup")
    for call in (alice, bob):
        report = line.report(call)
        assert (report.hangup_cause, report.hangup_source) == ("normal_clearing", source)


def test_park_after_unbridge_keeps_leg_a() -> None:
    line = line_to(Wait("bot_silent", for_s=0.5), HangUp())
    alice, bob = transferred(line, park_after_unbridge="self")
    line.tick(60)
    assert line.report(bob).state == "ended"
    assert line.report(alice).state == "answered"
    assert line.command(alice, "transfer", to=BOB).status == 200


def test_a_caller_who_leaves_while_it_rings_cancels_leg_b() -> None:
    line = line_to()
    alice, bob = transferred(line, Wait("answered"), HangUp())
    line.tick(2)
    assert line.report(alice).hangup_cause == "normal_clearing"
    assert line.report(bob).hangup_cause == "originator_cancel"


def test_a_second_transfer_waits_for_the_first() -> None:
    line = line_to()
    alice, _ = transferred(line)
    assert codes(line.command(alice, "transfer", to=CAROL)) == [("90102", None)]


def test_a_bridged_call_can_be_transferred_on() -> None:
    line = line_to(carol=CallScript(steps=STAY))
    alice, bob = transferred(line)
    line.tick(10)
    assert line.command(alice, "transfer", to=CAROL).status == 200
    line.tick(10)
    assert line.report(bob).state == "ended"
    assert line.report(alice).state == "answered"
    assert line.payload("call.bridged")["to"] == CAROL


def test_an_unanswered_call_can_be_transferred_and_is_answered_with_leg_b() -> None:
    line = line_to()
    alice = line.ring()
    assert line.command(alice, "transfer", to=BOB).status == 200
    line.tick(4)
    assert line.report(alice).state == "parked"
    line.tick(10)
    assert line.event_types(alice) == ["call.initiated", "call.answered"]
    assert line.report(alice).bridged


# ---- what the callee hears before --------------------------------------------------------------


WELCOME = "http://files/welcome.wav"


def announced(files: dict[str, int | str], *bob: Step, **fields: object) -> tuple[Any, str, str]:
    """Alice talks all the time; her call is transferred to Bob, who hears a file before."""
    numbers: Any = {
        BOB: CallScript(steps=bob or (Wait("answered"),)),
        CAROL: CallScript(steps=(Wait("answered"),)),
    }
    config = CarrierConfig(webhook_url="http://app/", numbers=numbers, ring_s=0.1)
    line = PlayingLine(files, config=config)
    alice = line.answered(Play(Clip(tone(4000, hz=700), 8000)), *STAY)
    line.does(alice, "transfer", to=BOB, **(fields or {"audio_url": WELCOME}))
    return line, alice, line.payload("call.initiated")["call_control_id"]


@pytest.mark.parametrize("fields", [{"audio_url": WELCOME}, {"media_name": "welcome"}])
def test_the_callee_hears_the_file_before_the_two_are_bridged(fields: dict[str, object]) -> None:
    line, alice, bob = announced({WELCOME: 200, "welcome": 200}, **fields)
    line.tick(40)
    assert line.event_types(bob) == [
        "call.initiated",
        "call.answered",
        "call.playback.started",
        "call.playback.ended",
        "call.bridged",
    ]
    heard = line.report(bob).bot
    fetched = 160  # the file is there a tick later
    assert np.array_equal(heard[fetched : fetched + 1600], tone(200))
    after = heard[fetched + 1600 :]
    spectrum = np.abs(np.fft.rfft(after.astype(float)))
    assert np.argmax(spectrum) * 8000 / len(after) == pytest.approx(700, abs=5)
    assert not line.report(alice).bot.any()


@pytest.mark.parametrize("files", [{}, {WELCOME: "not a sound"}])
def test_a_file_that_cannot_be_played_does_not_keep_them_apart(files: dict[str, int | str]) -> None:
    line, alice, bob = announced(files)
    line.tick(10)
    assert line.event_types(bob)[-2:] == ["call.playback.ended", "call.bridged"]
    assert line.report(alice).bridged


def test_a_file_that_is_stopped_bridges_them_at_once() -> None:
    line, _, bob = announced({WELCOME: 5000})
    line.tick(20)
    line.does(bob, "playback_stop")
    assert line.event_types(bob)[-1] == "call.bridged"


def test_a_callee_who_hangs_up_while_they_listen_is_not_bridged() -> None:
    line, alice, bob = announced({WELCOME: 5000}, Wait("bot_speaking"), HangUp())
    line.tick(30)
    assert line.report(bob).state == "ended"
    assert line.event_types(bob)[-2:] == ["call.playback.ended", "call.hangup"]
    assert "call.bridged" not in line.event_types()
    assert line.report(alice).state == "answered"
    line.does(alice, "transfer", to=CAROL)


def test_a_caller_who_leaves_meanwhile_ends_the_call_of_the_callee() -> None:
    line, alice, bob = announced({WELCOME: 5000})
    line.tick(20)
    assert codes(line.command(alice, "transfer", to=CAROL)) == [("90102", None)]
    line.does(alice, "hangup")
    assert line.report(bob).hangup_cause == "normal_clearing"
    assert line.switch.live_legs == 0


def test_a_callee_who_is_joined_with_somebody_else_is_no_longer_waited_for() -> None:
    line, alice, bob = announced({WELCOME: 300})
    line.tick(10)
    other = line.answered()
    line.does(other, "bridge", call_control_id=bob)
    line.tick(40)
    assert line.report(other).bridged
    assert not line.report(alice).bridged


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"audio_url": WELCOME, "media_name": "welcome"}, "10027", None),
        ({"audio_url": "welcome.wav"}, "10003", "/audio_url"),
    ],
)
def test_a_file_that_is_none_refuses_the_transfer(
    fields: dict[str, object], code: str, pointer: str | None
) -> None:
    line = line_to()
    alice = line.ring()
    assert codes(line.command(alice, "transfer", to=BOB, **fields)) == [(code, pointer)]
    assert line.event_types() == ["call.initiated"]
