"""What is going on in a carrier: its legs, conferences and queues at one moment, and what was asked
and has come onto the tapes since the last look. Reads and changes nothing."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from callbridge.carrier.api.asked import AskedRequest, AskedRequests
from callbridge.carrier.conferences.conference import CarrierConference
from callbridge.carrier.conferences.participant import CarrierParticipant
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.report import TapeEntry
from callbridge.carrier.parts.queues import CallQueue, QueuePart


class SeenLeg(msgspec.Struct, frozen=True):
    """`name` is the end of its call_control_id, as recordings have it; `lasts_s` are whole seconds
    from its first moment, so that scenes that look the same are equal. `place` is with whom it is;
    `does` is what its parts do, in a word each."""

    name: str
    direction: str
    from_: str
    to: str
    state: str
    lasts_s: int
    place: str
    does: tuple[str, ...]


class SeenConference(msgspec.Struct, frozen=True):
    """`members` are names of legs with what is particular about each: `Xh3fQ_ muted`."""

    name: str
    members: tuple[str, ...]


class SeenQueue(msgspec.Struct, frozen=True):
    name: str
    waiting: int
    longest_s: int


class CarrierScene(msgspec.Struct, frozen=True):
    legs: tuple[SeenLeg, ...]
    conferences: tuple[SeenConference, ...]
    queues: tuple[SeenQueue, ...]


class Happened(msgspec.Struct, frozen=True):
    """An entry of the tape of a leg, or a `request` to the REST API; `leg` is empty for one of no
    leg. `at` in Unix seconds."""

    at: float
    leg: str
    kind: str
    detail: dict[str, object]


def short(leg: CarrierLeg) -> str:
    return short_id(leg.call_control_id)


def short_id(call_control_id: str) -> str:
    return call_control_id[-6:]


def scene(
    exchange: Exchange, conferences: Iterable[CarrierConference], queues: Iterable[CallQueue]
) -> CarrierScene:
    going_on = list(conferences)
    meets = {leg: each.plan.name for each in going_on for leg in each.members}
    return CarrierScene(
        tuple(_leg(each, exchange.now, meets) for each in exchange.live()),
        tuple(_conference(each) for each in going_on),
        tuple(_queue(each) for each in queues if each.entries),
    )


class TapeNews:
    """What is new on the tapes since the last look."""

    def __init__(self) -> None:
        self._read: dict[CarrierLeg, int] = {}  # entries of each leg
        self._asked = 0

    def since(self, exchange: Exchange, asked: AskedRequests) -> list[Happened]:
        """In the order of time; a request, which is noted with its answer, before what came of
        it."""
        read, self._read = self._read, {}
        new: list[Happened] = []
        for leg in exchange.known():
            entries = leg.tape.entries
            began = exchange.wall(leg.started_at)
            new += (_happened(leg, began, entry) for entry in entries[read.get(leg, 0) :])
            self._read[leg] = len(entries)
        requests = asked.after(self._asked)
        self._asked = asked.total
        new += (_asked(each, exchange) for each in requests)
        return sorted(new, key=lambda each: (each.at, each.kind != "request"))


def _happened(leg: CarrierLeg, began: float, entry: TapeEntry) -> Happened:
    detail = entry.detail
    if entry.kind == "state":  # a tape is of one leg and need not say which
        identity = leg.identity
        detail = detail | {"from": identity.from_, "to": identity.to}
    return Happened(round(began + entry.at_s, 3), short(leg), entry.kind, detail)


def _asked(request: AskedRequest, exchange: Exchange) -> Happened:
    at = round(exchange.wall(request.at), 3)
    return Happened(at, short_id(request.call), "request", request.detail)


def _leg(leg: CarrierLeg, now: float, meets: Mapping[str, str]) -> SeenLeg:
    does = [part.doing for part in leg.parts if part.doing]
    if leg.held or leg.away:
        does.append("on hold")
    identity = leg.identity
    return SeenLeg(
        short(leg),
        identity.direction,
        identity.from_,
        identity.to,
        leg.state.value,
        int(now - leg.started_at),
        ", ".join(_places(leg, meets)),
        tuple(dict.fromkeys(does)),
    )


def _places(leg: CarrierLeg, meets: Mapping[str, str]) -> Iterator[str]:
    """`meets`: the names of conferences by call_control_id."""
    if leg.partner is not None:
        yield f"with {short(leg.partner)}"
    elif leg.bridge_to is not None:
        yield f"for {short(leg.bridge_to)}"
    if (name := meets.get(leg.call_control_id)) is not None:
        yield f"conference {name}"
    if (waits := leg.part(QueuePart)) is not None:
        yield f"{waits.queue.name}, place {waits.queue.position(waits)}"


def _conference(conference: CarrierConference) -> SeenConference:
    return SeenConference(
        conference.plan.name, tuple(_member(each) for each in conference.members.values())
    )


def _member(member: CarrierParticipant) -> str:
    marks = [
        member.role if member.role != "none" else "",
        "muted" if member.muted else "",
        "on hold" if member.on_hold else "",
    ]
    return " ".join(filter(None, [short(member.leg), *marks]))


def _queue(queue: CallQueue) -> SeenQueue:
    waits = [int(entry.wait_s) for entry in queue.entries]
    return SeenQueue(queue.name, len(waits), max(waits, default=0))
