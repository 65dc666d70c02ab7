"""What happens on a carrier, as lines: for a terminal, a pipe, a program."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from callbridge.carrier.watch.scene import Happened

# Said by another entry, or too many to be read.
QUIET = {"webhook", "script", "mark returned", "relay opening", "stream opening", "texml fetch"}
BAD = ("failed", "refused", "not ")
MOST = 160  # characters of a line behind its leg


class HappenedLine(NamedTuple):
    """`bad` where somebody who watches should look."""

    when: str  # HH:MM:SS, local
    leg: str
    what: str
    bad: bool


def line_of(happened: Happened) -> HappenedLine | None:
    """None for what is not worth one."""
    if happened.kind in QUIET:
        return None
    when = datetime.fromtimestamp(happened.at).strftime("%H:%M:%S")
    what, bad = _told(happened.kind, happened.detail)
    if not what.isprintable():  # what callers and customers say must not move the cursor
        what = "".join(each if each.isprintable() else "?" for each in what)
    shown = what if len(what) <= MOST else what[: MOST - 1] + "…"
    return HappenedLine(when, happened.leg, shown, bad)


def json_line(happened: Happened) -> str:
    return msgspec.json.encode(happened, enc_hook=str).decode()


def _told(kind: str, detail: dict[str, object]) -> tuple[str, bool]:
    match kind:
        case "webhook delivery":
            return _delivery(detail)
        case "command":
            return f"command {detail['action']}", False
        case "command refused":
            return f"command {detail['action']} refused: {detail['why']}", True
        case "state":
            cause = f": {detail['cause']}, by {detail['source']}" if "cause" in detail else ""
            return f"{detail['state']}{cause}", False
        case "dtmf":
            return f"key {detail['digit']}", False
        case _:
            fields = " ".join(f"{name}={value}" for name, value in detail.items())
            return f"{kind} {fields}".rstrip(), any(word in kind for word in BAD)


def _delivery(detail: dict[str, object]) -> tuple[str, bool]:
    event, said = detail["event_type"], detail["said"]
    if detail["delivered"]:
        return f"webhook {event}: {said}", False
    left = "given up" if detail.get("given_up") else f"attempt {detail['attempt']}"
    return f"webhook {event} {left}: {said}, {detail['url']}", True
