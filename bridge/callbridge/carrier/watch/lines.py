"""What happens on a carrier, as lines: for a terminal, a pipe, a program."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from callbridge.carrier.watch.scene import Happened

# Said by another entry, or too many to be read.
QUIET = {
    "webhook",
    "command",
    "command refused",
    "script",
    "mark queued",
    "mark returned",
    "relay opening",
    "stream opening",
    "texml fetch",
}
BAD = ("failed", "refused", "not ")
MOST = 160  # characters of a line behind its leg
LONGEST_STEP = 20  # of a path; what is longer is an id
NO_LEG = "-"


class HappenedLine(NamedTuple):
    """`bad` where somebody who watches should look."""

    when: str  # HH:MM:SS, local
    leg: str
    what: str
    bad: bool


def line_of(happened: Happened) -> HappenedLine | None:
    """None for what is not worth one."""
    if happened.kind in QUIET or _is_a_look(happened):
        return None
    when = datetime.fromtimestamp(happened.at).strftime("%H:%M:%S")
    what, bad = _told(happened.kind, happened.detail)
    what = printable(what)
    shown = what if len(what) <= MOST else what[: MOST - 1] + "…"
    return HappenedLine(when, printable(happened.leg) or NO_LEG, shown, bad)


def printable(text: str) -> str:
    """What callers and customers say must not move the cursor."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "?" for each in text)


def _is_a_look(happened: Happened) -> bool:
    """At what is there: programs do so all the time, and nothing comes of it."""
    detail = happened.detail
    return happened.kind == "request" and detail["method"] == "GET" and detail["status"] == 200


def json_line(happened: Happened) -> str:
    return msgspec.json.encode(happened, enc_hook=str).decode()


def _told(kind: str, detail: dict[str, object]) -> tuple[str, bool]:
    match kind:
        case "webhook delivery":
            return _delivery(detail)
        case "request":
            return _request(detail)
        case "state":
            return _state(detail), False
        case "dtmf":
            return f"key {detail['digit']}", False
        case _:
            fields = " ".join(f"{name}={value}" for name, value in detail.items())
            return f"{kind} {fields}".rstrip(), any(word in kind for word in BAD)


def _request(detail: dict[str, object]) -> tuple[str, bool]:
    why = f" {detail['code']} {detail['why']}" if "code" in detail else ""
    return f"{_asked(detail)}: {detail['status']}{why}", bool(why)


def _asked(detail: dict[str, object]) -> str:
    """A command by its name, whose leg stands before it; all else by its path, ids cut short."""
    method, steps = detail["method"], str(detail["path"]).split("/")[2:]
    match steps:
        case ["calls", _, "actions", action]:
            return f"command {action}"
        case _:
            cut = (f"…{step[-6:]}" if len(step) > LONGEST_STEP else step for step in steps)
            return f"{method} {'/'.join(cut)}"


def _state(detail: dict[str, object]) -> str:
    match detail["state"]:
        case "ended":
            return f"ended: {detail['cause']}, by {detail['source']}"
        case "parked" | "ringing" as state:
            return f"{state}: {detail['from']} → {detail['to']}"
        case state:
            return str(state)


def _delivery(detail: dict[str, object]) -> tuple[str, bool]:
    event, said = detail["event_type"], detail["said"]
    number = f" attempt {detail['attempt']}" if detail["attempt"] != 1 else ""
    words = f"webhook {event}{number}: {said}, {detail['ms']} ms"
    if detail["delivered"]:
        return words, False
    left = ", given up" if detail.get("given_up") else ""
    return f"{words}{left}, {detail['url']}", True
