"""The lines of a call as it happens: from the carrier's tape and from the bridge's."""

from collections.abc import Callable
from logging import WARNING
from typing import Literal, NamedTuple

import msgspec
from rich.text import Text

from callbridge.carrier.core.report import TapeEntry
from callbridge.demo.journal import Detail
from callbridge.demo.record import CAUSE_S
from callbridge.tape.events import (
    BotCrashed,
    BotLog,
    CallEvent,
    Interrupted,
    Resumed,
    Said,
    TurnTaken,
    Withheld,
)

Who = Literal["caller", "carrier", "bridge", "bot", "person"]

COLORS: dict[Who, str] = {"caller": "blue", "bot": "green", "carrier": "magenta", "bridge": "cyan",
                          "person": "yellow"}  # fmt: skip
BOT_LEFT = ("stream stopped", "relay ended")


class ToldLine(NamedTuple):
    """`unheard` is the rest of what was said, if it was cut."""

    at_s: float
    who: Who
    what: str
    bad: bool = False
    unheard: str = ""


class Story:
    """Tells one call; not frame by frame and mark by mark, as words say what was heard of them.

    `steps`: also what the caller's script comes to. With the bridge's tape beside it that would be
    said before it is heard, and twice; but when the bot has left the caller to somebody
    (`with_whom`), only the script knows the words."""

    def __init__(self, *, steps: bool = False, with_whom: str = "the person") -> None:
        self._steps = steps
        self._with_whom = with_whom
        self._left = self._bridged = self._conference_over = False
        self._heard = False
        self._key_s: float | None = None

    def tape(self, entry: TapeEntry) -> ToldLine | None:
        """What an entry of the tape means for somebody who watches; None for nothing new."""
        if entry.kind == "dtmf":
            self._key_s = entry.at_s
        if entry.kind == "clear":
            line = ToldLine(entry.at_s, "bridge", f"clear{self._after_key(entry.at_s)}")
            self._key_s = None  # a key is the cause of one clear
            return line
        if entry.kind == "mark returned":
            return self._mark(entry)
        if entry.kind == "script":
            return self._step(entry)
        if entry.kind == "state" and self._taken_along(entry.detail):
            return ToldLine(entry.at_s, "carrier", f"ends the call: {entry.detail['cause']}")
        self._note(entry)
        tell = _TAPE.get(entry.kind)
        if tell is None:
            return ToldLine(entry.at_s, "carrier", f"{entry.kind} {_fields(entry.detail)}")
        told = tell(entry.detail)
        return ToldLine(entry.at_s, *told) if told is not None else None

    def _note(self, entry: TapeEntry) -> None:
        """Who is with the caller."""
        self._left = self._left or entry.kind in BOT_LEFT
        if entry.kind in ("bridged", "unbridged"):
            self._bridged = entry.kind == "bridged"
        if entry.kind == "webhook":  # what ends with its conference has no other in between
            self._conference_over = entry.detail["event_type"] == "conference.ended"

    def _taken_along(self, detail: Detail) -> bool:
        """With its conference, or with the other call: on the wire that is the bot's doing."""
        return detail.get("source") == "callee" and (self._bridged or self._conference_over)

    def _step(self, entry: TapeEntry) -> ToldLine | None:
        """What the caller means to do is not told, only what they do."""
        if self._steps:
            return ToldLine(entry.at_s, "caller", f"comes to {entry.detail['at']}")
        if self._left and "says" in entry.detail:
            return ToldLine(
                entry.at_s, "caller", f"says to {self._with_whom}: {entry.detail['says']}"
            )
        return None

    def _after_key(self, clear_s: float) -> str:
        if self._key_s is None or clear_s - self._key_s > CAUSE_S:
            return ""
        return f", {1000 * (clear_s - self._key_s):.0f} ms after the key"

    def _mark(self, entry: TapeEntry) -> ToldLine | None:
        """The first one that was played is news."""
        if self._heard or entry.detail.get("cleared"):
            return None
        self._heard = True
        return ToldLine(entry.at_s, "bot", f"is heard (mark {entry.detail['name']} is back)")

    def event(self, event: CallEvent, at_s: float) -> ToldLine | None:
        """What an event of the bridge's tape means for somebody who watches."""
        told = _told(event)
        return ToldLine(at_s, *told) if told is not None else None


class Told(NamedTuple):
    who: Who
    what: str
    bad: bool = False
    unheard: str = ""


def _state(detail: Detail) -> Told | None:
    match detail["state"]:
        case "parked":
            return Told("caller", "rings")
        case "ended":
            return _ended(str(detail["source"]), str(detail["cause"]))
        case state:
            return Told("carrier", f"call {state}")


def _ended(source: str, cause: str) -> Told:
    """Somebody rings in, so the callee is the bot."""
    match source:
        case "callee":
            return Told("bot", f"hangs up: {cause}")
        case "caller":
            return Told("caller", f"hangs up: {cause}")
        case _:
            return Told("carrier", f"ends the call: {cause}")


def _delivery(detail: Detail) -> Told | None:
    """Only the ones that a webhook's own line does not promise."""
    if detail["delivered"] and detail["attempt"] == 1:
        return None
    what = f"webhook {detail['event_type']}, attempt {detail['attempt']}: {detail['said']}"
    return Told("carrier", what, bad=not detail["delivered"])


_CUT_BY = {"speech": "the caller's voice", "dtmf": "a key"}

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
    "relay opening": lambda d: Told("carrier", "opens the relay session"),
    "relay started": lambda d: Told("carrier", "relay session started"),
    "relay heard": lambda d: None,  # the bridge says what came of it
    "relay said": lambda d: None,
    "relay interrupted": lambda d: Told("carrier", f"stops speaking: {_CUT_BY[str(d['by'])]}"),
    "relay ended": lambda d: Told("carrier", f"relay session ended: {d['reason']}"),
    "dtmf": lambda d: Told("caller", f"presses {d['digit']}"),
    "error": lambda d: Told("carrier", f"error frame {d['code']}: {d['detail']}", True),
    "script failed": lambda d: Told("caller", f"gives up: {d['why']}", True),
    "mark queued": lambda d: None,  # its return is what counts
}


def _told(event: CallEvent) -> Told | None:
    match event:
        case TurnTaken(said=said):
            return Told("caller", f"said: {said}")
        case Said():
            return _said(event)
        case Withheld():
            return Told("bridge", "withholds: somebody speaks over the bot")
        case Resumed():
            return Told("bridge", "goes on: it was no interruption")
        case Interrupted(speech_at=speech_at):
            return Told("bridge", f"is interrupted{' by speech' if speech_at is not None else ''}")
        case BotLog():
            words = f"log: {event.message} {_fields(event.fields)}".rstrip()
            return Told("bot", words, bad=event.trouble)
        case BotCrashed(error=error):
            return Told("bridge", f"{event.words} {error}", bad=True)
        case _ if event.level >= WARNING:
            fields: Detail = msgspec.structs.asdict(event)
            fields.pop("traceback", None)
            return Told("bridge", f"{event.words} {_fields(fields)}".rstrip(), bad=True)
        case _:
            return None  # the carrier's tape tells it, or the waterfall draws it


def _said(event: Said) -> Told:
    text, heard = event.text.rstrip(), event.heard.rstrip()
    if event.stop == "finished":
        return Told("bot", f"said: {text}")
    return Told("bot", f"said: {heard}", unheard=text.removeprefix(heard).strip() or "…")


def _fields(detail: Detail) -> str:
    return " ".join(f"{key}={detail[key]}" for key in sorted(detail))


def shown(line: ToldLine) -> Text:
    """As it is printed."""
    text = Text.assemble(
        (f"{line.at_s:7.2f} s  ", "dim"),
        (f"{line.who:<8}", COLORS[line.who]),
        (line.what, "bold red" if line.bad else ""),
    )
    if line.unheard:
        text.append(" |cut| ", "bold red").append(line.unheard, "dim")
    return text
