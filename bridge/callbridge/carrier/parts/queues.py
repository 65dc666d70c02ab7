"""Queues of calls that wait to be bridged: first in, first out."""

from typing import Literal

from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.core.part import Part

NEVER = float("inf")
MAX_SIZE_BY_ENQUEUE = 100

Reason = Literal["bridged", "bridging-in-process", "hangup", "leave", "timeout"]


class CallQueues:
    """All queues, by their names. A queue that was empty for `queue_idle_s` is forgotten as soon
    as somebody looks."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._queues: dict[str, CallQueue] = {}

    def named(self, name: str) -> "CallQueue | None":
        self._forget_idle()
        return self._queues.get(name)

    def all(self) -> list["CallQueue"]:
        """In the order in which they were made."""
        self._forget_idle()
        return list(self._queues.values())

    def create(self, name: str, max_size: int) -> "CallQueue":
        """The name is not taken."""
        queue = CallQueue(self._exchange, name, max_size)
        self._queues[name] = queue
        return queue

    def delete(self, name: str) -> None:
        del self._queues[name]

    def of(self, leg: CarrierLeg) -> "QueuePart | None":
        """Where the leg waits."""
        return leg.part(QueuePart)

    def _forget_idle(self) -> None:
        oldest = self._exchange.now - self._exchange.config.queue_idle_s
        for name, queue in list(self._queues.items()):
            if not queue.entries and queue.used_at < oldest:
                del self._queues[name]


class CallQueue:
    """`entries` are in order, the first to leave in front; a call that has ended is among them
    where it was to be kept."""

    def __init__(self, exchange: Exchange, name: str, max_size: int) -> None:
        self._exchange = exchange
        self.id = exchange.new_uuid()
        self.name = name
        self.max_size = max_size
        self.created_at = self.updated_at = exchange.timestamp()
        self.used_at = exchange.now
        self.entries: list[QueuePart] = []
        self._left, self._waited_s = 0, 0.0  # of those that have gone

    @property
    def is_full(self) -> bool:
        return len(self.entries) >= self.max_size

    def resize(self, max_size: int) -> None:
        self.max_size, self.updated_at = max_size, self._exchange.timestamp()

    def add(self, leg: CarrierLeg, *, within_s: float, keep: bool) -> "QueuePart":
        """At the end. The leg leaves those it is with; it is in no queue yet."""
        self._exchange.part_company(leg)
        entry = QueuePart(leg, self._exchange, self, within_s=within_s, keep=keep)
        self.entries.append(entry)
        leg.add(entry)
        self._touch()
        self._exchange.emit(
            leg,
            "call.enqueued",
            queue=self.name,
            current_position=len(self.entries),
            queue_avg_wait_time_secs=self.average_wait_s,
        )
        return entry

    def first_for(self, agent: CarrierLeg) -> "QueuePart | None":
        """Who has waited longest, but for the agent's own leg."""
        return next((entry for entry in self.entries if entry.leg is not agent), None)

    def entry_of(self, call_control_id: str) -> "QueuePart | None":
        return next(
            (each for each in self.entries if each.leg.call_control_id == call_control_id), None
        )

    def position(self, entry: "QueuePart") -> int:
        """Counts from 1."""
        return self.entries.index(entry) + 1

    def drop(self, entry: "QueuePart") -> None:
        self.entries.remove(entry)
        self._left, self._waited_s = self._left + 1, self._waited_s + entry.wait_s
        self._touch()

    @property
    def average_wait_s(self) -> int:
        """Of those that have gone, whole seconds."""
        return int(self._waited_s / self._left) if self._left else 0

    @property
    def average_waiting_s(self) -> int:
        """Of those that wait now, whole seconds."""
        waits = [entry.wait_s for entry in self.entries]
        return int(sum(waits) / len(waits)) if waits else 0

    def _touch(self) -> None:
        self.used_at, self.updated_at = self._exchange.now, self._exchange.timestamp()


class QueuePart(Part):
    """One call in a queue."""

    def __init__(
        self,
        leg: CarrierLeg,
        exchange: Exchange,
        queue: CallQueue,
        *,
        within_s: float,
        keep: bool,
    ) -> None:
        self.leg, self.queue = leg, queue
        self.keep_after_hangup = keep
        self.enqueued_at = exchange.timestamp()
        self._exchange = exchange
        self._since = exchange.now
        self._until = exchange.now + within_s

    @property
    def wait_s(self) -> float:
        """Until now, or until the call ended."""
        ended_at = self.leg.ended_at
        return (self._exchange.now if ended_at is None else ended_at) - self._since

    @property
    def is_alive(self) -> bool:
        return self.leg.state is not LegState.ENDED

    def leave(self, reason: Reason) -> None:
        position, wait_s = self.queue.position(self), int(self.wait_s)
        self.queue.drop(self)
        self.leg.remove(self)
        self._exchange.emit(
            self.leg,
            "call.dequeued",
            queue=self.queue.name,
            queue_position=position,
            reason=reason,
            wait_time_secs=wait_s,
        )

    def begin_tick(self) -> None:
        if self._exchange.now >= self._until:
            self.leave("timeout")

    def leg_moves(self) -> None:
        self.leave("bridged")

    def leg_ended(self) -> None:
        if not self.keep_after_hangup:
            self.leave("hangup")
