"""The numbers that a local carrier can reach, from a file; and the voice it speaks with."""

from pathlib import Path

import msgspec

from bridge.carrier.audio import loader
from bridge.carrier.config import Behaviour, Unreachable
from bridge.carrier.script import parse_script
from bridge.carrier.shell import Voice
from bridge.errors import CallbridgeError, SettingsError
from bridge.speech import espeak
from telecodecs import Pcm

REFUSALS: dict[str, Unreachable] = {
    "busy": "busy",
    "no_answer": "no_answer",
    "reject": "reject",
    "not_found": "not_found",
}


def read_numbers(path: Path) -> dict[str, Behaviour]:
    """`{"+13125550199": "busy", "+13125550198": {"steps": […]}}`. Raises CallbridgeError."""
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except (OSError, msgspec.DecodeError, UnicodeError) as error:
        raise CallbridgeError(f"{path}: {error}") from None
    return {number: _behaviour(path, number, entry) for number, entry in entries.items()}


def _behaviour(path: Path, number: str, entry: object) -> Behaviour:
    if not isinstance(entry, str):
        return parse_script(entry, loader(path.parent))
    if entry not in REFUSALS:
        raise CallbridgeError(f"{path}: {number}: {entry!r} is none of {', '.join(REFUSALS)}")
    return REFUSALS[entry]


def voice() -> Voice | None:
    """espeak-ng, or None where it is not installed: then `speak` is refused with a reason."""
    try:
        espeak.speak("", 8000)
    except SettingsError:
        return None

    def speak(text: str, sample_rate: int, *, ssml: bool) -> Pcm:
        return espeak.speak(text, sample_rate, ssml=ssml)

    return speak
