"""One participant is asked for keys while the conference goes on."""

from typing import Any

import pytest

from callbridge.carrier.people.script import Press
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine
from tests.callbridge.carrier.line import codes, sounding, tone

URL = "http://files.example/code.wav"


def press(line: ConferenceLine, call: str, digits: str) -> None:
    leg = line.switch.find(call)
    assert leg is not None
    assert leg.scripted is not None
    leg.scripted.carry_on((Press(digits),))
    line.tick(12 * len(digits))


def heard_ms(line: ConferenceLine, *calls: str) -> list[int]:
    return [20 * sum(sounding(line.report(call).bot)) for call in calls]


def test_the_prompt_is_heard_by_one_and_the_keys_are_told() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("gather_using_audio", call_control_id=calls[1], audio_url=URL, gather_id="code",
              client_state="Y29kZQ==")  # fmt: skip
    line.sound(tone(200))
    line.tick(20)
    assert heard_ms(line, *calls) == [0, 200]
    press(line, calls[1], "12#")
    line.tick()
    assert line.event_types(calls[1])[-6:] == [
        "call.playback.started",
        "call.playback.ended",
        *["call.dtmf.received"] * 3,
        "call.gather.ended",
    ]
    ended = line.payload("call.gather.ended")
    assert (ended["digits"], ended["status"], ended["gather_id"]) == ("12", "valid", "code")
    assert ended["client_state"] == "Y29kZQ=="
    assert line.heard(calls) == [10, 1]


@pytest.mark.parametrize(("stops", "ms"), [(True, 200), (False, 1000)])
def test_a_key_ends_the_prompt_or_does_not(stops: bool, ms: int) -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    line.does("gather_using_audio", call_control_id=call, audio_url=URL,
              stop_playback_on_dtmf=stops)  # fmt: skip
    line.sound(tone(1000))
    line.tick()
    press(line, call, "1")
    line.tick(60)
    assert abs(heard_ms(line, call)[0] - ms) <= 60


def test_keys_that_are_not_valid_are_ignored() -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    line.does("gather_using_audio", call_control_id=call, valid_digits="12", maximum_digits=2)
    press(line, call, "1932")
    line.tick()
    ended = line.payload("call.gather.ended")
    assert (ended["digits"], ended["status"]) == ("12", "valid")


def test_nobody_presses_anything() -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    line.does("gather_using_audio", call_control_id=call, audio_url=URL, maximum_tries=2,
              initial_timeout_millis=200, timeout_millis=1000)  # fmt: skip
    line.sound(tone(100))
    line.tick(60)  # the file is kept for the second time
    assert line.payload("call.gather.ended")["status"] == "timeout"
    assert line.event_types().count("call.playback.started") == 2


def test_a_hang_up_in_the_middle() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("gather_using_audio", call_control_id=calls[1], audio_url=URL)
    line.command(calls[1], "hangup")
    assert line.payload("call.gather.ended")["status"] == "call_hangup"


@pytest.mark.parametrize(
    ("wrong", "code", "pointer"),
    [
        ({"call_control_id": "v3:nobody"}, "90015", "/call_control_id"),
        ({"audio_url": "ftp://x/y"}, "10003", "/audio_url"),
        ({"initial_timeout_millis": 0}, "90056", "/initial_timeout_millis"),
        ({"inter_digit_timeout_millis": -1}, "90026", "/inter_digit_timeout_millis"),
        ({"timeout_millis": 0}, "90025", "/timeout_millis"),
        ({"maximum_digits": 0}, "90023", "/maximum_digits"),
        ({"maximum_tries": 0}, "90024", "/maximum_tries"),
        ({"minimum_digits": 5, "maximum_digits": 4}, "90022", "/minimum_digits"),
        ({"terminating_digit": "##"}, "90007", "/terminating_digit"),
        ({"valid_digits": "xyz"}, "90008", "/valid_digits"),
        ({"gather_id": "x" * 101}, "10025", "/gather_id"),
    ],
)
def test_a_gather_that_is_refused(wrong: dict[str, Any], code: str, pointer: str) -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    response = line.act("gather_using_audio", **{"call_control_id": call} | wrong)
    assert (response.status, codes(response)) == (422, [(code, pointer)])
