"""Conversation Relay frames: WebSocket text ⇄ typed frames, both directions.

The platform is the WebSocket client. What it sends is `RelayIncoming`, what the customer sends
is `RelayOutgoing`; the bridge decodes the first and encodes the second, the local carrier does the
reverse. Keys are camelCase on the socket and snake_case here. Unknown fields are ignored; null
counts as absent in frames of the platform, in every field.

Source: the platform's Conversation Relay page, its AsyncAPI document and its SDKs."""

import re
from typing import Literal, TypeAlias

import msgspec

from callbridge.errors import LocalProtocolError, MalformedFrame

MAX_FRAME_CHARS = 1_000_000  # no limit is documented; an hour of speech has about 60,000
DIGITS = re.compile(r"[0-9A-DwW#*]+")


class RelayFrame(msgspec.Struct, frozen=True, tag_field="type", rename="camel"):
    """Any message of the protocol; its `type` is the name that the class gives as its tag."""


# ---- to the customer --------------------------------------------------------------------------


class Setup(RelayFrame, frozen=True, tag="setup"):
    """First message of every socket, once. `direction` is inbound or outbound here."""

    session_id: str
    call_control_id: str
    account_sid: str = ""
    call_sid: str = ""
    call_session_id: str = ""
    call_leg_id: str = ""
    from_: str = msgspec.field(name="from", default="")
    to: str = ""
    direction: str = ""
    caller_name: str = ""
    call_status: str = ""
    custom_parameters: dict[str, object] = {}


class Prompt(RelayFrame, frozen=True, tag="prompt"):
    """What the caller says: interim until `last`, which closes the utterance."""

    voice_prompt: str
    lang: str = ""
    last: bool = True


class RelayDtmf(RelayFrame, frozen=True, tag="dtmf"):
    digit: str


class RelayInterrupt(RelayFrame, frozen=True, tag="interrupt"):
    """The caller spoke over the bot: what was spoken until then, and for how long."""

    utterance_until_interrupt: str = ""
    duration_until_interrupt_ms: int = 0


class RelayError(RelayFrame, frozen=True, tag="error"):
    """A frame of ours was not accepted. Ten in a row, and the platform closes the socket."""

    description: str = ""


class EagerEndOfTurn(RelayFrame, frozen=True, tag="eagerEndOfTurn"):
    """The caller has probably finished; a `Prompt` or `TurnResumed` follows."""


class TurnResumed(RelayFrame, frozen=True, tag="turnResumed"):
    """They had not."""


RelayIncoming = (
    Setup | Prompt | RelayDtmf | RelayInterrupt | RelayError | EagerEndOfTurn | TurnResumed
)


class UnknownRelayFrame(msgspec.Struct, frozen=True):
    """A type that the contract does not name: counted and otherwise ignored."""

    type: str


# ---- from the customer ------------------------------------------------------------------------


class TextToken(RelayFrame, frozen=True, tag="text"):
    """Text to say. Only `last` finishes a turn; an empty token with it is valid."""

    token: str
    last: bool = False


class PlaySource(RelayFrame, frozen=True, tag="play"):
    """A sound file by its URL. The platform's defaults are not published: all is always sent."""

    source: str
    loop: int = 1
    interruptible: bool = True
    preemptible: bool = False


class SendDigits(RelayFrame, frozen=True, tag="sendDigits"):
    """Keys towards the caller's side: 0-9 A-D # *, `w` and `W` are pauses."""

    digits: str

    def __post_init__(self) -> None:
        if not DIGITS.fullmatch(self.digits):
            raise LocalProtocolError(f"digits are 0-9 A-D w W # *, not {self.digits[:40]!r}")


class SwitchLanguage(RelayFrame, frozen=True, tag="language"):
    """At least one of both, such as "de" or "de-DE"."""

    tts_language: str | msgspec.UnsetType = msgspec.UNSET
    transcription_language: str | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if not self.tts_language and not self.transcription_language:
            raise LocalProtocolError("a language frame names a language to speak or to hear")


class EndSession(RelayFrame, frozen=True, tag="end"):
    """The session ends. `handoff_data` is opaque, and usually JSON."""

    handoff_data: str | msgspec.UnsetType = msgspec.UNSET


RelayOutgoing = TextToken | PlaySource | SendDigits | SwitchLanguage | EndSession


# ---- bytes ⇄ frames ---------------------------------------------------------------------------

_incoming: msgspec.json.Decoder[RelayIncoming] = msgspec.json.Decoder(RelayIncoming)
_outgoing: msgspec.json.Decoder[RelayOutgoing] = msgspec.json.Decoder(RelayOutgoing)
_unknown: msgspec.json.Decoder[UnknownRelayFrame] = msgspec.json.Decoder(UnknownRelayFrame)
_encoder = msgspec.json.Encoder()

_Json: TypeAlias = "dict[str, _Json] | list[_Json] | str | float | bool | None"
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError, LocalProtocolError)
INCOMING_TYPES = frozenset(
    ("setup", "prompt", "dtmf", "interrupt", "error", "eagerEndOfTurn", "turnResumed")
)
OUTGOING_TYPES = frozenset(("text", "play", "sendDigits", "language", "end"))
Side = Literal["platform", "customer"]


def decode_incoming(text: str | bytes) -> RelayIncoming | UnknownRelayFrame:
    """Read one message of the platform. Raises MalformedFrame."""
    try:
        return _incoming.decode(text)
    except _UNREADABLE as error:
        unreadable: Exception = error
    if b"null" in text if isinstance(text, bytes) else "null" in text:
        try:
            return _incoming.decode(_encoder.encode(_present(msgspec.json.decode(text))))
        except _UNREADABLE as error:
            unreadable = error
    return _unknown_or_raise(text, unreadable, INCOMING_TYPES)


def decode_outgoing(text: str | bytes) -> RelayOutgoing | UnknownRelayFrame:
    """Read one message of the customer's server. Raises MalformedFrame."""
    try:
        return _outgoing.decode(text)
    except _UNREADABLE as error:
        return _unknown_or_raise(text, error, OUTGOING_TYPES)


def read_setup(text: str | bytes) -> Setup | None:
    """What a session says about itself, if this is its setup frame. Raises MalformedFrame."""
    frame = decode_incoming(text)
    return frame if isinstance(frame, Setup) else None


def encode(frame: RelayIncoming | RelayOutgoing) -> str:
    """Any frame, with all its fields: most of them are required."""
    return _encoder.encode(frame).decode()


def encode_token(token: str, *, last: bool) -> str:
    """A `text` message, by concatenation: a model sends fifty a second."""
    text = _encoder.encode(token).decode()
    return f'{{"type":"text","token":{text},"last":{"true" if last else "false"}}}'


def _present(value: "_Json") -> "_Json":
    """`value` without its nulls on any level."""
    if isinstance(value, dict):
        return {name: _present(field) for name, field in value.items() if field is not None}
    if isinstance(value, list):
        return [_present(item) for item in value if item is not None]
    return value


def _unknown_or_raise(
    text: str | bytes, error: Exception, known: frozenset[str]
) -> UnknownRelayFrame:
    try:
        frame = _unknown.decode(text)
    except _UNREADABLE:
        raise MalformedFrame(str(error)) from None
    if frame.type not in known:
        return frame
    raise MalformedFrame(str(error)) from None
