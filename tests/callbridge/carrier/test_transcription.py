"""transcription_start and transcription_stop: what is said on a call comes as events."""

from typing import Any

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.script import CallScript, HangUp, Play, Wait
from callbridge.host.audiofile import Clip
from tests.callbridge.carrier.line import Line, codes, tone
from tests.callbridge.carrier.relay_line import RelayLine

BOB = "+13125550199"


def answered(line: Line) -> str:
    call = line.ring(Wait("answered"))
    line.command(call, "answer")
    return call


def told(line: Line) -> list[dict[str, Any]]:
    return [
        event["payload"]["transcription_data"]
        for event in line.events
        if event["event_type"] == "call.transcription"
    ]


def texts(line: Line) -> list[tuple[str, bool]]:
    return [(data["transcript"], data["is_final"]) for data in told(line)]


def test_what_the_caller_says_is_told_when_they_have_said_it() -> None:
    line = RelayLine()
    call = answered(line)
    assert line.command(call, "transcription_start").status == 200
    line.says(call, 500)
    line.tick(100)
    assert told(line) == [{"confidence": 1.0, "is_final": True, "transcript": "hello"}]
    line.understood = "again"
    line.says(call, 500)
    line.tick(100)
    assert texts(line) == [("hello", True), ("again", True)]


def test_interim_results_come_only_where_they_are_asked_for() -> None:
    line = RelayLine()
    call = answered(line)
    config = {"transcription_engine": "Google", "interim_results": True}
    line.command(call, "transcription_start", transcription_engine_config=config)
    line.says(call, 1500)
    line.tick(150)
    assert texts(line) == [("hello", False), ("hello", True)]


def test_both_tracks_say_which_one_they_are() -> None:
    line = RelayLine(speaks=True)
    call = answered(line)
    line.command(call, "transcription_start", transcription_tracks="both")
    line.command(call, "speak", payload="good morning", voice="female")
    line.switch.synthesised(line.to_speak[0].speak_id, tone(600), line.now)
    line.tick(100)
    line.says(call, 500)
    line.tick(100)
    assert [data["transcription_track"] for data in told(line)] == ["outbound", "inbound"]


def test_one_track_is_deaf_for_the_other() -> None:
    line = RelayLine()
    call = answered(line)
    line.command(call, "transcription_start", transcription_tracks="outbound")
    line.says(call, 500)
    line.tick(100)
    assert told(line) == []


def test_a_stop_ends_it_and_it_may_begin_again() -> None:
    line = RelayLine()
    call = answered(line)
    line.command(call, "transcription_start")
    assert codes(line.command(call, "transcription_start")) == [("90054", None)]
    line.says(call, 500)
    line.tick(20)
    assert line.command(call, "transcription_stop").status == 200
    line.tick(100)
    assert told(line) == []
    assert codes(line.command(call, "transcription_stop")) == [("90055", None)]
    assert line.command(call, "transcription_start").status == 200


def test_a_hang_up_in_the_middle_leaves_nothing_behind() -> None:
    line = Line(converses=True)
    call = line.ring(
        Wait("answered"), Play(Clip(tone(500), 8000)), Wait("bot_silent", for_s=1.0), HangUp()
    )
    line.command(call, "answer")
    line.command(call, "transcription_start")
    line.tick(120)
    [wish] = line.to_recognise
    assert line.event_types()[-1] == "call.hangup"
    line.switch.recognised(wish.session_id, "too late", line.now)
    line.tick(10)
    assert told(line) == []


def test_an_answer_and_a_dial_may_begin_it() -> None:
    line = RelayLine()
    call = line.ring(Wait("answered"))
    line.command(call, "answer", transcription=True)
    line.says(call, 500)
    line.tick(100)
    assert texts(line) == [("hello", True)]
    script = CallScript(steps=(Play(Clip(tone(500), 8000)), Wait("hangup")))
    config = CarrierConfig(webhook_url="http://a/", numbers={BOB: script}, ring_s=0.0)
    line = RelayLine(config=config)
    tracks = {"transcription_tracks": "both"}
    assert line.dial(BOB, transcription=True, transcription_config=tracks).status == 200
    line.tick(100)
    assert [data["transcription_track"] for data in told(line)] == ["inbound"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"transcription_tracks": "none"}, ("10032", "/transcription_tracks")),
        ({"transcription_engine": "Ear"}, ("10032", "/transcription_engine")),
        ({"transcription_engine_config": "x"}, ("10026", "/transcription_engine_config")),
        (
            {"transcription_engine_config": {"interim_results": 1}},
            ("10026", "/transcription_engine_config/interim_results"),
        ),
        ({"language": 7}, ("10026", "/language")),
    ],
)
def test_what_makes_no_sense_is_refused(
    fields: dict[str, object], expected: tuple[str, str | None]
) -> None:
    line = RelayLine()
    call = answered(line)
    assert codes(line.command(call, "transcription_start", **fields)) == [expected]


def test_without_a_recogniser_it_is_refused_wherever_it_is_asked_for() -> None:
    line = Line()
    call = line.ring()
    assert codes(line.command(call, "answer", transcription=True)) == [("10027", None)]
    assert codes(line.dial(BOB, transcription=True)) == [("10027", None)]
    line.command(call, "answer")
    refusal = line.command(call, "transcription_start")
    assert codes(refusal) == [("10027", None)]
    assert "callbridge[speech]" in str(refusal.body)
