"""One leg: streams come and go, audio in any length, keys once, one end."""

import asyncio
import logging

import numpy as np
import pytest

from callbridge.calls.leg import (
    REATTACH_S,
    ClientState,
    Direction,
    Hangup,
    Leg,
    LegMeans,
    client_state,
    read_client_state,
)
from callbridge.errors import LocalProtocolError, StreamLost
from callbridge.media.receiver import ByteOrder
from callbridge.media.session import AudioReceived
from callbridge.speech.studio import SpeechCounts, Studio
from callbridge.tape.events import CallOver
from callbridge.tape.lines import LogLines
from callbridge.testing import tone
from callbridge.testing.loop import VirtualClock
from callbridge.timing.ticker import Ticker
from callbridge.voice.line import INBOUND_LIMIT
from callbridge.voice.plan import MediaPlan
from telecodecs import Pcm, codec, silence
from tests.callbridge.media import frames
from tests.callbridge.media.test_stream import Socket

LOG = logging.getLogger("callbridge")


class Time(VirtualClock):
    """A clock that a test can move, as nothing here waits."""

    def __init__(self) -> None:
        super().__init__()
        self.later = 0.0
        self.now = lambda: self.later

    def wall(self) -> float:
        return 1_000_000 + self.later


def no_engines() -> Studio:
    raise AssertionError("nothing here listens or speaks")


class Rig:
    def __init__(self, plan: MediaPlan | None = None) -> None:
        self.time = Time()
        ticker = Ticker(VirtualClock())
        means = LegMeans(
            plan or MediaPlan(),
            self.time,
            ticker,
            no_engines,
            SpeechCounts(),
            readers=[LogLines(LOG)],
        )
        self.leg = Leg(means, asyncio.ensure_future, direction="incoming")

    def connect(self, encoding: str = "PCMU", rate: int = 8000) -> Socket:
        """A socket whose stream has started."""
        socket = Socket()
        stream = self.leg.attach(socket)
        stream.feed(frames.CONNECTED)
        stream.feed(frames.start(encoding, rate))
        return socket

    def lose(self) -> None:
        assert self.leg.stream is not None
        self.leg.detach(self.leg.stream)

    def say(self, pcm: Pcm) -> None:
        utterance = self.leg.line.playout.open()
        self.leg.line.playout.write(utterance, pcm, self.time.now())
        self.leg.line.playout.close(utterance)
        self.leg.line.pump()


# ---- streams ------------------------------------------------------------------------------------


@pytest.mark.virtual
async def test_a_start_tells_who_calls_and_that_the_call_is_answered() -> None:
    rig = Rig()
    rig.connect()
    leg = rig.leg
    assert (leg.call_control_id, leg.from_, leg.to) == (
        frames.CALL_CONTROL_ID,
        frames.FROM,
        frames.TO,
    )
    assert leg.custom_parameters == {"language": "de"}
    assert leg.answered.done()
    assert leg.streaming.done()


@pytest.mark.virtual
async def test_a_stream_of_another_call_is_closed_and_starts_nothing() -> None:
    rig = Rig()
    rig.leg.identify({"call_control_id": "v3:somebody-elses"})
    socket = rig.connect()
    assert socket.closed is not None
    assert socket.closed[0] == 1008
    assert not rig.leg.streaming.done()


@pytest.mark.virtual
async def test_a_second_listener_hears_nothing_stale() -> None:
    rig = Rig()
    line = rig.leg.line
    first = line.listen()
    line.on_media_event(AudioReceived(tone(0.030)))
    line.leave(first)
    second = line.listen()
    line.on_media_event(AudioReceived(tone(0.010)))
    assert not second.frames


@pytest.mark.virtual
async def test_what_is_known_of_a_call_is_not_overwritten() -> None:
    rig = Rig()
    rig.leg.identify({"call_control_id": "first", "from": "+1", "to": None})
    rig.leg.identify({"call_control_id": "second", "from": 5, "to": "+2"})
    assert (rig.leg.call_control_id, rig.leg.from_, rig.leg.to) == ("first", "+1", "+2")


@pytest.mark.virtual
async def test_one_socket_at_a_time() -> None:
    rig = Rig()
    assert rig.leg.may_attach(expires=1_000_100) is None
    rig.connect()
    assert rig.leg.may_attach(expires=1_000_100) == "the call has a live stream already"
    with pytest.raises(LocalProtocolError):
        rig.leg.attach(Socket())


@pytest.mark.virtual
async def test_a_token_expires_but_a_lost_stream_may_come_back_for_ten_seconds() -> None:
    rig = Rig()
    rig.time.later = 91.0
    assert rig.leg.may_attach(expires=1_000_090) == "the token has expired"
    rig.connect()
    rig.lose()
    rig.time.later += REATTACH_S
    assert rig.leg.may_attach(expires=1_000_090) is None
    rig.time.later += 0.1
    assert rig.leg.may_attach(expires=1_000_090) == "the token has expired"


@pytest.mark.virtual
async def test_an_ended_call_takes_no_socket() -> None:
    rig = Rig()
    rig.leg.end(Hangup("normal_clearing"))
    assert rig.leg.may_attach(expires=1_000_090) == "the call has ended"


@pytest.mark.virtual
async def test_a_lost_stream_is_told_once_and_its_counts_stay() -> None:
    rig = Rig()
    told: list[str] = []
    rig.leg.on_lost = lambda: told.append("lost")
    rig.connect()
    stream = rig.leg.stream
    assert stream is not None
    stream.feed("{")
    rig.leg.detach(stream)
    rig.leg.detach(stream)
    assert told == ["lost"]
    assert not rig.leg.streaming.done()
    rig.connect()
    counts = rig.leg.tally()
    assert (counts["malformed"], counts["streams_lost"]) == (1, 1)


@pytest.mark.virtual
async def test_a_stream_that_the_platform_stopped_is_not_counted_as_lost() -> None:
    rig = Rig()
    rig.connect()
    assert rig.leg.stream is not None
    rig.leg.stream.feed(frames.STOP)
    rig.lose()
    assert rig.leg.tally()["streams_lost"] == 0


@pytest.mark.virtual
async def test_what_was_not_sent_when_a_stream_broke_is_said_on_the_next() -> None:
    rig = Rig()
    rig.connect()
    rig.lose()
    rig.say(tone(0.1))
    socket = rig.connect()
    assert socket.audio_s() == pytest.approx(0.1)


@pytest.mark.virtual
async def test_what_was_being_said_when_a_stream_broke_is_over() -> None:
    rig = Rig()
    rig.connect()
    utterance = rig.leg.line.playout.open()
    rig.leg.line.playout.write(utterance, tone(5.0), 0.0)
    rig.leg.line.pump()
    rig.time.later = 0.1
    hearing = rig.leg.line.hearing(utterance)
    rig.lose()
    assert hearing.done()
    assert utterance.ending is not None
    assert utterance.ending.reason == "stream_lost"
    assert utterance.ending.heard <= 800


@pytest.mark.virtual
async def test_a_stream_that_the_platform_cannot_open_raises_with_its_reason() -> None:
    rig = Rig()
    rig.leg.fail_stream("connection refused")
    with pytest.raises(StreamLost, match="connection refused"):
        rig.leg.streaming.result()


# ---- audio in -----------------------------------------------------------------------------------


def hear(leg: Leg, pcm: Pcm) -> None:
    leg.line.on_media_event(AudioReceived(pcm))


@pytest.mark.parametrize("samples", [1, 80, 159, 160, 161, 792, 1600])
@pytest.mark.virtual
async def test_audio_of_any_length_becomes_ptimes_without_a_sample_lost(samples: int) -> None:
    rig = Rig()
    heard = rig.leg.line.listen().frames
    voice = np.arange(samples * 10, dtype=np.int16)
    for at in range(0, len(voice), samples):
        hear(rig.leg, voice[at : at + samples])
    assert all(len(ptime) == 160 for ptime in heard)
    got = np.concatenate([silence(0), *heard])
    assert np.array_equal(got, voice[: len(voice) // 160 * 160])


@pytest.mark.virtual
async def test_a_slow_bot_loses_the_oldest_and_it_is_counted() -> None:
    rig = Rig()
    heard = rig.leg.line.listen().frames
    for number in range(INBOUND_LIMIT + 5):
        hear(rig.leg, np.full(160, number, np.int16))
    assert [int(ptime[0]) for ptime in heard] == list(range(5, INBOUND_LIMIT + 5))
    assert rig.leg.tally()["inbound_dropped"] == 5


@pytest.mark.virtual
async def test_one_message_of_thirty_seconds_is_heard_whole() -> None:
    rig = Rig()
    heard = rig.leg.line.listen().frames
    hear(rig.leg, silence(30 * 8000))
    assert len(heard) == 1500
    assert rig.leg.tally()["inbound_dropped"] == 0


@pytest.mark.virtual
async def test_what_nobody_listens_to_is_not_kept() -> None:
    rig = Rig()
    hear(rig.leg, silence(160))
    assert not rig.leg.line.listen().frames
    assert rig.leg.tally()["inbound_dropped"] == 0


# ---- the byte order of L16 ----------------------------------------------------------------------


def l16(leg: Leg, order: ByteOrder, first: int = 1) -> None:
    """Six frames of a voice in L16 at 8 kHz."""
    assert leg.stream is not None
    payload = codec("L16", 8000, l16_order=order).encode(tone(0.12))
    for chunk in range(6):
        leg.stream.feed(frames.media(payload[320 * chunk : 320 * chunk + 320], first + chunk))


def l16_said(socket: Socket, order: ByteOrder) -> bool:
    """Whether all that was said over it is the tone in this order."""
    said = np.frombuffer(socket.payloads(), "<i2" if order == "little" else ">i2")
    return len(said) > 0 and np.array_equal(said, tone(0.1)[: len(said)])


L16 = MediaPlan(tx_name="L16", tx_rate=8000)


@pytest.mark.virtual
async def test_l16_that_arrives_in_the_other_order_switches_what_we_send(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    rig = Rig(L16)
    first = rig.connect("L16")
    rig.say(tone(0.1))
    assert l16_said(first, "little")
    first.sent.clear()
    l16(rig.leg, "big")
    rig.time.later = 1.0
    rig.say(tone(0.1))
    assert l16_said(first, "big")
    rig.lose()
    again = rig.connect("L16")  # a new socket begins with what was learnt
    rig.time.later = 2.0
    rig.say(tone(0.1))
    assert l16_said(again, "big")
    l16(rig.leg, "big")
    (record,) = caplog.records
    assert (record.levelname, record.__dict__["arrived"]) == ("ERROR", "big")
    assert "CALLBRIDGE_L16_ORDER" in record.message


@pytest.mark.virtual
async def test_l16_that_arrives_as_we_send_it_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig(L16)
    socket = rig.connect("L16")
    l16(rig.leg, "little")
    rig.say(tone(0.1))
    assert l16_said(socket, "little")
    assert not caplog.records


@pytest.mark.virtual
async def test_the_order_of_arriving_l16_says_nothing_of_another_codec_that_we_send(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    socket = rig.connect("L16")
    l16(rig.leg, "big")
    rig.say(tone(0.1))
    assert socket.payloads() == codec("PCMU").encode(tone(0.1))
    assert not caplog.records


# ---- keys ---------------------------------------------------------------------------------------


@pytest.mark.virtual
async def test_webhooks_count_only_without_a_stream() -> None:
    rig = Rig()
    rig.leg.key_by_webhook("1", "T1")
    rig.connect()
    rig.leg.key_by_webhook("2", "T2 by another clock")
    rig.leg.on_key("2", "T2")
    assert rig.leg.keys.take_all() == "12"


# ---- the end ------------------------------------------------------------------------------------


@pytest.mark.virtual
async def test_only_the_first_end_counts() -> None:
    rig = Rig()
    rig.leg.end(Hangup("user_busy", "callee"))
    rig.leg.end(Hangup("normal_clearing"))
    assert rig.leg.ended.result() == Hangup("user_busy", "callee")


@pytest.mark.virtual
async def test_who_waits_to_be_heard_learns_of_the_end() -> None:
    rig = Rig()
    rig.connect()
    utterance = rig.leg.line.playout.open()
    rig.leg.line.playout.write(utterance, tone(5.0), 0.0)
    hearing = rig.leg.line.hearing(utterance)
    assert rig.leg.line.hearing(utterance) is hearing
    rig.leg.end(Hangup("normal_clearing"))
    ended = await hearing
    assert ended.ending is not None
    assert ended.ending.reason == "call_ended"
    assert rig.leg.line.hearing(utterance).done()


# ---- client_state -------------------------------------------------------------------------------


def test_a_client_state_leads_back_to_its_call() -> None:
    assert read_client_state(client_state("4f2a")) == ClientState("4f2a")
    assert read_client_state(client_state("4f2a", 3)) == ClientState("4f2a", 3)
    assert read_client_state(client_state("4f2a", 3, "a:b")) == ClientState("4f2a", 3, "a:b")
    assert read_client_state(client_state("4f2a", text=":ü")) == ClientState("4f2a", None, ":ü")


@pytest.mark.parametrize("state", [None, "", "?", "aGVsbG8=", "Y2FsbGJyaWRnZTphOmI=", "/w==", "ä"])
def test_a_client_state_of_somebody_else_leads_nowhere(state: str | None) -> None:
    read = read_client_state(state)
    assert (read.reference, read.errand) == ("", None)


@pytest.mark.parametrize(
    ("direction", "source", "by"),
    [
        ("incoming", "caller", "person"),
        ("incoming", "callee", "bot"),
        ("outgoing", "caller", "bot"),
        ("outgoing", "callee", "person"),
        ("incoming", "unknown", "network"),
        ("incoming", "", ""),
    ],
)
@pytest.mark.virtual
async def test_the_end_of_a_call_names_who_is_meant_by_the_wires_words(
    direction: Direction, source: str, by: str
) -> None:
    means = LegMeans(MediaPlan(), Time(), Ticker(VirtualClock()), no_engines, SpeechCounts())
    leg = Leg(means, asyncio.ensure_future, direction=direction)
    tape = leg.tape.listen()
    leg.end(Hangup("normal_clearing", source))
    over = tape.events[-1]
    assert isinstance(over, CallOver)
    assert (over.source, over.by) == (source, by)
