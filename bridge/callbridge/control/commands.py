"""Commands of the Voice API → HTTP requests. Values in, bytes out, no I/O.

A command is one frozen Struct, and one more command is one more declaration: its fields are the
body, `path` is where it goes. Fields that the path names go there and not into the body. What is
not declared is an `Action` or an `AnyCommand`.

Source: the platform's API reference."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, cast
from urllib.parse import quote
from uuid import uuid4

import msgspec

from callbridge.errors import LocalProtocolError

Track = Literal["inbound_track", "outbound_track", "both_tracks"]
Legs = Literal["self", "opposite", "both"]
Interruptible = Literal["none", "any", "speech", "dtmf"]
RejectCause = Literal["CALL_REJECTED", "NOT_FOUND", "TEMPORARILY_UNAVAILABLE", "USER_BUSY"]


SECRET = ("token", "password", "secret", "api_key")  # how the names of secrets end


class _Discreet(msgspec.Struct, frozen=True):
    """Shows what is set, and no secret: not a token, nor what a URL carries in its query."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        fields = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, _fit_to_show(name, value)) for name, value in fields if value is not None]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"


def _fit_to_show(name: str, value: object) -> object:
    if isinstance(value, Mapping):
        fields = cast(Mapping[str, object], value)
        return {name: _fit_to_show(name, value) for name, value in fields.items()}
    if name.endswith(SECRET):
        return "***"
    if name.endswith("url") and "?" in str(value):
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


class Relay(_Discreet, frozen=True, kw_only=True):
    """The Conversation Relay session that an answer or a dial starts: the platform hears and
    speaks, and opens `url` for the text of both. What is None is the platform's own choice."""

    url: str
    greeting: str | None = None
    language: str | None = None
    languages: Sequence[Mapping[str, object]] | None = None
    voice: str | None = None
    tts_provider: str | None = None
    voice_settings: Mapping[str, object] | None = None
    dtmf_detection: bool = True
    interruptible: Interruptible | None = None
    interruptible_greeting: Interruptible | None = None
    transcription_engine: str | None = None
    transcription_engine_config: Mapping[str, object] | None = None
    custom_parameters: Mapping[str, object] | None = None


class Command(_Discreet, frozen=True, kw_only=True):
    """What every command has. A field that is None is not sent.

    The platform carries out a `command_id` once in 60 s, however often it arrives. `client_state`
    is base64 and comes back in every later webhook of the leg."""

    path: ClassVar[str]
    method: ClassVar[str] = "POST"
    safe: ClassVar[str] = ":"  # in a path, besides letters: ids begin with `v3:`
    never_sent: ClassVar[frozenset[str]] = frozenset()  # what is declared and not taken there

    command_id: str = msgspec.field(default_factory=lambda: str(uuid4()))
    client_state: str | None = None

    @property
    def name(self) -> str:
        """What errors call it."""
        return type(self).__name__


class Answer(Command, frozen=True, kw_only=True):
    path = "/calls/{call_control_id}/actions/answer"

    call_control_id: str
    stream: Stream | None = None
    conversation_relay_config: Relay | None = None


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
    conversation_relay_config: Relay | None = None


class StreamingStart(Command, frozen=True, kw_only=True):
    path = "/calls/{call_control_id}/actions/streaming_start"
    never_sent = frozenset({"send_silence_when_idle"})

    call_control_id: str
    stream: Stream


class StreamingStop(Command, frozen=True, kw_only=True):
    path = "/calls/{call_control_id}/actions/streaming_stop"

    call_control_id: str
    stream_id: str | None = None


class RelayStart(Command, frozen=True, kw_only=True):
    """Start a Conversation Relay session on a call that is answered; `relay` as in an answer."""

    path = "/calls/{call_control_id}/actions/conversation_relay_start"

    call_control_id: str
    relay: Relay


class RelayStop(Command, frozen=True, kw_only=True):
    path = "/calls/{call_control_id}/actions/conversation_relay_stop"

    call_control_id: str


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


class Header(msgspec.Struct, frozen=True):
    """One of SIP."""

    name: str
    value: str


class Transfer(Command, frozen=True, kw_only=True):
    """Dial `to` and bridge it when it answers. `from_` None: the caller's own number.

    `send_digits_on_answer` are pressed when it does, before the two hear each other."""

    path = "/calls/{call_control_id}/actions/transfer"

    call_control_id: str
    to: str
    from_: str | None = msgspec.field(name="from", default=None)
    timeout_secs: int | None = None
    time_limit_secs: int | None = None
    custom_headers: tuple[Header, ...] | None = None
    send_digits_on_answer: str | None = None
    target_leg_client_state: str | None = None
    webhook_url: str | None = None  # of the new leg; None: where those of this call go


class CallStatus(Command, frozen=True, kw_only=True):
    """Ask what the platform knows of a leg: `is_alive`, `call_duration` in whole seconds."""

    path = "/calls/{call_control_id}"
    method = "GET"

    call_control_id: str


class ClientStateUpdate(Command, frozen=True, kw_only=True):
    """Every later webhook of the leg carries this `client_state` instead of the one before."""

    path = "/calls/{call_control_id}/actions/client_state_update"
    method = "PUT"
    never_sent = frozenset({"command_id"})  # once is as good as twice

    call_control_id: str


Verb = Literal["POST", "PUT", "PATCH", "DELETE"]


class Action(Command, frozen=True, kw_only=True):
    """Any other action on a call, by its name in the path, with `fields` as its body."""

    path = "/calls/{call_control_id}/actions/{action}"

    call_control_id: str
    action: str
    fields: dict[str, object] = msgspec.field(default_factory=dict[str, object])
    verb: Verb = "POST"

    @property
    def name(self) -> str:
        return self.action


class AnyCommand(Command, frozen=True, kw_only=True):
    """What is asked of no call: `at` is the path, from its slash, `fields` are the body.

    A slow answer is asked for twice under one `command_id`, which the endpoint should know."""

    path = "{at}"
    safe = ":/"

    at: str
    fields: dict[str, object] = msgspec.field(default_factory=dict[str, object])
    verb: Verb = "POST"

    @property
    def name(self) -> str:
        return self.at

    def __post_init__(self) -> None:
        if not self.at.startswith("/"):
            raise LocalProtocolError(f"{self.at!r} is no path of the API: it begins with a slash")


class Request(NamedTuple):
    """`path` is relative to the API's base URL and begins with a slash."""

    method: str
    path: str
    body: bytes


_PATH_FIELD = re.compile(r"{(\w+)}")
_encoder = msgspec.json.Encoder()


def request(command: Command) -> Request:
    """The HTTP request of a command. Raises LocalProtocolError for an empty id in its path."""
    declared: dict[str, Any] = msgspec.to_builtins(command)
    undeclared: dict[str, Any] = declared.pop("fields", {})
    method: str = declared.pop("verb", command.method)

    def moved(field: re.Match[str]) -> str:
        value: str = declared.pop(field[1])
        if not value:
            raise LocalProtocolError(f"{command.name} without a {field[1]}")
        return quote(value, safe=command.safe)

    path = _PATH_FIELD.sub(moved, command.path)
    for beside in ("stream", "relay"):
        declared.update(declared.pop(beside, None) or {})
    for name in command.never_sent:
        declared.pop(name, None)
    fields = declared | undeclared
    body = {name: value for name, value in fields.items() if value is not None}
    if (relay := body.get("conversation_relay_config")) is not None:
        set_ones = cast("dict[str, object]", relay).items()
        body["conversation_relay_config"] = {
            name: value for name, value in set_ones if value is not None
        }
    return Request(method, path, b"" if method == "GET" else _encoder.encode(body))
