"""What a conference refuses, and that nothing changes when it does."""

from typing import Any

import pytest

from callbridge.carrier.parts.sound_queue import MAX_QUEUED
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine
from tests.callbridge.carrier.line import codes

UNKNOWN = "v3:nobody"
URL = "http://files.example/a.wav"
COMMANDS: dict[str, dict[str, Any]] = {
    "join": {"call_control_id": UNKNOWN},
    "leave": {"call_control_id": UNKNOWN},
    "end": {},
    "update": {"call_control_id": UNKNOWN, "supervisor_role": "monitor"},
    "mute": {},
    "unmute": {},
    "hold": {},
    "unhold": {"call_control_ids": [UNKNOWN]},
    "play": {"audio_url": URL},
    "speak": {"payload": "hello", "voice": "female"},
    "stop": {},
    "send_dtmf": {"digits": "1"},
    "record_start": {"format": "wav"},
    "record_stop": {},
    "record_pause": {},
    "record_resume": {},
    "gather_using_audio": {"call_control_id": UNKNOWN},
}
EACH = pytest.mark.parametrize("action", COMMANDS)


@EACH
def test_a_conference_that_is_unknown(action: str) -> None:
    line = ConferenceLine(speaks=True)
    line.id = "not-one"
    response = line.act(action, **COMMANDS[action])
    assert (response.status, codes(response)) == (404, [("90058", None)])


@EACH
def test_a_conference_that_has_ended(action: str) -> None:
    line = ConferenceLine(speaks=True)
    line.meeting(1)
    line.does("end")
    before = len(line.events)
    response = line.act(action, **COMMANDS[action])
    assert (response.status, codes(response)) == (422, [("90019", None)])
    assert len(line.events) == before


@pytest.mark.parametrize(
    "action", ["mute", "unmute", "hold", "unhold", "play", "stop", "send_dtmf"]
)
def test_one_wrong_name_among_right_ones_changes_nothing(action: str) -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("leave", call_control_id=calls[1])
    before = line.participants()
    for wrong in (UNKNOWN, calls[1]):  # nobody, and somebody who has left
        fields = COMMANDS[action] | {"call_control_ids": [calls[0], wrong]}
        response = line.act(action, **fields)
        assert (response.status, codes(response)) == (422, [("90015", "/call_control_ids")])
    assert line.participants() == before
    assert not line.to_fetch


@pytest.mark.parametrize("action", ["leave", "update"])
def test_a_call_that_is_not_in_the_conference(action: str) -> None:
    line = ConferenceLine()
    line.meeting(1)
    stranger = line.answered()
    for call in (UNKNOWN, stranger):
        response = line.act(action, **COMMANDS[action] | {"call_control_id": call})
        assert codes(response) == [("90015", "/call_control_id")]
    line.command(stranger, "hangup")
    response = line.act(action, **COMMANDS[action] | {"call_control_id": stranger})
    assert codes(response) == [("90018", "/call_control_id")]


def test_a_call_that_cannot_join() -> None:
    line = ConferenceLine()
    [member] = line.meeting(1, max_participants=2)
    ringing, ended = line.ring(), line.answered()
    line.command(ended, "hangup")
    for call, code in ((UNKNOWN, "90015"), (ringing, "90034"), (ended, "90018"), (member, "90044")):
        response = line.act("join", call_control_id=call)
        assert (response.status, codes(response)) == (422, [(code, "/call_control_id")])
        body = {"call_control_id": call, "name": "another"}
        response = line.request("POST", "/v2/conferences", body)
        assert (response.status, codes(response)) == (422, [(code, "/call_control_id")])
    assert len(line.participants()) == 1


def test_a_conference_that_is_full() -> None:
    line = ConferenceLine()
    calls = line.meeting(2, max_participants=2)
    late = line.answered()
    response = line.act("join", call_control_id=late, client_state="bGF0ZQ==")
    assert (response.status, codes(response)) == (422, [("90032", None)])
    line.command(late, "hangup")
    assert line.payload("call.hangup")["client_state"] is None
    line.does("leave", call_control_id=calls[1])
    line.does("join", call_control_id=calls[1])


def test_a_sound_for_somebody_on_hold() -> None:
    line = ConferenceLine(speaks=True)
    calls = line.meeting(2)
    line.does("hold", call_control_ids=[calls[1]])
    for action in ("play", "speak"):
        response = line.act(action, **COMMANDS[action] | {"call_control_ids": calls})
        assert (response.status, codes(response)) == (400, [("90047", "/call_control_ids")])
    assert not line.to_fetch + line.to_speak


def test_more_sounds_than_anybody_waits_for() -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    for _ in range(MAX_QUEUED):
        line.does("play", **COMMANDS["play"])
    response = line.act("play", **COMMANDS["play"])
    assert (response.status, codes(response)) == (422, [("90033", None)])
    line.does("play", **COMMANDS["play"] | {"call_control_ids": [call]})
    line.does("stop")
    line.does("play", **COMMANDS["play"])


def test_speech_without_a_voice() -> None:
    line = ConferenceLine()
    line.meeting(1)
    response = line.act("speak", **COMMANDS["speak"])
    assert (response.status, codes(response)) == (422, [("10027", None)])


@pytest.mark.parametrize(
    ("wrong", "code", "pointer"),
    [
        ({"call_control_id": None}, "10004", "/call_control_id"),
        ({"call_control_id": 5}, "10026", "/call_control_id"),
        ({"name": None}, "10004", "/name"),
        ({"name": " "}, "10004", "/name"),
        ({"name": ["a"]}, "10026", "/name"),
        ({"beep_enabled": "sometimes"}, "10032", "/beep_enabled"),
        ({"client_state": "no base64!"}, "90017", "/client_state"),
        ({"comfort_noise": "yes"}, "10026", "/comfort_noise"),
        ({"duration_minutes": 0}, "10033", "/duration_minutes"),
        ({"duration_minutes": -5}, "10033", "/duration_minutes"),
        ({"duration_minutes": 1.5}, "10026", "/duration_minutes"),
        ({"hold_audio_url": "ftp://files/a.wav"}, "10003", "/hold_audio_url"),
        ({"hold_media_name": 5}, "10026", "/hold_media_name"),
        ({"max_participants": 1}, "10033", "/max_participants"),
        ({"max_participants": 801}, "10033", "/max_participants"),
        ({"region": "Mars"}, "10032", "/region"),
        ({"start_conference_on_create": 1}, "10026", "/start_conference_on_create"),
    ],
)
def test_a_creation_with_something_wrong(wrong: dict[str, Any], code: str, pointer: str) -> None:
    line = ConferenceLine()
    body = {"call_control_id": line.answered(), "name": "support"} | wrong
    response = line.request("POST", "/v2/conferences", body)
    assert (response.status, codes(response)) == (422, [(code, pointer)])
    assert "conference.created" not in line.event_types()


@pytest.mark.parametrize(
    ("action", "wrong", "code", "pointer"),
    [
        ("join", {"hold": "yes"}, "10026", "/hold"),
        (
            "join",
            {"hold_audio_url": "file:///etc/passwd", "hold": True},
            "10003",
            "/hold_audio_url",
        ),
        ("join", {"hold_media_name": "x", "hold_audio_url": URL}, "10027", None),
        ("join", {"supervisor_role": "king"}, "10032", "/supervisor_role"),
        ("join", {"whisper_call_control_ids": [UNKNOWN]}, "90015", "/whisper_call_control_ids"),
        ("join", {"whisper_call_control_ids": UNKNOWN}, "10026", "/whisper_call_control_ids"),
        ("join", {"whisper_call_control_ids": [5]}, "10026", "/whisper_call_control_ids/0"),
        ("leave", {"beep_enabled": ""}, "10032", "/beep_enabled"),
        ("update", {"supervisor_role": None}, "10004", "/supervisor_role"),
        ("update", {"whisper_call_control_ids": [UNKNOWN]}, "90015", "/whisper_call_control_ids"),
        ("mute", {"call_control_ids": "all"}, "10026", "/call_control_ids"),
        ("mute", {"call_control_ids": [None]}, "10026", "/call_control_ids/0"),
        ("unhold", {"call_control_ids": []}, "10004", "/call_control_ids"),
        ("hold", {"audio_url": 5}, "10026", "/audio_url"),
        ("hold", {"audio_url": "music.wav"}, "10003", "/audio_url"),
        ("hold", {"media_name": "music", "audio_url": URL}, "10027", None),
        ("play", {"audio_url": None}, "10004", "/audio_url"),
        ("play", {"loop": 0}, "90009", "/loop"),
        ("play", {"loop": 101}, "90009", "/loop"),
        ("play", {"loop": "forever"}, "90009", "/loop"),
        ("play", {"loop": [1]}, "90009", "/loop"),
        ("speak", {"payload": ""}, "10004", "/payload"),
        ("speak", {"payload": "x" * 3001}, "90010", "/payload"),
        ("speak", {"payload_type": "html"}, "90011", "/payload_type"),
        ("speak", {"voice": "Nobody.Knows.Her"}, "90012", "/voice"),
        ("speak", {"payload": "<p>", "payload_type": "ssml"}, "90010", "/payload"),
        ("speak", {"voice": None}, "10004", "/voice"),
        ("send_dtmf", {"digits": "1" * 129}, "90014", "/digits"),
        ("send_dtmf", {"digits": "one"}, "90014", "/digits"),
        ("send_dtmf", {"duration_millis": 99}, "90027", "/duration_millis"),
        ("send_dtmf", {"duration_millis": 501}, "90027", "/duration_millis"),
        ("send_dtmf", {"client_state": "no!"}, "90017", "/client_state"),
    ],
)
def test_a_command_with_something_wrong(
    action: str, wrong: dict[str, Any], code: str, pointer: str | None
) -> None:
    line = ConferenceLine(speaks=True)
    [member] = line.meeting(1)
    right = {"call_control_id": line.answered() if action == "join" else member}
    before = line.participants(), len(line.events)
    response = line.act(action, **COMMANDS[action] | right | wrong)
    assert (response.status, codes(response)) == (422, [(code, pointer)])
    assert (line.participants(), len(line.events)) == before
    assert not line.to_fetch + line.to_speak
