"""Recordings of conferences, in virtual time: what is in them, and who is told."""

from typing import Any

import numpy as np
import pytest

from callbridge.carrier.conferences.noises import RECORD_HZ, beep
from telecodecs import Pcm
from tests.callbridge.carrier.conferences.conference_line import ConferenceLine
from tests.callbridge.carrier.line import codes, data


def start(line: ConferenceLine, **fields: object) -> str:
    recording: str = data(line.act("record_start", format="wav", **fields))["recording_id"]
    return recording


def saved(line: ConferenceLine, recording: str) -> Pcm:
    """(n, channels)"""
    return line.recordings.saved[recording]


def test_one_channel_has_everything() -> None:
    line = ConferenceLine()
    calls = line.meeting(3)
    recording = start(line)
    assert line.heard(calls) == [110, 101, 11]
    line.does("record_stop")
    pcm = saved(line, recording)
    assert pcm.shape == (320, 1)
    assert set(pcm[160:, 0].tolist()) == {111}
    told = line.payload("conference.recording.saved")
    assert (told["recording_id"], told["channels"]) == (recording, "single")
    assert told["recording_urls"].keys() == {"wav"}
    assert told["call_control_id"] == calls[0]


def test_two_channels_are_the_creator_and_all_the_rest() -> None:
    line = ConferenceLine()
    calls = line.meeting(3)
    recording = start(line, channels="dual")
    line.heard(calls)
    line.does("record_stop", recording_id=recording)
    pcm = saved(line, recording)
    assert set(pcm[160:, 0].tolist()) == {1}
    assert set(pcm[160:, 1].tolist()) == {110}


def test_who_is_muted_or_whispers_is_in_no_recording() -> None:
    line = ConferenceLine()
    calls = line.meeting(3)
    line.does("mute", call_control_ids=[calls[1]])
    line.does(
        "update",
        call_control_id=calls[2],
        supervisor_role="whisper",
        whisper_call_control_ids=[calls[0]],
    )
    recording = start(line)
    line.heard(calls)
    line.does("record_stop")
    assert set(saved(line, recording)[160:, 0].tolist()) == {1}


def test_a_pause_is_not_in_it() -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    recording = start(line)
    line.says(call, 1000, ms=2000)
    line.tick(10)
    line.does("record_pause")
    line.tick(50)
    line.does("record_resume", recording_id=recording)
    line.tick(10)
    line.does("record_stop")
    assert len(saved(line, recording)) == 20 * 160


def test_every_tick_is_20_ms_of_samples() -> None:
    line = ConferenceLine()
    line.meeting(2)
    recording = start(line)
    line.tick(500)
    line.does("record_stop")
    assert len(saved(line, recording)) == 500 * 160


def test_trim_leaves_out_the_silence_at_both_ends() -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    recording = start(line, trim="trim-silence")
    line.tick(10)
    line.says(call, 1000, ms=200)
    line.tick(30)
    line.does("record_stop")
    assert set(saved(line, recording)[:, 0].tolist()) == {1000}
    assert len(saved(line, recording)) == 1600


def test_the_end_of_the_conference_ends_it() -> None:
    line = ConferenceLine()
    line.meeting(2)
    start(line, custom_file_name="the meeting")
    line.tick(10)
    line.does("end")
    types = line.event_types()
    assert types.index("conference.ended") < types.index("conference.recording.saved")
    found: Any = line.request("GET", f"/v2/recordings?filter[conference_id]={line.id}").body
    [resource] = found["data"]
    assert resource["source"] == "conference"
    assert resource["initiated_by"] == "StartConferenceRecordingAPI"
    assert resource["duration_millis"] == 200
    assert "the%20meeting" in resource["download_urls"]["wav"]


def test_a_beep_says_that_it_begins() -> None:
    line = ConferenceLine()
    calls = line.meeting(2)
    start(line, play_beep=True)
    line.tick(10)
    for call in calls:
        assert np.array_equal(line.report(call).bot, beep(RECORD_HZ, 8000))


def test_a_wide_leg_that_comes_later_changes_no_rate() -> None:
    line = ConferenceLine()
    line.meeting(1)
    recording = start(line, channels="dual")
    line.tick(10)
    wide = line.answered(codec="L16")
    line.does("join", call_control_id=wide)
    line.says(wide, 2000, ms=400, rate=16000)
    line.tick(20)
    line.does("record_stop")
    pcm = saved(line, recording)
    assert len(pcm) == 30 * 160
    assert abs(int(pcm[-160:, 1].mean()) - 2000) < 20


def test_several_at_once() -> None:
    line = ConferenceLine()
    line.meeting(1)
    first, second = start(line), start(line)
    line.does("record_pause", recording_id=first)
    line.tick(10)
    line.does("record_stop", client_state="c3RvcA==")
    assert (len(saved(line, first)), len(saved(line, second))) == (0, 1600)
    assert line.payload("conference.recording.saved")["client_state"] == "c3RvcA=="


@pytest.mark.parametrize("action", ["record_stop", "record_pause", "record_resume"])
def test_without_a_recording_there_is_nothing_to_do(action: str) -> None:
    line = ConferenceLine()
    line.meeting(1)
    response = line.act(action)
    assert (response.status, codes(response)) == (404, [("10005", "/recording_id")])


def test_a_file_that_cannot_be_kept_is_told_as_that_of_a_call() -> None:
    line = ConferenceLine()
    [call] = line.meeting(1)
    recording = start(line)
    line.saves = False
    line.does("record_stop")
    line.switch.recording_failed(recording, "Internal server error", line.now)
    line.settle()
    assert line.payload("call.recording.error")["call_control_id"] == call


@pytest.mark.parametrize(
    ("wrong", "code", "pointer"),
    [
        ({"format": None}, "10004", "/format"),
        ({"format": "ogg"}, "90000", "/format"),
        ({"channels": "three"}, "90001", "/channels"),
        ({"custom_file_name": "../up"}, "10027", "/custom_file_name"),
        ({"custom_file_name": "x" * 41}, "10025", "/custom_file_name"),
        ({"play_beep": "loud"}, "10026", "/play_beep"),
        ({"trim": "all"}, "10032", "/trim"),
    ],
)
def test_a_recording_that_is_refused(wrong: dict[str, Any], code: str, pointer: str) -> None:
    line = ConferenceLine()
    line.meeting(1)
    response = line.act("record_start", **{"format": "wav"} | wrong)
    assert (response.status, codes(response)) == (422, [(code, pointer)])
