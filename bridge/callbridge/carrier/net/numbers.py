"""The numbers that a local carrier can reach, from a file."""

from pathlib import Path

import msgspec

from callbridge.carrier.config import Behaviour, Unreachable
from callbridge.carrier.net.files import loader
from callbridge.carrier.people import checks
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
    """`{"+13125550199": "busy", "+13125550198": {"steps": […]}}`; `speak` is the voice of those who
    answer. Raises CallbridgeError."""
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except (OSError, msgspec.DecodeError, UnicodeError) as error:
        raise CallbridgeError(f"{path}: {error}") from None
    numbers: dict[str, Behaviour] = {}
    for number, entry in entries.items():
        try:
            numbers[number] = _behaviour(entry, path.parent, speak)
        except CallbridgeError as error:
            raise CallbridgeError(f"{path}: {number}: {error}") from None
    return numbers


def _behaviour(entry: object, base: Path, speak: CallerVoice | None) -> Behaviour:
    if isinstance(entry, str):
        checks.one_of("the behaviour", entry, REFUSALS)
        return REFUSALS[entry]
    return with_sounds(parse_script(entry), loader(base), speak)
