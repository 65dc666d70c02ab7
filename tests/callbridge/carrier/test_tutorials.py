"""What programs written after the platform's tutorials count on, beyond what tests/examples shows:
the requests are as those send them."""

import re
from typing import Any

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, HangUp, Wait
from tests.callbridge.carrier.line import codes, data, tone
from tests.callbridge.carrier.playing_line import PlayingLine

USER, STRANGER = "+13125550199", "+492215550100"
STATE = "eyJzdGFnZSI6ICJhc2sifQ=="


def found() -> tuple[PlayingLine, str, str]:
    """Find me, follow me: somebody's call that nobody has answered, and that of whoever is asked
    whether they take it."""
    line = PlayingLine(config=with_user())
    caller = line.ring(Wait("answered"), from_=STRANGER)
    dialled = line.dial(USER, **{"from": STRANGER}, timeout_secs="30", client_state=STATE)
    user = str(data(dialled)["call_control_id"])
    line.tick(5)
    assert line.payload("call.answered")["client_state"] == STATE
    menu = {"payload": "take it?", "valid_digits": "123", "voice": "female", "language": "en-GB"}
    line.does(user, "gather_using_speak", **menu)
    line.tick(10)
    return line, caller, user


def with_user() -> CarrierConfig:
    numbers = {USER: CallScript(steps=(Wait("answered"),))}
    return CarrierConfig(webhook_url="http://app/hooks", numbers=numbers, ring_s=0.05)


def test_one_key_counts_after_a_hash_or_five_seconds_when_no_maximum_is_given() -> None:
    line, _, user = found()
    line.press(user, "1#")
    line.tick(25)
    assert line.payload("call.gather.ended")["digits"] == "1"
    line.does(user, "gather_using_speak", payload="x", valid_digits="123", voice="male")
    line.press(user, "2")
    line.tick(240)
    assert len([each for each in line.event_types() if each == "call.gather.ended"]) == 1
    line.tick(40)
    assert line.payload("call.gather.ended")["digits"] == "2"


def test_a_menu_is_no_speech_that_ends() -> None:
    line, _, user = found()
    line.press(user, "1#")
    line.tick(25)
    events = line.event_types(user)
    assert "call.gather.ended" in events
    assert "call.speak.ended" not in events


def test_the_seconds_to_ring_may_be_a_string_and_the_caller_is_whoever_calls() -> None:
    line, _, user = found()
    initiated = next(e for e in line.events if e["payload"]["call_control_id"] == user)
    assert (initiated["payload"]["from"], initiated["payload"]["to"]) == (STRANGER, USER)
    nobody = line.dial("+13125550188", timeout_secs="5")
    line.tick(251)
    assert line.payload("call.hangup")["call_control_id"] == data(nobody)["call_control_id"]
    assert line.payload("call.hangup")["hangup_cause"] == "timeout"


@pytest.mark.parametrize("who", ["caller", "user"])
def test_a_star_outside_of_any_gather_is_told_of_either_leg_and_starts_a_recording(
    who: str,
) -> None:
    line, caller, user = found()
    line.press(user, "1#")
    line.tick(25)
    line.does(user, "bridge", call_control_id=caller)
    pressed = caller if who == "caller" else user
    line.press(pressed, "*")
    line.tick(15)
    told = line.payload("call.dtmf.received")
    assert (told["digit"], told["call_control_id"]) == ("*", pressed)
    recording = {"format": "mp3", "channels": "single", "play_beep": True, "client_state": STATE}
    line.does(pressed, "record_start", **recording)
    line.tick(50)
    line.does(pressed, "hangup")
    line.tick()
    assert list(line.payload("call.recording.saved")["recording_urls"]) == ["mp3"]


def test_whoever_declines_is_hung_up_and_the_caller_answered() -> None:
    line, caller, user = found()
    line.press(user, "2#")
    line.tick(25)
    line.does(caller, "answer", client_state=STATE)
    line.does(user, "hangup")
    line.tick(5)
    assert line.report(user).state == "ended"
    line.does(caller, "speak", payload="Leave a message.", voice="female", language="en-GB")
    line.tick(30)
    assert line.payload("call.speak.ended")["client_state"] == STATE


def test_a_transferred_legs_events_have_no_client_state_of_the_caller() -> None:
    """With it, whoever is called would hear the menu as well."""
    line = PlayingLine(config=with_user())
    caller = line.ring()
    line.does(caller, "answer", client_state=STATE)
    line.does(caller, "transfer", to=USER)
    line.tick(10)
    theirs = [e for e in line.events if e["payload"]["call_control_id"] != caller]
    assert [each["event_type"] for each in theirs] == [
        "call.initiated",
        "call.answered",
        "call.bridged",
    ]
    assert {each["payload"]["client_state"] for each in theirs} == {None}
    assert {urls for each in line.deliveries for urls in each.urls} == {"http://app/hooks"}


def test_the_times_of_a_call_are_utc_with_a_fraction() -> None:
    line = PlayingLine()
    line.answered(Wait("answered"), HangUp())
    line.tick(5)
    ended = line.payload("call.hangup")
    for name in ("start_time", "end_time"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", ended[name])
    assert ended["start_time"] < ended["end_time"]


def test_nobody_speaks_to_who_has_hung_up() -> None:
    line = PlayingLine()
    call = line.answered(Wait("answered"), HangUp())
    line.tick(5)
    refused = line.command(call, "speak", payload="1", voice="female", language="en-US")
    assert codes(refused)[0][0] == "90018"


def test_who_is_welcomed_and_joins_at_once_hears_all_of_the_welcome() -> None:
    line = PlayingLine()
    calls = [line.answered(), line.answered()]
    line.does(calls[0], "speak", payload="x" * 10, voice="female", language="en-GB")
    body = {"call_control_id": calls[0], "name": "conf-1", "comfort_noise": False}
    conference = data(line.request("POST", "/v2/conferences", body))["id"]
    people: Any = line.request("GET", f"/v2/conferences/{conference}/participants").body
    assert [each["call_control_id"] for each in people["data"]] == [calls[0]]
    line.does(calls[1], "speak", payload="x" * 10, voice="female", language="en-GB")
    path = f"/v2/conferences/{conference}/actions/join"
    assert line.request("POST", path, {"call_control_id": calls[1]}).status == 200
    line.tick(20)
    for call in calls:
        assert line.heard_ms(call) == len(tone(200)) / 8
        assert "call.speak.ended" in line.event_types(call)


def test_a_leg_that_we_dialled_needs_no_answer() -> None:
    line = PlayingLine(config=with_user())
    call = str(data(line.dial(USER, client_state=STATE))["call_control_id"])
    assert codes(line.command(call, "answer"))[0][0] == "90102"
    line.tick(10)
    assert line.payload("call.answered")["client_state"] == STATE
