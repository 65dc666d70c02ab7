"""What was asked for, as tables for people."""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from callbridge.desk.desk import JsonItem
from callbridge.desk.finding import end_of

MOST_OF_A_STATE = 32  # characters of a client state that are shown


def table(*columns: str, rows: Sequence[Sequence[object]], none: str) -> RenderableType:
    """`none` is what is said where there are no rows."""
    if not rows:
        return Text(none)
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        shown.add_column(name, overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    return shown


def of_calls(calls: Sequence[JsonItem]) -> RenderableType:
    rows = [
        (
            end_of(str(call["call_control_id"])),
            call["from"],
            call["to"],
            call["state"],
            duration(call.get("call_duration")),
            words_of(call.get("client_state")),
        )
        for call in calls
    ]
    names = ("call", "from", "to", "state", "for", "client state")
    return table(*names, rows=rows, none="No call goes on.")


def of_call(call: JsonItem) -> RenderableType:
    """One, with what happened on it."""
    facts = Table.grid(padding=(0, 2))
    for name in ("call_control_id", "call_leg_id", "call_session_id", "from", "to"):
        facts.add_row(name, str(call.get(name) or ""))
    facts.add_row("state", str(call["state"] or "") + (" (over)" * (not call.get("is_alive"))))
    facts.add_row("for", duration(call.get("call_duration")))
    facts.add_row("client_state", words_of(call.get("client_state")))
    rows = [
        (clock_of(event.get("event_timestamp")), event.get("type"), event.get("name"))
        for event in call["events"]
    ]
    return Group(facts, table("at", "", "what", rows=rows, none="\nNo events can be read."))


def of_conferences(conferences: Sequence[JsonItem]) -> RenderableType:
    rows = [
        (
            each.get("name"),
            end_of(str(each["id"])),
            each.get("status"),
            each["participants"],
            clock_of(each.get("created_at")),
        )
        for each in conferences
    ]
    names = ("conference", "id", "status", "participants", "since")
    return table(*names, rows=rows, none="There is no conference.")


def of_conference(conference: JsonItem) -> RenderableType:
    head = Text(f"{conference.get('name')}  {conference['id']}  {conference.get('status')}")
    rows = [
        (
            end_of(str(each["call_control_id"])),
            each["from"],
            each["to"],
            "muted" if each.get("muted") else "",
            "on hold" if each.get("on_hold") else "",
            ", ".join(map(end_of, each.get("whisper_call_control_ids") or ())),
            clock_of(each.get("created_at")),
        )
        for each in conference["participants"]
    ]
    names = ("call", "from", "to", "mute", "hold", "whispers to", "since")
    return Group(head, table(*names, rows=rows, none="Nobody is in it."))


def of_queues(queues: Sequence[JsonItem]) -> RenderableType:
    rows = [
        (
            each.get("name"),
            f"{each.get('current_size')} of {each.get('max_size')}",
            duration(each.get("average_wait_time_secs")),
        )
        for each in queues
    ]
    return table("queue", "calls", "average wait", rows=rows, none="There is no queue.")


def of_queue(queue: JsonItem) -> RenderableType:
    head = Text(f"{queue.get('name')}  {queue.get('current_size')} of {queue.get('max_size')}")
    rows = [
        (
            each.get("queue_position"),
            end_of(str(each["call_control_id"])),
            each.get("from"),
            each.get("to"),
            duration(each.get("wait_time_secs")),
            "has hung up" if each.get("is_alive") is False else "",
        )
        for each in queue["calls"]
    ]
    names = ("", "call", "from", "to", "waits for", "")
    return Group(head, table(*names, rows=rows, none="Nobody waits in it."))


# ---- cells --------------------------------------------------------------------------------------


def duration(seconds: Any) -> str:
    """1:05, or 1:02:03."""
    if not isinstance(seconds, int | float):
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def clock_of(timestamp: Any) -> str:
    """The time of day out of a timestamp, as it is written: UTC."""
    return str(timestamp or "").partition("T")[2][:8]


def words_of(client_state: Any) -> str:
    """A client state as who set it wrote it; as it is where that was not text."""
    state = str(client_state or "")
    try:
        words = b64decode(state, validate=True).decode()
    except (binascii.Error, UnicodeError):
        words = state
    words = words if words.isprintable() else state
    return words if len(words) <= MOST_OF_A_STATE else words[: MOST_OF_A_STATE - 1] + "…"
