"""One media stream as a state machine: frames in, events out; audio in, frames out.

No I/O and no clock: `now` comes in with every call, and `deadline()` says when `tick()` has work.
What arrives is decoded by the format that `start` names, what leaves is encoded as we asked the
platform to expect it: `rx` and `tx` are two codecs and often differ (PCMA in, PCMU out)."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal

import msgspec
import numpy as np

from callbridge.errors import RemoteProtocolError
from callbridge.media import wire
from callbridge.media.jitter import NEVER, TrackOrder
from callbridge.media.ledger import PendingMark
from callbridge.media.playout import Playout, Utterance
from telecodecs import Codec, CodecError, Pcm, Resampler, codec, l16, silence

ByteOrder = Literal["little", "big"]

CONCEAL_MAX_S = 1.0  # a longer hole in the timestamps is a jump of the counter, not lost audio
NOTHING = silence(0)
ORDER_VOTES = 5  # frames that are not silent, before the byte order of L16 is believed
ORDER_PATIENCE = 50  # frames held for those votes; then the configured order stands


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
    While nothing is `wanted`, what arrives is counted and ordered, but not decoded."""

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
        try:
            return receiver.pcm(body) if self.wanted else receiver.skip(body)
        except CodecError:
            self.stats.undecodable += 1
            return NOTHING

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
        """Samples of silence put in for lost frames."""
        return self._receiver.concealed if self._receiver is not None else 0

    # ---- what leaves ------------------------------------------------------------------------

    def pass_on(self, utterance: Utterance, pcm: Pcm, now: float) -> bytes | None:
        """The payload of live audio that may go at once, with nothing before it and no mark behind
        it. None changes nothing: `Playout.write` takes it, and `frames_to_send` when it is due."""
        if self.state is not STREAMING or self._clear or self._next_tx is not None:
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
                frames.append(wire.Audio(wire.AudioBody(self._tx.encode(item))))
        if frames:
            self.stats.frames_out += len(frames)
            self._sent_before, self._sent = self._sent, frames
        return frames

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


class Receiver:
    """Turns payloads of one track into PCM at the session's rate, holes filled with silence."""

    __slots__ = (
        "_codec",
        "_next_chunk",
        "_next_timestamp",
        "_rate",
        "_resampler",
        "_undecided",
        "_votes",
        "_wanted_rate",
        "concealed",
        "order",
    )

    def __init__(
        self, media_format: wire.MediaFormat, sample_rate: int, l16_order: ByteOrder
    ) -> None:
        """Raises CodecError for a format that is not built here."""
        name, rate = media_format.encoding, media_format.sample_rate
        try:
            self._codec = codec(name, rate, l16_order=l16_order)
        except CodecError:
            what = f"the stream's codec {name} at {rate} Hz is not built here"
            raise CodecError(what) from None
        if media_format.channels != 1:
            raise CodecError(f"a stream of {media_format.channels} channels is not built here")
        self.order: ByteOrder | None = None
        self.concealed = 0
        self._rate = self._codec.encoding.sample_rate
        self._wanted_rate = sample_rate
        self._resampler = self._new_resampler()
        self._votes: list[ByteOrder] | None = [] if name == "L16" else None
        self._undecided: list[wire.MediaBody] = []
        self._next_chunk: int | None = None
        self._next_timestamp = 0.0

    @property
    def settled(self) -> bool:
        """Whether the byte order is known, or none is needed."""
        return self._votes is None

    def decode(self, body: wire.MediaBody) -> Pcm:
        """(n,) int16; empty while the byte order of L16 is still being found. Raises CodecError."""
        if self._votes is None:
            return self.pcm(body)
        due = [self.pcm(held) for held in self._settle_order(body)]
        return np.concatenate(due) if due else silence(0)

    def skip(self, body: wire.MediaBody) -> Pcm:
        """A payload that nobody wants: returns no samples, and the next wanted one begins anew.

        The byte order of L16 is found all the same, since what we send depends on it."""
        if self._votes is not None:
            self._settle_order(body)
        if self._next_chunk is not None:
            self._next_chunk = None
            self._resampler = self._new_resampler()
        return NOTHING

    def _new_resampler(self) -> Resampler | None:
        return Resampler(self._rate, self._wanted_rate) if self._rate != self._wanted_rate else None

    def pcm(self, body: wire.MediaBody) -> Pcm:
        """What `decode` does once the byte order is settled."""
        pcm = self._codec.decode(body.payload)
        samples = len(pcm)
        if body.chunk != self._next_chunk and (missing := self._missing(body)) > 0:
            self.concealed += missing
            pcm = np.concatenate([silence(missing), pcm])
        self._next_chunk = body.chunk + 1
        self._next_timestamp = body.timestamp + 1000 * samples / self._rate
        return self._resampler.process(pcm) if self._resampler else pcm

    def _missing(self, body: wire.MediaBody) -> int:
        """Samples lost before this frame: only if both its number and its timestamp jump."""
        jumped = self._next_chunk is not None and body.chunk > self._next_chunk
        gap_s = (body.timestamp - self._next_timestamp) / 1000
        return round(gap_s * self._rate) if jumped and 0 < gap_s <= CONCEAL_MAX_S else 0

    def _settle_order(self, body: wire.MediaBody) -> list[wire.MediaBody]:
        """Hold L16 back until its byte order is known: nobody documents it, so the audio votes."""
        assert self._votes is not None
        vote = l16.likely_order(body.payload)  # raises for what is no L16 at all
        if not self._undecided and not any(body.payload):
            return [body]  # digital silence reads the same both ways
        self._undecided.append(body)
        if vote:
            self._votes.append(vote)
        if len(self._votes) < ORDER_VOTES and len(self._undecided) < ORDER_PATIENCE:
            return []
        if self._votes:
            big = self._votes.count("big")
            self.order = "big" if 2 * big > len(self._votes) else "little"
            self._codec = codec("L16", self._rate, l16_order=self.order)
        self._votes = None
        due, self._undecided = self._undecided, []
        return due
