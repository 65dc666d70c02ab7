"""What is played and spoken to a conference: who hears it, and what its customer is told."""

from typing import Any

import numpy as np
import pytest

from callbridge.carrier.conferences.noises import ENTER_HZ, EXIT_HZ, NOISE_PEAK, beep, noise
from telecodecs import Pcm
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine
from tests.callbridge.carrier.line import sounding, tone

URL = "http://files.example/music.wav"
SPOKEN = {"payload": "hello", "voice": "female"}


def heard_ms(line: ConferenceLine, *calls: str) -> list[int]:
    return [20 * sum(sounding(line.report(call).bot)) for call in calls]


def told(line: ConferenceLine) -> list[str]:
    """Events of sounds, without their prefix."""
    return [
        name.removeprefix("conference.")
        for name in line.event_types()
        if "playback" in name or "speak" in name
    ]


def level(value: int, ms: int = 100) -> Pcm:
    return np.full(8 * ms, value, np.int16)


def test_the_whole_conference_hears_what_is_played() -> None:
    line = ConferenceLine()
    calls = line.meeting(3)
    line.does("play", audio_url=URL)
    [wish] = line.to_fetch
    assert (wish.url, wish.sample_rate) == (URL, 8000)
    line.sound(level(5000))
    assert line.heard(calls) == [5110, 5101, 5011]
    line.tick(10)
    assert told(line) == ["playback.started", "playback.ended"]
    ended = line.payload("conference.playback.ended")
    assert ended["media_url"] == URL
    assert "call_control_id" not in ended
    assert ended["creator_call_session_id"]


def test_what_is_said_to_the_whole_conference() -> None:
    line = ConferenceLine(speaks=True)
    calls = line.meeting(2)
    line.does("speak", language="en-GB", **SPOKEN)
    [wish] = line.to_speak
    assert (wish.text, wish.language, wish.sample_rate) == ("hello", "en-GB", 8000)
    line.sound(tone(200))
    line.tick(20)
    assert heard_ms(line, *calls) == [200, 200]
    assert told(line) == ["speak.started", "speak.ended"]


def test_a_sound_for_one_participant_is_heard_by_that_one_alone() -> None:
    line = ConferenceLine(speaks=True)
    calls = line.meeting(3)
    line.does("speak", call_control_ids=[calls[1]], **SPOKEN)
    line.sound(level(5000))
    assert line.heard(calls) == [110, 5101, 11]
    line.tick(10)
    assert told(line) == ["participant.speak.started", "participant.speak.ended"]
    started = line.payload("conference.participant.speak.started")
    assert started["call_control_id"] == calls[1]


def test_a_sound_for_several_is_fetched_once_for_each_sample_rate() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    wide = line.answered(codec="L16")
    line.does("join", call_control_id=wide)
    line.does("play", audio_url=URL, call_control_ids=[*calls, wide])
    assert [wish.sample_rate for wish in line.to_fetch] == [8000, 16000]
    line.sound(tone(100))
    line.sound(tone(100, rate=16000))
    line.tick(10)
    assert heard_ms(line, *calls) == [100, 100]
    assert told(line).count("participant.playback.started") == 3


def test_a_file_of_the_carriers_own_store() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("play", media_name="jingle")
    line.does("hold", call_control_ids=[calls[1]], media_name="waiting")
    assert [wish.media_name for wish in line.to_fetch] == ["jingle", "waiting"]
    line.sound(tone(100))
    line.sound(tone(100))
    line.tick(10)
    assert line.payload("conference.playback.ended")["media_name"] == "jingle"


def test_sounds_are_heard_one_after_the_other() -> None:
    line = ConferenceLine(speaks=True)
    [call] = line.meeting(1)
    line.does("play", audio_url=URL)
    line.does("speak", **SPOKEN)
    line.sound(tone(100))  # the speech is there first
    line.tick(10)
    assert heard_ms(line, call) == [0]
    line.sound(tone(100))
    line.tick(20)
    assert heard_ms(line, call) == [200]
    assert told(line) == ["playback.started", "playback.ended", "speak.started", "speak.ended"]


@pytest.mark.parametrize(("loop", "ms"), [(3, 300), ("2", 200), (None, 100)])
def test_loops(loop: Any, ms: int) -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    line.does("play", audio_url=URL, loop=loop)
    line.sound(tone(100))
    line.tick(40)
    assert heard_ms(line, call) == [ms]


def test_an_endless_loop_ends_with_stop() -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    line.does("play", audio_url=URL, loop="infinity")
    line.sound(tone(100))
    line.tick(50)
    line.does("stop")
    line.tick(10)
    assert heard_ms(line, call) == [1000]
    assert told(line) == ["playback.started", "playback.ended"]


def test_stop_for_one_leaves_what_all_hear() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("play", audio_url=URL)
    line.does("play", audio_url=URL, call_control_ids=[calls[0]])
    line.sound(level(1000, 1000))
    line.sound(level(3000, 1000))
    line.tick(5)
    assert [line.last(call) for call in calls] == [4000, 1000]
    line.does("stop", call_control_ids=[calls[0]])
    line.tick()
    assert [line.last(call) for call in calls] == [1000, 1000]
    assert told(line)[-1] == "participant.playback.ended"


def test_what_has_not_begun_when_it_is_stopped_only_ends() -> None:
    line = ConferenceLine(speaks=True)
    [call] = line.meeting(1)
    line.does("play", audio_url=URL)
    line.does("speak", **SPOKEN)
    line.does("stop")
    assert told(line) == ["playback.ended", "speak.ended"]
    line.sound(tone(100))
    line.sound(tone(100))
    line.tick(10)
    assert heard_ms(line, call) == [0]


def test_a_file_that_is_not_there_only_ends_and_does_not_hold_up_the_next() -> None:
    line = ConferenceLine(speaks=True)
    [call] = line.meeting(1)
    line.does("play", audio_url=URL)
    line.does("speak", **SPOKEN)
    line.sound(tone(100))
    line.sound(None, why="404")
    line.tick(10)
    assert told(line) == ["playback.ended", "speak.started", "speak.ended"]
    assert [each.detail for each in line.report(call).tape if each.kind == "sound failed"] == [
        {"why": "404"}
    ]


def test_a_conference_that_ends_while_something_plays() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("play", audio_url=URL)
    line.does("play", audio_url=URL, call_control_ids=[calls[1]])
    line.does("play", audio_url=URL)  # never fetched
    line.sound(tone(1000))
    line.sound(tone(1000))
    line.tick(5)
    before = len(line.events)
    line.does("end")
    assert line.event_types()[before:-2] == [
        "conference.playback.ended",
        "conference.playback.ended",
        "conference.participant.left",
        "conference.participant.playback.ended",
        "conference.participant.left",
        "conference.ended",
    ]
    line.sound(tone(1000))
    line.tick(10)


def test_a_hang_up_in_the_middle_of_a_sound() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("play", audio_url=URL, call_control_ids=[calls[1]])
    line.sound(tone(1000))
    line.tick(5)
    line.command(calls[1], "hangup")
    assert line.event_types(calls[1])[-3:] == [
        "conference.participant.playback.ended",
        "conference.participant.left",
        "call.hangup",
    ]
    line.tick(5)


def test_a_participant_who_leaves_hears_no_more_of_it() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("play", audio_url=URL)
    line.does("play", audio_url=URL, call_control_ids=[calls[1]])
    line.sound(tone(1000))
    line.sound(tone(1000))
    line.tick(10)
    line.does("leave", call_control_id=calls[1])
    line.tick(10)
    assert heard_ms(line, *calls) == [400, 200]


# ---- hold audio -------------------------------------------------------------------------------


def test_hold_audio_is_heard_over_and_over_by_those_on_hold() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("hold", call_control_ids=[calls[1]], audio_url=URL)
    line.sound(tone(100))
    line.tick(50)
    assert heard_ms(line, *calls) == [0, 1000]
    line.does("unhold", call_control_ids=[calls[1]])
    assert line.heard(calls) == [10, 1]
    assert told(line) == []


def test_who_is_on_hold_does_not_hear_what_the_conference_hears() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("hold", call_control_ids=[calls[1]])
    line.does("play", audio_url=URL)
    line.sound(tone(100))
    line.tick(10)
    assert heard_ms(line, *calls) == [100, 0]


def test_hold_again_with_another_sound() -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    line.does("hold", audio_url=URL)
    line.sound(level(1000))
    line.tick(5)
    line.does("hold", audio_url=URL + "?other")
    line.sound(level(3000))
    line.tick(5)
    assert line.last(call) == 3000


def test_hold_audio_that_comes_after_the_hold_is_not_heard() -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    line.does("hold", audio_url=URL)
    line.does("unhold", call_control_ids=[call])
    line.sound(tone(100))
    line.tick(10)
    assert heard_ms(line, call) == [0]


def test_the_waiting_music_of_a_conference_that_has_not_started() -> None:
    line = ConferenceLine()
    first, host = line.answered(), line.answered()
    line.create(first, start_conference_on_create=False, hold_audio_url=URL)
    line.sound(level(1000))
    line.tick(5)
    assert line.last(first) == 1000
    line.does("join", call_control_id=host, start_conference_on_enter=True)
    assert line.heard([first, host]) == [10, 1]


# ---- beeps, noise, digits -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "enters", "leaves"),
    [("always", 200, 200), ("on_enter", 200, 0), ("on_exit", 0, 200), ("never", 0, 0)],
)
def test_beeps_when_somebody_enters_or_leaves(setting: str, enters: int, leaves: int) -> None:
    line = ConferenceLine()
    host, guest = line.answered(), line.answered()
    line.create(host, beep_enabled=setting)
    line.tick(20)
    before = heard_ms(line, host)[0]
    line.does("join", call_control_id=guest)
    line.tick(20)
    assert heard_ms(line, host)[0] - before == enters
    assert heard_ms(line, guest) == [enters]
    line.does("leave", call_control_id=guest)
    line.tick(20)
    assert heard_ms(line, host)[0] - before == enters + leaves


def test_a_participant_may_have_other_beeps_and_a_leave_others_again() -> None:
    line = ConferenceLine()
    host, guest = line.answered(), line.answered()
    line.create(host)
    line.does("join", call_control_id=guest, beep_enabled="always")
    line.tick(20)
    assert heard_ms(line, host) == [200]
    line.does("leave", call_control_id=guest, beep_enabled="never")
    line.tick(20)
    assert heard_ms(line, host) == [200]


def test_one_rises_and_one_falls() -> None:
    line = ConferenceLine()
    host, guest = line.answered(), line.answered()
    line.create(host)
    line.does("join", call_control_id=guest, beep_enabled="always")
    line.tick(10)
    assert np.array_equal(line.report(host).bot, beep(ENTER_HZ, 8000))
    line.does("leave", call_control_id=guest)
    line.tick(10)
    assert np.array_equal(line.report(host).bot[1600:], beep(EXIT_HZ, 8000))


def test_a_crowd_that_joins_at_once_is_one_beep() -> None:
    line = ConferenceLine()
    calls = line.meeting(5, beep_enabled="always")
    line.tick(20)
    assert heard_ms(line, calls[0]) == [200]


def test_comfort_noise_is_there_unless_it_is_turned_off() -> None:
    line = ConferenceLine()
    calls = line.meeting(2, comfort_noise=True)
    line.tick(5)
    bot = line.report(calls[0]).bot
    assert np.array_equal(bot[:160], noise(8000)[1])
    assert np.abs(bot).max() <= NOISE_PEAK
    assert all(sounding(bot))


def test_digits_are_heard_by_those_who_are_named_or_by_all() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    line.does("send_dtmf", digits="1", call_control_ids=[calls[1]], duration_millis=100)
    line.tick(20)
    assert heard_ms(line, *calls) == [0, 100]
    line.does("send_dtmf", digits="1", duration_millis=100)
    line.tick(20)
    assert heard_ms(line, *calls) == [100, 200]
