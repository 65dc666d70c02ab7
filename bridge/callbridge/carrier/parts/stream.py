"""The carrier's end of one Media Streaming socket: what the customer sees of a leg's audio."""

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import msgspec

from callbridge.carrier.audio.playout import CarrierPlayout, Channel, Target
from callbridge.carrier.core.report import HeardMark
from callbridge.carrier.parts.sounds import NoSound, OnSound
from callbridge.carrier.parts.track import TrackSender
from callbridge.errors import MalformedFrame
from callbridge.media import wire
from telecodecs import Codec, CodecError, Encoding, MissingLibrary, Pcm, codec

UNKNOWN, MALFORMED, INVALID_MEDIA, RATE_LIMIT = 100002, 100003, 100004, 100005
_TITLES = {
    UNKNOWN: "unknown_error",
    MALFORMED: "malformed_frame",
    INVALID_MEDIA: "invalid_media",
    RATE_LIMIT: "rate_limit_reached",
}
MIN_CHUNK_S, MAX_CHUNK_S = 0.02, 30.0
# The contract gives no limits; these are far from any use and keep a runaway customer's memory.
MAX_QUEUE_S = 3600.0
MAX_MARKS = 10_000
G711 = ("PCMU", "PCMA")
WIDE = ("G722", "OPUS", "AMR-WB")


class StreamParams(msgspec.Struct, frozen=True, kw_only=True):
    """The stream_* parameters of a command."""

    url: str
    track: str = "inbound_track"
    codec: str = "default"
    mode: str = "mp3"
    bidirectional_codec: str = "PCMU"
    bidirectional_rate: int | None = None
    target: Target = "opposite"
    auth_token: str | None = None
    custom_parameters: Mapping[str, str] | None = None

    def connect_headers(self) -> dict[str, str]:
        return {wire.TOKEN_HEADER: self.auth_token} if self.auth_token is not None else {}


def playing_codec(params: StreamParams, l16_order: Literal["little", "big"]) -> Codec | None:
    """Decodes what the customer plays; None in mp3 mode. Raises CodecError.

    The sampling rate is a parameter of L16 and OPUS; the others have but one."""
    if params.mode != "rtp":
        return None
    name = params.bidirectional_codec
    rate = params.bidirectional_rate if name in ("L16", "OPUS") else None
    return codec(name, rate, l16_order=l16_order, decodes_only=True)


def sending_codec(asked: str, leg: Encoding, l16_order: Literal["little", "big"]) -> Codec:
    """Encodes what the customer receives: the asked codec where the leg can be transcoded to it,
    and else the leg's. Raises CodecError where that has no library here.

    Transcoded to are the other G.711 law, G.722, Opus and AMR-WB. A leg that is better than G.711
    is not made worse: the platform documents no way from such a leg to the laws."""
    if asked == leg.name:
        return codec(leg.name, leg.sample_rate, l16_order=l16_order)
    if (asked in G711 and leg.name in G711) or asked in WIDE:
        try:
            return codec(asked)
        except MissingLibrary:
            pass  # "falls back to the codec of the call"
    return codec(leg.name, leg.sample_rate, l16_order=l16_order)


NO_DECODER = NoSound("nobody decodes files here: set stream_bidirectional_mode=rtp")


class CarrierStream:
    """Connected, then started, then stopped. Numbering, the playout queue, marks and errors.

    The rtp mode plays raw codec bytes. In the mp3 mode `decode` turns a file into samples, which
    takes a moment: what comes meanwhile waits, and `report` is told what it came to. No error
    closes the socket."""

    def __init__(
        self,
        stream_id: str,
        params: StreamParams,
        *,
        sending: Codec,
        playing: Codec | None,
        send: Callable[[str, str], None],
        decode: Callable[[bytes, OnSound], None] = lambda data, then: then(NO_DECODER),
        report: "Callable[[Received], None]" = lambda received: None,
        leg_rate: int | None = None,
    ) -> None:
        """`leg_rate` is that of the samples which `media` takes: None for the codec's own."""
        self.stream_id = stream_id
        self.params = params
        self.connected = self.started = False
        # A file has whatever rate is asked of it: that of the leg spares a filter.
        self.playout = CarrierPlayout((playing or sending).encoding.sample_rate)
        self.channel = Channel(self.playout, params.target)
        self.errors = 0
        self._encoding = sending.encoding
        self._playing, self._send = playing, send
        rate = leg_rate or sending.encoding.sample_rate
        self._tracks: dict[str, TrackSender] = {}
        if params.track != "outbound_track":
            self._tracks["inbound"] = TrackSender(sending, rate)
        if params.track != "inbound_track":
            own = sending
            if sending.has_memory and self._tracks:  # one encoder hears one track
                own = codec(self._encoding.name, self._encoding.sample_rate)
            self._tracks["outbound"] = TrackSender(own, rate)
        self._sequence = 0
        self._chunk = 0  # per track; both count alike
        self._decode, self._report = decode, report
        self._next_mp3_at = 0.0
        self._decoding: object | None = None  # a token of its own for each file
        # What has come behind a file that is being decoded.
        self._held: deque[wire.Audio | wire.SetMark] = deque()

    # ---- to the customer --------------------------------------------------------------------

    def connect(self) -> None:
        self.connected = True
        headers = self.params.connect_headers()
        frame = wire.Connected(connected=headers) if headers else wire.Connected()
        self._put(frame)

    def start(self, body: wire.StartBody) -> None:
        self.started = True
        encoding = self._encoding
        custom = self.params.custom_parameters
        full = msgspec.structs.replace(
            body,
            media_format=wire.MediaFormat(encoding.name, encoding.named_rate, 1),
            custom_parameters=dict(custom) if custom is not None else msgspec.UNSET,
        )
        self._put(wire.Start(self.stream_id, full, self._number()))

    def media(self, inbound: Pcm | None, outbound: Pcm | None) -> None:
        """20 ms of the tracks that the customer asked for; None is silence."""
        self._chunk += 1
        for track, sender in self._tracks.items():
            self._media(track, sender.payload(inbound if track == "inbound" else outbound))

    def _media(self, track: str, payload: bytes) -> None:
        chunk = self._chunk
        self._sequence += 1
        text = wire.encode_media(
            self.stream_id, self._sequence, track, chunk, (chunk - 1) * 20, payload
        )
        self._send(self.stream_id, text)

    def dtmf(self, digit: str, occurred_at: str) -> None:
        if self.started:
            body = wire.DtmfBody(digit)
            self._put(wire.Dtmf(body, occurred_at, self.stream_id, self._number()))

    def finish_tick(self) -> list[HeardMark]:
        """What the last tick played has been heard: returns its marks, here and to the customer."""
        reached = self.playout.finish()
        for name, _ in reached:
            self._mark(name)
        return [HeardMark(name, position, cleared=False) for name, position in reached]

    def stop(self, call_control_id: str, user_id: str) -> None:
        if self.started:
            self.started = False
            body = wire.StopBody(call_control_id, user_id)
            self._put(wire.Stop(body, self.stream_id, self._number()))

    def _mark(self, name: str) -> None:
        self._put(wire.Mark(wire.MarkBody(name), self.stream_id, self._number()))

    def _number(self) -> int:
        self._sequence += 1
        return self._sequence

    def _put(self, frame: wire.Incoming) -> None:
        self._send(self.stream_id, wire.encode_incoming(frame))

    # ---- from the customer ------------------------------------------------------------------

    def receive(self, message: str | bytes, now: float) -> "Received":
        """Carry out one message. Returns what is worth a line on the tape."""
        try:
            if isinstance(message, bytes):
                raise MalformedFrame("frames are text messages, this one is binary")
            frame = wire.decode_outgoing(message)
        except MalformedFrame as error:
            return self._error(INVALID_MEDIA if error.bad_payload else MALFORMED, str(error))
        if isinstance(frame, wire.Audio) and self._playing is None:
            if now < self._next_mp3_at:
                return self._error(RATE_LIMIT, "one media frame per second in mp3 mode")
            self._next_mp3_at = now + 1.0
        if self._decoding is not None and isinstance(frame, wire.Audio | wire.SetMark):
            return self._hold(frame)
        return self._obey(frame)

    def _obey(self, frame: wire.Audio | wire.SetMark | wire.Clear | wire.Unknown) -> "Received":
        match frame:
            case wire.Audio():
                return self._play(frame.media.payload)
            case wire.SetMark():
                return self._set_mark(frame.mark.name)
            case wire.Clear():
                self._give_up_files()
                names = self.channel.clear()
                for name in names:
                    self._mark(name)
                at = self.playout.position
                marks = tuple(HeardMark(name, at, cleared=True) for name in names)
                return Received("clear", {"marks": names}, marks)
            case wire.Unknown():
                # Silence would hide the author's spelling mistake from them.
                return self._error(MALFORMED, f"unknown event {frame.event[:80]!r}")

    def _play(self, payload: bytes) -> "Received":
        if self._playing is None:
            self._decoding = token = object()
            self._decode(payload, partial(self._decoded, token))
            return NOTHING
        try:
            pcm = self._playing.decode(payload)
        except CodecError as error:
            return self._error(INVALID_MEDIA, str(error))
        rate = self.playout.sample_rate
        if not MIN_CHUNK_S * rate <= len(pcm) <= MAX_CHUNK_S * rate:
            detail = f"a chunk is 20 ms to 30 s long, this one is {1000 * len(pcm) / rate:g} ms"
            return self._error(INVALID_MEDIA, detail)
        return self._put_samples(pcm)

    def _put_samples(self, pcm: Pcm) -> "Received":
        if self.playout.waiting > MAX_QUEUE_S * self.playout.sample_rate:
            return self._error(RATE_LIMIT, f"more than {MAX_QUEUE_S:g} s are queued")
        self.playout.put(pcm)
        return NOTHING

    # ---- files of the mp3 mode ----------------------------------------------------------------

    def _hold(self, frame: wire.Audio | wire.SetMark) -> "Received":
        if len(self._held) >= MAX_MARKS:
            return self._error(RATE_LIMIT, f"more than {MAX_MARKS} frames wait for a file")
        self._held.append(frame)
        return NOTHING

    def _decoded(self, token: object, sound: Pcm | NoSound) -> None:
        """A file is there, or cannot be played: then what has waited behind it has its turn."""
        if token is not self._decoding:
            return
        self._decoding = None
        if isinstance(sound, NoSound):
            self._report(
                self._error(INVALID_MEDIA, f"in mp3 mode a payload is a file: {sound.why}")
            )
        else:
            self._report(self._put_samples(sound))
        while self._held and self._decoding is None:
            self._report(self._obey(self._held.popleft()))

    def _give_up_files(self) -> None:
        """A clear drops files that are not there yet; their marks are queued, to come back."""
        self._decoding = None
        held, self._held = self._held, deque()
        for frame in held:
            if isinstance(frame, wire.SetMark):
                self._report(self._set_mark(frame.mark.name))

    def _set_mark(self, name: str) -> "Received":
        if self.playout.marks >= MAX_MARKS:
            return self._error(RATE_LIMIT, f"more than {MAX_MARKS} marks are queued")
        if not self.playout.mark(name):
            return Received("mark queued", {"name": name})
        self._mark(name)
        heard = HeardMark(name, self.playout.position, cleared=False)
        return Received("mark queued", {"name": name}, (heard,))

    def _error(self, code: int, detail: str) -> "Received":
        self.errors += 1
        body = wire.ErrorBody(code, _TITLES[code], detail[:500])
        self._put(wire.Error(body, self.stream_id))
        return Received("error", {"code": code, "detail": detail[:200]})


class Received(msgspec.Struct, frozen=True):
    """What a message of the customer came to; `kind` is empty for plain audio."""

    kind: str = ""
    detail: dict[str, object] = {}
    marks: tuple[HeardMark, ...] = ()


NOTHING = Received()
