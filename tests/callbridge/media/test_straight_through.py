"""What is in its place goes straight through, and makes no difference but to the clock's.

Each is held against the long way round on random input: the same audio, the same counts."""

import random

import numpy as np
import pytest

from callbridge.media import wire
from callbridge.media.ledger import PendingMark
from callbridge.media.playout import Playout
from callbridge.media.session import AudioReceived, MediaSession
from callbridge.media.utterance import Utterance
from telecodecs import Pcm, codec, silence
from tests.callbridge.media import frames

RATE = 8000


# ---- what arrives -------------------------------------------------------------------------------


def streaming(encoding: str = "PCMU") -> MediaSession:
    made = MediaSession(Playout(RATE), codec("PCMU"), RATE)
    for text in (frames.CONNECTED, frames.start(encoding, RATE)):
        frame = wire.decode_incoming(text)
        assert not isinstance(frame, wire.Unknown)
        made.receive(frame, 0.0)
    return made


def pieces(session: MediaSession, frame: wire.Media, now: float, *, straight: bool) -> list[Pcm]:
    if straight and (pcm := session.hear(frame)) is not None:
        return [pcm]
    events = session.receive(frame, now)
    return [event.pcm for event in events if isinstance(event, AudioReceived)]


def arriving(seed: int) -> list[tuple[float, wire.Media]]:
    """200 frames; some are lost, late, doubled, without a number, or of the other track."""
    rng = random.Random(seed)
    order = list(range(1, 201))
    for _ in range(10):
        at = rng.randrange(190)
        order[at], order[at + rng.randrange(1, 5)] = order[at + rng.randrange(1, 5)], order[at]
    made: list[tuple[float, wire.Media]] = []
    for position, chunk in enumerate(order):
        if rng.random() < 0.05:
            continue
        track = "outbound" if seed % 3 == 0 and rng.random() < 0.3 else "inbound"
        body = wire.MediaBody(rng.randbytes(160), track, chunk, 20 * chunk)
        made.append((0.020 * position, wire.Media(body)))
        if rng.random() < 0.05:
            made.append(made[-1])
    return made


@pytest.mark.parametrize("seed", range(12))
def test_frames_that_go_straight_through_sound_as_if_they_had_not(seed: int) -> None:
    short, long = streaming(), streaming()
    heard: list[Pcm] = []
    expected: list[Pcm] = []
    for now, frame in arriving(seed):
        heard += pieces(short, frame, now, straight=True)
        expected += pieces(long, frame, now, straight=False)
    assert np.array_equal(np.concatenate(heard), np.concatenate(expected))
    assert short.stats == long.stats
    assert short.concealed == long.concealed
    assert short.order == long.order
    if seed % 3:  # of one track; with two, counting them is `receive`'s work
        assert long.stats.frames_in > 150


def test_nearly_all_frames_go_straight_through() -> None:
    session = streaming()
    bodies = (wire.MediaBody(bytes(160), "inbound", chunk, 20 * chunk) for chunk in range(1, 101))
    taken = [session.hear(wire.Media(body)) is not None for body in bodies]
    assert taken.count(True) == 0  # the first is not known to be in its place
    session.receive(wire.Media(wire.MediaBody(bytes(160), "inbound", 1, 20)), 0.0)
    assert session.hear(wire.Media(wire.MediaBody(bytes(160), "inbound", 2, 40))) is not None
    assert session.hear(wire.Media(wire.MediaBody(bytes(160), "inbound", 4, 80))) is None


def test_a_payload_that_cannot_be_decoded_is_counted_and_the_next_one_is_heard() -> None:
    session = streaming("L16")
    loud = np.arange(160, dtype=np.int16).tobytes()
    for chunk in range(1, 8):  # until the byte order is settled
        session.receive(wire.Media(wire.MediaBody(loud, "inbound", chunk, 20 * chunk)), 0.0)
    odd = wire.Media(wire.MediaBody(loud[:-1], "inbound", 8, 160))
    pcm = session.hear(odd)
    assert pcm is not None
    assert len(pcm) == 0
    assert session.stats.undecodable == 1
    after = session.hear(wire.Media(wire.MediaBody(loud, "inbound", 9, 180)))
    assert after is not None
    assert len(after) == 160 + 160  # with silence in place of the one before


# ---- what leaves --------------------------------------------------------------------------------


class Sender:
    """Live audio of one utterance, over a queue or past it."""

    def __init__(self, *, straight: bool) -> None:
        self.playout = Playout(RATE)
        self.utterance: Utterance = self.playout.open()
        self.straight = straight
        self.passed = 0
        self.sent: list[Pcm] = []
        self.marks: list[int] = []

    def write(self, pcm: Pcm, now: float) -> None:
        if self.straight and self.playout.pass_on(self.utterance, pcm, now):
            self.passed += 1
            self.sent.append(pcm)
            return
        self.playout.write(self.utterance, pcm, now)
        self.send(now)

    def send(self, now: float) -> None:
        for item in self.playout.due(now):
            if isinstance(item, PendingMark):
                self.marks.append(item.position)
            else:
                self.sent.append(item)

    def state(self, now: float) -> tuple[object, ...]:
        playout, ledger = self.playout, self.playout.ledger
        counted = (playout.stats, self.utterance.sent, self.utterance.length, self.marks)
        return (*counted, ledger.sent, ledger.heard(now), round(playout.play_end, 9))


@pytest.mark.parametrize("seed", range(12))
def test_live_audio_past_the_queue_leaves_the_same_ledger_behind(seed: int) -> None:
    rng = random.Random(seed)
    short, long = Sender(straight=True), Sender(straight=False)
    now = 1.0
    for _ in range(400):
        now += rng.choice((0.020, 0.020, 0.020, 0.020, 0.001, 0.055, 0.3))
        pcm = np.full(rng.choice((160,) * 15 + (320, 800, 900, 100)), 7, np.int16)
        for sender in (short, long):
            sender.send(now)
            sender.write(pcm, now)
        assert short.state(now) == long.state(now)
        if rng.random() < 0.01:
            for sender in (short, long):
                sender.playout.interrupt(now)
                sender.utterance = sender.playout.open()
    assert np.array_equal(np.concatenate(short.sent), np.concatenate(long.sent))
    assert short.passed > 100


def test_an_echo_in_time_goes_past_the_queue_but_for_a_mark_every_second() -> None:
    sender = Sender(straight=True)
    for number in range(200):
        sender.write(silence(160), 1.0 + 0.020 * number)
    assert sender.passed == 200 - 4  # the first, and the frames that bring a mark
    assert len(sender.marks) == 4


def test_nothing_overtakes_what_waits() -> None:
    playout = Playout(RATE)
    first, second = playout.open(), playout.open()
    playout.write(first, silence(160), 0.0)
    playout.due(0.0)
    assert not playout.pass_on(second, silence(160), 0.0)
    playout.write(first, silence(100), 0.0)  # less than a ptime waits for its rest
    assert not playout.pass_on(first, silence(160), 0.0)


def test_what_is_withheld_cut_or_closed_is_not_passed_on() -> None:
    sender = Sender(straight=True)
    sender.write(silence(160), 0.0)
    sender.playout.withhold(0.0)
    assert not sender.playout.pass_on(sender.utterance, silence(160), 0.0)
    sender.playout.resume(0.0)
    assert sender.playout.pass_on(sender.utterance, silence(160), 0.0)
    sender.playout.close(sender.utterance)
    assert not sender.playout.pass_on(sender.utterance, silence(160), 0.0)
    sender.playout.interrupt(0.0)
    assert not sender.playout.pass_on(sender.utterance, silence(160), 0.0)


def test_an_error_of_the_platform_names_the_live_audio_that_it_is_about() -> None:
    session = streaming()
    utterance = session.playout.open()
    session.playout.write(utterance, silence(160), 0.0)
    session.frames_to_send(0.0)
    assert session.pass_on(utterance, silence(320), 0.0) is not None
    assert session.pass_on(utterance, silence(160), 0.0) is not None
    frame = wire.decode_incoming(frames.ERROR)
    assert isinstance(frame, wire.Error)
    [error] = session.receive(frame, 0.1)
    assert error.sent == "media 320 bytes PCMU/8000, media 160 bytes PCMU/8000"  # type: ignore[union-attr]
