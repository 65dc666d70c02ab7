"""The numbers that a local carrier can reach, from a file."""

from pathlib import Path

import msgspec

from callbridge.carrier.config import Behaviour, Unreachable
from callbridge.carrier.net.files import loader
from callbridge.carrier.people.script import parse_script, with_sounds
from callbridge.carrier.people.steps import CallerVoice
from callbridge.errors import CallbridgeError

REFUSALS: dict[str, Unreachable] = {
    "busy": "busy",
    "no_answer": "no_answer",
    "reject": "reject",
    "not_found": "not_found",
}


def read_numbers(path: Path, speak: CallerVoice | None = None) -> dict[str, Behaviour]:
    """`{"+13125550199": "busy", "+13125550198": {"steps": […]}}`. `speak` is the voice of
    people who live there. Raises CallbridgeError."""
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except (OSError, msgspec.DecodeError, UnicodeError) as error:
        raise CallbridgeError(f"{path}: {error}") from None
    return {number: _behaviour(path, number, entry, speak) for number, entry in entries.items()}


def _behaviour(path: Path, number: str, entry: object, speak: CallerVoice | None) -> Behaviour:
    if not isinstance(entry, str):
        return with_sounds(parse_script(entry), loader(path.parent), speak)
    if entry not in REFUSALS:
        raise CallbridgeError(f"{path}: {number}: {entry!r} is none of {', '.join(REFUSALS)}")
    return REFUSALS[entry]
