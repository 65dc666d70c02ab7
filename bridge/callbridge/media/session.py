"""One media stream as a state machine: frames in, events out; audio in, frames out.

No I/O and no clock: `now` comes in with every call, and `deadline()` says when `tick()` has work.
What arrives is decoded by the format that `start` names, what leaves is encoded as we asked the
platform to expect it: `rx` and `tx` are two codecs and often differ (PCMA in, PCMU out)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

import msgspec

from callbridge.errors import RemoteProtocolError
from callbridge.media import wire
from callbridge.media.jitter import NEVER, TrackOrder
from callbridge.media.ledger import PendingMark
from callbridge.media.playout import Playout
from callbridge.media.receiver import NOTHING, ByteOrder, Receiver
from callbridge.media.utterance import Utterance
from telecodecs import (
    Codec,
    CodecError,
    Encoding,
    Pcm,
)


class State(Enum):
    CONNECTING = auto()
    STARTING = auto()
    STREAMING = auto()
    STOPPED = auto()


STREAMING = State.STREAMING  # asked for with every frame

# What may arrive in which state, and where it leads.
TRANSITIONS: dict[State, dict[type[wire.Frame], State]] = {
    State.CONNECTING: {wire.Connected: State.STARTING, wire.Stop: State.STOPPED},
    State.STARTING: {
        wire.Start: State.STREAMING,
        wire.Error: State.STARTING,
        wire.Stop: State.STOPPED,
    },
    State.STREAMING: {
        wire.Media: State.STREAMING,
        wire.Dtmf: State.STREAMING,
        wire.Mark: State.STREAMING,
        wire.Error: State.STREAMING,
        wire.Stop: State.STOPPED,
    },
    State.STOPPED: {},
}


# ---- events -----------------------------------------------------------------------------------


class Started(msgspec.Struct, frozen=True):
    start: wire.StartBody
    stream_id: str


class Undecodable(msgspec.Struct, frozen=True):
    """The stream's format is not built here: no audio will come of it, and it does not begin."""

    encoding: str
    sample_rate: int
    reason: str


class AudioReceived(msgspec.Struct, frozen=True, gc=False):
    """(n,) int16 of the caller at the session's sample rate, any n."""

    pcm: Pcm


class ByteOrderFound(msgspec.Struct, frozen=True):
    """The byte order that arriving L16 has; comes before the audio that showed it."""

    order: ByteOrder


class DigitReceived(msgspec.Struct, frozen=True):
    digit: str
    occurred_at: str


class ErrorReceived(msgspec.Struct, frozen=True):
    """The platform did not accept a frame of ours; `sent` are the last that it may be about."""

    code: int
    title: str
    detail: str
    sent: str = ""


class Stopped(msgspec.Struct, frozen=True):
    """The platform ended the stream; whether the call goes on it does not say."""


MediaEvent = (
    Started | Undecodable | AudioReceived | ByteOrderFound | DigitReceived | ErrorReceived | Stopped
)


@dataclass(slots=True)
class SessionStats:
    frames_in: int = 0
    frames_out: int = 0
    undecodable: int = 0  # payloads that the codec refused
    illegal: Counter[str] = field(default_factory=Counter[str])  # frames out of their state


class MediaSession:
    """Decodes, orders and dispatches what arrives; paces, encodes and marks what leaves.

    `sample_rate` is the rate of the audio that it hands out; `playout` runs at the rate of `tx`.
    While nothing is `wanted`, what arrives is counted and ordered, but not decoded. `taps` get the
    caller's payloads as they came, in order, with what is made up for lost ones; they may be
    set where the stream is G.711."""

    __slots__ = (
        "_clear",
        "_l16_order",
        "_next_tx",
        "_receiver",
        "_sample_rate",
        "_sent",
        "_sent_before",
        "_tx",
        "order",
        "playout",
        "state",
        "stats",
        "taps",
        "wanted",
    )

    def __init__(
        self,
        playout: Playout,
        tx: Codec,
        sample_rate: int,
        *,
        l16_order: ByteOrder = "little",
        wanted: bool = True,
    ) -> None:
        self.playout = playout
        self.state = State.CONNECTING
        self.stats = SessionStats()
        self.order = TrackOrder()
        self._tx = tx
        self._next_tx: Codec | None = None
        self._sample_rate = sample_rate
        self._receiver: Receiver | None = None
        self._l16_order: ByteOrder = l16_order
        self._clear = False
        self.wanted = wanted
        self.taps: tuple[Callable[[bytes], None], ...] = ()
        # What was sent at once, the last time and the time before; bytes are live audio.
        self._sent: list[wire.Outgoing] | bytes = []
        self._sent_before: list[wire.Outgoing] | bytes = []

    def set_tx(self, tx: Codec) -> None:
        """Encode differently from the next utterance on."""
        self._next_tx = tx

    # ---- what arrives -----------------------------------------------------------------------

    def hear(self, frame: wire.Media) -> Pcm | None:
        """The caller's audio in a frame that is in its place, as nearly all are; nothing if it is
        not wanted. None leaves the frame to `receive`."""
        body, receiver = frame.media, self._receiver
        if (
            self.state is not STREAMING
            or receiver is None
            or not receiver.settled
            or body.track != "inbound"
            or not self.order.passes(body)
        ):
            return None
        self.stats.frames_in += 1
        if self.taps:
            self._pass_octets(receiver, body)
            if not self.wanted:
                return NOTHING
        try:
            return receiver.pcm(body) if self.wanted else receiver.skip(body)
        except CodecError:
            self.stats.undecodable += 1
            return NOTHING

    @property
    def rx(self) -> Encoding | None:
        """What arrives, once the stream has said so."""
        return self._receiver.encoding if self._receiver is not None else None

    def _pass_octets(self, receiver: Receiver, body: wire.MediaBody) -> None:
        octets = receiver.octets(body)
        if not self.wanted:
            receiver.follow(body)
        for tap in self.taps:
            tap(octets)

    def receive(self, frame: wire.Incoming, now: float) -> list[MediaEvent]:
        """Raises RemoteProtocolError for a frame that has no place here; the state stays.

        It stays, too, for a start whose format cannot be decoded."""
        if self.state is STREAMING and isinstance(frame, wire.Media):
            self.stats.frames_in += 1
            if frame.media.track not in wire.TRACKS:
                return []
            return self._decode(self.order.push(frame.media, now))
        following = TRANSITIONS[self.state].get(type(frame))
        if following is None:
            self.stats.illegal[type(frame).__name__] += 1
            raise RemoteProtocolError(
                f"a {type(frame).__name__.lower()} frame while {self.state.name.lower()}"
            )
        if isinstance(frame, wire.Start):
            media_format = frame.start.media_format
            try:
                self._receiver = Receiver(media_format, self._sample_rate, self._l16_order)
            except CodecError as error:
                return [Undecodable(media_format.encoding, media_format.sample_rate, str(error))]
        self.state = following
        match frame:
            case wire.Start():
                return [Started(frame.start, frame.stream_id)]
            case wire.Dtmf():
                return [DigitReceived(frame.dtmf.digit, frame.occurred_at)]
            case wire.Mark():
                self.playout.mark_returned(frame.mark.name, now)
                return []
            case wire.Error():
                said = frame.payload
                return [ErrorReceived(said.code, said.title, said.detail, self._last_sent())]
            case wire.Stop():
                held = self.order.tick(NEVER)
                return [*(self._decode(held) if held else ()), Stopped()]
            case _:
                return []

    def _decode(self, bodies: list[wire.MediaBody]) -> list[MediaEvent]:
        receiver = self._receiver
        assert receiver is not None, "media is only legal after a start"
        events: list[MediaEvent] = []
        for body in bodies:
            if body.track != "inbound":
                continue  # the outbound track only helps to count: it is what we sent
            if self.taps:
                self._pass_octets(receiver, body)
                if not self.wanted:
                    continue
            undecided = receiver.order is None
            try:
                pcm = receiver.decode(body) if self.wanted else receiver.skip(body)
            except CodecError:
                self.stats.undecodable += 1
                continue
            if undecided and receiver.order is not None:
                events.append(ByteOrderFound(receiver.order))
            if len(pcm):
                events.append(AudioReceived(pcm))
        return events

    @property
    def concealed(self) -> int:
        """Samples made up for lost frames."""
        return self._receiver.concealed if self._receiver is not None else 0

    # ---- what leaves ------------------------------------------------------------------------

    def pass_on(self, utterance: Utterance, pcm: Pcm, now: float) -> bytes | None:
        """The payload of live audio that may go at once, with nothing before it and no mark behind
        it. None changes nothing: `Playout.write` takes it, and `frames_to_send` when it is due."""
        if self.state is not STREAMING or self._clear or self._next_tx is not None:
            return None
        if self._tx.in_packets and len(pcm) > self._packet:
            return None
        if not self.playout.pass_on(utterance, pcm, now):
            return None
        payload = self._tx.encode(pcm)
        self.stats.frames_out += 1
        self._sent_before, self._sent = self._sent, payload
        return payload

    def interrupt(self, now: float) -> None:
        """Stop speaking: drop what is queued, here and at the carrier."""
        self._clear = self.playout.interrupt(now) or self._clear

    def withhold(self, now: float) -> None:
        """Be silent, here and at the carrier, until `Playout.resume`; nothing is lost."""
        self._clear = self.playout.withhold(now) or self._clear

    def frames_to_send(self, now: float) -> list[wire.Outgoing]:
        """What is due by the pacer; nothing before the stream has started."""
        if self.state is not STREAMING:
            return []
        frames: list[wire.Outgoing] = []
        if self._clear:
            self._clear = False
            frames.append(wire.Clear())
        if self._next_tx is not None and self.playout.between_utterances:
            self._tx, self._next_tx = self._next_tx, None
        for item in self.playout.due(now):
            if isinstance(item, PendingMark):
                frames.append(wire.SetMark(wire.MarkBody(item.name)))
            else:
                size = self._packet if self._tx.in_packets else len(item)
                frames += [
                    wire.Audio(wire.AudioBody(self._tx.encode(item[at : at + size])))
                    for at in range(0, len(item), size)
                ]
        if frames:
            self.stats.frames_out += len(frames)
            self._sent_before, self._sent = self._sent, frames
        return frames

    @property
    def _packet(self) -> int:
        """Samples of what leaves at once, in a codec of packets."""
        encoding = self._tx.encoding
        return encoding.sample_rate * encoding.ptime_ms // 1000

    def _last_sent(self) -> str:
        """In the order in which it left: "media 800 bytes L16/16000, mark e0.3"."""
        frames: list[wire.Outgoing | bytes] = []
        for sent in (self._sent_before, self._sent):
            frames += [sent] if isinstance(sent, bytes) else sent
        return ", ".join(self._described(frame) for frame in frames)

    def _described(self, frame: wire.Outgoing | bytes) -> str:
        match frame:
            case wire.Audio():
                return self._described(frame.media.payload)
            case bytes():
                encoding = self._tx.encoding
                return f"media {len(frame)} bytes {encoding.name}/{encoding.sample_rate}"
            case wire.SetMark():
                return f"mark {frame.mark.name}"
            case wire.Clear():
                return "clear"

    # ---- time -------------------------------------------------------------------------------

    def tick(self, now: float) -> list[MediaEvent]:
        """What time alone brings: a gap given up, a mark no longer waited for."""
        self.playout.tick(now)
        late = self.order.tick(now)
        return self._decode(late) if late else []

    def deadline(self) -> float:
        """When `tick` or `frames_to_send` next has work; infinity for never."""
        if self.state is not STREAMING:
            return self.order.deadline
        return min(self.order.deadline, self.playout.deadline())
