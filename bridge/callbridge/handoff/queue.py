"""A queue of the platform: calls that wait until somebody takes them, first in, first out."""

from dataclasses import dataclass
from typing import Protocol

from callbridge.control import queues as wire
from callbridge.control.client import CallControl
from callbridge.errors import CommandRefused
from callbridge.outcomes import Transferred


@dataclass(frozen=True, slots=True)
class QueuedCall:
    """A call that waits. `position` counts from 1; `waited` in s."""

    call_control_id: str
    from_: str
    position: int
    waited: float
    alive: bool = True


class Taking(Protocol):
    """An agent's call."""

    async def take(self, queue: str) -> Transferred: ...


class Queue:
    """By its name. One that nobody has waited in does not exist yet, and has nobody in it."""

    def __init__(self, name: str, command: CallControl) -> None:
        self.name = name
        self._command = command

    def __repr__(self) -> str:
        return f"<Queue {self.name}>"

    async def take(self, agent: Taking) -> Transferred:
        """Connect an agent's call with the one that has waited longest: see `Call.take`."""
        return await agent.take(self.name)

    async def calls(self) -> list[QueuedCall]:
        """Those who wait, the first in front. Raises CarrierUnreachable and CommandRefused."""
        try:
            rows = await self._command.every(wire.QueueCallsList(queue_name=self.name))
        except CommandRefused as error:
            if error.status == 404:
                return []
            raise
        return [_queued(row, place) for place, row in enumerate(rows, 1)]

    async def size(self) -> int:
        return len(await self.calls())

    async def position(self, call_control_id: str) -> int | None:
        """Counts from 1; None for a call that does not wait here."""
        for each in await self.calls():
            if each.call_control_id == call_control_id:
                return each.position
        return None


def _queued(row: dict[str, object], place: int) -> QueuedCall:
    waited = row.get("wait_time_secs")
    return QueuedCall(
        str(row.get("call_control_id") or ""),
        str(row.get("from") or ""),
        place,
        float(waited) if isinstance(waited, int | float) else 0.0,
        row.get("is_alive") is not False,
    )
