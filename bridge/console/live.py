"""The lines of a call as it happens: from the carrier's tape and from the bridge's log."""

import asyncio
import math
from collections.abc import Callable
from operator import itemgetter
from typing import Literal, NamedTuple

import msgspec
from rich.console import Console
from rich.text import Text

from bridge.carrier.report import TapeEntry

Who = Literal["caller", "carrier", "bridge", "bot"]
Detail = dict[str, object]

COLORS: dict[Who, str] = {"caller": "blue", "bot": "green", "carrier": "magenta", "bridge": "cyan"}
BEHIND_S = 0.15  # lines wait so long for those of the other process that come before them

# What every log line has, and what says nothing to a reader of one call.
_LOG_PLAIN = {"asctime", "levelname", "name", "message", "taskName", "call", "call_control_id",
              "from", "to", "exc_info"}  # fmt: skip


class Line(NamedTuple):
    at_s: float
    who: Who
    what: str
    bad: bool = False


class Story:
    """Tells one call. Frames are not told one by one: marks say how far they were heard."""

    def __init__(self) -> None:
        self._heard = False
        self._key_s: float | None = None

    def tape(self, entry: TapeEntry) -> Line | None:
        """What an entry of the tape means for somebody who watches; None for nothing new."""
        if entry.kind == "dtmf":
            self._key_s = entry.at_s
        if entry.kind == "clear" and self._key_s is not None:
            return self._clear(entry, self._key_s)
        if entry.kind == "mark returned":
            return self._mark(entry)
        tell = _TAPE.get(entry.kind)
        if tell is None:
            return Line(entry.at_s, "carrier", f"{entry.kind} {_fields(entry.detail)}")
        told = tell(entry.detail)
        return Line(entry.at_s, *told) if told is not None else None

    def _clear(self, entry: TapeEntry, key_s: float) -> Line:
        line = f"clear, {1000 * (entry.at_s - key_s):.0f} ms after the key"
        return Line(entry.at_s, "bridge", line)

    def _mark(self, entry: TapeEntry) -> Line:
        name = entry.detail["name"]
        if entry.detail.get("cleared"):
            return Line(entry.at_s, "carrier", f"mark {name} back, cleared: not heard")
        first, self._heard = not self._heard, True
        what = "heard for the first time" if first else "heard so far"
        return Line(entry.at_s, "bot", f"{what} (mark {name} back)")

    def log(self, text: str, at_s: float) -> Line | None:
        """What a line of the bridge's JSON log says; None for what is not about the call."""
        try:
            record = msgspec.json.decode(text, type=dict[str, object])
        except msgspec.DecodeError:
            return None
        bad = record.get("levelname") in ("WARNING", "ERROR", "CRITICAL")
        ours = str(record.get("name", "")).partition(".")[0] in ("callbridge", "bridge")
        if not (bad or ours):
            return None
        extra = _fields({key: record[key] for key in record.keys() - _LOG_PLAIN})
        why = str(record.get("exc_info") or "").rstrip().rpartition("\n")[2]
        words = (str(record.get("message")), extra, why)
        return Line(at_s, "bridge", "log: " + " ".join(filter(None, words)), bad)


class Told(NamedTuple):
    who: Who
    what: str
    bad: bool = False


def _state(detail: Detail) -> Told | None:
    match detail["state"]:
        case "parked":
            return Told("caller", "rings")
        case "ended":
            return Told("carrier", f"call ended by the {detail['source']}: {detail['cause']}")
        case state:
            return Told("carrier", f"call {state}")


def _delivery(detail: Detail) -> Told | None:
    """Only the ones that a webhook's own line does not promise."""
    if detail["delivered"] and detail["attempt"] == 1:
        return None
    what = f"webhook {detail['event_type']}, attempt {detail['attempt']}: {detail['said']}"
    return Told("carrier", what, bad=not detail["delivered"])


_TAPE: dict[str, Callable[[Detail], Told | None]] = {
    "state": _state,
    "webhook": lambda d: Told("carrier", f"webhook {d['event_type']}"),
    "webhook delivery": _delivery,
    "command": lambda d: Told("bridge", f"command {d['action']}"),
    "stream opening": lambda d: Told("carrier", "opens the media stream"),
    "stream started": lambda d: Told("carrier", "media stream started"),
    "stream stopped": lambda d: Told("carrier", "media stream stopped"),
    "stream failed": lambda d: Told("carrier", f"media stream failed: {d['reason']}", True),
    "stream closed by the customer": lambda d: Told("bridge", "closed the media stream", True),
    "dtmf": lambda d: Told("caller", f"presses {d['digit']}"),
    "clear": lambda d: Told("bridge", "clear"),
    "error": lambda d: Told("carrier", f"error frame {d['code']}: {d['detail']}", True),
    "script failed": lambda d: Told("caller", f"gives up: {d['why']}", True),
    "mark queued": lambda d: None,  # its return is what counts
    "script": lambda d: None,  # what the caller means to do; only what he does is told
}


def _fields(detail: Detail) -> str:
    return " ".join(f"{key}={detail[key]}" for key in sorted(detail))


class Telling:
    """Prints a call as it happens, the lines of two processes in the order of their times."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._story = Story()
        self._began: float | None = None
        self._waiting: list[Line] = []

    def note(self, text: str) -> None:
        self._console.print(Text(f"starting {text}", style="dim"))

    def begin(self) -> None:
        """Now the call came in."""
        self._began = asyncio.get_running_loop().time()

    def tape(self, entry: TapeEntry) -> None:
        self._add(self._story.tape(entry))

    def log(self, text: str) -> None:
        if self._began is not None:
            self._add(self._story.log(text, self._now()))

    def end(self) -> None:
        self._print(math.inf)

    def _now(self) -> float:
        assert self._began is not None, "a line belongs to a call"
        return asyncio.get_running_loop().time() - self._began

    def _add(self, line: Line | None) -> None:
        if line is not None:
            self._waiting.append(line)
            loop = asyncio.get_running_loop()
            loop.call_later(BEHIND_S, lambda: self._print(self._now() - BEHIND_S))

    def _print(self, until_s: float) -> None:
        due = sorted((line for line in self._waiting if line.at_s <= until_s), key=itemgetter(0))
        self._waiting = [line for line in self._waiting if line.at_s > until_s]
        for line in due:
            self._console.print(
                Text.assemble(
                    (f"{line.at_s:7.2f} s  ", "dim"),
                    (f"{line.who:<8}", COLORS[line.who]),
                    (line.what, "bold red" if line.bad else ""),
                ),
                soft_wrap=True,
            )
