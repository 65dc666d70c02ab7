"""playback_start and playback_stop: what is heard, and the events around it."""

import base64
from typing import Any

import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.parts.playback import MAX_KEPT_S
from callbridge.carrier.parts.sound_queue import MAX_QUEUED
from callbridge.carrier.people.script import CallScript
from tests.callbridge.carrier.line import STAY, Line, codes, tone
from tests.callbridge.carrier.playing_line import PlayingLine

BOB = "+13125550199"
A, B = "http://files/a.wav", "https://files/b.mp3"


def playing(**files: Any) -> PlayingLine:
    return PlayingLine({A: 200, B: 300, "menu": 100} | files)


def test_files_are_heard_one_after_the_other_between_their_events() -> None:
    line = playing()
    call = line.answered()
    line.does(call, "playback_start", audio_url=A)
    line.does(call, "playback_start", media_name="menu")
    line.tick(20)
    assert line.heard_ms(call) == 300
    assert line.told("media_url", "media_name", "overlay", "status") == [
        ("playback.started", A, "", False),
        ("playback.ended", A, "", False, "completed"),
        ("playback.started", "", "menu", False),
        ("playback.ended", "", "menu", False, "completed"),
    ]
    ids = [event["payload"]["playback_id"] for event in line.events[2:]]
    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_speech_and_files_share_one_queue() -> None:
    line = playing()
    call = line.answered()
    line.does(call, "playback_start", audio_url=A)
    line.does(call, "speak", payload="hello", voice="female")
    line.does(call, "playback_start", audio_url=B)
    line.tick(40)
    assert line.heard_ms(call) == 200 + 100 + 300
    assert [name for name, *_ in line.told()] == [
        "playback.started",
        "playback.ended",
        "speak.started",
        "speak.ended",
        "playback.started",
        "playback.ended",
    ]


def test_content_in_the_command_has_neither_address_nor_name() -> None:
    line = playing(RIFF=60)
    call = line.answered()
    line.does(call, "playback_start", playback_content=base64.b64encode(b"RIFF").decode())
    line.tick(10)
    assert line.heard_ms(call) == 60
    assert line.told("media_url", "media_name", "status") == [
        ("playback.started", "", ""),
        ("playback.ended", "", "", "completed"),
    ]


@pytest.mark.parametrize(
    ("address", "status", "detail"),
    [
        ("http://files/gone.wav", "file_not_found", "not there"),
        ("http://files/broken.wav", "failed", "not an audio file"),
    ],
)
def test_a_file_that_cannot_be_played_ends_with_its_reason_and_holds_nobody_up(
    address: str, status: str, detail: str
) -> None:
    line = playing(**{"http://files/broken.wav": "not an audio file"})
    call = line.answered()
    line.does(call, "playback_start", audio_url=address)
    line.does(call, "playback_start", audio_url=A)
    line.tick(15)
    assert line.told("media_url", "status", "status_detail") == [
        ("playback.ended", address, status, detail),
        ("playback.started", A),
        ("playback.ended", A, "completed"),
    ]


@pytest.mark.parametrize(("loop", "ms"), [(3, 600), ("2", 400), (None, 200)])
def test_loop_repeats(loop: object, ms: int) -> None:
    line = playing()
    call = line.answered()
    line.does(call, "playback_start", audio_url=A, loop=loop)
    line.tick(50)
    assert line.heard_ms(call) == ms
    assert line.told("status")[-1] == ("playback.ended", "completed")


def test_a_loop_without_end_is_ended_by_a_stop() -> None:
    line = playing()
    call = line.answered()
    line.does(call, "playback_start", audio_url=A, loop="infinity")
    line.tick(100)
    line.does(call, "playback_stop")
    line.tick(10)
    assert line.heard_ms(call) == 2000
    assert line.told("status")[-1] == ("playback.ended", "cancelled")


def test_stop_current_goes_on_with_the_next_and_stop_all_with_none() -> None:
    line = playing()
    call = line.answered()
    for _ in range(3):
        line.does(call, "playback_start", audio_url=A, loop=10)
    line.tick(5)
    line.does(call, "playback_stop", stop="current")
    line.tick(5)
    assert line.told("status") == [
        ("playback.started",),
        ("playback.ended", "cancelled"),
        ("playback.started",),
    ]
    line.does(call, "playback_stop", stop="all")
    line.tick(5)
    assert line.told("status")[3:] == [("playback.ended", "cancelled")] * 2
    assert line.heard_ms(call) == 200


def test_a_playback_may_stop_what_is_before_it_and_a_stop_ends_speech() -> None:
    line = playing()
    call = line.answered()
    line.does(call, "speak", payload="x" * 100, voice="male")
    line.tick(5)
    line.does(call, "playback_start", audio_url=A, stop="current")
    line.tick(15)
    assert line.heard_ms(call) == 100 + 200
    line.does(call, "speak", payload="x" * 100, voice="male")
    line.tick(5)
    line.does(call, "playback_stop")
    line.tick(5)
    assert line.heard_ms(call) == 100 + 200 + 100
    assert line.told()[-1] == ("speak.ended",)


def test_stopping_what_does_not_sound_is_no_error() -> None:
    line = playing()
    call = line.answered()
    line.does(call, "playback_stop")
    line.does(call, "playback_stop", overlay=True, stop="current")
    assert line.told() == []


def test_an_overlay_is_heard_on_top_and_stopped_by_itself() -> None:
    line = playing()
    call = line.answered()
    line.does(call, "playback_start", audio_url=B, loop="infinity")
    line.tick(5)
    alone = int(abs(line.report(call).bot[-160:]).max())
    line.does(call, "playback_start", audio_url=A, overlay=True, target_legs="both")
    line.tick(5)
    assert int(abs(line.report(call).bot[-160:]).max()) > 1.5 * alone
    line.does(call, "playback_stop", overlay=True)
    line.tick(5)
    assert int(abs(line.report(call).bot[-160:]).max()) <= alone
    assert line.told("overlay", "status") == [
        ("playback.started", False),
        ("playback.started", True),
        ("playback.ended", True, "cancelled"),
    ]


def test_an_overlay_over_nothing_is_refused() -> None:
    line = playing()
    call = line.answered()
    refusal = line.command(call, "playback_start", audio_url=A, overlay=True)
    assert codes(refusal) == [("90033", "/overlay")]
    line.tick(10)
    assert line.told() == []


def test_a_playback_for_the_other_leg() -> None:
    config = CarrierConfig(
        webhook_url="http://a/", numbers={BOB: CallScript(steps=STAY)}, ring_s=0.0
    )
    line = PlayingLine({A: 200}, config=config)
    alice = line.answered()
    line.command(alice, "transfer", to=BOB)
    line.tick()
    bob = line.payload("call.bridged")["call_control_id"]
    line.does(alice, "playback_start", audio_url=A, target_legs="opposite")
    line.tick(15)
    assert (line.heard_ms(alice), line.heard_ms(bob)) == (0, 200)
    line.does(alice, "playback_start", audio_url=A, target_legs="both")
    line.tick(15)
    assert (line.heard_ms(alice), line.heard_ms(bob)) == (200, 400)


def test_a_call_fetches_a_file_once_unless_it_is_told_otherwise() -> None:
    line = playing()
    call = line.answered()
    for cached in (True, True, False):
        line.does(call, "playback_start", audio_url=A, cache_audio=cached)
        line.tick(12)
    assert line.fetched == [A, A]
    other = line.answered()
    line.does(other, "playback_start", audio_url=A)
    assert line.fetched == [A, A, A]


def test_what_a_call_keeps_of_files_is_bounded() -> None:
    line = PlayingLine({f"http://files/{n}.wav": MAX_KEPT_S * 400 for n in range(3)})
    call = line.answered()
    for number in (0, 1, 2, 2, 0):
        line.does(call, "playback_start", audio_url=f"http://files/{number}.wav")
        line.does(call, "playback_stop")
    assert [name[-5] for name in line.fetched] == ["0", "1", "2", "0"]


def test_sounds_are_asked_for_when_their_turn_is_near_and_too_many_are_refused() -> None:
    line = Line()
    call = line.ring()
    line.command(call, "answer")
    for number in range(MAX_QUEUED):
        address = f"http://files/{number}.wav"
        assert line.command(call, "playback_start", audio_url=address).status == 200
    assert len(line.to_fetch) == 4
    assert codes(line.command(call, "playback_start", audio_url=A)) == [("90033", None)]
    line.command(call, "hangup")
    assert line.event_types().count("call.playback.ended") == MAX_QUEUED
    line.switch.fetched(line.to_fetch[0].sound_id, tone(100), line.now)
    line.tick(5)
    assert "call.playback.started" not in line.event_types()


def test_a_hang_up_ends_what_sounds_and_what_waits() -> None:
    line = playing()
    call = line.answered()
    line.does(call, "playback_start", audio_url=A, loop=50)
    line.does(call, "playback_start", audio_url=B)
    line.tick(5)
    line.does(call, "hangup")
    assert line.told("status") == [
        ("playback.started",),
        ("playback.ended", "call_hangup"),
        ("playback.ended", "call_hangup"),
        ("hangup",),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("10004", "/audio_url")),
        ({"audio_url": ""}, ("10003", "/audio_url")),
        ({"audio_url": None}, ("10004", "/audio_url")),
        ({"audio_url": 7}, ("10026", "/audio_url")),
        ({"audio_url": "ftp://files/a.wav"}, ("10003", "/audio_url")),
        ({"audio_url": "file:///etc/passwd"}, ("10003", "/audio_url")),
        ({"audio_url": A, "media_name": "menu"}, ("10027", None)),
        ({"audio_url": A, "playback_content": "AAAA"}, ("10027", None)),
        ({"playback_content": "no base64!"}, ("10027", "/playback_content")),
        ({"audio_url": A, "loop": 0}, ("90009", "/loop")),
        ({"audio_url": A, "loop": 101}, ("90009", "/loop")),
        ({"audio_url": A, "loop": "forever"}, ("90009", "/loop")),
        ({"audio_url": A, "loop": "9" * 5000}, ("90009", "/loop")),
        ({"audio_url": A, "loop": True}, ("90009", "/loop")),
        ({"audio_url": A, "overlay": "yes"}, ("10026", "/overlay")),
        ({"audio_url": A, "stop": "some"}, ("90016", "/stop")),
        ({"audio_url": A, "target_legs": "none"}, ("10032", "/target_legs")),
        ({"audio_url": A, "audio_type": "ogg"}, ("10032", "/audio_type")),
        ({"audio_url": A, "client_state": "?"}, ("90017", "/client_state")),
    ],
)
def test_what_cannot_be_played_is_refused_and_nothing_sounds(
    fields: dict[str, object], expected: tuple[str, str | None]
) -> None:
    line = playing()
    call = line.answered()
    assert codes(line.command(call, "playback_start", **fields)) == [expected]
    line.tick(10)
    assert (line.fetched, line.heard_ms(call)) == ([], 0)


@pytest.mark.parametrize("action", ["playback_start", "playback_stop"])
def test_a_call_that_is_not_answered_or_over_takes_none(action: str) -> None:
    line = playing()
    call = line.ring()
    assert codes(line.command(call, action, audio_url=A))[0][0] == "90034"
    line.command(call, "hangup")
    assert codes(line.command(call, action, audio_url=A))[0][0] == "90018"
    assert codes(line.command("v3:nobody", action, audio_url=A))[0][0] == "90015"


def test_a_dial_may_play_a_file_when_somebody_picks_up() -> None:
    config = CarrierConfig(webhook_url="http://a/", numbers={BOB: CallScript(steps=STAY)})
    line = PlayingLine({A: 200}, config=config)
    line.dial(BOB, audio_url=A)
    line.tick(20)
    assert line.fetched == []
    line.tick(30)
    assert line.event_types()[1:] == [
        "call.answered",
        "call.playback.started",
        "call.playback.ended",
    ]
    assert line.heard_ms(line.events[0]["payload"]["call_control_id"]) == 200
    for fields in ({"audio_url": "x"}, {"audio_url": A, "media_name": "menu"}):
        assert line.dial(BOB, **fields).status == 422
