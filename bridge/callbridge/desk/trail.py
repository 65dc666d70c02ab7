"""What the platform tells of a leg's past: its numbers, and in which state that has left it.

The lists of calls and of participants name no numbers, and nothing that can be asked names a state.
The events of a leg do both, and no webhook is needed for them."""

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple, cast

from callbridge.control.lists import CallEventsList
from callbridge.desk.desk import Desk, JsonItem
from callbridge.errors import CommandRefused

AT_ONCE = 8  # requests

# What a leg is after an event, as far as events tell.
STATES = {
    "call.initiated": "ringing",
    "call.answered": "answered",
    "call.bridged": "bridged",
    "call.hold": "held",
    "call.unhold": "bridged",
    "call.enqueued": "queued",
    "call.dequeued": "answered",
    "conference.participant.joined": "in a conference",
    "conference.participant.left": "answered",
    "call.hangup": "ended",
}


class LegTrail(NamedTuple):
    """The events of a leg, the first one first: webhooks and commands."""

    events: list[JsonItem]

    @property
    def from_(self) -> str | None:
        return self._first("from")

    @property
    def to(self) -> str | None:
        return self._first("to")

    @property
    def state(self) -> str | None:
        told = [STATES[name] for name in map(_name, self.events) if name in STATES]
        return told[-1] if told else None

    def find(self, *names: str) -> JsonItem | None:
        """The last event of one of these names, with what it told."""
        found = [event for event in self.events if _name(event) in names]
        return found[-1] if found else None

    def told(self, name: str, field: str) -> Any:
        event = self.find(name)
        return _payload(event).get(field) if event else None

    def seconds(self, since: str, until: str) -> float | None:
        """Between the last events of two names."""
        first, last = self.find(since), self.find(until)
        return round((_time(last) - _time(first)).total_seconds(), 1) if first and last else None

    def _first(self, field: str) -> str | None:
        told = (_payload(event).get(field) for event in self.events)
        return next((each for each in told if isinstance(each, str) and each), None)


async def trail_of(desk: Desk, leg_id: str) -> LegTrail:
    """Empty where the account cannot read events."""
    try:
        events = await desk.every(CallEventsList(leg_id=leg_id))
    except CommandRefused as error:
        if error.status == 401:
            raise
        return LegTrail([])
    events.reverse()  # newest first, as they come; those of one instant stay in their order
    return LegTrail(sorted(events, key=lambda event: str(event.get("event_timestamp"))))


async def trails_of(desk: Desk, leg_ids: Collection[str]) -> dict[str, LegTrail]:
    """Of several legs, a few at a time: accounts have limits."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(leg_id: str) -> LegTrail:
        async with gate:
            return await trail_of(desk, leg_id)

    return dict(zip(leg_ids, await asyncio.gather(*map(one, leg_ids)), strict=True))


def _name(event: JsonItem) -> str:
    return str(event.get("name"))


def _payload(event: JsonItem) -> JsonItem:
    """`metadata` is documented as any object: a webhook's payload, or what holds one."""
    told: object = event.get("metadata")
    fields = cast(JsonItem, told) if isinstance(told, dict) else {}
    inner: object = fields.get("payload")
    return cast(JsonItem, inner) if isinstance(inner, dict) else fields


def _time(event: JsonItem) -> datetime:
    return datetime.fromisoformat(str(event["event_timestamp"]))
