"""Recordings of calls, in virtual time: what is in them, when they end, and who is told."""

from typing import Any

import numpy as np
import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.effects import DropRecordingFile
from callbridge.carrier.parts.recording import BEEP_S, RecordedSound, RecordingParams, beep
from callbridge.carrier.people.script import CallScript, HangUp, Play, Step, Wait
from callbridge.host.audiofile import Clip
from telecodecs import Pcm
from tests.callbridge.carrier.line import SELF, STAY, Line, codes, data, media, tone, ulaw

BOB, CAROL = "+13125550199", "+13125550198"
UNKNOWN = "0b9c6f0e-5f0a-4f3e-8f7e-0f8b8a7c6d5e"


def says(ms: int, hz: float = 440.0) -> Play:
    return Play(Clip(tone(ms, hz=hz), 8000))


def answered(line: Line, *steps: Step, **answer: object) -> str:
    call = line.ring(*(steps or STAY))
    response = line.command(call, "answer", **answer)
    assert response.status == 200, response.body
    return call


def start(line: Line, call: str, **fields: object) -> str:
    """Returns the id of the recording."""
    body = {"format": "wav", "channels": "dual"} | fields
    recording: str = data(line.command(call, "record_start", **body))["recording_id"]
    return recording


def saved(line: Line, recording: str) -> Pcm:
    """(n, channels) of a recording that is over."""
    return line.recordings.saved[recording]


def listed(line: Line, query: str = "") -> list[dict[str, Any]]:
    body: Any = line.request("GET", f"/v2/recordings{query}").body
    items: list[dict[str, Any]] = body["data"]
    return items


# ---- what is in it ------------------------------------------------------------------------------


def test_the_caller_is_left_and_what_they_hear_is_right_sample_for_sample() -> None:
    line = Line()
    call = line.streaming(Wait("streaming"), says(400, 300), *STAY, params=SELF)
    recording = start(line, call)
    line.send(media(ulaw(tone(300, hz=700))))
    line.tick(60)
    line.command(call, "record_stop")
    pcm, report = saved(line, recording), line.report(call)
    assert np.array_equal(pcm[:, 0], report.caller)
    assert np.array_equal(pcm[:, 1], report.bot)
    begin = int(np.flatnonzero(pcm[:, 0])[0]) - 1  # the first sample of a tone is 0
    assert np.array_equal(pcm[begin : begin + 3200, 0], tone(400, hz=300))
    assert len(pcm) == 60 * 160


def test_one_channel_has_both_and_a_track_alone_is_mono_whatever_was_asked_for() -> None:
    line = Line()
    call = line.streaming(Wait("streaming"), says(400, 300), *STAY, params=SELF)
    both = start(line, call, channels="single")
    inbound = start(line, call, recording_track="inbound")
    outbound = start(line, call, recording_track="outbound")
    line.send(media(ulaw(tone(300, hz=700))))
    line.tick(60)
    line.command(call, "record_stop")
    report = line.report(call)
    total = report.caller.astype(np.int32) + report.bot
    assert np.array_equal(saved(line, both)[:, 0], np.clip(total, -32768, 32767))
    assert np.array_equal(saved(line, inbound), report.caller[:, None])
    assert np.array_equal(saved(line, outbound), report.bot[:, None])
    assert [each["channels"] for each in listed(line)] == ["single"] * 3


def test_what_two_bridged_legs_say_is_in_the_recording_of_either() -> None:
    bob: Any = CallScript(steps=(says(200, 700), *STAY))
    line = Line(CarrierConfig(webhook_url="http://app/", numbers={BOB: bob}, ring_s=0.1))
    alice = answered(line, Wait("bot_speaking", for_s=0.1), says(200, 300), *STAY)
    assert line.command(alice, "transfer", to=BOB).status == 200
    recording = start(line, alice)
    line.tick(50)
    line.command(alice, "record_stop")
    pcm = saved(line, recording)
    assert [np.count_nonzero(pcm[:, channel]) > 1500 for channel in (0, 1)] == [True, True]


def test_a_pause_is_not_in_it() -> None:
    line = Line()
    call = answered(line, says(2000), *STAY)
    recording = start(line, call)
    line.tick(10)
    line.command(call, "record_pause", recording_id=recording)
    line.tick(30)
    line.command(call, "record_resume")
    line.tick(10)
    line.command(call, "record_stop")
    spoken = line.report(call).caller
    assert np.array_equal(
        saved(line, recording)[:, 0], np.concatenate((spoken[: 10 * 160], spoken[40 * 160 :]))
    )
    assert listed(line)[0]["duration_millis"] == 400


def test_an_hour_is_counted_to_the_sample_and_never_waits_in_the_core() -> None:
    written: list[int] = []
    params = RecordingParams(format="wav", channels="dual", initiated_by="test")
    sound = RecordedSound(params, 8000, lambda frames: written.append(len(frames)))
    piece = tone(20)
    for _ in range(3600 * 50):
        sound.add(piece, None)
    sound.flush()
    assert sum(written) == 3600 * 8000 * 2 * 2
    assert max(written) == 8000 * 2 * 2
    assert sound.kept == (0, 3600 * 8000)


def test_silence_at_both_ends_is_trimmed_and_the_pause_between_is_not() -> None:
    line = Line()
    call = answered(line, says(400), Wait("bot_silent", for_s=1.0), says(400), *STAY)
    recording = start(line, call, trim="trim-silence", channels="single")
    line.tick(150)
    line.command(call, "record_stop")
    pcm = saved(line, recording)[:, 0]
    sounding = np.flatnonzero(line.report(call).caller)
    assert abs(len(pcm) - (sounding[-1] - sounding[0])) <= 320  # by whole 20 ms
    assert np.count_nonzero(pcm) == len(sounding)
    assert 0 < listed(line)[0]["duration_millis"] < 3000


def test_silence_alone_trimmed_leaves_an_empty_recording() -> None:
    line = Line()
    call = answered(line)
    recording = start(line, call, trim="trim-silence")
    line.tick(50)
    line.command(call, "record_stop")
    assert saved(line, recording).shape == (0, 2)
    assert listed(line)[0]["duration_millis"] == 0


def test_both_hear_the_beep() -> None:
    bob: Any = CallScript(steps=STAY)
    line = Line(CarrierConfig(webhook_url="http://app/", numbers={BOB: bob}, ring_s=0.1))
    alice = answered(line)
    line.command(alice, "transfer", to=BOB)
    other = line.payload("call.initiated")["call_control_id"]
    line.tick(10)
    recording = start(line, alice, play_beep=True)
    line.tick(50)
    line.command(alice, "record_stop")
    expected = beep(8000)
    assert len(expected) == BEEP_S * 8000
    for heard in (line.report(alice).bot, line.report(other).bot):
        sounding = np.flatnonzero(heard)
        begin = sounding[0] - 1
        assert np.array_equal(heard[begin : begin + len(expected)], expected)
        assert len(sounding) <= len(expected)
    assert np.array_equal(saved(line, recording)[: len(expected), 1], expected)


# ---- when it ends -------------------------------------------------------------------------------


def test_it_ends_by_itself_when_it_is_as_long_as_it_may_be() -> None:
    line = Line()
    call = answered(line, says(4000), *STAY)
    recording = start(line, call, max_length=2)
    line.tick(150)
    assert len(saved(line, recording)) == 2 * 8000
    assert line.event_types()[-1] == "call.recording.saved"
    refused = line.command(call, "record_stop")
    assert (refused.status, codes(refused)) == (404, [("10005", "/recording_id")])


def test_it_ends_after_so_much_silence_but_only_behind_speech() -> None:
    line = Line()
    call = answered(line, Wait("bot_silent", for_s=3.0), says(600), *STAY)
    recording = start(line, call, timeout_secs=1, play_beep=True)
    line.tick(150)
    assert recording not in line.recordings.saved  # silence before anybody spoke, and a beep
    line.tick(150)
    pcm = saved(line, recording)
    last = int(np.flatnonzero(pcm[:, 0])[-1])
    assert (len(pcm) - last) / 8000 == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("who", ["caller", "customer"])
def test_a_call_that_ends_says_so_before_its_recording_is_saved(who: str) -> None:
    line = Line()
    call = answered(line, *((says(200), HangUp()) if who == "caller" else STAY))
    start(line, call)
    line.tick(20)
    if who == "customer":
        line.command(call, "hangup")
    assert line.event_types()[-2:] == ["call.hangup", "call.recording.saved"]
    assert line.report(call).hangup_cause == "normal_clearing"


def test_a_power_cut_saves_what_there_is() -> None:
    line = Line()
    recording = start(line, answered(line))
    line.tick(7)
    line.switch.shut_down(line.now)
    line.settle()
    assert len(saved(line, recording)) == 7 * 160


# ---- several at once ----------------------------------------------------------------------------


def test_of_several_recordings_one_is_stopped_by_its_id_and_the_others_without() -> None:
    line = Line()
    call = answered(line)
    first, second, third = (start(line, call) for _ in range(3))
    line.tick(10)
    line.command(call, "record_stop", recording_id=second)
    assert set(line.recordings.saved) == {second}
    line.tick(10)
    line.command(call, "record_stop")
    assert {id: len(pcm) // 160 for id, pcm in line.recordings.saved.items()} == {
        first: 20,
        second: 10,
        third: 20,
    }


def test_no_leg_has_more_than_ten_recordings_at_once() -> None:
    line = Line()
    call = answered(line)
    for _ in range(10):
        start(line, call)
    refused = line.command(call, "record_start", format="wav", channels="dual")
    assert codes(refused) == [("90102", None)]
    line.command(call, "record_stop")
    start(line, call)


# ---- with the call itself -----------------------------------------------------------------------

RECORD = {"record": "record-from-answer", "record_format": "wav", "record_channels": "single"}


def test_an_answer_a_dial_and_a_transfer_record_from_the_answer_on() -> None:
    numbers: Any = dict.fromkeys((BOB, CAROL), CallScript(steps=(says(400), *STAY)))
    line = Line(CarrierConfig(webhook_url="http://app/", numbers=numbers, ring_s=0.1))
    inbound = line.ring()
    answer = data(line.command(inbound, "answer", **RECORD))
    dial = data(line.dial(BOB, **RECORD))
    dialled = dial["call_control_id"]
    line.command(inbound, "transfer", to=CAROL, **RECORD)
    target = line.payload("call.initiated")["call_control_id"]
    line.tick(50)
    for call in (dialled, inbound):
        line.command(call, "hangup")
    line.tick(5)
    recorded = {each["call_control_id"]: each["duration_millis"] for each in listed(line)}
    assert recorded == {inbound: 1000, dialled: 920, target: 920}  # from the fifth tick on
    assert {each["initiated_by"] for each in listed(line)} == {"OutboundAPI"}
    ids = {each["call_control_id"]: each["id"] for each in listed(line)}
    assert (answer["recording_id"], dial["recording_id"]) == (ids[inbound], ids[dialled])


def test_a_call_that_nobody_answers_leaves_no_recording() -> None:
    line = Line(CarrierConfig(webhook_url="http://app/", numbers={BOB: "busy"}, ring_s=0.1))
    line.dial(BOB, **RECORD)
    line.tick(10)
    assert line.event_types()[-1] == "call.hangup"
    assert line.to_save == []


# ---- who is told --------------------------------------------------------------------------------


def test_the_event_says_all_that_the_documents_and_their_samples_have() -> None:
    line = Line()
    call = answered(line)
    line.tick(5)
    recording = start(line, call, format="mp3", custom_file_name="mail box", client_state="Mg==")
    before = len(line.events)
    line.tick(50)
    assert len(line.events) == before  # no event of a start
    line.command(call, "record_stop")
    payload = line.payload("call.recording.saved")
    url = payload.pop("recording_urls")["mp3"]
    assert url.startswith(
        f"http://127.0.0.1:8080/carrier/recordings/{recording}/mail%20box_1700000000.mp3?expires="
    )
    leg = line.events[0]["payload"]
    assert payload == {
        "call_control_id": call,
        "call_leg_id": leg["call_leg_id"],
        "call_session_id": leg["call_session_id"],
        "calling_party_type": "pstn",
        "channels": "dual",
        "client_state": "Mg==",
        "connection_id": leg["connection_id"],
        "end_time": "2023-11-14T22:13:21.100000Z",
        "format": "mp3",
        "occurred_at": "2023-11-14T22:13:21.100000Z",
        "public_recording_urls": {},
        "recording_ended_at": "2023-11-14T22:13:21.100000Z",
        "recording_id": recording,
        "recording_started_at": "2023-11-14T22:13:20.100000Z",
        "start_time": "2023-11-14T22:13:20.100000Z",
    }


def test_a_recording_that_cannot_be_written_is_an_error_and_no_resource() -> None:
    line = Line()
    line.saves = False
    call = answered(line)
    recording = start(line, call, transcription=False)
    line.tick(5)
    line.command(call, "record_stop")
    line.switch.recording_failed(recording, "Internal server error", line.now)
    line.settle()
    assert line.payload("call.recording.error")["reason"] == "Internal server error"
    assert listed(line) == []


def test_the_text_of_a_recording_is_told_when_it_is_there() -> None:
    line = Line(converses=True)
    call = answered(line)
    recording = start(line, call, transcription=True, transcription_language="en-GB")
    line.tick(5)
    line.command(call, "hangup")
    assert line.to_save[0].transcribe
    [text] = texts(line, f"/v2/recording_transcriptions?filter[recording_id]={recording}")
    assert (text["status"], text["transcription_text"]) == ("in-progress", "")
    line.switch.recording_transcribed(recording, "two tickets, please", line.now)
    line.settle()
    assert line.event_types()[-3:] == [
        "call.hangup",
        "call.recording.saved",
        "call.recording.transcription.saved",
    ]
    payload = line.payload("call.recording.transcription.saved")
    assert payload["recording_transcription_id"] == text["id"]
    assert payload["transcription_text"] == "two tickets, please"
    for path in ("/v2/recording_transcriptions", f"/v2/recordings/{recording}/transcriptions"):
        assert [each["status"] for each in texts(line, path)] == ["completed"]
        assert data(line.request("GET", f"{path}/{text['id']}"))["recording_id"] == recording
    assert line.request("GET", f"/v2/recordings/{UNKNOWN}/transcriptions").status == 404
    assert line.request("GET", f"/v2/recordings/{UNKNOWN}/transcriptions/x").status == 404
    assert data(line.request("DELETE", f"/v2/recording_transcriptions/{text['id']}"))
    assert texts(line, "/v2/recording_transcriptions") == []


def test_a_text_that_cannot_be_made_is_an_error() -> None:
    line = Line(converses=True)
    call = answered(line)
    recording = start(line, call, transcription=True)
    line.tick(5)
    line.command(call, "record_stop")
    line.switch.recording_transcribed(recording, None, line.now)
    line.settle()
    assert line.event_types()[-2:] == ["call.recording.saved", "call.recording.error"]
    assert texts(line, "/v2/recording_transcriptions") == []


def texts(line: Line, path: str) -> list[dict[str, Any]]:
    body: Any = line.request("GET", path).body
    assert body["meta"]["page_number"] == 1
    items: list[dict[str, Any]] = body["data"]
    return items


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"format": None}, "10004", "/format"),
        ({"channels": ""}, "10004", "/channels"),
        ({"format": "ogg"}, "90000", "/format"),
        ({"format": 1}, "90000", "/format"),
        ({"channels": "stereo"}, "90001", "/channels"),
        ({"recording_track": "left"}, "90059", "/recording_track"),
        ({"timeout_secs": -1}, "90028", "/timeout_secs"),
        ({"timeout_secs": "soon"}, "90028", "/timeout_secs"),
        ({"max_length": 14401}, "10033", "/max_length"),
        ({"max_length": True}, "10026", "/max_length"),
        ({"play_beep": "yes"}, "10026", "/play_beep"),
        ({"trim": "all"}, "10032", "/trim"),
        ({"transcription_engine": "C"}, "10032", "/transcription_engine"),
        ({"transcription_language": "xx"}, "10032", "/transcription_language"),
        ({"transcription": True}, "10027", "/transcription"),
        ({"custom_file_name": "x" * 41}, "10025", "/custom_file_name"),
        ({"custom_file_name": "../../etc/passwd"}, "10027", "/custom_file_name"),
        ({"custom_file_name": "..\\x"}, "10027", "/custom_file_name"),
        ({"custom_file_name": "a\nb"}, "10027", "/custom_file_name"),
        ({"custom_file_name": "a\n"}, "10027", "/custom_file_name"),
        ({"custom_file_name": "a\x00"}, "10027", "/custom_file_name"),
        ({"custom_file_name": ".hidden"}, "10027", "/custom_file_name"),
        ({"custom_file_name": 'a"; x="'}, "10027", "/custom_file_name"),
        ({"client_state": "%"}, "90017", "/client_state"),
    ],
)
def test_bad_parameters_of_a_start(fields: dict[str, object], code: str, pointer: str) -> None:
    line = Line()
    call = answered(line)
    body = {"format": "wav", "channels": "dual"} | fields
    response = line.command(call, "record_start", **body)
    assert response.status == 422
    assert codes(response) == [(code, pointer)]
    line.tick(2)
    line.command(call, "hangup")
    assert line.to_save == []


@pytest.mark.parametrize("name", ["Anruf für Zoë", "メモ", "a.b-c_d", " "])
def test_names_of_every_script_are_taken(name: str) -> None:
    line = Line()
    response = line.command(
        answered(line), "record_start", format="wav", channels="dual", custom_file_name=name
    )
    assert response.status == (200 if name.strip() else 422)


def test_a_language_that_the_carrier_does_not_understand_is_refused() -> None:
    line = Line(converses=True)
    body = {"format": "wav", "channels": "dual", "transcription": True}
    response = line.command(answered(line), "record_start", transcription_language="de", **body)
    assert codes(response) == [("10027", "/transcription_language")]


def test_mp3_is_refused_where_it_cannot_be_written() -> None:
    line = Line(mp3=False)
    call = line.ring()
    refused = line.command(call, "answer", record="record-from-answer")
    assert codes(refused) == [("90000", "/record_format")]
    assert line.event_types() == ["call.initiated"]
    line.command(call, "answer")
    refused = line.command(call, "record_start", format="mp3", channels="dual")
    assert codes(refused) == [("90000", "/format")]


@pytest.mark.parametrize("action", ["record_start", "record_stop", "record_pause", "record_resume"])
def test_a_recording_needs_a_call_that_is_answered_and_not_over(action: str) -> None:
    line = Line()
    call = line.ring()
    body = {"format": "wav", "channels": "dual"} if action == "record_start" else {}
    assert codes(line.command(call, action, **body)) == [("90034", None)]
    line.command(call, "answer")
    line.command(call, "hangup")
    assert codes(line.command(call, action, **body)) == [("90018", None)]
    assert codes(line.command("v3:none", action, **body)) == [("90015", "/call_control_id")]


@pytest.mark.parametrize("action", ["record_stop", "record_pause", "record_resume"])
def test_what_is_not_being_recorded_cannot_be_stopped(action: str) -> None:
    line = Line()
    call = answered(line)
    assert codes(line.command(call, action)) == [("10005", "/recording_id")]
    start(line, call)
    refused = line.command(call, action, recording_id=UNKNOWN)
    assert (refused.status, codes(refused)) == (404, [("10005", "/recording_id")])
    assert codes(line.command(call, action, recording_id=5)) == [("10026", "/recording_id")]
    assert line.command(call, action, recording_id=None).status == 200


def test_a_command_that_is_repeated_starts_one_recording() -> None:
    line = Line()
    call = answered(line)
    assert start(line, call, command_id="a") == start(line, call, command_id="a")
    line.tick(2)
    line.command(call, "hangup")
    assert len(line.to_save) == 1


# ---- as resources -------------------------------------------------------------------------------


def recorded(line: Line, count: int) -> list[str]:
    """Recordings of that many calls, the oldest first."""
    ids: list[str] = []
    for _ in range(count):
        call = answered(line)
        ids.append(start(line, call))
        line.tick(50)
        line.command(call, "hangup")
    return ids


def test_lists_are_paged_the_newest_first() -> None:
    line = Line()
    ids = recorded(line, 5)
    assert [each["id"] for each in listed(line)] == ids[::-1]
    assert [each["id"] for each in listed(line, "?page[size]=2&page[number]=2")] == ids[2:0:-1]
    assert listed(line, "?page[size]=2&page[number]=4") == []
    assert listed(line, f"?page[number]={10**18}") == []
    refused = line.request("GET", "/v2/recordings?page[size]=251")
    assert codes(refused) == [("10033", "/page[size]")]


def test_lists_are_filtered() -> None:
    line = Line()
    first, second, third = recorded(line, 3)
    one = data(line.request("GET", f"/v2/recordings/{second}"))
    for name in ("call_control_id", "call_leg_id", "call_session_id"):
        assert [each["id"] for each in listed(line, f"?filter[{name}]={one[name]}")] == [second]
    for name in ("connection_id", "from", "to"):
        value = one[name].replace("+", "%2B")
        assert len(listed(line, f"?filter[{name}]={value}")) == 3
    at = one["recording_started_at"]
    later = listed(line, f"?filter[start_time][gte]={at}")
    assert [each["id"] for each in later] == [third, second]
    before = listed(line, f"?filter[end_time][lte]={at}")
    assert [each["id"] for each in before] == [first]
    assert listed(line, "?filter[conference_id]=x") == []
    assert listed(line, "?filter[to]=' or true --") == []
    refused = line.request("GET", "/v2/recordings?filter[colour]=blue")
    assert codes(refused) == [("10027", "/filter")]
    refused = line.request("GET", "/v2/recordings?filter[start_time][like]=2")
    assert codes(refused) == [("10032", "/filter")]


def test_a_deleted_recording_is_shown_once_more_and_gone_with_its_file() -> None:
    line = Line()
    first, second, third, fourth = recorded(line, 4)
    gone = data(line.request("DELETE", f"/v2/recordings/{first}"))
    assert (gone["id"], gone["status"]) == (first, "completed")
    assert set(line.recordings.saved) == {second, third, fourth}
    for method in ("GET", "DELETE"):
        refused = line.request(method, f"/v2/recordings/{first}")
        assert (refused.status, codes(refused)) == (404, [("10005", "/recording_id")])
    refused = line.request("POST", "/v2/recordings/actions/delete", {"ids": [second, first]})
    assert refused.status == 404
    assert len(listed(line)) == 3  # all of them or none
    done = line.request("POST", "/v2/recordings/actions/delete", {"ids": [second, third, third]})
    assert (done.status, done.body) == (200, {"status": "ok"})
    assert set(line.recordings.saved) == {fourth}


@pytest.mark.parametrize("ids", [None, [], "x", [5], [None]])
def test_bad_ids_of_a_bulk_delete(ids: object) -> None:
    line = Line()
    response = line.request("POST", "/v2/recordings/actions/delete", {"ids": ids})
    assert response.status == 422


def test_a_link_is_good_for_ten_minutes_and_for_its_own_file_alone() -> None:
    line = Line()
    [recording] = recorded(line, 1)
    url = data(line.request("GET", f"/v2/recordings/{recording}"))["download_urls"]["wav"]
    path, _, query = url.partition("?")
    name = path.rpartition("/")[2]
    expires, signature = (part.partition("=")[2] for part in query.split("&"))
    asked_for = line.switch.recording_asked_for
    assert asked_for(recording, name, expires, signature, line.now) is not None
    assert asked_for(recording, name, expires, signature, line.now + 600) is not None
    assert asked_for(recording, name, expires, signature, line.now + 602) is None
    assert asked_for(recording, name, str(int(expires) + 1), signature, line.now) is None
    assert asked_for(UNKNOWN, name, expires, signature, line.now) is None
    assert asked_for(recording, "x", expires, signature, line.now) is None
    assert asked_for(recording, name, "", "\udcff", line.now) is None
    line.request("DELETE", f"/v2/recordings/{recording}")
    assert asked_for(recording, name, expires, signature, line.now) is None


def test_nothing_is_left_on_a_leg_when_its_recording_is_over() -> None:
    line = Line()
    call = answered(line)
    start(line, call, play_beep=True)
    line.tick(3)
    line.command(call, "record_stop")
    leg = line.switch.find(call)
    assert leg is not None
    assert (leg.parts, leg.channels) == ((), ())


def test_a_recording_in_the_customers_own_storage_has_its_address_and_no_file_here() -> None:
    line = Line()
    line.saves = False
    call = answered(line)
    recording = start(line, call)
    line.tick(5)
    line.command(call, "record_stop")
    line.switch.recording_saved(recording, line.now, "s3://mine/x.wav")
    line.settle()
    assert line.payload("call.recording.saved")["recording_urls"] == {"wav": "s3://mine/x.wav"}
    line.request("DELETE", f"/v2/recordings/{recording}")
    assert not [each for each in line.switch.effects() if isinstance(each, DropRecordingFile)]
