"""The pages: which pieces each has, and what is in them. A piece is a template of its own, which a
page holds when it is loaded, and which is sent again when it has changed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from callbridge.desk.finding import end_of
from callbridge.desk.page.board import BoardCall, DeskBoard, situation
from callbridge.desk.page.lookout import Lookout, Topic
from callbridge.desk.page.sessions import DeskSession
from callbridge.desk.page.supervising import DeskErrand, DeskSupervisors
from callbridge.desk.tables import clock_of, duration
from callbridge.handoff.takeover import ROOM, room_of

MOST_EVENTS = 60  # that a page of a call shows
Values = dict[str, Any]


class DeskView(NamedTuple):
    """`pieces` by the names of their places on the page; `topics` is what it makes us look at."""

    template: str
    pieces: Mapping[str, str]
    topics: tuple[Topic, ...]


LISTS = {
    "calls": DeskView("calls.html", {"list": "calls_list.html"}, (("all", ""),)),
    "conferences": DeskView("conferences.html", {"list": "conferences_list.html"}, (("all", ""),)),
    "queues": DeskView("queues.html", {"list": "queues_list.html"}, (("all", ""),)),
}
ONES = ("call", "conference", "queue")


def view_of(kind: str, name: str, board: DeskBoard) -> DeskView | None:
    """None where there is no such page."""
    if not name:
        return LISTS.get(kind)
    if kind not in ONES:
        return None
    pieces = {"state": f"{kind}_state.html", "actions": f"{kind}_actions.html"}
    if kind == "call":
        pieces["events"] = "call_events.html"
        call = board.call(name)
        topic = ("leg", call.leg_id if call else "")
    else:
        topic = (kind, name)
    return DeskView(f"{kind}.html", pieces, (topic,))


class DeskViews:
    """What templates are given."""

    def __init__(self, lookout: Lookout, supervising: DeskSupervisors) -> None:
        self._lookout, self._supervising = lookout, supervising

    def values(self, kind: str, name: str, session: DeskSession, *, acts: bool) -> Values:
        board = self._lookout.board
        whose = {errand.leg: errand.who for errand in self._supervising.errands if errand.leg}
        values: Values = {
            "board": board,
            "acts": acts,
            "user": session.user,
            "whose": whose,
            "at": moment(board.at),
            "end_of": end_of,
            "duration": duration,
            "clock_of": clock_of,
            "moment": moment,
            "quote": in_a_path,
            "errands": self._about(kind, name),
            "room": ROOM,
        }
        return values | (self._one(kind, name, session) if name else {})

    def _about(self, kind: str, name: str) -> list[DeskErrand]:
        """What was asked for lately, of that call, conference or queue."""
        if not name:
            return list(self._supervising.errands)[:5]
        return [errand for errand in self._supervising.errands if name == _about(errand)[kind]][:5]

    def _one(self, kind: str, name: str, session: DeskSession) -> Values:
        board = self._lookout.board
        if kind == "call":
            return self._call(board, name, session)
        if kind == "conference":
            conference = board.conference(name)
            legs = {call.id: call for call in board.calls}
            mine = self._supervising.of_user(session.user, conference=name)
            return {"id": name, "conference": conference, "legs": legs, "mine": mine}
        return {"id": name, "queue": board.queue(name)}

    def _call(self, board: DeskBoard, id: str, session: DeskSession) -> Values:
        call = board.call(id)
        if call is None:
            return {"id": id, "call": None, "events": [], "state": ""}
        trail = self._lookout.trail(call.leg_id)
        rooms = {each.name: each for each in board.conferences}
        return {
            "id": id,
            "call": call,
            "situation": situation(board, call),
            "others": board.others(call),
            "conference": board.conference(call.conference) if call.conference else None,
            "taken": room_of(call.leg_id) in rooms or self._was_taken(call),
            "mine": self._supervising.of_user(session.user, call.id, call.conference),
            "events": list(reversed(trail.events))[:MOST_EVENTS],
            "more": max(0, len(trail.events) - MOST_EVENTS),
        }

    def _was_taken(self, call: BoardCall) -> bool:
        taken = (each for each in self._supervising.errands if each.verb == "take" and each.good)
        return any(each.call.id == call.id and not each.over for each in taken)


def _about(errand: DeskErrand) -> dict[str, str]:
    return {
        "call": errand.call.id,
        "conference": errand.conference,
        "queue": errand.queue,
    }


def in_a_path(text: str) -> str:
    return quote(text, safe="")


def moment(at: float) -> str:
    """The time of day, UTC as the platform's own are."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") if at else ""
