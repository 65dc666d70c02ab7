"""What a caller does, as data: steps that wait for events, never for a time of day.

    {"from": "+13125550123", "to": "+13125550100", "steps": [
        {"wait": "bot_silent"},
        {"say": "Sales, please."},
        {"wait": "bot_speaking", "for": 1.0, "within": 10},
        {"play": "but.wav", "background": true},
        {"press": "5#"},
        {"wait": "bot_silent", "for": 0.8},
        {"hangup": true}],
     "expect": [{"bot_spoke_s": {"at_least": 3}}]}

Every step, and every line of `expect`, is described in `docs/scripts.md`."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_type_hints

import msgspec
from msgspec import Meta, field

from callbridge.carrier.people import checks
from callbridge.carrier.people.checks import ScriptError
from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.expect import Expectation, parse_expectation
from callbridge.carrier.people.steps import (
    EVENTS,
    STEPS,
    WITHIN_S,
    AudioLoader,
    CallerVoice,
    HangUp,
    Hold,
    Play,
    Press,
    Say,
    ScriptEvent,
    Step,
    Wait,
    fetch,
    only_steps,
)
from callbridge.carrier.shapes import JsonObject, as_list, as_object

LegCodec = Literal["PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16"]
KeyForm = Literal["events", "tones", "tones_only"]
T = TypeVar("T")
LEG_CODECS: tuple[str, ...] = get_args(LegCodec)


class CallScript(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A caller: who they are, whom they ring, what they do and what must come of it."""

    from_: Annotated[str, Meta(description="The caller's number.")] = field(
        default="+13125550123", name="from"
    )
    to: Annotated[str, Meta(description="The number that is rung.")] = "+13125550100"
    codec: Annotated[
        LegCodec,
        Meta(
            description=f"What the caller's leg negotiates: {', '.join(LEG_CODECS)} (the last "
            "four: 16 kHz)."
        ),
    ] = "PCMU"
    steps: Annotated[tuple[Step, ...], Meta(description="What they do, in this order.")] = ()
    expect: Annotated[
        tuple[Expectation, ...], Meta(description="What must be so when the call is over.")
    ] = ()
    keys: Annotated[
        KeyForm,
        Meta(
            description="How the network carries the keys that they press: events (RFC 4733), "
            "tones in the audio, which the carrier has to hear, or tones_only, which it does not "
            "hear and tells nobody of."
        ),
    ] = "events"
    headers: Annotated[
        dict[str, str],
        Meta(description="SIP headers that the call brings along: `custom_headers` of its event."),
    ] = {}
    echo: Annotated[
        EchoPath | None, Meta(description="Their microphone hears the bot: see below.")
    ] = None

    def __post_init__(self) -> None:
        checks.text("from", self.from_, "a telephone number")
        checks.text("to", self.to, "a telephone number")
        checks.one_of("codec", self.codec, LEG_CODECS)
        checks.library("codec", self.codec)
        checks.one_of("keys", self.keys, get_args(KeyForm))
        checks.texts("headers", self.headers)
        only_steps(self.steps)


def parse_script(data: object) -> CallScript:
    """Read a script; its sounds are fetched by `with_sounds`. Raises ScriptError."""
    script = _object(data, "a script")
    names = json_names(CallScript)
    _only(script, names, "a script")
    values: dict[str, Any] = {names[name]: value for name, value in script.items()}
    values["steps"] = tuple(
        _step(_object(line, f"step {number}"), f"step {number}")
        for number, line in enumerate(_list(script, "steps"), 1)
    )
    values["expect"] = tuple(
        _expectation(_object(line, f"expect line {number}"), number)
        for number, line in enumerate(_list(script, "expect"), 1)
    )
    if "echo" in script:
        values["echo"] = _made(EchoPath, _object(script["echo"], "echo"), "echo")
    return CallScript(**values)


def with_sounds(
    script: CallScript, load: AudioLoader, speak: CallerVoice | None = None
) -> CallScript:
    """The script with its sounds: see `fetch`."""
    return msgspec.structs.replace(script, steps=fetch(script.steps, load, speak))


def json_names(kind: type[msgspec.Struct]) -> dict[str, str]:
    """What is called how in JSON: its name → the field's. Only described fields are JSON's."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        field.encode_name: field.name
        for field in msgspec.structs.fields(kind)
        if hasattr(hints[field.name], "__metadata__")
    }


def _step(line: JsonObject, where: str) -> Step:
    name = next((name for name in STEPS if name in line), None)
    if name is None:
        has = ", ".join(line) or "nothing"
        raise ScriptError(f"{where} is none of {', '.join(STEPS)}: it has {has}")
    if name == "hangup":
        if line != {"hangup": True}:
            raise ScriptError(f"{where}: hangup is written as true, and stands alone")
        return HangUp()
    return _made(STEPS[name], line, where)


def _made(kind: Callable[..., T], line: JsonObject, where: str) -> T:
    """A step, or an echo, out of its JSON."""
    names = json_names(cast("type[msgspec.Struct]", kind))
    _only(line, names, where)
    try:
        return kind(**{names[name]: value for name, value in line.items()})
    except ScriptError as error:
        raise ScriptError(f"{where}: {error}") from None


def _expectation(line: JsonObject, number: int) -> Expectation:
    try:
        return parse_expectation(line)
    except ScriptError as error:
        raise ScriptError(f"expect line {number}: {error}") from None


def _object(value: object, what: str) -> JsonObject:
    found = as_object(value)
    if found is None:
        raise ScriptError(f"{what} is a JSON object, not {type(value).__name__}")
    return found


def _only(line: JsonObject, known: dict[str, str], what: str) -> None:
    for name in line:
        checks.one_of(f"{what}:", name, known)


def _list(script: JsonObject, name: str) -> list[object]:
    value = as_list(script.get(name, []))
    if value is None:
        raise ScriptError(f"{name!r} is a list")
    return value


__all__ = [
    "EVENTS",
    "WITHIN_S",
    "AudioLoader",
    "CallScript",
    "CallerVoice",
    "HangUp",
    "Hold",
    "Play",
    "Press",
    "Say",
    "ScriptError",
    "ScriptEvent",
    "Step",
    "Wait",
    "parse_script",
    "with_sounds",
]
