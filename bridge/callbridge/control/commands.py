"""Commands of the Voice API → HTTP requests. Values in, bytes out, no I/O.

A command is one frozen Struct, and one more command is one more declaration. What is not declared
is an `Action` or an `AnyCommand`. Here are the commands of a call; recordings, queues, conferences
and lists have modules of their own, and `command` is what all of them are.

Source: the platform's API reference."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from callbridge.control.command import Command as Command
from callbridge.control.command import Discreet
from callbridge.control.command import Request as Request
from callbridge.control.command import request as request
from callbridge.errors import LocalProtocolError

Track = Literal["inbound_track", "outbound_track", "both_tracks"]
Legs = Literal["self", "opposite", "both"]
Interruptible = Literal["none", "any", "speech", "dtmf"]
MachineDetection = Literal[
    "premium",
    "premium_ios_call_screening_detection",
    "detect",
    "detect_beep",
    "detect_words",
    "greeting_end",
]
RejectCause = Literal["CALL_REJECTED", "NOT_FOUND", "TEMPORARILY_UNAVAILABLE", "USER_BUSY"]
ConferenceRole = Literal["barge", "monitor", "none", "whisper"]
ConferenceBeep = Literal["always", "never", "on_enter", "on_exit"]


class Stream(Discreet, frozen=True, kw_only=True):
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


class Relay(Discreet, frozen=True, kw_only=True):
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


class Header(msgspec.Struct, frozen=True):
    """One of SIP."""

    name: str
    value: str


class AmdConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How answering machine detection decides. What is None is the platform's own choice.

    Times in ms. The premium modes look at the first two alone, and at `prompt_end_timeout_millis`
    for iOS call screening."""

    total_analysis_time_millis: int | None = None
    greeting_duration_millis: int | None = None
    initial_silence_millis: int | None = None
    after_greeting_silence_millis: int | None = None
    between_words_silence_millis: int | None = None
    maximum_number_of_words: int | None = None
    maximum_word_length_millis: int | None = None
    silence_threshold: int | None = None  # amplitude, of 16 bits
    greeting_total_analysis_time_millis: int | None = None
    greeting_silence_duration_millis: int | None = None
    prompt_end_timeout_millis: int | None = None  # 1000 to 120,000


class DialConference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The conference that a dialled leg joins when it answers: by `id`, or by `conference_name`,
    which makes one where there is none."""

    id: str | None = None
    conference_name: str | None = None
    mute: bool | None = None
    hold: bool | None = None
    hold_audio_url: str | None = None
    hold_media_name: str | None = None
    beep_enabled: ConferenceBeep | None = None
    early_media: bool | None = None  # whether the conference hears the ringing; the default is True
    start_conference_on_create: bool | None = None
    start_conference_on_enter: bool | None = None
    end_conference_on_exit: bool | None = None
    soft_end_conference_on_exit: bool | None = None
    supervisor_role: ConferenceRole | None = None
    whisper_call_control_ids: Sequence[str] | None = None


class Dial(Command, frozen=True, kw_only=True):
    """Ring a number, or several at once: the first to answer is the call.

    `webhook_url` goes before the one configured for the connection. `link_to` is a call whose
    session the new leg shares; `bridge_intent`, `bridge_on_answer` and `park_after_unbridge` need
    it. `send_digits_on_answer` are pressed when it answers. `supervise_call_control_id` is a call
    that the new leg listens in to, whispers into or barges into (`supervisor_role`)."""

    path = "/calls"

    connection_id: str
    to: str | Sequence[str]
    from_: str = msgspec.field(name="from")
    from_display_name: str | None = None  # up to 128 letters, digits, spaces and -_~!.+
    timeout_secs: int | None = None  # 5 to 600; the platform's default is 30
    time_limit_secs: int | None = None  # 30 to 14,400
    webhook_url: str | None = None
    answering_machine_detection: MachineDetection | None = None
    answering_machine_detection_config: AmdConfig | None = None
    send_digits_on_answer: str | None = None
    custom_headers: tuple[Header, ...] | None = None
    link_to: str | None = None
    bridge_intent: bool | None = None
    bridge_on_answer: bool | None = None
    park_after_unbridge: Literal["self"] | None = None
    conference_config: DialConference | None = None
    supervise_call_control_id: str | None = None
    supervisor_role: Literal["barge", "whisper", "monitor"] | None = None
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


class Transfer(Command, frozen=True, kw_only=True):
    """Dial `to` and bridge it when it answers. `from_` None: the caller's own number.

    `send_digits_on_answer` are pressed when it does, before the two hear each other. When one hangs
    up, so is the other, unless `park_after_unbridge` keeps this leg. `early_media` is whether the
    caller hears the other side's own ringing; the platform's default is True."""

    path = "/calls/{call_control_id}/actions/transfer"

    call_control_id: str
    to: str
    from_: str | None = msgspec.field(name="from", default=None)
    from_display_name: str | None = None
    timeout_secs: int | None = None
    time_limit_secs: int | None = None
    answering_machine_detection: MachineDetection | None = None
    answering_machine_detection_config: AmdConfig | None = None
    custom_headers: tuple[Header, ...] | None = None
    early_media: bool | None = None
    park_after_unbridge: Literal["self"] | None = None
    send_digits_on_answer: str | None = None
    target_leg_client_state: str | None = None
    webhook_url: str | None = None  # of the new leg; None: where those of this call go


class Bridge(Command, frozen=True, kw_only=True):
    """Join the audio of this leg with that of another: `with_`, or the first who waits in `queue`.

    When one of them ends, the other is hung up, unless this leg is to be kept: parked, or held with
    music. `mute_dtmf` is whose keys the other does not hear. `play_ringtone` is for one that still
    rings."""

    path = "/calls/{leg}/actions/bridge"
    of_another_call = frozenset({"/call_control_id", "/queue"})

    call_control_id: str = msgspec.field(name="leg")  # the body has this name for the other one
    with_: str | None = msgspec.field(name="call_control_id", default=None)
    queue: str | None = None
    park_after_unbridge: Literal["self"] | None = None
    hold_after_unbridge: bool | None = None
    prevent_double_bridge: bool | None = None
    mute_dtmf: Literal["none", "both", "self", "opposite"] | None = None
    play_ringtone: bool | None = None
    ringtone: str | None = None  # a country, as "us"


class Refer(Command, frozen=True, kw_only=True):
    """Have the far end itself call `sip_address` (SIP REFER), without this platform."""

    path = "/calls/{call_control_id}/actions/refer"

    call_control_id: str
    sip_address: str
    custom_headers: tuple[Header, ...] | None = None
    sip_auth_username: str | None = None
    sip_auth_password: str | None = None


class SendSipInfo(Command, frozen=True, kw_only=True):
    """A SIP INFO to the far end: `body` of up to 1400 bytes, `content_type` as text/plain."""

    path = "/calls/{call_control_id}/actions/send_sip_info"

    call_control_id: str
    body: str
    content_type: str


class CallStatus(Command, frozen=True, kw_only=True):
    """Ask what the platform knows of a leg: `is_alive`, `call_duration` in whole seconds."""

    path = "/calls/{call_control_id}"
    method = "GET"
    never_sent = frozenset({"command_id", "client_state"})

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
