"""One socket of a call: what is malformed, what is stuck, what is due when."""

import asyncio
import json
import random
from dataclasses import dataclass, field

import pytest

from callbridge.media import wire
from callbridge.media.playout import Playout
from callbridge.media.session import AudioReceived, DigitReceived, MediaEvent, MediaSession, Started
from callbridge.media.stream import STUCK_S, WRITE_BUFFER, MediaStream
from callbridge.testing.loop import VirtualClock
from callbridge.timing.ticker import Ticker
from telecodecs import Pcm, codec, silence
from tests.callbridge.media import frames
from tests.callbridge.media.test_wire import mutilated


@dataclass
class Socket:
    """A socket in memory that takes everything, unless `stuck`."""

    sent: list[str] = field(default_factory=list[str])
    closed: tuple[int, str] | None = None
    stuck: bool = False

    def send(self, text: str) -> None:
        self.sent.append(text)

    def buffered(self) -> int:
        return WRITE_BUFFER + 1 if self.stuck else WRITE_BUFFER

    def close(self, code: int, reason: str) -> None:
        assert self.closed is None
        self.closed = (code, reason)

    def events(self) -> list[str]:
        return [json.loads(text)["event"] for text in self.sent]

    def payloads(self) -> bytes:
        """All audio sent so far."""
        frames = map(wire.decode_outgoing, self.sent)
        return b"".join(frame.media.payload for frame in frames if isinstance(frame, wire.Audio))

    def audio_s(self) -> float:
        """Its seconds, if it is PCMU."""
        return len(self.payloads()) / 8000


@dataclass
class Owner:
    """Remembers what it is told."""

    events: list[MediaEvent] = field(default_factory=list[MediaEvent])
    looked: int = 0

    def on_audio(self, pcm: Pcm) -> None:
        self.events.append(AudioReceived(pcm))

    def on_media_event(self, event: MediaEvent) -> None:
        self.events.append(event)

    def on_sent(self) -> None:
        self.looked += 1


class Rig:
    """A stream with its ends, in virtual time."""

    def __init__(self, *, started: bool = True) -> None:
        clock = VirtualClock()
        self.socket, self.owner, self.ticker = Socket(), Owner(), Ticker(clock)
        self.playout = Playout(8000)
        session = MediaSession(self.playout, codec("PCMU"), 8000)
        self.stream = MediaStream(session, self.owner, self.socket, clock, self.ticker)
        if started:
            self.stream.feed(frames.CONNECTED)
            self.stream.feed(frames.start())

    def say(self, seconds: float) -> None:
        utterance = self.playout.open()
        self.playout.write(utterance, silence(round(8000 * seconds)), now())
        self.playout.close(utterance)
        self.stream.pump()


def now() -> float:
    return asyncio.get_running_loop().time()


# ---- messages in --------------------------------------------------------------------------------


@pytest.mark.virtual
async def test_frames_become_events() -> None:
    rig = Rig()
    rig.stream.feed(frames.media(bytes(160), 1))
    rig.stream.feed(frames.dtmf("5").encode())
    kinds = [type(event) for event in rig.owner.events]
    assert kinds == [Started, AudioReceived, DigitReceived]


@pytest.mark.virtual
async def test_malformed_and_unknown_frames_are_counted_and_never_fatal() -> None:
    rig = Rig()
    rig.stream.feed("{")
    rig.stream.feed('{"event":"heartbeat"}')
    rig.stream.feed(frames.CONNECTED)  # out of its place
    rig.stream.feed(frames.media(bytes(160), 1))
    counts = rig.stream.tally()
    assert (counts["malformed"], counts["unknown"], counts["frames_in"]) == (2, 1, 1)
    assert rig.socket.closed is None
    assert isinstance(rig.owner.events[-1], AudioReceived)


@pytest.mark.virtual
async def test_ten_thousand_mutilated_frames_are_survived() -> None:
    rig = Rig()
    chance = random.Random(7)
    running = [text for text in frames.ALL if text != frames.STOP]
    for number in range(10_000):
        rig.stream.feed(mutilated(running[number % len(running)], chance))
    assert rig.socket.closed is None
    rig.stream.feed(frames.dtmf("#"))
    last = rig.owner.events[-1]
    assert isinstance(last, DigitReceived)
    assert last.digit == "#"


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ([frames.media(bytes(160))], "a media frame while connecting"),
        ([frames.CONNECTED, frames.start("EVS", 16000)], "EVS"),
        ([frames.CONNECTED, frames.start(channels=2)], "2 channels"),
    ],
)
@pytest.mark.virtual
async def test_a_stream_that_cannot_begin_is_closed_in_words(first: list[str], why: str) -> None:
    rig = Rig(started=False)
    for text in first:
        rig.stream.feed(text)
    assert rig.socket.closed is not None
    code, reason = rig.socket.closed
    assert code == 1002
    assert why in reason


@pytest.mark.virtual
async def test_garbage_before_the_start_does_not_close() -> None:
    rig = Rig(started=False)
    for text in ("{", frames.CONNECTED, "?", frames.start()):
        rig.stream.feed(text)
    assert rig.socket.closed is None
    assert isinstance(rig.owner.events[-1], Started)


@pytest.mark.virtual
async def test_no_event_follows_a_close() -> None:
    rig = Rig()
    before = len(rig.owner.events)
    rig.say(1.0)
    sent = len(rig.socket.sent)
    rig.stream.close()
    rig.stream.close()
    rig.stream.feed(frames.media(bytes(160), 1))
    rig.say(1.0)
    await asyncio.sleep(5)
    assert (len(rig.owner.events), len(rig.socket.sent)) == (before, sent)


# ---- deadlines ----------------------------------------------------------------------------------


@pytest.mark.virtual
async def test_what_was_queued_before_the_start_leaves_with_it() -> None:
    rig = Rig(started=False)
    rig.say(0.02)
    await asyncio.sleep(1)
    assert rig.socket.sent == []
    rig.stream.feed(frames.CONNECTED)
    rig.stream.feed(frames.start())
    assert rig.socket.events() == ["media", "mark"]


@pytest.mark.virtual
async def test_the_ticker_alone_paces_ten_seconds_without_a_busy_loop() -> None:
    rig = Rig()
    rig.say(10.0)
    looked = rig.owner.looked
    await asyncio.sleep(9.0)
    assert 9.0 <= rig.socket.audio_s() <= 9.2 + 1e-6
    await asyncio.sleep(3.5)  # the end, and the patience for marks that do not come
    assert rig.socket.audio_s() == pytest.approx(10.0)
    assert rig.owner.looked - looked < 150
    assert rig.stream.tally()["frames_out"] == len(rig.socket.sent)
    (utterance,) = rig.playout.ended()
    assert utterance.ending is not None
    assert utterance.ending.heard == 80_000


@pytest.mark.virtual
async def test_a_gap_is_given_up_by_time_alone() -> None:
    rig = Rig()
    rig.stream.feed(frames.media(bytes(160), 1))
    rig.stream.feed(frames.media(bytes(160), 3))
    assert len(rig.owner.events) == 2
    await asyncio.sleep(0.066)
    assert len(rig.owner.events) == 3
    assert rig.stream.tally()["frames_lost"] == 1


@pytest.mark.virtual
async def test_a_quiet_stream_wakes_nobody() -> None:
    rig = Rig()
    looked = rig.owner.looked
    await asyncio.sleep(3600)
    assert rig.owner.looked == looked


# ---- a socket that takes nothing ----------------------------------------------------------------


@pytest.mark.virtual
async def test_a_full_write_buffer_stops_the_pacer_and_is_counted_once() -> None:
    rig = Rig()
    rig.say(5.0)
    sent = len(rig.socket.sent)
    rig.socket.stuck = True
    await asyncio.sleep(2.0)
    assert len(rig.socket.sent) == sent
    assert rig.stream.tally()["write_stalls"] == 1
    assert rig.owner.looked < 60  # looked at ten times a second, not all the time
    rig.socket.stuck = False
    await asyncio.sleep(0.2)
    assert len(rig.socket.sent) > sent
    assert rig.socket.closed is None


@pytest.mark.virtual
async def test_after_a_stall_no_more_than_the_lead_is_sent_at_once() -> None:
    rig = Rig()
    rig.say(10.0)
    await asyncio.sleep(1.0)
    rig.socket.stuck = True
    await asyncio.sleep(3.0)
    before = rig.socket.audio_s()
    rig.socket.stuck = False
    rig.stream.pump()
    assert 0 < rig.socket.audio_s() - before <= 0.2 + 1e-6


@pytest.mark.virtual
async def test_a_socket_stuck_for_five_seconds_is_closed() -> None:
    rig = Rig()
    rig.socket.stuck = True
    rig.say(60.0)
    await asyncio.sleep(STUCK_S - 0.1)
    assert rig.socket.closed is None
    await asyncio.sleep(0.4)
    assert rig.socket.closed == (1013, "the socket takes no audio")
    looked = rig.owner.looked
    await asyncio.sleep(60)
    assert rig.owner.looked == looked


@pytest.mark.virtual
async def test_two_short_stalls_are_no_stuck_socket() -> None:
    rig = Rig()
    rig.say(60.0)
    for _ in range(3):
        rig.socket.stuck = True
        await asyncio.sleep(3.0)
        rig.socket.stuck = False
        await asyncio.sleep(1.0)
    assert rig.socket.closed is None
    assert rig.stream.tally()["write_stalls"] == 3


@pytest.mark.virtual
async def test_the_caller_is_heard_while_nothing_can_be_sent() -> None:
    rig = Rig()
    rig.socket.stuck = True
    rig.say(10.0)
    rig.stream.feed(frames.media(bytes(160), 1))
    rig.stream.feed(frames.media(bytes(160), 3))
    await asyncio.sleep(0.066)
    assert sum(isinstance(event, AudioReceived) for event in rig.owner.events) == 2
