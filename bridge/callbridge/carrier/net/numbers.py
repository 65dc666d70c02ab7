"""The numbers that a local carrier can reach, from a file."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from callbridge.carrier.config import Behaviour, Unreachable
from callbridge.carrier.net.files import loader
from callbridge.carrier.people import checks
from callbridge.carrier.people.script import CallScript, parse_script, with_sounds
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
    load = loader(path.parent)
    return read_people(path, lambda script: with_sounds(script, load, speak))


def read_people(path: Path, ready: Callable[[CallScript], CallScript]) -> dict[str, Behaviour]:
    """`ready` gives those who answer their sounds. Raises CallbridgeError."""
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except (OSError, msgspec.DecodeError, UnicodeError) as error:
        raise CallbridgeError(f"{path}: {error}") from None
    numbers: dict[str, Behaviour] = {}
    for number, entry in entries.items():
        try:
            numbers[number] = _behaviour(entry, ready)
        except CallbridgeError as error:
            raise CallbridgeError(f"{path}: {number}: {error}") from None
    return numbers


def _behaviour(entry: object, ready: Callable[[CallScript], CallScript]) -> Behaviour:
    if isinstance(entry, str):
        checks.one_of("the behaviour", entry, REFUSALS)
        return REFUSALS[entry]
    return ready(parse_script(entry))
