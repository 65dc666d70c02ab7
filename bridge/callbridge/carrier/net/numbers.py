"""The numbers that a local carrier can reach, from a file."""

from pathlib import Path

import msgspec

from callbridge.carrier.config import Behaviour, Unreachable
from callbridge.carrier.net.files import loader
from callbridge.carrier.people.script import parse_script
from callbridge.errors import CallbridgeError

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
