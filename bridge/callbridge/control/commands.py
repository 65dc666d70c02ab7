"""Voice API: commands → HTTP requests, webhook bodies → events. Bytes and values, no I/O.

A command is one frozen Struct, and one more command is one more declaration: its fields are the
body, `path` is where it goes. Fields that the path names go there and not into the body.

Source: the platform's API reference; the shapes of webhooks, also as recorded from live calls."""

import re
from hashlib import sha256
from typing import Any, ClassVar, Literal, NamedTuple
from urllib.parse import parse_qsl, quote
from uuid import uuid4

import msgspec

from callbridge.control.names import dotted
from callbridge.errors import BadWebhookBody, LocalProtocolError

# ---- commands -----------------------------------------------------------------------------------

Track = Literal["inbound_track", "outbound_track", "both_tracks"]
Legs = Literal["self", "opposite", "both"]
RejectCause = Literal["CALL_REJECTED", "NOT_FOUND", "TEMPORARILY_UNAVAILABLE", "USER_BUSY"]


class _Discreet(msgspec.Struct, frozen=True):
    """Shows what is set, and no secret: not a token, nor what a URL carries in its query."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        fields = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, _fit_to_show(name, value)) for name, value in fields if value is not None]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"


def _fit_to_show(name: str, value: object) -> object:
    if name.endswith("_token"):
        return "***"
    if name.endswith("_url") and "?" in str(value):
        return str(value).partition("?")[0] + "?***"
    return value


class Stream(_Discreet, frozen=True, kw_only=True):
    """The media stream that a command opens; its fields stand beside the command's in the body.

    The defaults are a bot's and always sent, as the platform's are not: mode mp3, and target legs
    `opposite`, with which a caller alone hears nothing. Codec and sampling rate (Hz) are those we
    send in; what we receive, the `start` frame says. Silence while idle keeps the far end's packets
    flowing while the bot thinks. The token comes back in a header of the WebSocket."""

    stream_url: str
    stream_auth_token: str | None = None
    stream_track: Track | None = None
    stream_codec: str | None = None
    stream_bidirectional_mode: Literal["rtp", "mp3"] = "rtp"
    stream_bidirectional_target_legs: Legs = "self"
    stream_bidirectional_codec: str = "PCMU"
    stream_bidirectional_sampling_rate: int = 8000
    send_silence_when_idle: bool = True


class Command(_Discreet, frozen=True, kw_only=True):
    """What every command has. A field that is None is not sent.

    The platform carries out a `command_id` once in 60 s, however often it arrives. `client_state`
    is base64 and comes back in every later webhook of the leg."""

    path: ClassVar[str]
    method: ClassVar[str] = "POST"
    never_sent: ClassVar[frozenset[str]] = frozenset()  # what a Stream has and this endpoint not

    command_id: str = msgspec.field(default_factory=lambda: str(uuid4()))
    client_state: str | None = None


class Answer(Command, frozen=True, kw_only=True):
    path = "/calls/{call_control_id}/actions/answer"

    call_control_id: str
    stream: Stream | None = None


class Reject(Command, frozen=True, kw_only=True):
    """Refuse a call that rings: SIP 603, 404, 480 or 486, in the order of `RejectCause`."""

    path = "/calls/{call_control_id}/actions/reject"

    call_control_id: str
    cause: RejectCause


class Hangup(Command, frozen=True, kw_only=True):
    path = "/calls/{call_control_id}/actions/hangup"

    call_control_id: str


class Dial(Command, frozen=True, kw_only=True):
    """Ring a number. `webhook_url` goes before the one configured for the connection."""

    path = "/calls"

    connection_id: str
    to: str
    from_: str = msgspec.field(name="from")
    timeout_secs: int | None = None  # 5 to 600; the platform's default is 30
    time_limit_secs: int | None = None  # 30 to 14,400
    webhook_url: str | None = None
    stream: Stream | None = None


class StreamingStart(Command, frozen=True, kw_only=True):
    path = "/calls/{call_control_id}/actions/streaming_start"
    never_sent = frozenset({"send_silence_when_idle"})

    call_control_id: str
    stream: Stream


class StreamingStop(Command, frozen=True, kw_only=True):
    path = "/calls/{call_control_id}/actions/streaming_stop"

    call_control_id: str
    stream_id: str | None = None


class Speak(Command, frozen=True, kw_only=True):
    """Text of up to 3000 characters, spoken by the platform. `voice`: Provider.Model.VoiceId."""

    path = "/calls/{call_control_id}/actions/speak"

    call_control_id: str
    payload: str
    voice: str
    language: str | None = None


class SendDtmf(Command, frozen=True, kw_only=True):
    """`digits`: 0-9 A-D * #, `w` waits 0.5 s, `W` 1 s. Each sounds 100 to 500 ms, else 250."""

    path = "/calls/{call_control_id}/actions/send_dtmf"

    call_control_id: str
    digits: str
    duration_millis: int | None = None


class Transfer(Command, frozen=True, kw_only=True):
    """Dial `to` and bridge it when it answers. `from_` None: the caller's own number."""

    path = "/calls/{call_control_id}/actions/transfer"

    call_control_id: str
    to: str
    from_: str | None = msgspec.field(name="from", default=None)
    timeout_secs: int | None = None
    time_limit_secs: int | None = None
    target_leg_client_state: str | None = None


class CallStatus(Command, frozen=True, kw_only=True):
    """Ask what the platform knows of a leg: `is_alive`, `call_duration` in whole seconds."""

    path = "/calls/{call_control_id}"
    method = "GET"

    call_control_id: str


class Request(NamedTuple):
    """`path` is relative to the API's base URL and begins with a slash."""

    method: str
    path: str
    body: bytes


_PATH_FIELD = re.compile(r"{(\w+)}")
_encoder = msgspec.json.Encoder()


def request(command: Command) -> Request:
    """The HTTP request of a command. Raises LocalProtocolError for an empty id in its path."""
    fields: dict[str, Any] = msgspec.to_builtins(command)

    def moved(field: re.Match[str]) -> str:
        value: str = fields.pop(field[1])
        if not value:
            raise LocalProtocolError(f"{type(command).__name__} without a {field[1]}")
        return quote(value, safe=":")  # ids begin with `v3:`, and a colon may stand in a path

    path = _PATH_FIELD.sub(moved, command.path)
    fields.update(fields.pop("stream", None) or {})
    unsent = command.never_sent
    body = {
        name: value for name, value in fields.items() if value is not None and name not in unsent
    }
    return Request(command.method, path, b"" if command.method == "GET" else _encoder.encode(body))


# ---- events -------------------------------------------------------------------------------------

TEXML_CALLBACK = "texml.callback"


class Event(msgspec.Struct, frozen=True):
    """One webhook. `id` is the same in every repetition; `occurred_at` is ISO 8601 or empty.

    The payload is as the platform sent it: any field but the ids can be absent or null."""

    event_type: str
    id: str
    occurred_at: str
    payload: dict[str, object]

    @property
    def call_control_id(self) -> str | None:
        return self._text("call_control_id")

    @property
    def call_leg_id(self) -> str | None:
        return self._text("call_leg_id")

    @property
    def call_session_id(self) -> str | None:
        return self._text("call_session_id")

    @property
    def client_state(self) -> str | None:
        """Base64, as it was given; None when it never was."""
        return self._text("client_state")

    def _text(self, name: str) -> str | None:
        value = self.payload.get(name)
        return value if isinstance(value, str) else None


class _Envelope(msgspec.Struct, frozen=True):
    """Every shape an event comes in, as one: all of it in `data` (version 2), or all of it at the
    top (version 1, and conference.floor.changed), or only `payload` at the top (samples of the
    deepfake events)."""

    data: "_Envelope | None" = None
    event_type: str | None = None
    id: str | None = None
    webhook_id: str | None = None
    occurred_at: str | None = None
    created_at: str | None = None
    payload: dict[str, object] | None = None


_envelope: msgspec.json.Decoder[_Envelope] = msgspec.json.Decoder(_Envelope)


def read_event(body: bytes, content_type: str) -> Event:
    """Read a webhook whose signature is verified. Raises BadWebhookBody, and nothing else."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/x-www-form-urlencoded":
        return _read_form(body)
    return _read_json(body)


def _read_json(body: bytes) -> Event:
    try:
        outer = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadWebhookBody(f"not a Voice API event: {error}") from None
    inner = outer.data or outer
    event_type = inner.event_type or outer.event_type
    event_id = inner.id or inner.webhook_id or outer.id or outer.webhook_id
    payload = outer.payload if inner.payload is None else inner.payload
    if not event_type:
        raise BadWebhookBody("no event_type")
    if not event_id:
        raise BadWebhookBody(f"{event_type}: neither id nor webhook_id")
    if payload is None:
        raise BadWebhookBody(f"{event_type}: no payload")
    # The events of conferences say it in the payload, those of version 1 may only have the other.
    occurred_at = inner.occurred_at or payload.get("occurred_at") or inner.created_at
    return Event(
        event_type=dotted(event_type),
        id=event_id,
        occurred_at=occurred_at if isinstance(occurred_at, str) else "",
        payload=payload,
    )


def _read_form(body: bytes) -> Event:
    """A TeXML callback. It has no id; its own bytes are one, since a repetition is the same."""
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict"
        )
    except ValueError as error:
        raise BadWebhookBody(f"not a form: {error}") from None
    if not fields:
        raise BadWebhookBody("not a form: it is empty")
    payload = dict[str, object](fields)
    occurred_at = payload.get("OccurredAt") or payload.get("Timestamp") or ""
    return Event(
        event_type=TEXML_CALLBACK,
        id=f"texml-{sha256(body).hexdigest()[:32]}",
        occurred_at=str(occurred_at),
        payload=payload,
    )
