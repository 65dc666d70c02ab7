"""The parameters of every command, as data, and the one function that checks them.

Tables are written from the platform's published contract. Unknown fields are ignored, as on the
platform; known ones are checked even where the local carrier does not act on them."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from callbridge.carrier.api.problems import Problem
from callbridge.carrier.core.events import EVENT_TYPES
from callbridge.carrier.shapes import as_list, as_object

Kind = Literal["string", "integer", "boolean", "object", "array", "any"]

_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
    "any": object,
}


class Param(msgspec.Struct, frozen=True):
    """One declared parameter; `code` replaces the general error code when it has its own."""

    kind: Kind
    enum: tuple[str | int, ...] = ()
    least: int | None = None  # of a number, or of a string's length
    most: int | None = None
    pattern: str | None = None
    code: str | None = None


def text(most: int | None = None, *, pattern: str | None = None, code: str | None = None) -> Param:
    return Param("string", most=most, pattern=pattern, code=code)


def one_of(*values: str, code: str | None = None) -> Param:
    return Param("string", enum=values, code=code)


def whole(least: int, most: int | None = None, *, code: str | None = None) -> Param:
    return Param("integer", least=least, most=most, code=code)


FLAG = Param("boolean")
TEXT = text()
OBJECT = Param("object")
ARRAY = Param("array")

DIGITS = r"[0-9A-DwW*#]+"
# No quotes, backslashes, control characters or characters outside the first plane.
REASON = r'[^"\\\x00-\x1f\x7f\U00010000-\U0010ffff]*'
CODECS = ("PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16")
LEGS = one_of("self", "opposite", "both")

# Every command carries these: the documents allow `webhook_url` on any of them.
COMMON = {
    "client_state": text(),
    "command_id": TEXT,
    "webhook_url": text(2000),
    "webhook_url_method": one_of("POST", "GET"),
}
WEBHOOKS = {
    "webhook_urls": OBJECT,
    "webhook_urls_method": one_of("POST", "GET"),
    "webhook_retries_policies": OBJECT,
}
STREAM = {
    "stream_url": text(2000),
    "stream_track": one_of("inbound_track", "outbound_track", "both_tracks"),
    "stream_codec": one_of(*CODECS, "default"),
    "stream_bidirectional_mode": one_of("mp3", "rtp"),
    "stream_bidirectional_codec": one_of(*CODECS),
    "stream_bidirectional_sampling_rate": Param("integer", enum=(8000, 16000, 22050, 24000, 48000)),
    "stream_bidirectional_target_legs": LEGS,
    "stream_auth_token": text(4000),
    "enable_dialogflow": FLAG,
    "dialogflow_config": OBJECT,
}
RECORD = {
    "record": one_of("record-from-answer"),
    "record_channels": one_of("single", "dual"),
    "record_custom_file_name": text(40),
    "record_format": one_of("wav", "mp3"),
    "record_max_length": whole(0, 43200),
    "record_timeout_secs": whole(0),
    "record_track": one_of("both", "inbound", "outbound"),
    "record_trim": one_of("trim-silence"),
}
HEADERS = {
    "custom_headers": ARRAY,
    "sip_headers": ARRAY,
    "sound_modifications": OBJECT,
    "preferred_codecs": TEXT,
}
# What a new leg takes, dialled or transferred to.
OUTBOUND = {
    "answering_machine_detection": one_of(
        "premium",
        "premium_ios_call_screening_detection",
        "detect",
        "detect_beep",
        "detect_words",
        "greeting_end",
        "disabled",
    ),
    "answering_machine_detection_config": OBJECT,
    "audio_url": TEXT,
    "diversion": TEXT,
    "from_display_name": text(128, pattern=r"[A-Za-z0-9 \-_~!.+]{0,128}"),
    "media_encryption": one_of("disabled", "SRTP", "DTLS"),
    "media_name": TEXT,
    "park_after_unbridge": one_of("self"),
    "privacy": one_of("id", "none"),
    "route_to_mobile": FLAG,
    "send_digits_on_answer": text(64, pattern=DIGITS, code="90014"),
    "sip_auth_password": TEXT,
    "sip_auth_username": TEXT,
    "sip_region": one_of("US", "Europe", "Canada", "Australia", "Middle East"),
    "time_limit_secs": whole(30, 14400, code="90029"),
    "timeout_secs": whole(5, 600, code="90028"),
}


class Command(msgspec.Struct, frozen=True):
    name: str
    required: dict[str, Param] = {}
    optional: dict[str, Param] = {}
    simulated: frozenset[str] = frozenset()  # optional ones that change what this carrier does
    method: str = "POST"


_ROUTED = frozenset((*COMMON, *WEBHOOKS))
_STREAMED = frozenset(STREAM) | {"send_silence_when_idle"}
_DIALLED = frozenset(
    ("media_encryption", "park_after_unbridge", "send_digits_on_answer", "time_limit_secs")
) | {"timeout_secs"}

DIAL = Command(
    "dial",
    {"connection_id": TEXT, "from": TEXT, "to": Param("any")},
    {
        **COMMON,
        **WEBHOOKS,
        **STREAM,
        **RECORD,
        **HEADERS,
        **OUTBOUND,
        "send_silence_when_idle": FLAG,
        "stream_establish_before_call_originate": FLAG,
        "assistant": OBJECT,
        "billing_group_id": TEXT,
        "bridge_intent": FLAG,
        "bridge_on_answer": FLAG,
        "conference_config": OBJECT,
        "conversation_relay_config": OBJECT,
        "deepfake_detection": OBJECT,
        "link_to": TEXT,
        "prevent_double_bridge": FLAG,
        "retry_on_timeout": FLAG,
        "sip_transport_protocol": one_of("UDP", "TCP", "TLS"),
        "supervise_call_control_id": TEXT,
        "supervisor_role": one_of("barge", "whisper", "monitor"),
        "transcription": FLAG,
        "transcription_config": OBJECT,
    },
    _ROUTED | _STREAMED | _DIALLED | {"link_to", "bridge_on_answer", "retry_on_timeout"},
)

_ACTIONS = (
    Command(
        "answer",
        {},
        {
            **COMMON,
            **WEBHOOKS,
            **STREAM,
            **RECORD,
            **HEADERS,
            "send_silence_when_idle": FLAG,
            "assistant": OBJECT,
            "billing_group_id": TEXT,
            "conversation_relay_config": OBJECT,
            "deepfake_detection": OBJECT,
            "transcription": FLAG,
            "transcription_config": OBJECT,
        },
        _ROUTED | _STREAMED,
    ),
    Command(
        "reject",
        {"cause": one_of("CALL_REJECTED", "NOT_FOUND", "TEMPORARILY_UNAVAILABLE", "USER_BUSY")},
        COMMON,
        _ROUTED,
    ),
    Command(
        "hangup",
        {},
        {**COMMON, "custom_headers": ARRAY, "reason": text(pattern=REASON)},
        _ROUTED,
    ),
    Command("streaming_start", {}, {**COMMON, **STREAM, "custom_parameters": ARRAY},
        _ROUTED | _STREAMED | {"custom_parameters"},
    ),
    Command("streaming_stop", {}, {**COMMON, "stream_id": TEXT}, _ROUTED | {"stream_id"}),
    Command(
        "speak",
        # 3000 characters by the parameter's text; the error page says 5000.
        {"payload": text(3000, code="90010"), "voice": TEXT},
        {
            **COMMON,
            "language": TEXT,
            "loop": Param("any"),
            "payload_type": one_of("text", "ssml", code="90011"),
            "service_level": one_of("basic", "premium", code="90030"),
            "stop": one_of("current", "all", code="90016"),
            "target_legs": LEGS,
            "voice_settings": OBJECT,
        },
        _ROUTED | {"loop", "payload_type", "stop", "target_legs", "language", "service_level"},
    ),
    Command(
        "send_dtmf",
        {"digits": text(pattern=DIGITS, code="90014")},
        {**COMMON, "duration_millis": whole(100, 500, code="90027")},
        _ROUTED | {"duration_millis"},
    ),
    Command(
        "transfer",
        {"to": TEXT},
        {
            **COMMON,
            **WEBHOOKS,
            **RECORD,
            **HEADERS,
            **OUTBOUND,
            "from": TEXT,
            "early_media": FLAG,
            "mute_dtmf": one_of("none", "both", "self", "opposite"),
            "target_leg_client_state": TEXT,
        },
        _ROUTED | _DIALLED | {"from", "target_leg_client_state"},
    ),
    Command("client_state_update", {"client_state": TEXT}, COMMON, _ROUTED, method="PUT"),
)  # fmt: skip
ACTIONS = {command.name: command for command in _ACTIONS}


class Fields:
    """The checked body of a command, read by type."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self.values = dict(values)

    def text(self, name: str) -> str | None:
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    def whole(self, name: str) -> int | None:
        value = self.values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, name: str) -> bool:
        return self.values.get(name) is True

    def get(self, name: str) -> object:
        return self.values.get(name)

    def given(self) -> set[str]:
        return {name for name, value in self.values.items() if value is not None}


def check(command: Command, body: Mapping[str, object]) -> list[Problem]:
    """All that is wrong with a body. null counts as absent."""
    problems: list[Problem] = []
    for name, param in command.required.items():
        value = body.get(name)
        if value is None or (isinstance(value, str) and not value.strip()) or value == []:
            problems.append(Problem("10004", f"{name} is required", f"/{name}"))
        else:
            problems += _check_value(name, param, value)
    for name, param in command.optional.items():
        value = body.get(name)
        if value is not None and name not in command.required:
            problems += _check_value(name, param, value)
    return problems or _check_formats(body)


def not_simulated(command: Command, fields: Fields) -> list[str]:
    """Declared parameters that were given and that this carrier does nothing about."""
    return sorted((fields.given() & set(command.optional)) - command.simulated)


def _check_value(name: str, param: Param, value: object) -> list[Problem]:
    def problem(general: str, detail: str) -> list[Problem]:
        return [Problem(param.code or general, f"{name} {detail}", f"/{name}")]

    # A JSON true is no integer, though Python's is.
    if not isinstance(value, _PYTHON[param.kind]) or (
        param.kind == "integer" and isinstance(value, bool)
    ):
        return problem("10026", f"must be of type {param.kind}")
    if param.enum and value not in param.enum:
        return problem("10032", "must be one of " + ", ".join(map(str, param.enum)))
    if isinstance(value, str):
        if param.most is not None and len(value) > param.most:
            return problem("10025", f"must be at most {param.most} characters long")
        if param.pattern is not None and not re.fullmatch(param.pattern, value):
            return problem("10027", "contains characters that are not allowed")
    elif isinstance(value, int):
        if param.least is not None and value < param.least:
            return problem("10033", f"must be at least {param.least}")
        if param.most is not None and value > param.most:
            return problem("10033", f"must be at most {param.most}")
    return []


def _check_formats(body: Mapping[str, object]) -> list[Problem]:
    """Formats of fields that mean the same in every command."""
    problems: list[Problem] = []
    for name in ("client_state", "target_leg_client_state"):
        state = body.get(name)
        if isinstance(state, str) and not _is_base64(state):
            problems.append(Problem("90017", f"{name} must be base64", f"/{name}"))
    for name, schemes in (("webhook_url", ("http", "https")), ("stream_url", ("ws", "wss"))):
        url = body.get(name)
        if isinstance(url, str) and not is_url(url, schemes):
            detail = f"{name} must be a URL with one of the schemes {', '.join(schemes)}"
            problems.append(Problem("10003", detail, f"/{name}"))
    return problems + _check_webhook_maps(body)


def _check_webhook_maps(body: Mapping[str, object]) -> list[Problem]:
    problems: list[Problem] = []
    for event, chain in (as_object(body.get("webhook_urls")) or {}).items():
        pointer = f"/webhook_urls/{event}"
        if event not in EVENT_TYPES:
            problems.append(Problem("90057", f"{event!r} is not an event type", pointer))
        elif not all(
            isinstance(url, str) and is_url(url, ("http", "https"))
            for url in as_list(chain) or [None]
        ):
            problems.append(Problem("10003", "must be a list of http(s) URLs", pointer))
    for event, policy in (as_object(body.get("webhook_retries_policies")) or {}).items():
        if not _is_retries_policy(policy):
            detail = "retries_ms must be at most five whole numbers, together at most 60000"
            problems.append(Problem("10033", detail, f"/webhook_retries_policies/{event}"))
    return problems


def _is_retries_policy(policy: object) -> bool:
    pauses = as_list((as_object(policy) or {}).get("retries_ms"))
    if pauses is None or len(pauses) > 5:
        return False
    numbers = [pause for pause in pauses if type(pause) is int and pause >= 0]
    return len(numbers) == len(pauses) and sum(numbers) <= 60000


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def is_url(value: str, schemes: tuple[str, ...]) -> bool:
    return re.fullmatch(rf"({'|'.join(schemes)})://[^\s/?#]+[^\s]*", value) is not None
