"""Media Streaming frames: WebSocket text ⇄ typed frames, both directions.

The platform is the WebSocket client. What it sends is `Incoming`, what the customer's server
sends is `Outgoing`; the bridge decodes the first and encodes the second, the local carrier does
the reverse. Numbers that the wire carries as strings (sequence_number, chunk, timestamp) are `int`
here: decoding takes both forms, encoding always writes the strings. In frames of the platform null
is absent, in every field.

Source: the platform's Media Streaming page and its AsyncAPI document."""

from binascii import b2a_base64
from typing import TypeAlias

import msgspec

from callbridge.errors import MalformedFrame

TRACKS = ("inbound", "outbound")

# One frame may carry 30 s of audio: 2.88 MB of L16 at 48 kHz, 3.84 MB in base64.
MAX_FRAME_CHARS = 4_200_000


class Frame(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower):
    """Any message of the protocol; its `event` is the class name in lower case."""


# ---- to the customer --------------------------------------------------------------------------


TOKEN_HEADER = "x-telnyx-streaming-auth-token"


class Connected(Frame, frozen=True):
    """First message of every socket; repeats the stream's auth token when there is one.

    The documents put the token inside `connected`, third parties saw it at the top: both count."""

    version: str = "1.0.0"
    connected: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    top_token: str | msgspec.UnsetType = msgspec.field(name=TOKEN_HEADER, default=msgspec.UNSET)

    @property
    def token(self) -> str | None:
        nested = self.connected.get(TOKEN_HEADER) if self.connected else None
        return nested or self.top_token or None


class MediaFormat(msgspec.Struct, frozen=True):
    encoding: str
    sample_rate: int
    channels: int = 1


class StartBody(msgspec.Struct, frozen=True):
    call_control_id: str
    media_format: MediaFormat
    user_id: str = ""
    call_session_id: str = ""
    from_: str = msgspec.field(name="from", default="")
    to: str = ""
    tags: list[str] | None = None
    client_state: str | None = None
    custom_parameters: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class Start(Frame, frozen=True):
    stream_id: str
    start: StartBody
    sequence_number: int = 1


UNNUMBERED = -1


class MediaBody(msgspec.Struct, frozen=True, gc=False):
    """`payload` is the RTP payload without its header; base64 on the wire, bytes here.

    `timestamp` is in milliseconds since the stream's start (inferred: the documents do not say)."""

    payload: bytes
    track: str = "inbound"
    chunk: int = UNNUMBERED
    timestamp: int = 0


class Media(Frame, frozen=True, gc=False):  # fifty a second: nothing in it can be a cycle
    media: MediaBody
    stream_id: str = ""
    sequence_number: int = 0


class DtmfBody(msgspec.Struct, frozen=True):
    digit: str


class Dtmf(Frame, frozen=True):
    dtmf: DtmfBody
    occurred_at: str = ""
    stream_id: str = ""
    sequence_number: int = 0


class MarkBody(msgspec.Struct, frozen=True):
    name: str


class Mark(Frame, frozen=True):
    mark: MarkBody
    stream_id: str = ""
    sequence_number: int = 0


class ErrorBody(msgspec.Struct, frozen=True):
    code: int
    title: str = ""
    detail: str = ""


class Error(Frame, frozen=True):
    payload: ErrorBody
    stream_id: str = ""


class StopBody(msgspec.Struct, frozen=True):
    call_control_id: str = ""
    user_id: str = ""


class Stop(Frame, frozen=True):
    stop: StopBody = StopBody()
    stream_id: str = ""
    sequence_number: int = 0


class Unknown(msgspec.Struct, frozen=True):
    """An event that the contract does not name: counted and otherwise ignored."""

    event: str


Incoming = Connected | Start | Media | Dtmf | Mark | Error | Stop


# ---- from the customer ------------------------------------------------------------------------


class AudioBody(msgspec.Struct, frozen=True):
    payload: bytes


class Audio(Frame, frozen=True, tag="media"):
    """Audio to play: raw codec bytes of 20 ms to 30 s in the stream's bidirectional codec."""

    media: AudioBody


class SetMark(Frame, frozen=True, tag="mark"):
    """Comes back as `Mark` when all audio before it has been played."""

    mark: MarkBody


class Clear(Frame, frozen=True):
    """Stop what is playing, empty the queue, return the queued marks."""


Outgoing = Audio | SetMark | Clear


# ---- bytes ⇄ frames ---------------------------------------------------------------------------

_incoming: msgspec.json.Decoder[Incoming] = msgspec.json.Decoder(Incoming, strict=False)
_outgoing: msgspec.json.Decoder[Outgoing] = msgspec.json.Decoder(Outgoing, strict=False)
_unknown: msgspec.json.Decoder[Unknown] = msgspec.json.Decoder(Unknown)
_encoder = msgspec.json.Encoder()

_Json: TypeAlias = "dict[str, _Json] | list[_Json] | str | float | bool | None"
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
_STRING_NUMBERS = ("sequence_number", "chunk", "timestamp")
_INCOMING_EVENTS = {"connected", "start", "media", "dtmf", "mark", "error", "stop"}
_OUTGOING_EVENTS = {"media", "mark", "clear"}


def decode_incoming(text: str | bytes) -> Incoming | Unknown:
    """Read one message of the platform. Raises MalformedFrame."""
    try:
        return _incoming.decode(text)
    except _UNREADABLE as error:
        unreadable: Exception = error
    if b"null" in text if isinstance(text, bytes) else "null" in text:
        try:
            return _incoming.decode(_without_nulls(text))
        except _UNREADABLE as error:
            unreadable = error
    return _unknown_or_raise(text, unreadable, _INCOMING_EVENTS)


def read_start(text: str | bytes) -> StartBody | None:
    """What a stream says about itself, if this is its start frame. Raises MalformedFrame."""
    frame = decode_incoming(text)
    return frame.start if isinstance(frame, Start) else None


def decode_outgoing(text: str | bytes) -> Outgoing | Unknown:
    """Read one message of the customer's server. Raises MalformedFrame."""
    try:
        return _outgoing.decode(text)
    except _UNREADABLE as error:
        return _unknown_or_raise(text, error, _OUTGOING_EVENTS)


def _without_nulls(text: str | bytes) -> bytes:
    """The message without the fields that are null. Slow: only a message that cannot be read as it
    is comes here, so that the frames of a call pay nothing for it."""
    return _encoder.encode(_present(msgspec.json.decode(text)))


def _present(value: "_Json") -> "_Json":
    """`value` without its nulls on any level."""
    if isinstance(value, dict):
        return {name: _present(field) for name, field in value.items() if field is not None}
    if isinstance(value, list):
        return [_present(item) for item in value if item is not None]
    return value


def _unknown_or_raise(text: str | bytes, error: Exception, known: set[str]) -> Unknown:
    try:
        frame = _unknown.decode(text)
    except _UNREADABLE:
        raise MalformedFrame(str(error)) from None
    if frame.event not in known:
        return frame
    raise MalformedFrame(str(error), bad_payload="base64" in str(error)) from None


def encode_audio(payload: bytes) -> str:
    """A `media` message of the customer. Concatenation: three times as fast as an encoder."""
    return (
        '{"event":"media","media":{"payload":"'
        + b2a_base64(payload, newline=False).decode()
        + '"}}'
    )


def encode_outgoing(frame: Outgoing) -> str:
    if isinstance(frame, Audio):
        return encode_audio(frame.media.payload)
    return _encoder.encode(frame).decode()


def encode_media(
    stream_id: str, sequence_number: int, track: str, chunk: int, timestamp: int, payload: bytes
) -> str:
    """A `media` message of the platform, by concatenation: the carrier sends fifty a second."""
    return (
        f'{{"event":"media","sequence_number":"{sequence_number}","stream_id":"{stream_id}",'
        f'"media":{{"track":"{track}","chunk":"{chunk}","timestamp":"{timestamp}",'
        f'"payload":"{b2a_base64(payload, newline=False).decode()}"}}}}'
    )


def encode_incoming(frame: Incoming) -> str:
    """Any message of the platform; its counters become strings, as the platform sends them."""
    if isinstance(frame, Media):
        body = frame.media
        return encode_media(
            frame.stream_id,
            frame.sequence_number,
            body.track,
            body.chunk,
            body.timestamp,
            body.payload,
        )
    fields = msgspec.to_builtins(frame)
    for name in _STRING_NUMBERS:
        if name in fields:
            fields[name] = str(fields[name])
    return _encoder.encode(fields).decode()
