"""What a caller does, as data: steps that wait for events, never for a time of day.

    {"from": "+13125550123", "to": "+13125550100", "steps": [
        {"wait": "answered"},
        {"play": "question.wav", "start": 0.0, "end": 2.5},
        {"wait": "bot_speaking", "for": 1.0, "within": 10},
        {"play": "but.wav", "background": true},
        {"press": "5#"},
        {"wait": "bot_silent", "for": 0.8},
        {"hangup": true}],
     "expect": [{"bot_spoke_s": {"at_least": 3}}]}

With `"echo": {"db": -20, "delay_s": 0.16}` the caller's microphone hears the bot.

A step whose condition does not come `within` its limit (30 s by default) fails the script, and the
caller hangs up. A script without a final hangup leaves the caller on the line."""

from collections.abc import Callable
from typing import Literal, cast, get_args

import msgspec

from callbridge.carrier.people.echo import EchoPath
from callbridge.carrier.people.expect import Expectation, parse_expectation
from callbridge.carrier.shapes import JsonObject, as_list, as_object
from callbridge.errors import CallbridgeError
from callbridge.host.audiofile import Clip
from telecodecs.dtmf import DIGITS

ScriptEvent = Literal["answered", "streaming", "said", "bot_speaking", "bot_silent", "hangup"]
LegCodec = Literal["PCMU", "PCMA", "L16"]
EVENTS: tuple[str, ...] = get_args(ScriptEvent)
LEG_CODECS: tuple[str, ...] = get_args(LegCodec)

WITHIN_S = 30.0
# How much audio makes the condition true when the script does not say.
DEFAULT_FOR_S = {"bot_speaking": 0.2, "bot_silent": 0.6}


class ScriptError(CallbridgeError):
    """A caller script that makes no sense; says which line and what is known instead."""


class Wait(msgspec.Struct, frozen=True):
    """`for_s` counts audio: of speech altogether, of silence without a break."""

    event: ScriptEvent
    for_s: float = 0.0
    within_s: float = WITHIN_S


class Play(msgspec.Struct, frozen=True, eq=False):
    """Say a clip; the next step begins when it was said, or at once in the background."""

    clip: Clip
    background: bool = False


class Press(msgspec.Struct, frozen=True):
    digits: str


class HangUp(msgspec.Struct, frozen=True):
    pass


Step = Wait | Play | Press | HangUp


class CallScript(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """`codec` is what the caller's leg negotiates: PCMU, PCMA, or L16 at 16 kHz."""

    from_: str = "+13125550123"
    to: str = "+13125550100"
    codec: LegCodec = "PCMU"
    steps: tuple[Step, ...] = ()
    expect: tuple[Expectation, ...] = ()
    echo: EchoPath | None = None  # of the caller's telephone


AudioLoader = Callable[[str], Clip]


def parse_script(data: object, load: AudioLoader) -> CallScript:
    """Read a script. `load` fetches the audio that `play` names.

    Raises ScriptError, and what `load` raises."""
    script = _object(data, "a script")
    _only(script, {"from", "to", "codec", "steps", "expect", "echo"}, "a script")
    codec = script.get("codec", "PCMU")
    if codec not in LEG_CODECS:
        raise ScriptError(f"codec {codec!r} is not one of {', '.join(LEG_CODECS)}")
    defaults = CallScript()
    steps = [
        _step(_object(line, f"step {number}"), f"step {number}", load)
        for number, line in enumerate(_list(script, "steps"), 1)
    ]
    return CallScript(
        from_=_text(script, "from", defaults.from_),
        to=_text(script, "to", defaults.to),
        codec=cast(LegCodec, codec),
        steps=tuple(steps),
        expect=tuple(
            _expectation(_object(line, f"expect line {number}"), number)
            for number, line in enumerate(_list(script, "expect"), 1)
        ),
        echo=_echo(_object(script["echo"], "echo")) if "echo" in script else None,
    )


def _echo(line: JsonObject) -> EchoPath:
    _only(line, {"db", "delay_s"}, "echo")
    db, delay_s = line.get("db", -20.0), line.get("delay_s", 0.160)
    if not isinstance(db, int | float) or not -60 <= db <= 0:
        raise ScriptError(f"echo: 'db' is a number from -60 to 0, not {db!r}")
    if not isinstance(delay_s, int | float) or not 0.02 <= delay_s <= 1:
        raise ScriptError(f"echo: 'delay_s' is a number from 0.02 to 1, not {delay_s!r}")
    return EchoPath(float(db), float(delay_s))


def _step(line: JsonObject, where: str, load: AudioLoader) -> Step:
    for name, read in _STEPS.items():
        if name in line:
            return read(line, where, load)
    raise ScriptError(
        f"{where} is none of {', '.join(_STEPS)}: it has {', '.join(line) or 'nothing'}"
    )


def _expectation(line: JsonObject, number: int) -> Expectation:
    try:
        return parse_expectation(line)
    except ValueError as error:
        raise ScriptError(f"expect line {number}: {error}") from None


def _wait(line: JsonObject, where: str, _: AudioLoader) -> Wait:
    _only(line, {"wait", "for", "within"}, where)
    event = line["wait"]
    if event not in EVENTS:
        raise ScriptError(f"{where} waits for {event!r}; known: {', '.join(EVENTS)}")
    if "for" in line and event not in DEFAULT_FOR_S:
        raise ScriptError(f"{where}: 'for' goes with {' and '.join(DEFAULT_FOR_S)} only")
    for_s = _seconds(line, "for", where, DEFAULT_FOR_S.get(str(event), 0.0))
    return Wait(cast(ScriptEvent, event), for_s, _seconds(line, "within", where, WITHIN_S))


def _play(line: JsonObject, where: str, load: AudioLoader) -> Play:
    _only(line, {"play", "start", "end", "background"}, where)
    name = line["play"]
    if not isinstance(name, str) or not name:
        raise ScriptError(f"{where}: play wants the name of a WAV file")
    background = line.get("background", False)
    if not isinstance(background, bool):
        raise ScriptError(f"{where}: background is true or false")
    pcm, rate = load(name)
    start = _seconds(line, "start", where, 0.0)
    end = _seconds(line, "end", where, len(pcm) / rate)
    cut = pcm[round(start * rate) : round(end * rate)]
    if not len(cut):
        raise ScriptError(f"{where}: nothing of {name!r} lies between {start} s and {end} s")
    return Play(Clip(cut, rate), background)


def _press(line: JsonObject, where: str, _: AudioLoader) -> Press:
    _only(line, {"press"}, where)
    digits = line["press"]
    if not isinstance(digits, str) or not digits or set(digits) - set(DIGITS):
        raise ScriptError(f"{where}: press wants digits out of {DIGITS}, as a string")
    return Press(digits)


def _hang_up(line: JsonObject, where: str, _: AudioLoader) -> HangUp:
    _only(line, {"hangup"}, where)
    if line["hangup"] is not True:
        raise ScriptError(f"{where}: hangup is written as true")
    return HangUp()


_STEPS: dict[str, Callable[[JsonObject, str, AudioLoader], Step]] = {
    "wait": _wait,
    "play": _play,
    "press": _press,
    "hangup": _hang_up,
}


def _object(value: object, what: str) -> JsonObject:
    found = as_object(value)
    if found is None:
        raise ScriptError(f"{what} is a JSON object, not {type(value).__name__}")
    return found


def _only(line: JsonObject, known: set[str], what: str) -> None:
    unknown = sorted(set(line) - known)
    if unknown:
        raise ScriptError(
            f"{what} has no {', '.join(map(repr, unknown))}; known: {', '.join(sorted(known))}"
        )


def _list(script: JsonObject, name: str) -> list[object]:
    value = as_list(script.get(name, []))
    if value is None:
        raise ScriptError(f"{name!r} is a list")
    return value


def _text(script: JsonObject, name: str, default: str) -> str:
    value = script.get(name, default)
    if not isinstance(value, str) or not value:
        raise ScriptError(f"{name!r} is a telephone number, as a string")
    return value


def _seconds(line: JsonObject, name: str, where: str, default: float) -> float:
    value = line.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 14400:
        raise ScriptError(f"{where}: {name!r} is a number of seconds, not {value!r}")
    return float(value)
