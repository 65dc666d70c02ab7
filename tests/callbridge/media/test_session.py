"""The media session: legal moves, two codecs, any rate, length and byte order, what leaves when."""

from itertools import pairwise

import numpy as np
import pytest

from callbridge.errors import RemoteProtocolError
from callbridge.media import wire
from callbridge.media.playout import Playout
from callbridge.media.receiver import ByteOrder, Receiver
from callbridge.media.session import (
    TRANSITIONS,
    AudioReceived,
    ByteOrderFound,
    DigitReceived,
    ErrorReceived,
    MediaEvent,
    MediaSession,
    Started,
    State,
    Stopped,
    Undecodable,
)
from callbridge.media.wire import MediaBody
from callbridge.testing import tone
from telecodecs import MissingLibrary, Pcm, Resampler, codec, silence
from tests.callbridge.media import frames

FRAMES: dict[str, wire.Incoming] = {
    type(frame).__name__: frame
    for frame in map(wire.decode_incoming, frames.ALL)
    if not isinstance(frame, wire.Unknown)
}


def session(
    tx: str = "PCMU", tx_rate: int = 8000, sample_rate: int = 8000, l16_order: ByteOrder = "little"
) -> MediaSession:
    return MediaSession(
        Playout(tx_rate),
        codec(tx, tx_rate, l16_order=l16_order),
        sample_rate,
        l16_order=l16_order,
    )


def receive(session: MediaSession, text: str, now: float = 0.0) -> list[MediaEvent]:
    frame = wire.decode_incoming(text)
    assert not isinstance(frame, wire.Unknown)
    return session.receive(frame, now)


def streaming(encoding: str = "PCMU", rate: int = 8000, **how: object) -> MediaSession:
    """A session whose stream has started; `how` are the arguments of `session`."""
    made = session(**how)  # type: ignore[arg-type]
    receive(made, frames.CONNECTED)
    receive(made, frames.start(encoding, rate))
    return made


def heard(events: list[MediaEvent]) -> Pcm:
    """All audio of these events."""
    return np.concatenate(
        [silence(0), *(event.pcm for event in events if isinstance(event, AudioReceived))]
    )


def feed(session: MediaSession, payloads: list[bytes], first: int = 1) -> list[MediaEvent]:
    """Payloads of 20 ms, numbered and in time."""
    return [
        event
        for chunk, payload in enumerate(payloads, first)
        for event in receive(session, frames.media(payload, chunk), 0.020 * chunk)
    ]


def cut(payload: bytes, size: int) -> list[bytes]:
    return [payload[at : at + size] for at in range(0, len(payload), size)]


def sent_audio(session: MediaSession, now: float) -> bytes:
    return b"".join(
        frame.media.payload
        for frame in session.frames_to_send(now)
        if isinstance(frame, wire.Audio)
    )


def say(session: MediaSession, pcm: Pcm, now: float = 0.0) -> None:
    utterance = session.playout.open()
    session.playout.write(utterance, pcm, now)
    session.playout.close(utterance)


# ---- states -------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_leads_where_the_table_says_or_raises_and_leads_nowhere(
    state: State, name: str
) -> None:
    at = streaming()
    at.state = state
    frame = FRAMES[name]
    following = TRANSITIONS[state].get(type(frame))
    if following is None:
        with pytest.raises(RemoteProtocolError, match=name.lower()):
            at.receive(frame, 0.0)
        assert at.state is state
        assert at.stats.illegal[name] == 1
    else:
        at.receive(frame, 0.0)
        assert at.state is following


def test_the_documents_own_order_is_legal() -> None:
    made = session()
    events = [event for text in frames.ALL for event in receive(made, text)]
    assert [type(event) for event in events] == [
        Started,
        AudioReceived,
        DigitReceived,
        ErrorReceived,
        Stopped,
    ]
    assert made.state is State.STOPPED


@pytest.mark.parametrize("before", [[], [frames.CONNECTED], [frames.CONNECTED, frames.start()]])
def test_a_stream_may_stop_before_it_had_any_media(before: list[str]) -> None:
    made = session()
    for text in before:
        receive(made, text)
    assert receive(made, frames.STOP) == [Stopped()]


def test_a_stop_lets_out_what_was_held() -> None:
    made = streaming()
    feed(made, [bytes(160)])
    feed(made, [bytes(160)], first=3)
    feed(made, [bytes(160)], first=5)
    events = receive(made, frames.STOP)
    assert len(heard(events)) == 4 * 160  # two frames, and silence for two that never came


def test_what_a_frame_says_is_in_its_event() -> None:
    made = streaming()
    assert receive(made, frames.dtmf("#")) == [DigitReceived("#", "2026-07-16T10:00:00.123456Z")]
    assert receive(made, frames.ERROR) == [
        ErrorReceived(100003, "malformed_frame", "not well formed")
    ]


def test_an_error_of_the_platform_comes_with_what_we_had_sent() -> None:
    made = streaming(tx="L16", tx_rate=16000)
    say(made, tone(0.1, sample_rate=16000))
    made.frames_to_send(0.0)
    made.interrupt(0.1)
    made.frames_to_send(0.1)
    made.frames_to_send(0.2)  # nothing left, nothing to remember
    (event,) = receive(made, frames.ERROR)
    assert isinstance(event, ErrorReceived)
    assert event.sent == (
        "media 640 bytes L16/16000, mark e0.1, media 2560 bytes L16/16000, mark e0.2, clear"
    )


@pytest.mark.parametrize(
    ("encoding", "rate", "channels", "why"),
    [
        ("EVS", 16000, 1, "EVS"),
        ("pcmu", 8000, 1, "pcmu"),
        ("PCMU", 16000, 1, "16000"),
        ("L16", 0, 1, "0 Hz"),
        ("G729", 8000, 1, "the stream's codec G729 at 8000 Hz is not built here"),
        ("PCMU", 8000, 2, "2 channels"),
    ],
)
def test_a_format_that_cannot_be_decoded_is_refused_in_words(
    encoding: str, rate: int, channels: int, why: str
) -> None:
    made = session()
    receive(made, frames.CONNECTED)
    (event,) = receive(made, frames.start(encoding, rate, channels))
    assert isinstance(event, Undecodable)
    assert (event.encoding, event.sample_rate) == (encoding, rate)
    assert why in event.reason
    assert made.state is State.STARTING


# ---- two codecs ---------------------------------------------------------------------------------


def test_the_received_codec_is_that_of_start_and_the_sent_one_is_ours() -> None:
    made = streaming("PCMA", tx="PCMU")
    voice = tone(0.1)
    events = feed(made, cut(codec("PCMA").encode(voice), 160))
    assert np.array_equal(heard(events), codec("PCMA").decode(codec("PCMA").encode(voice)))
    say(made, voice)
    sent = sent_audio(made, 0.0)
    assert sent == codec("PCMU").encode(voice)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_any_wire_rate_is_heard_at_the_rate_of_the_call(rate: int) -> None:
    voice = tone(1.0, sample_rate=rate)
    made = streaming("L16", rate)
    got = heard(feed(made, cut(codec("L16", rate).encode(voice), rate // 25)))
    at_once = voice if rate == 8000 else Resampler(rate, 8000).process(voice)
    assert np.array_equal(got, at_once)
    assert np.argmax(np.abs(np.fft.rfft(got, 8000))) == 440
    assert abs(int(np.abs(got).max()) - 8000) < 100


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_what_we_say_is_encoded_at_the_rate_of_the_wire(rate: int) -> None:
    made = streaming(tx="L16", tx_rate=rate)
    voice = tone(0.1, sample_rate=rate)
    say(made, voice)
    assert sent_audio(made, 0.0) == codec("L16", rate).encode(voice)


@pytest.mark.parametrize("octets", [80, 792, 1, 37, 240_000])
def test_any_length_of_message_is_taken_whole(octets: int) -> None:
    """10 ms, the 99 ms of the documents' example, one sample, an odd number, 30 s."""
    made = streaming()
    payload = codec("PCMU").encode(tone(octets / 8000))[:octets]
    assert len(heard(feed(made, [payload, payload]))) == 2 * octets


def test_an_undecodable_payload_is_counted_and_the_next_is_heard() -> None:
    made = streaming("L16", 16000)
    assert feed(made, [b"\0\0\0"]) == []
    assert made.stats.undecodable == 1
    assert len(heard(feed(made, [bytes(640)], first=2))) > 0


def test_an_empty_payload_is_nothing() -> None:
    assert feed(streaming(), [b"", b""]) == []


def test_the_outbound_track_is_not_the_callers_voice() -> None:
    made = streaming()
    assert receive(made, frames.media(bytes(160), 1, track="outbound")) == []
    assert receive(made, frames.media(bytes(160), 1, track="sideways")) == []


def test_with_both_tracks_counted_together_nothing_is_delayed_or_lost() -> None:
    made = streaming()
    events: list[MediaEvent] = []
    for number in range(1, 101):
        track = "inbound" if number % 2 else "outbound"
        text = frames.media(bytes(160), number, timestamp=10 * (number - number % 2), track=track)
        events += receive(made, text)
        if number > 10:
            assert made.deadline() == float("inf")
    assert len(heard(events)) == 50 * 160


# ---- concealment --------------------------------------------------------------------------------


def lossy(chunk: int, timestamp: int) -> tuple[MediaSession, Pcm]:
    """One frame, then the given one, and the time to give up the gap."""
    made = streaming()
    first = receive(made, frames.media(bytes(160), 1, timestamp=0))
    after = receive(made, frames.media(bytes(160), chunk, timestamp=timestamp))
    return made, heard([*first, *after, *made.tick(0.060)])


def test_a_lost_frame_becomes_the_one_before_it_that_fades() -> None:
    made, pcm = lossy(chunk=4, timestamp=60)
    assert len(pcm) == 4 * 160
    assert made.concealed == 2 * 160
    loudness = np.abs(pcm.astype(int))
    assert loudness[160] == loudness[0]
    assert (np.diff(loudness[160:480]) <= 0).all()
    assert loudness[479] < loudness[0] / 2


def test_opus_makes_up_what_it_has_lost_by_itself() -> None:
    try:
        there = codec("OPUS")
    except MissingLibrary as error:
        pytest.skip(str(error))
    tone = np.asarray(8000 * np.sin(np.arange(40 * 320) * 2 * np.pi * 440 / 16000), np.int16)
    sent = [there.encode(tone[at : at + 320]) for at in range(0, len(tone), 320)]
    made = streaming("OPUS", 16000, sample_rate=16000)
    events: list[MediaEvent] = []
    for number, payload in enumerate(sent):
        if number not in (20, 21):
            events += receive(made, frames.media(payload, number + 1, timestamp=20 * number))
    pcm = heard([*events, *made.tick(0.060)])
    assert made.concealed == 2 * 320
    alone = codec("OPUS")
    assert alone.conceal is not None
    meant = [alone.decode(payload) for payload in sent[:20]]
    meant.append(alone.conceal(2 * 320, sent[22]))
    meant += [alone.decode(payload) for payload in sent[22:]]
    assert np.array_equal(pcm, np.concatenate(meant))
    assert np.std(meant[20].astype(float)) > 1000  # nor is it silence


def test_a_long_loss_is_silent_after_three_frames() -> None:
    made, pcm = lossy(chunk=12, timestamp=220)
    assert made.concealed == 10 * 160
    assert pcm[160 + 470]
    assert not pcm[160 + 480 : -160].any()


def test_a_jump_of_the_number_alone_is_no_loss() -> None:
    made, pcm = lossy(chunk=4, timestamp=20)
    assert (len(pcm), made.concealed) == (320, 0)


def test_a_jump_of_the_timestamp_alone_is_no_loss() -> None:
    made, pcm = lossy(chunk=2, timestamp=60)
    assert (len(pcm), made.concealed) == (320, 0)


def test_a_jump_of_more_than_a_second_is_not_filled() -> None:
    made, pcm = lossy(chunk=400, timestamp=8000)
    assert (len(pcm), made.concealed) == (320, 0)


def test_a_loss_while_the_byte_order_is_unknown_is_concealed_too() -> None:
    made = streaming("L16", 8000)
    payloads = cut(codec("L16", 8000).encode(tone(0.16)), 320)
    events = feed(made, payloads[:2])
    events += feed(made, payloads[3:], first=4)
    events += made.tick(1.0)
    assert len(heard(events)) == 8 * 160
    assert made.concealed == 160


# ---- audio that nobody wants --------------------------------------------------------------------


def unheard(encoding: str = "PCMU", rate: int = 8000) -> MediaSession:
    """A streaming session whose audio nobody wants yet."""
    made = MediaSession(Playout(8000), codec("PCMU"), 8000, wanted=False)
    receive(made, frames.CONNECTED)
    receive(made, frames.start(encoding, rate))
    return made


def test_what_nobody_listens_to_is_counted_and_ordered_but_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = unheard()
    monkeypatch.setattr(Receiver, "decode", None)
    assert feed(made, [bytes(160)] * 10) == []
    assert feed(made, [bytes(160)], first=13) == []
    assert made.tick(1.0) == []
    assert made.stats.frames_in == 11
    assert made.order.tracks["inbound"].stats.lost == 2


def test_an_ear_that_opens_later_hears_from_there_on() -> None:
    made = unheard()
    payloads = cut(codec("PCMU").encode(tone(0.2)), 160)
    feed(made, payloads[:5])
    made.wanted = True
    got = heard(feed(made, payloads[5:], first=6))
    assert np.array_equal(got, codec("PCMU").decode(b"".join(payloads[5:])))


def test_what_was_lost_before_the_ear_opened_is_not_made_up_for() -> None:
    made = unheard()
    feed(made, [bytes(160)] * 3)
    feed(made, [bytes(160)], first=9)  # behind a gap, and held
    made.wanted = True
    assert len(heard(made.tick(1.0))) == 160
    feed(made, [bytes(160)], first=12)
    assert len(heard(made.tick(2.0))) == 3 * 160  # but now there is somebody to miss it
    assert made.concealed == 2 * 160


def test_a_resampler_does_not_remember_what_came_before_a_pause() -> None:
    payloads = cut(codec("L16", 16000).encode(tone(0.4, sample_rate=16000)), 640)
    made = unheard("L16", 16000)
    made.wanted = True
    feed(made, payloads[:8])
    made.wanted = False
    feed(made, payloads[8:12], first=9)
    made.wanted = True
    got = heard(feed(made, payloads[12:], first=13))
    fresh = Resampler(16000, 8000)
    expected = [fresh.process(codec("L16", 16000).decode(p)) for p in payloads[12:]]
    assert np.array_equal(got, np.concatenate(expected))


def test_a_bot_that_only_talks_learns_the_byte_order_too() -> None:
    made = unheard("L16", 8000)
    payloads = cut(codec("L16", 8000, l16_order="big").encode(tone(0.4)), 320)
    assert feed(made, payloads) == [ByteOrderFound("big")]


# ---- byte orders --------------------------------------------------------------------------------


ORDERS: list[ByteOrder] = ["little", "big"]


@pytest.mark.parametrize("arriving", ORDERS)
@pytest.mark.parametrize("configured", ORDERS)
def test_the_order_of_arriving_l16_is_found_and_nothing_held_is_lost(
    arriving: ByteOrder, configured: ByteOrder
) -> None:
    made = streaming("L16", 8000, l16_order=configured)
    voice = tone(0.4)
    payloads = cut(codec("L16", 8000, l16_order=arriving).encode(voice), 320)
    assert feed(made, payloads[:4]) == []  # four votes are not enough
    events = feed(made, payloads[4:], first=5)
    assert events[0] == ByteOrderFound(arriving)
    assert np.array_equal(heard(events), voice)


def test_the_majority_decides() -> None:
    made = streaming("L16", 8000)
    right = cut(codec("L16", 8000, l16_order="big").encode(tone(0.06)), 320)
    wrong = cut(codec("L16", 8000, l16_order="little").encode(tone(0.04)), 320)
    assert ByteOrderFound("big") in feed(made, [wrong[0], right[0], wrong[1], *right[1:]])


def test_silence_passes_at_once_and_decides_nothing() -> None:
    made = streaming("L16", 8000)
    for chunk in range(1, 200):
        (event,) = receive(made, frames.media(bytes(320), chunk))
        assert isinstance(event, AudioReceived)


def test_noise_that_tells_nothing_is_held_for_fifty_frames_at_most() -> None:
    made = streaming("L16", 8000, l16_order="big")
    noise = np.random.default_rng(1).integers(-8000, 8000, 60 * 160).astype(np.int16)
    noise = (noise & 0x00FF) | (noise << 8)  # as rough in both orders
    payloads = cut(codec("L16", 8000, l16_order="big").encode(noise.astype(np.int16)), 320)
    assert feed(made, payloads[:49]) == []
    events = feed(made, payloads[49:], first=50)
    assert not any(isinstance(event, ByteOrderFound) for event in events)
    assert np.array_equal(heard(events), noise)


def test_other_codecs_have_no_byte_order() -> None:
    events = feed(streaming("PCMU"), cut(codec("PCMU").encode(tone(1.0)), 160))
    assert all(isinstance(event, AudioReceived) for event in events)


def test_another_codec_for_sending_begins_with_an_utterance() -> None:
    little, big = (codec("L16", 8000, l16_order=order) for order in ORDERS)
    made = streaming(tx="L16")
    first, second = tone(0.5), tone(0.5, hertz=300.0)
    say(made, first)
    sent = sent_audio(made, 0.0)
    made.set_tx(big)
    say(made, second)
    now = 0.0
    while now < 2.0:
        now += 0.005
        sent += sent_audio(made, now)
    assert sent == little.encode(first) + big.encode(second)


def test_another_codec_for_sending_is_taken_at_once_while_nothing_is_said() -> None:
    made = streaming(tx="L16")
    made.set_tx(codec("L16", 8000, l16_order="big"))
    say(made, tone(0.02))
    assert sent_audio(made, 0.0) == codec("L16", 8000, l16_order="big").encode(tone(0.02))


# ---- what leaves --------------------------------------------------------------------------------


def test_nothing_leaves_before_the_start() -> None:
    made = session()
    say(made, tone(1.0))
    assert made.frames_to_send(0.0) == []
    receive(made, frames.CONNECTED)
    assert made.frames_to_send(0.0) == []
    assert made.deadline() == float("inf")  # no busy loop while it cannot be sent
    receive(made, frames.start())
    assert made.frames_to_send(0.0) != []


def test_nothing_leaves_after_the_stop() -> None:
    made = streaming()
    say(made, tone(1.0))
    receive(made, frames.STOP)
    assert made.frames_to_send(0.0) == []


def test_a_clear_comes_before_the_audio_that_follows_it() -> None:
    made = streaming()
    say(made, tone(1.0))
    made.frames_to_send(0.0)
    made.interrupt(0.1)
    say(made, tone(0.02), now=0.1)
    assert [type(frame) for frame in made.frames_to_send(0.1)] == [
        wire.Clear,
        wire.Audio,
        wire.SetMark,
    ]
    assert made.frames_to_send(0.1) == []


def test_an_interruption_of_silence_clears_nothing() -> None:
    made = streaming()
    made.interrupt(0.0)
    assert made.frames_to_send(0.0) == []


def test_marks_leave_behind_the_audio_that_they_are_about() -> None:
    made = streaming()
    say(made, tone(0.1))
    kinds = [type(frame) for frame in made.frames_to_send(0.0)]
    assert kinds == [wire.Audio, wire.SetMark, wire.Audio, wire.SetMark]


def test_a_returned_mark_is_heard_by_the_playout() -> None:
    made = streaming()
    say(made, tone(0.06))
    names = [
        frame.mark.name for frame in made.frames_to_send(0.0) if isinstance(frame, wire.SetMark)
    ]
    receive(made, frames.mark(names[-1]), 0.080)
    (utterance,) = made.playout.ended()
    assert utterance.ending is not None
    assert (utterance.ending.heard, utterance.ending.certainty) == (480, "measured")


def test_the_deadline_is_the_next_piece_of_audio() -> None:
    made = streaming()
    say(made, tone(1.0))
    moments: list[float] = []
    now = 0.0
    while now < 1.0:
        assert made.frames_to_send(now)
        moments.append(now)
        made.tick(now)
        now = made.deadline()
    assert min(b - a for a, b in pairwise(moments)) > 0.019


def test_many_messages_are_decoded_with_the_memory_of_one_stream() -> None:
    """Resampling in pieces equals resampling at once, whatever the messages' lengths."""
    voice = tone(0.5, sample_rate=16000)
    payload = codec("L16", 16000).encode(voice)

    def in_messages_of(size: int) -> Pcm:
        made = streaming("L16", 16000)
        bodies = [
            wire.Media(MediaBody(piece, "inbound", chunk))
            for chunk, piece in enumerate(cut(payload, size), 1)
        ]
        return heard([event for body in bodies for event in made.receive(body, 0.0)])

    small, large = in_messages_of(250), in_messages_of(3000)
    shorter = min(len(small), len(large))
    assert shorter > 3900
    assert np.array_equal(small[:shorter], large[:shorter])
