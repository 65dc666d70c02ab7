"""Two calls joined by command; several numbers rung at once; what becomes of a leg afterwards."""

from typing import Any

import numpy as np
import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, HangUp, Hold, Play, Step, Wait
from callbridge.host.audiofile import Clip
from telecodecs import Pcm
from tests.callbridge.carrier.line import STAY, Line, codes, data, media, sounding, tone, ulaw

BOB, CAROL, NOBODY = "+13125550199", "+13125550198", "+13125550197"
ALICE_HZ, BOB_HZ = 700, 300


def saying(hz: int, *more: Step) -> tuple[Step, ...]:
    return (Play(Clip(tone(400, hz=hz), 8000)), *(more or STAY))


def exchange_with(**numbers: Any) -> Line:
    people: dict[str, Any] = {BOB: CallScript(steps=saying(BOB_HZ)), CAROL: CallScript(steps=STAY)}
    people |= {"+" + number.removeprefix("n"): behaviour for number, behaviour in numbers.items()}
    return Line(CarrierConfig(webhook_url="http://app/", numbers=people, ring_s=0.1))


def dialled(line: Line, to: str = BOB, **fields: object) -> str:
    call: str = data(line.dial(to, **fields))["call_control_id"]
    return call


def loudest(pcm: Pcm, rate: int = 8000) -> float:
    spectrum = np.abs(np.fft.rfft(pcm.astype(float)))
    return float(np.argmax(spectrum) * rate / len(pcm))


def two_calls(line: Line, *alice: Step) -> tuple[str, str]:
    """Alice rang in and was answered; Bob was dialled and has answered."""
    first = line.ring(*(alice or STAY))
    line.command(first, "answer")
    second = dialled(line)
    line.tick(6)
    assert line.report(second).state == "answered"
    return first, second


# ---- bridge -------------------------------------------------------------------------------------


def test_a_bridge_is_told_of_both_legs_and_both_hear_each_other() -> None:
    line = exchange_with()
    alice, bob = two_calls(line, *saying(ALICE_HZ))
    assert line.command(bob, "bridge", call_control_id=alice).status == 200
    line.tick(30)
    bridged = [e["payload"] for e in line.events if e["event_type"] == "call.bridged"]
    assert [payload["call_control_id"] for payload in bridged] == [bob, alice]
    assert loudest(line.report(alice).bot) == pytest.approx(BOB_HZ, abs=5)
    assert loudest(line.report(bob).bot) == pytest.approx(ALICE_HZ, abs=5)


def test_a_parked_and_unanswered_call_is_answered_by_the_bridge() -> None:
    line = exchange_with()
    alice = line.ring()
    bob = dialled(line)
    line.tick(6)
    assert line.command(bob, "bridge", call_control_id=alice).status == 200
    assert line.event_types(alice) == ["call.initiated", "call.answered", "call.bridged"]


def test_a_call_that_still_rings_is_joined_when_it_answers() -> None:
    line = exchange_with()
    alice = line.ring()
    line.command(alice, "answer")
    bob = dialled(line)
    assert line.command(alice, "bridge", call_control_id=bob).status == 200
    assert "call.bridged" not in line.event_types()
    line.tick(6)
    assert line.event_types()[-3:] == ["call.answered", "call.bridged", "call.bridged"]
    assert line.report(alice).bridged


def test_a_bridge_takes_a_leg_out_of_its_former_bridge() -> None:
    line = exchange_with()
    alice, bob = two_calls(line)
    line.command(bob, "bridge", call_control_id=alice)
    carol = dialled(line, CAROL)
    line.tick(6)
    assert line.command(carol, "bridge", call_control_id=alice).status == 200
    assert line.report(bob).state == "ended"
    assert line.report(carol).state == line.report(alice).state == "answered"


def test_a_double_bridge_can_be_prevented() -> None:
    line = exchange_with()
    alice, bob = two_calls(line)
    line.command(bob, "bridge", call_control_id=alice)
    carol = dialled(line, CAROL)
    line.tick(6)
    response = line.command(carol, "bridge", call_control_id=alice, prevent_double_bridge=True)
    assert codes(response) == [("90102", None)]
    assert line.report(bob).state == "answered"


@pytest.mark.parametrize("leaves", ["parked", "held", "ended"])
def test_what_becomes_of_a_leg_when_the_other_one_leaves(leaves: str) -> None:
    line = exchange_with()
    alice, bob = two_calls(line)
    after: dict[str, dict[str, object]] = {
        "parked": {"park_after_unbridge": "self"},
        "held": {"hold_after_unbridge": True},
    }
    line.command(alice, "bridge", call_control_id=bob, **after.get(leaves, {}))
    line.command(bob, "hangup")
    assert line.report(alice).state == ("ended" if leaves == "ended" else "answered")
    assert ("call.hold" in line.event_types(alice)) == (leaves == "held")


def test_a_held_leg_is_taken_off_hold_by_its_next_bridge() -> None:
    line = exchange_with()
    alice, bob = two_calls(line)
    line.command(alice, "bridge", call_control_id=bob, hold_after_unbridge=True)
    line.command(bob, "hangup")
    carol = dialled(line, CAROL)
    line.tick(6)
    line.command(alice, "bridge", call_control_id=carol)
    assert line.event_types(alice)[-3:] == ["call.hold", "call.unhold", "call.bridged"]


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({}, "10004", "/call_control_id"),
        ({"call_control_id": "v3:none"}, "90015", "/call_control_id"),
        ({"call_control_id": 5}, "10026", "/call_control_id"),
        ({"video_room_id": "x"}, "10027", "/video_room_id"),
        ({"call_control_id": "x", "ringtone": "atlantis"}, "10032", "/ringtone"),
        ({"call_control_id": "x", "mute_dtmf": "some"}, "10032", "/mute_dtmf"),
        ({"call_control_id": "x", "park_after_unbridge": "all"}, "10032", "/park_after_unbridge"),
        ({"call_control_id": "x", "queue": 5}, "10026", "/queue"),
    ],
)
def test_bad_parameters_of_a_bridge(fields: dict[str, object], code: str, pointer: str) -> None:
    line = exchange_with()
    _, bob = two_calls(line)
    assert codes(line.command(bob, "bridge", **fields)) == [(code, pointer)]


def test_a_bridge_with_itself_its_partner_or_an_ended_call_is_refused() -> None:
    line = exchange_with()
    alice, bob = two_calls(line)
    assert codes(line.command(bob, "bridge", call_control_id=bob))[0][0] == "90102"
    assert line.command(bob, "bridge", call_control_id=alice).status == 200
    assert codes(line.command(bob, "bridge", call_control_id=alice))[0][0] == "90102"
    gone = line.ring()
    line.command(gone, "hangup")
    assert codes(line.command(bob, "bridge", call_control_id=gone))[0][0] == "90018"
    waiting = line.ring()
    assert codes(line.command(waiting, "bridge", call_control_id=bob)) == [("90034", None)]


def test_a_hang_up_while_the_other_leg_still_rings_cancels_it() -> None:
    line = exchange_with()
    alice = line.ring()
    line.command(alice, "answer")
    bob = dialled(line)
    line.command(alice, "bridge", call_control_id=bob)
    line.command(alice, "hangup")
    assert line.report(bob).hangup_cause == "originator_cancel"
    line.tick(10)
    assert line.switch.live_legs == 0


# ---- several numbers at once --------------------------------------------------------------------


def test_the_first_of_several_numbers_to_answer_wins_and_the_others_stop_ringing() -> None:
    line = exchange_with()
    response = data(line.dial([NOBODY, BOB, CAROL], client_state="aGk="))  # type: ignore[arg-type]
    started = [e["payload"] for e in line.events if e["event_type"] == "call.initiated"]
    assert [payload["to"] for payload in started] == [NOBODY, BOB, CAROL]
    assert response["call_control_id"] == started[0]["call_control_id"]
    assert len({payload["call_session_id"] for payload in started}) == 1
    line.tick(6)
    ended = [e["payload"] for e in line.events if e["event_type"] == "call.hangup"]
    assert [(p["to"], p["hangup_cause"]) for p in ended] == [
        (NOBODY, "originator_cancel"), (CAROL, "originator_cancel"),
    ]  # fmt: skip
    assert [e["payload"]["to"] for e in line.events if e["event_type"] == "call.answered"] == [BOB]
    assert line.switch.live_legs == 1


def test_a_number_that_refuses_leaves_the_others_ringing() -> None:
    line = exchange_with(n13125550196="busy")
    line.dial(["+13125550196", CAROL])  # type: ignore[arg-type]
    line.tick(6)
    assert sorted(line.event_types()[2:]) == ["call.answered", "call.hangup"]


def test_several_numbers_for_one_waiting_call() -> None:
    line = exchange_with()
    alice = line.ring()
    line.command(alice, "answer")
    line.dial([BOB, CAROL], link_to=alice, bridge_on_answer=True)  # type: ignore[arg-type]
    line.tick(6)
    assert line.report(alice).bridged
    assert line.payload("call.bridged")["to"] == BOB
    line.command(alice, "hangup")
    assert line.switch.live_legs == 0


def test_a_waiting_call_that_ends_cancels_all_that_ring_for_it() -> None:
    line = exchange_with()
    alice = line.ring()
    line.command(alice, "answer")
    line.dial([BOB, CAROL], link_to=alice, bridge_on_answer=True)  # type: ignore[arg-type]
    line.command(alice, "hangup")
    assert line.switch.live_legs == 0


def test_a_dialled_leg_hangs_up_when_the_call_was_bridged_meanwhile() -> None:
    line = exchange_with()
    alice, bob = two_calls(line)
    carol = dialled(line, CAROL, link_to=alice, bridge_on_answer=True, prevent_double_bridge=True)
    line.command(bob, "bridge", call_control_id=alice)
    line.tick(6)
    assert line.report(carol).state == "ended"
    assert line.report(bob).state == "answered"


def test_nothing_is_left_of_many_bridges() -> None:
    line = exchange_with()
    for _ in range(20):
        alice, bob = two_calls(line, Wait("bot_speaking"), HangUp())
        line.command(bob, "bridge", call_control_id=alice)
        line.tick(40)
    assert line.switch.live_legs == 0
    legs = [line.switch.find(call) for call in line.finished]
    assert all(leg is not None and leg.partner is leg.bridge_to is None for leg in legs)


# ---- what a new leg brings along ----------------------------------------------------------------


def test_headers_of_a_new_leg_are_in_its_first_event() -> None:
    line = exchange_with()
    custom = [{"name": "X-Order", "value": "4711"}]
    uui = [{"name": "User-to-User", "value": "abc;encoding=hex"}]
    dialled(line, custom_headers=custom, sip_headers=uui)
    payload = line.payload("call.initiated")
    assert (payload["custom_headers"], payload["sip_headers"]) == (custom, uui)
    alice = line.ring()
    line.command(alice, "transfer", to=CAROL, custom_headers=custom)
    assert line.payload("call.initiated")["custom_headers"] == custom


def test_tags_of_the_application_are_in_three_events_and_at_the_start_of_a_stream() -> None:
    line = exchange_with()
    own = line.config.connection_id
    body = {"application_name": "a", "webhook_event_url": "http://app/", "tags": ["desk"]}
    line.request("PATCH", f"/v2/call_control_applications/{own}", body)
    call = line.streaming()
    line.tick()
    line.command(call, "hangup")
    tagged = {e["event_type"] for e in line.events if e["payload"].get("tags") == ["desk"]}
    assert tagged == {"call.initiated", "call.answered", "call.hangup"}
    assert line.of("start")[0]["start"]["tags"] == ["desk"]


def test_headers_of_a_caller_are_in_the_first_event_and_in_the_last() -> None:
    line = exchange_with()
    call = line.ring(headers={"X-Customer": "4711"})
    headers = [{"name": "X-Customer", "value": "4711"}]
    assert line.payload("call.initiated")["custom_headers"] == headers
    line.command(call, "answer")
    assert "custom_headers" not in line.payload("call.answered")
    line.command(call, "hangup")
    assert line.payload("call.hangup")["custom_headers"] == headers


def test_headers_of_an_answer_are_in_the_events_of_the_answer_and_of_the_end() -> None:
    line = exchange_with()
    call = line.ring(headers={"X-Customer": "4711"})
    headers = [{"name": "X-Desk", "value": "7"}]
    line.command(call, "answer", custom_headers=headers)
    assert line.payload("call.answered")["custom_headers"] == headers
    line.command(call, "hangup")
    assert line.payload("call.hangup")["custom_headers"] == headers


# ---- hold ---------------------------------------------------------------------------------------


def test_while_the_far_end_holds_neither_hears_the_other() -> None:
    line = exchange_with()
    alice = Play(Clip(tone(2000, hz=ALICE_HZ), 8000), background=True)
    waits = Wait("bot_silent", for_s=0.4)
    call = line.streaming(alice, Hold(True), waits, Hold(False), Wait("hangup", within_s=60))
    line.tick(2)
    assert line.event_types()[-1] == "call.hold"
    line.send(media(ulaw(tone(300))))
    line.tick(60)
    assert line.event_types()[-1] == "call.unhold"
    report = line.report(call)
    assert sounding(report.caller[:3200]) == [False] * 20
    assert sounding(report.bot) == [False] * len(sounding(report.bot))
    assert loudest(report.caller[4000:8000]) == pytest.approx(ALICE_HZ, abs=5)


# ---- a call that nobody cares for ---------------------------------------------------------------


def impatient(line: Line) -> None:
    own = line.config.connection_id
    body: dict[str, object] = {"application_name": "a", "webhook_event_url": "http://app/"}
    body |= {"first_command_timeout": True, "first_command_timeout_secs": 5}
    assert line.request("PATCH", f"/v2/call_control_applications/{own}", body).status == 200


def test_a_call_ends_when_no_command_comes_in_time() -> None:
    line = exchange_with()
    impatient(line)
    call = line.ring()
    line.tick(249)
    assert line.report(call).state == "parked"
    line.tick(2)
    assert line.report(call).hangup_cause == "timeout"


def test_a_command_in_time_keeps_the_call() -> None:
    line = exchange_with()
    impatient(line)
    call = line.ring()
    line.command(call, "answer")
    line.tick(300)
    assert line.report(call).state == "answered"
