"""What goes through a stream: order, numbering, codecs of each direction, who hears it, errors."""

import base64
import sys
from typing import Any

import numpy as np
import pytest

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.people.checks import ScriptError
from callbridge.carrier.people.script import CallScript, Play, Press, Step, Wait
from callbridge.host.audiofile import Clip
from telecodecs import MissingLibrary, Pcm, codec, g722, registry
from tests.callbridge.carrier.line import (
    CLEAR,
    RTP,
    SELF,
    STAY,
    Line,
    codes,
    mark,
    media,
    sounding,
    tone,
    ulaw,
)
from tests.telecodecs.clibrary import without

BOB = "+13125550199"


def audio(line: Line, name: str, rate: int | None = None, track: str = "inbound") -> Pcm:
    """All that the customer received on a track."""
    decoder = codec(name, rate)
    return np.concatenate(
        [
            decoder.decode(base64.b64decode(frame["media"]["payload"]))
            for frame in line.of("media")
            if frame["media"]["track"] == track
        ]
    )


def without_g722(monkeypatch: pytest.MonkeyPatch) -> None:
    g722._library.cache_clear()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setitem(sys.modules, "G722", None)


def spoken_here(name: str) -> None:
    try:
        codec(name)
    except MissingLibrary as error:
        pytest.skip(str(error))


def level(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(pcm.astype(float) ** 2)))


def talking(ms: int = 1000, rate: int = 8000) -> tuple[Step, ...]:
    return (Wait("streaming"), Play(Clip(tone(ms, rate), rate)), *STAY)


# ---- frames -----------------------------------------------------------------------------------


def test_frames_and_webhooks_leave_in_the_order_of_the_contract() -> None:
    line = Line()
    call = line.streaming()
    line.tick(2)
    line.command(call, "hangup")
    assert line.log == [
        "call.initiated",
        "call.answered",
        "connected",
        "streaming.started",
        "start",
        "media",
        "media",
        "streaming.stopped",
        "stop",
        "close",
        "call.hangup",
    ]


def test_the_start_frame_describes_the_call() -> None:
    line = Line()
    call = line.ring()
    line.command(call, "answer", client_state="aGk=")
    line.tick()
    line.command(
        call,
        "streaming_start",
        **SELF,
        custom_parameters=[{"name": "ticket", "value": "42"}],
        stream_auth_token="secret",
    )
    initiated = line.payload("call.initiated")
    assert line.of("connected") == [
        {
            "event": "connected",
            "version": "1.0.0",
            "connected": {"x-telnyx-streaming-auth-token": "secret"},
        }
    ]
    assert line.opened[0].headers == {"x-telnyx-streaming-auth-token": "secret"}
    [start] = line.of("start")
    assert start["sequence_number"] == "1"
    assert start["start"] == {
        "user_id": line.config.user_id,
        "call_control_id": call,
        "call_session_id": initiated["call_session_id"],
        "from": "+13125550123",
        "to": "+13125550100",
        "tags": [],
        "client_state": "aGk=",
        "custom_parameters": {"ticket": "42"},
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
    }


def test_numbers_are_strings_and_count_per_stream_and_per_track() -> None:
    line = Line()
    line.streaming(params=SELF | {"stream_track": "both_tracks"})
    line.tick(2)
    line.send(mark("m"))
    line.tick()
    numbered = [frame for frame in line.frames if "sequence_number" in frame]
    assert [frame["sequence_number"] for frame in numbered] == [str(n) for n in range(1, 9)]
    bodies = [
        (frame["media"]["track"], frame["media"]["chunk"], frame["media"]["timestamp"])
        for frame in line.of("media")
    ]
    assert bodies == [
        (track, str(chunk), str(20 * (chunk - 1)))
        for chunk in (1, 2, 3)
        for track in ("inbound", "outbound")
    ]


def test_the_outbound_track_is_what_the_leg_hears() -> None:
    line = Line()
    line.streaming(params=SELF | {"stream_track": "outbound_track"})
    line.send(media(ulaw(tone(100))))
    line.tick(5)
    assert {frame["media"]["track"] for frame in line.of("media")} == {"outbound"}
    heard = audio(line, "PCMU", track="outbound")
    assert np.array_equal(heard, codec("PCMU").decode(ulaw(tone(100))))


def test_the_caller_is_heard_unchanged_but_for_the_codec() -> None:
    line = Line()
    line.streaming(*talking(200))
    line.tick(20)
    received = audio(line, "PCMU")
    begin = int(np.flatnonzero(np.abs(received) > 200)[0])
    expected = codec("PCMU").decode(ulaw(tone(200)))
    spoken = expected[int(np.flatnonzero(np.abs(expected) > 200)[0]) :]
    assert np.array_equal(received[begin : begin + len(spoken)], spoken)


def test_pressed_keys_come_as_frames_and_as_webhooks_each_with_its_own_time() -> None:
    line = Line()
    line.streaming(Wait("streaming"), Press("55#"), *STAY)
    line.tick(40)
    frames = line.of("dtmf")
    assert [frame["dtmf"]["digit"] for frame in frames] == ["5", "5", "#"]
    events = [event for event in line.events if event["event_type"] == "call.dtmf.received"]
    assert [event["payload"]["digit"] for event in events] == ["5", "5", "#"]
    times = [event["occurred_at"] for event in events]
    assert times == [frame["occurred_at"] for frame in frames]
    seconds = [float(time[-10:-1]) for time in times]
    assert np.allclose(np.diff(seconds), 0.2)  # 100 ms of tone, 100 ms of pause


# ---- who hears it -----------------------------------------------------------------------------


def test_by_default_the_caller_of_an_unbridged_leg_hears_nothing() -> None:
    line = Line()
    call = line.streaming(params=dict(RTP))
    line.send(media(ulaw(tone(100))))
    line.send(mark("played"))
    line.tick(6)
    assert not line.report(call).bot.any()
    assert line.marks() == ["played"]


@pytest.mark.parametrize(
    ("target", "alice_hears", "bob_hears"),
    [("self", True, False), ("opposite", False, True), ("both", True, True)],
)
def test_target_legs_of_a_bridged_call(target: str, alice_hears: bool, bob_hears: bool) -> None:
    config = CarrierConfig(
        webhook_url="http://app/", numbers={BOB: CallScript(steps=STAY)}, ring_s=0.0
    )
    line = Line(config)
    alice = line.streaming(params=RTP | {"stream_bidirectional_target_legs": target})
    line.command(alice, "transfer", to=BOB)
    line.tick()
    bob = line.payload("call.bridged")["call_control_id"]
    line.send(media(ulaw(tone(100))))
    line.tick(6)
    assert any(sounding(line.report(alice).bot)) == alice_hears
    assert any(sounding(line.report(bob).bot)) == bob_hears


# ---- codecs -----------------------------------------------------------------------------------


def test_each_direction_has_its_own_codec() -> None:
    """The leg speaks PCMA, the customer plays PCMU: confusing them gives static."""
    line = Line()
    call = line.streaming(*talking(), codec="PCMA", params=SELF)
    line.send(media(ulaw(tone(200))))
    line.tick(30)
    [start] = line.of("start")
    assert start["start"]["media_format"]["encoding"] == "PCMA"
    assert 4000 < level(audio(line, "PCMA")[3200:]) < 7000
    assert np.array_equal(line.report(call).bot[:1600], codec("PCMU").decode(ulaw(tone(200))))


@pytest.mark.parametrize("leg", registry.names())
def test_webhooks_tell_what_a_leg_may_speak_and_what_it_came_to(leg: str) -> None:
    spoken_here(leg)
    line = Line()
    call = line.ring(*STAY, codec=leg)
    initiated = line.payload("call.initiated")
    assert initiated["offered_codecs"].startswith(leg)
    assert initiated["connection_codecs"].split(",").count(leg) == 1
    line.command(call, "answer")
    line.tick()
    answered = line.payload("call.answered")
    assert answered["codec"] == leg
    assert answered["sampling_rate"] == (8000 if leg in ("PCMU", "PCMA") else 16000)


@pytest.mark.parametrize(
    ("leg", "asked", "encoding", "rate"),
    [
        ("PCMU", "default", "PCMU", 8000),
        ("PCMU", "PCMA", "PCMA", 8000),
        ("PCMA", "PCMU", "PCMU", 8000),
        ("PCMU", "L16", "PCMU", 8000),
        ("PCMU", "AMR-WB", "AMR-WB", 16000),
        ("AMR-WB", "default", "AMR-WB", 16000),
        ("AMR-WB", "PCMU", "AMR-WB", 16000),
        ("PCMU", "G722", "G722", 8000),
        ("L16", "G722", "G722", 8000),
        ("PCMU", "OPUS", "OPUS", 16000),
        ("OPUS", "default", "OPUS", 16000),
        ("OPUS", "PCMU", "OPUS", 16000),
        ("G722", "default", "G722", 8000),
        ("G722", "PCMU", "G722", 8000),
        ("L16", "PCMU", "L16", 16000),
        ("L16", "default", "L16", 16000),
    ],
)
def test_stream_codec_is_honoured_where_it_can_be_transcoded(
    leg: str, asked: str, encoding: str, rate: int
) -> None:
    spoken_here(encoding)
    line = Line()
    line.streaming(*talking(), codec=leg, params=SELF | {"stream_codec": asked})
    line.tick(30)
    body: Any = line.of("start")[0]["start"]["media_format"]
    assert (body["encoding"], body["sample_rate"]) == (encoding, rate)
    assert 5000 < level(audio(line, encoding, rate)[rate // 5 :]) < 6000


def test_each_track_of_a_codec_with_a_memory_has_its_own() -> None:
    pytest.importorskip("G722", reason="pip install 'callbridge[hd]'")
    both = SELF | {"stream_track": "both_tracks", "stream_bidirectional_codec": "PCMU"}
    line = Line()
    line.streaming(*talking(rate=16000), codec="G722", params=both)
    line.tick(30)
    assert 5000 < level(audio(line, "G722")[3200:]) < 6000
    assert level(audio(line, "G722", track="outbound")) < 2  # nobody speaks on it


def test_without_the_library_a_codec_falls_back_to_that_of_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_g722(monkeypatch)
    line = Line()
    line.streaming(params=SELF | {"stream_codec": "G722"})
    line.tick(3)
    assert line.of("start")[0]["start"]["media_format"]["encoding"] == "PCMU"


def test_without_the_library_a_command_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_g722(monkeypatch)
    line = Line()
    call = line.ring(*STAY)
    response = line.command(call, "answer", **SELF, stream_bidirectional_codec="G722")
    assert codes(response) == [("90046", "/stream_bidirectional_codec")]
    assert "pip install 'callbridge[hd]'" in str(response.body)
    with pytest.raises(ScriptError, match="codec G722 needs the package G722"):
        CallScript(codec="G722")


def test_without_the_encoder_of_amr_wb_nobody_speaks_it_here_but_all_may_send_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    try:
        codec("AMR-WB", decodes_only=True)
    except MissingLibrary as error:
        pytest.skip(str(error))
    without(monkeypatch, "libvo-amrwbenc")
    line = Line()
    line.streaming(params=SELF | {"stream_codec": "AMR-WB", "stream_bidirectional_codec": "AMR-WB"})
    line.tick(3)
    assert line.of("start")[0]["start"]["media_format"]["encoding"] == "PCMU"
    with pytest.raises(ScriptError, match="codec AMR-WB needs libvo-amrwbenc to encode: apt-get"):
        CallScript(codec="AMR-WB")


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 48000])
@pytest.mark.parametrize("leg", ["PCMU", "L16"])
def test_linear_audio_of_any_rate_is_heard_at_the_rate_of_the_leg(leg: str, rate: int) -> None:
    line = Line()
    params = SELF | {
        "stream_bidirectional_codec": "L16",
        "stream_bidirectional_sampling_rate": rate,
    }
    call = line.streaming(codec=leg, params=params)
    line.send(media(tone(1000, rate).astype("<i2").tobytes()))
    line.send(mark("end"))
    line.tick(60)
    report = line.report(call)
    heard = report.bot[: report.sample_rate].astype(float)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(int(np.argmax(spectrum)) - 440) <= 1
    assert level(heard[800:-800].astype(np.int16)) == pytest.approx(8000 / np.sqrt(2), rel=0.02)
    assert report.marks[0].sample == report.sample_rate


def test_l16_byte_order_is_a_setting_of_both_directions() -> None:
    line = Line(CarrierConfig(l16_order="big"))
    call = line.streaming(
        *talking(1000, 16000), codec="L16", params=SELF | {"stream_bidirectional_codec": "L16"}
    )
    line.send(media(tone(200, 16000).astype(">i2").tobytes()))
    line.tick(30)
    assert np.array_equal(line.report(call).bot[:3200], tone(200, 16000))
    payload = base64.b64decode(line.of("media")[-1]["media"]["payload"])
    assert level(np.frombuffer(payload, ">i2").astype(np.int16)) < 7000


def test_a_codec_that_is_not_there_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "libopencore-amrwb")
    line = Line()
    call = line.ring()
    response = line.command(call, "answer", **SELF, stream_bidirectional_codec="AMR-WB")
    assert response.status == 422
    assert codes(response) == [("90046", "/stream_bidirectional_codec")]
    assert line.command(call, "answer").status == 200


# ---- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 100003),
        ("[]", 100003),
        ('"clear"', 100003),
        ('{"event":"media"}', 100003),
        ('{"event":"mark","mark":{}}', 100003),
        ('{"event":"claer"}', 100003),
        (b'{"event":"clear"}', 100003),
        ('{"event":"media","media":{"payload":"***"}}', 100004),
        (media(b"\xff" * 159), 100004),
        (media(b""), 100004),
        (media(b"\xff" * 240_001), 100004),
    ],
)
def test_bad_frames_are_answered_with_an_error_and_the_stream_goes_on(
    text: str | bytes, code: int
) -> None:
    line = Line()
    call = line.streaming()
    line.send(text)
    assert line.errors() == [code]
    [error] = line.of("error")
    assert set(error) == {"event", "payload", "stream_id"}
    assert set(error["payload"]) == {"code", "title", "detail"}
    line.send(mark("alive"))
    assert line.marks() == ["alive"]
    assert "close" not in line.log
    assert line.report(call).stream_errors == 1


def test_an_odd_number_of_l16_bytes_is_invalid_media() -> None:
    line = Line()
    line.streaming(params=SELF | {"stream_bidirectional_codec": "L16"})
    line.send(media(bytes(641)))
    assert line.errors() == [100004]


def test_a_stream_id_in_the_customers_frames_is_tolerated() -> None:
    line = Line()
    line.streaming()
    line.send('{"event":"clear","stream_id":"x","extra":{"a":[1]}}')
    assert line.errors() == []


def test_marks_without_end_are_limited() -> None:
    line = Line()
    line.streaming()
    line.send(media(ulaw(tone(1000))))
    for number in range(10_001):
        line.send(mark(str(number)))
    assert line.errors() == [100005]


# ---- ends -------------------------------------------------------------------------------------


def test_streaming_stop_leaves_the_call_up() -> None:
    line = Line()
    call = line.streaming()
    line.tick(2)
    assert line.command(call, "streaming_stop").status == 200
    assert line.log[-3:] == ["streaming.stopped", "stop", "close"]
    line.tick(5)
    assert len(line.of("media")) == 2
    assert line.command(call, "streaming_start", **SELF).status == 200
    assert len(line.of("start")) == 2


def test_a_customer_who_closes_the_socket_keeps_the_call() -> None:
    line = Line()
    call = line.streaming()
    line.send(media(ulaw(tone(1000))))
    line.switch.stream_closed(line.opened[0].stream_id, line.now)
    line.tick(5)
    assert line.event_types()[-1] == "streaming.stopped"
    assert not line.report(call).bot.any()
    assert line.command(call, "streaming_start", **SELF).status == 200


def test_a_socket_that_never_opens_is_reported_as_failed() -> None:
    line = Line(connects=False)
    call = line.streaming()
    line.switch.stream_failed(line.opened[0].stream_id, "connection refused", line.now)
    line.tick()
    payload = line.payload("streaming.failed")
    assert payload["failure_reason"] == "connection refused"
    assert payload["stream_params"] == {"stream_url": RTP["stream_url"], "track": "inbound_track"}
    assert line.frames == []
    assert line.report(call).state == "answered"


def test_a_socket_closed_before_the_start_is_a_failure() -> None:
    line = Line(connects=False)
    line.streaming()
    line.switch.stream_closed(line.opened[0].stream_id, line.now)
    line.settle()
    assert line.event_types()[-1] == "streaming.failed"


def test_a_dialled_stream_may_open_early_and_starts_at_the_answer() -> None:
    line = Line(CarrierConfig(numbers={BOB: CallScript(steps=STAY)}, ring_s=0.1))
    line.dial(BOB, **SELF, stream_establish_before_call_originate=True)
    line.tick(3)
    assert line.log == ["connected"]
    line.tick(4)
    assert line.log[:2] == ["connected", "start"]


def test_a_call_that_ends_while_it_rings_closes_the_early_socket_without_start() -> None:
    line = Line(CarrierConfig(numbers={BOB: "busy"}, ring_s=0.1))
    line.dial(BOB, **SELF, stream_establish_before_call_originate=True)
    line.tick(10)
    assert line.log == ["connected", "close"]


def test_frames_for_a_stream_that_is_gone_are_ignored() -> None:
    line = Line()
    call = line.streaming()
    line.command(call, "hangup")
    count = len(line.frames)
    line.send(CLEAR)
    line.send(media(ulaw(tone(20))))
    assert len(line.frames) == count
