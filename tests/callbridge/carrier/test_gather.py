"""gather, gather_using_audio, gather_using_speak and gather_stop, by the caller's own keys."""

from typing import Any

import numpy as np
import pytest

from callbridge.carrier.people.script import HangUp, Play, Press, Wait
from callbridge.host.audiofile import Clip
from telecodecs.dtmf import tones
from tests.callbridge.carrier.line import Line, codes
from tests.callbridge.carrier.playing_line import PlayingLine

MENU, WRONG = "http://files/menu.wav", "http://files/wrong.wav"
SPEAK = {"payload": "x" * 50, "voice": "female"}  # 1 s of speech


def ready(**files: Any) -> PlayingLine:
    return PlayingLine({MENU: 1000, WRONG: 400} | files)


def ended(line: Line) -> tuple[str, str]:
    payload = line.payload("call.gather.ended")
    return payload["status"], payload["digits"]


def test_keys_up_to_the_terminating_one() -> None:
    line = ready()
    call = line.answered()
    line.does(call, "gather", gather_id="pin-1")
    line.press(call, "12#")
    line.tick(32)
    assert line.told("digit", "digits", "status", "gather_id") == [
        ("dtmf.received", "1"),
        ("dtmf.received", "2"),
        ("dtmf.received", "#"),
        ("gather.ended", "12", "valid", "pin-1"),
    ]


def test_the_most_digits_end_it_at_once_and_later_keys_are_events_only() -> None:
    line = ready()
    call = line.answered()
    line.does(call, "gather", maximum_digits=2)
    line.press(call, "123")
    line.tick(40)
    assert [name for name, *_ in line.told()] == [
        "dtmf.received",
        "dtmf.received",
        "gather.ended",
        "dtmf.received",
    ]
    assert ended(line) == ("valid", "12")


@pytest.mark.parametrize(
    ("fields", "keys", "expected", "after_s"),
    [
        ({"initial_timeout_millis": 1000}, "", ("timeout", ""), 1.0),
        ({"timeout_millis": 700}, "", ("timeout", ""), 0.7),
        ({"inter_digit_timeout_millis": 500}, "7", ("valid", "7"), 0.6),
        ({"inter_digit_timeout_millis": 500, "minimum_digits": 2}, "7", ("invalid", "7"), 0.6),
        ({"timeout_millis": 300, "minimum_digits": 4}, "55555", ("invalid", "5"), 0.3),
        ({}, "#", ("invalid", ""), 0.1),
        ({"valid_digits": "12", "maximum_digits": 1}, "3", ("invalid", "3"), 0.1),
        ({"terminating_digit": "", "maximum_digits": 3}, "1#2", ("valid", "1#2"), 0.5),
        ({"terminating_digit": "9"}, "19", ("valid", "1"), 0.3),
        ({"valid_digits": "A", "maximum_digits": 1}, "A", ("valid", "A"), 0.1),
    ],
)
def test_how_an_attempt_ends(
    fields: dict[str, object], keys: str, expected: tuple[str, str], after_s: float
) -> None:
    line = ready()
    call = line.answered()
    line.does(call, "gather", **fields)
    if keys:
        line.press(call, keys)
    line.tick(round(after_s / 0.02) - 1)
    assert "call.gather.ended" not in line.event_types()
    line.tick(3)
    assert ended(line) == expected


def test_a_file_is_heard_first_and_the_first_key_ends_it() -> None:
    line = ready()
    call = line.answered()
    line.does(call, "gather_using_audio", audio_url=MENU, maximum_digits=1)
    line.tick(10)
    line.press(call, "1")
    line.tick(10)
    assert line.told("media_url", "digit", "status", "digits") == [
        ("playback.started", MENU),
        ("playback.ended", MENU, "cancelled"),
        ("dtmf.received", "1"),
        ("gather.ended", "valid", "1"),
    ]
    assert 250 < line.heard_ms(call) < 350


def test_the_time_for_the_first_key_begins_when_the_prompt_was_heard() -> None:
    line = ready()
    call = line.answered()
    line.does(call, "gather_using_audio", audio_url=MENU, timeout_millis=500, maximum_tries=1)
    line.tick(73)
    assert "call.gather.ended" not in line.event_types()
    line.tick(5)
    assert ended(line) == ("timeout", "")
    assert line.told("status")[-2:] == [
        ("playback.ended", "completed"),
        ("gather.ended", "timeout"),
    ]


def test_a_spoken_prompt_has_no_events_of_its_own() -> None:
    line = ready()
    call = line.answered()
    line.does(call, "gather_using_speak", **SPEAK, maximum_digits=1)
    line.tick(60)
    line.press(call, "4")
    line.tick(10)
    assert line.told("digits") == [("dtmf.received",), ("gather.ended", "4")]
    assert line.heard_ms(call) == 1000


def test_an_invalid_entry_is_answered_and_asked_again() -> None:
    line = ready()
    call = line.answered()
    line.does(
        call,
        "gather_using_speak",
        **SPEAK,
        invalid_payload="not that one",
        valid_digits="123",
        maximum_digits=1,
        maximum_tries=3,
    )
    line.press(call, "7")
    line.tick(100)
    line.press(call, "2")
    line.tick(10)
    assert line.said == [SPEAK["payload"], "not that one", SPEAK["payload"]]
    assert ended(line) == ("valid", "2")


def test_every_try_is_prompted_and_the_last_one_decides() -> None:
    line = ready()
    call = line.answered()
    line.does(
        call,
        "gather_using_audio",
        audio_url=MENU,
        invalid_audio_url=WRONG,
        valid_digits="1",
        maximum_digits=1,
        maximum_tries=2,
        timeout_millis=200,
    )
    line.press(call, "7")
    line.tick(50)
    line.press(call, "8")
    line.tick(20)
    assert line.told("media_url", "status", "digits") == [
        ("playback.started", MENU),
        ("playback.ended", MENU, "cancelled"),
        ("dtmf.received",),
        ("playback.started", WRONG),
        ("playback.ended", WRONG, "completed"),
        ("playback.started", MENU),
        ("playback.ended", MENU, "cancelled"),
        ("dtmf.received",),
        ("gather.ended", "invalid", "8"),
    ]


def test_nobody_presses_anything_and_each_try_asks_again() -> None:
    line = ready()
    call = line.answered()
    line.does(call, "gather_using_audio", audio_url=MENU, timeout_millis=200, maximum_tries=3)
    line.tick(200)
    assert line.heard_ms(call) == 3000
    assert ended(line) == ("timeout", "")
    assert line.event_types().count("call.gather.ended") == 1


def test_a_key_while_it_is_said_that_the_last_one_was_wrong_is_the_next_entry() -> None:
    line = ready()
    call = line.answered()
    line.does(
        call,
        "gather_using_audio",
        audio_url=MENU,
        invalid_audio_url=WRONG,
        valid_digits="1",
        maximum_digits=1,
    )
    line.press(call, "71")
    line.tick(40)
    assert ended(line) == ("valid", "1")
    assert line.told("media_url", "status")[-3:] == [
        ("playback.ended", MENU, "cancelled"),
        ("dtmf.received",),
        ("gather.ended", "valid"),
    ]


def test_a_prompt_that_cannot_be_heard_leaves_the_keys_awaited() -> None:
    line = ready()
    call = line.answered()
    line.does(call, "gather_using_audio", audio_url="http://files/none.wav", maximum_digits=1)
    line.tick(10)
    assert line.payload("call.playback.ended")["status"] == "file_not_found"
    line.press(call, "6")
    line.tick(10)
    assert ended(line) == ("valid", "6")


def test_a_prompt_waits_for_what_sounds_already() -> None:
    line = ready()
    call = line.answered()
    line.does(call, "playback_start", audio_url=WRONG)
    line.does(call, "gather_using_speak", **SPEAK, timeout_millis=300, maximum_tries=1)
    line.tick(100)
    assert line.heard_ms(call) == 1400
    assert [name for name, *_ in line.told()] == [
        "playback.started",
        "playback.ended",
        "gather.ended",
    ]


@pytest.mark.parametrize("action", ["gather", "gather_using_audio", "gather_using_speak"])
def test_it_is_stopped_by_command(action: str) -> None:
    line = ready()
    call = line.answered()
    line.does(call, action, **SPEAK, audio_url=MENU, minimum_digits=5)
    line.press(call, "12")
    line.tick(30)
    line.does(call, "gather_stop")
    line.does(call, "gather_stop")
    line.tick(100)
    assert ended(line) == ("cancelled", "12")
    assert line.event_types().count("call.gather.ended") == 1


def test_a_stopped_prompt_falls_silent() -> None:
    line = ready()
    call = line.answered()
    line.does(call, "gather_using_speak", **SPEAK)
    line.tick(10)
    line.does(call, "gather_stop")
    line.tick(100)
    assert line.heard_ms(call) == 200


def test_a_second_gather_takes_the_place_of_the_first() -> None:
    line = ready()
    call = line.answered()
    line.does(call, "gather")
    line.does(call, "gather", maximum_digits=1, gather_id="second")
    line.press(call, "5")
    line.tick(10)
    assert line.told("status", "digits", "gather_id") == [
        ("gather.ended", "cancelled", ""),
        ("dtmf.received",),
        ("gather.ended", "valid", "5", "second"),
    ]


@pytest.mark.parametrize("action", ["gather", "gather_using_audio", "gather_using_speak"])
def test_a_hang_up_ends_it_before_the_call(action: str) -> None:
    line = ready()
    call = line.answered(Wait("answered"), Press("1"), HangUp())
    line.does(call, action, **SPEAK, audio_url=MENU)
    line.tick(30)
    assert line.event_types()[-2:] == ["call.gather.ended", "call.hangup"]
    assert ended(line) == ("call_hangup", "1")
    line.tick(50)
    assert line.event_types()[-1] == "call.hangup"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"minimum_digits": 0}, ("90022", "/minimum_digits")),
        ({"minimum_digits": 5, "maximum_digits": 4}, ("90022", "/minimum_digits")),
        ({"maximum_digits": 129}, ("90023", "/maximum_digits")),
        ({"maximum_digits": "four"}, ("90023", "/maximum_digits")),
        ({"timeout_millis": 0}, ("90025", "/timeout_millis")),
        ({"timeout_millis": 10**30}, ("90025", "/timeout_millis")),
        ({"inter_digit_timeout_millis": 120001}, ("90026", "/inter_digit_timeout_millis")),
        ({"terminating_digit": "##"}, ("90007", "/terminating_digit")),
        ({"terminating_digit": "x"}, ("90007", "/terminating_digit")),
        ({"terminating_digit": 5}, ("90007", "/terminating_digit")),
        ({"valid_digits": "12x"}, ("90008", "/valid_digits")),
        ({"valid_digits": ""}, ("90008", "/valid_digits")),
        ({"client_state": "?"}, ("90017", "/client_state")),
    ],
)
@pytest.mark.parametrize("action", ["gather", "gather_using_audio", "gather_using_speak"])
def test_what_makes_no_sense_is_refused(
    action: str, fields: dict[str, object], expected: tuple[str, str]
) -> None:
    line = ready()
    call = line.answered()
    body = SPEAK | {"audio_url": MENU} | fields
    assert codes(line.command(call, action, **body)) == [expected]
    line.tick(5)
    assert line.told() == []


@pytest.mark.parametrize(
    ("action", "fields", "expected"),
    [
        ("gather", {"initial_timeout_millis": 0}, ("90056", "/initial_timeout_millis")),
        ("gather", {"gather_id": "x" * 41}, ("10025", "/gather_id")),
        ("gather_using_audio", {}, ("10004", "/audio_url")),
        ("gather_using_audio", {"audio_url": "menu.wav"}, ("10003", "/audio_url")),
        ("gather_using_audio", {"audio_url": MENU, "media_name": "menu"}, ("10027", None)),
        (
            "gather_using_audio",
            {"audio_url": MENU, "invalid_audio_url": "x"},
            ("10003", "/invalid_audio_url"),
        ),
        (
            "gather_using_audio",
            {"audio_url": MENU, "maximum_tries": 0},
            ("90024", "/maximum_tries"),
        ),
        ("gather_using_speak", {"voice": "female"}, ("10004", "/payload")),
        ("gather_using_speak", {"payload": "hi"}, ("10004", "/voice")),
        ("gather_using_speak", SPEAK | {"payload": "x" * 3001}, ("90010", "/payload")),
        ("gather_using_speak", SPEAK | {"voice": "Nobody.Here"}, ("90012", "/voice")),
        (
            "gather_using_speak",
            SPEAK | {"payload_type": "ssml", "voice": "Polly.Amy", "invalid_payload": "<s>"},
            ("90010", "/invalid_payload"),
        ),
    ],
)
def test_what_one_of_them_refuses(
    action: str, fields: dict[str, object], expected: tuple[str, str | None]
) -> None:
    line = ready()
    call = line.answered()
    assert codes(line.command(call, action, **fields)) == [expected]


def test_without_a_voice_nothing_is_asked() -> None:
    line = PlayingLine(speaks=False)
    call = line.answered()
    refusal = line.command(call, "gather_using_speak", **SPEAK)
    assert codes(refusal) == [("10027", None)]
    assert "callbridge[voice]" in str(refusal.body)


def test_keys_that_come_as_tones_are_heard_as_well() -> None:
    """Of a caller whose network carries them in the audio."""
    line = ready()
    call = line.answered(Wait("answered"), Press("31#"), keys="tones")
    line.does(call, "gather_using_speak", **SPEAK)
    line.tick(40)
    assert line.told("digit", "digits") == [
        ("dtmf.received", "3"),
        ("dtmf.received", "1"),
        ("dtmf.received", "#"),
        ("gather.ended", "31"),
    ]
    assert np.abs(line.report(call).caller).max() > 10000


def test_a_caller_of_events_presses_nothing_by_a_sound() -> None:
    line = ready()
    call = line.answered(Wait("answered"), Play(Clip(tones("5", 1600, 8000), 8000)))
    line.does(call, "gather", initial_timeout_millis=500)
    line.tick(40)
    assert ended(line) == ("timeout", "")
