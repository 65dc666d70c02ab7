"""What is known of an account at one moment, for all who look at it. Values only."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from callbridge.desk.desk import JsonItem
from callbridge.desk.tables import words_of
from callbridge.desk.trail import LegTrail

TOGETHER = frozenset({"bridged", "held"})  # states of a leg that is joined with another


class BoardCall(msgspec.Struct, frozen=True):
    """One live leg. What the platform does not tell is empty, or None."""

    id: str  # call_control_id
    leg_id: str
    session_id: str
    seconds: int | None = None
    from_: str = ""
    to: str = ""
    state: str = ""
    incoming: bool | None = None
    words: str = ""  # its client state
    recording: str = ""  # record_start, record_pause, ...: the last command of that kind
    conference: str = ""  # the id of the one it is in

    @property
    def ours(self) -> str:
        """The number on our side: that which was called, or which calls."""
        return self.from_ if self.incoming is False else self.to

    @property
    def theirs(self) -> str:
        return self.to if self.incoming is False else self.from_


class BoardSeat(msgspec.Struct, frozen=True):
    """Who is in a conference."""

    id: str
    leg_id: str
    from_: str = ""
    to: str = ""
    muted: bool = False
    on_hold: bool = False
    whispers_to: tuple[str, ...] = ()
    since: str = ""


class BoardConference(msgspec.Struct, frozen=True):
    """`seats` None: nobody has asked for them yet."""

    id: str
    name: str
    since: str = ""
    seats: tuple[BoardSeat, ...] | None = None


class BoardQueued(msgspec.Struct, frozen=True):
    id: str
    position: int | None = None
    from_: str = ""
    to: str = ""
    waits_s: int | None = None
    alive: bool = True


class BoardQueue(msgspec.Struct, frozen=True):
    """`waiting` None: nobody has asked for them yet."""

    name: str
    size: int | None = None
    most: int | None = None
    average_s: int | None = None
    waiting: tuple[BoardQueued, ...] | None = None


class DeskBoard(msgspec.Struct, frozen=True):
    """All of it. `at` is when it was so, in Unix seconds, 0.0 for never; `problem` is why it is not
    so now."""

    at: float = 0.0
    problem: str = ""
    calls: tuple[BoardCall, ...] = ()
    conferences: tuple[BoardConference, ...] = ()
    queues: tuple[BoardQueue, ...] = ()

    def call(self, id: str) -> BoardCall | None:
        return next((call for call in self.calls if call.id == id), None)

    def conference(self, id: str) -> BoardConference | None:
        return next((each for each in self.conferences if each.id == id), None)

    def queue(self, name: str) -> BoardQueue | None:
        return next((queue for queue in self.queues if queue.name == name), None)

    def others(self, call: BoardCall) -> list[BoardCall]:
        """Legs of the same session: whom it talks to, or talked to."""
        same = (each for each in self.calls if each.session_id == call.session_id)
        return [each for each in same if each.id != call.id and call.session_id]


class CallSituation(NamedTuple):
    """How a call can be supervised: `pair` of two legs that are joined, in a `conference`, `alone`
    with a bot, or not at all (`none`: it rings, waits, or has ended)."""

    kind: str
    why: str = ""


def situation(board: DeskBoard, call: BoardCall) -> CallSituation:
    if call.conference:
        return CallSituation("conference")
    if call.state in TOGETHER or (
        call.state == "answered" and any(each.state in TOGETHER for each in board.others(call))
    ):
        return CallSituation("pair")
    if call.state == "answered":
        return CallSituation("alone")
    if call.state == "queued":
        return CallSituation("none", "It waits in a queue: take it from there.")
    if call.state == "ringing":
        return CallSituation("none", "It rings: nobody can be heard on it yet.")
    if not call.state:
        return CallSituation("pair", "The platform has not told what state it is in.")
    if call.state == "in a conference":
        return CallSituation("none", "It is in a conference: the platform has not told in which.")
    return CallSituation("none", "It is over.")


# ---- read off what the platform says ------------------------------------------------------------


def call_of(item: JsonItem, trail: LegTrail | None, conference: str = "") -> BoardCall:
    """`conference` is where it sits; else its events say."""
    events = trail or LegTrail([])
    if not conference and events.state == "in a conference":
        conference = str(events.told("conference.participant.joined", "conference_id") or "")
    direction = events.told("call.initiated", "direction")
    names = [str(event.get("name")) for event in events.events]
    recorded = [name for name in names if name.startswith("record_")]
    return BoardCall(
        id=text(item, "call_control_id"),
        leg_id=text(item, "call_leg_id"),
        session_id=text(item, "call_session_id"),
        seconds=whole(item, "call_duration"),
        from_=events.from_ or "",
        to=events.to or "",
        state=events.state or "",
        incoming=None if direction is None else direction == "incoming",
        words=words_of(item.get("client_state")),
        recording=recorded[-1] if recorded else "",
        conference=conference,
    )


def seat_of(item: JsonItem, trail: LegTrail | None) -> BoardSeat:
    events = trail or LegTrail([])
    return BoardSeat(
        id=text(item, "call_control_id"),
        leg_id=text(item, "call_leg_id"),
        from_=events.from_ or "",
        to=events.to or "",
        muted=item.get("muted") is True,
        on_hold=item.get("on_hold") is True,
        whispers_to=_texts(item.get("whisper_call_control_ids")),
        since=text(item, "created_at"),
    )


def conference_of(item: JsonItem, seats: Sequence[BoardSeat] | None) -> BoardConference:
    return BoardConference(
        id=text(item, "id"),
        name=text(item, "name"),
        since=text(item, "created_at"),
        seats=None if seats is None else tuple(seats),
    )


def queued_of(item: JsonItem) -> BoardQueued:
    return BoardQueued(
        id=text(item, "call_control_id"),
        position=whole(item, "queue_position"),
        from_=text(item, "from"),
        to=text(item, "to"),
        waits_s=whole(item, "wait_time_secs"),
        alive=item.get("is_alive") is not False,
    )


def queue_of(item: JsonItem, waiting: Sequence[BoardQueued] | None) -> BoardQueue:
    return BoardQueue(
        name=text(item, "name"),
        size=whole(item, "current_size"),
        most=whole(item, "max_size"),
        average_s=whole(item, "average_wait_time_secs"),
        waiting=None if waiting is None else tuple(waiting),
    )


def text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, cast("list[object]", value))) if isinstance(value, list) else ()


def whole(item: Mapping[str, Any], name: str) -> int | None:
    value = item.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
