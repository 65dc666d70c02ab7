"""Queues: their own resource, and the commands that put calls in and take them out."""

from dataclasses import dataclass

from callbridge.carrier.api.operation import AccountOperation, CarrierMeans, LegCommand
from callbridge.carrier.api.problems import refused
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.queues import MAX_SIZE_BY_ENQUEUE, NEVER, CallQueue, QueuePart
from callbridge.carrier.shapes import JsonObject
from callbridge.carrier.store.store import Page, page_of


def shown(queue: CallQueue) -> JsonObject:
    return {
        "record_type": "queue",
        "id": queue.id,
        "name": queue.name,
        "created_at": queue.created_at,
        "updated_at": queue.updated_at,
        "current_size": len(queue.entries),
        "max_size": queue.max_size,
        "average_wait_time_secs": queue.average_waiting_s,
    }


def shown_call(entry: QueuePart) -> JsonObject:
    identity = entry.leg.identity
    return {
        "record_type": "queue_call",
        "call_control_id": identity.call_control_id,
        "call_leg_id": identity.call_leg_id,
        "call_session_id": identity.call_session_id,
        "connection_id": identity.connection_id,
        "from": identity.from_,
        "to": identity.to,
        "enqueued_at": entry.enqueued_at,
        "is_alive": entry.is_alive,
        "queue_id": entry.queue.id,
        "queue_position": entry.queue.position(entry),
        "wait_time_secs": int(entry.wait_s),
    }


def found(name: str, means: CarrierMeans) -> CallQueue:
    queue = means.queues.named(name)
    if queue is None:
        raise refused("10005", f"no queue {name[:100]!r}", status=404)
    return queue


def found_call(name: str, call_control_id: str, means: CarrierMeans) -> QueuePart:
    entry = found(name, means).entry_of(call_control_id)
    if entry is None:
        raise refused("10005", f"no call {call_control_id[:100]!r} in this queue", status=404)
    return entry


# ---- queues -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CreateQueue(AccountOperation, operation_id="queues.create"):
    queue_name: str
    max_size: int = 300

    def act(self, means: CarrierMeans) -> JsonObject:
        if means.queues.named(self.queue_name) is not None:
            raise refused("10012", "there is a queue of that name", "/queue_name")
        return shown(means.queues.create(self.queue_name, self.max_size))


@dataclass(frozen=True, kw_only=True)
class RetrieveQueue(AccountOperation, operation_id="queues.retrieve"):
    queue_name: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return shown(found(self.queue_name, means))


@dataclass(frozen=True, kw_only=True)
class UpdateQueue(AccountOperation, operation_id="queues.update"):
    queue_name: str
    max_size: int

    def act(self, means: CarrierMeans) -> JsonObject:
        """Those who wait stay, though they may be more than that."""
        queue = found(self.queue_name, means)
        queue.resize(self.max_size)
        return shown(queue)


@dataclass(frozen=True, kw_only=True)
class ListQueues(AccountOperation, operation_id="queues.list"):
    page_number: int = 1
    page_size: int = 20

    def act(self, means: CarrierMeans) -> Page:
        queues = [shown(queue) for queue in means.queues.all()]
        return page_of(queues, number=self.page_number, size=self.page_size)


@dataclass(frozen=True, kw_only=True)
class DeleteQueue(AccountOperation, operation_id="queues.delete"):
    queue_name: str

    def act(self, means: CarrierMeans) -> None:
        if found(self.queue_name, means).entries:
            raise refused("90050", "calls wait in this queue", status=400)
        means.queues.delete(self.queue_name)


# ---- calls in a queue ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class RetrieveQueueCall(AccountOperation, operation_id="queues.calls.retrieve"):
    queue_name: str
    call_control_id: str

    def act(self, means: CarrierMeans) -> JsonObject:
        return shown_call(found_call(self.queue_name, self.call_control_id, means))


@dataclass(frozen=True, kw_only=True)
class UpdateQueueCall(AccountOperation, operation_id="queues.calls.update"):
    queue_name: str
    call_control_id: str
    keep_after_hangup: bool | None = None

    def act(self, means: CarrierMeans) -> None:
        entry = found_call(self.queue_name, self.call_control_id, means)
        if self.keep_after_hangup is not None:
            entry.keep_after_hangup = self.keep_after_hangup


@dataclass(frozen=True, kw_only=True)
class ListQueueCalls(AccountOperation, operation_id="queues.calls.list"):
    queue_name: str
    page_number: int = 1
    page_size: int = 20

    def act(self, means: CarrierMeans) -> Page:
        entries = [shown_call(entry) for entry in found(self.queue_name, means).entries]
        return page_of(entries, number=self.page_number, size=self.page_size)


@dataclass(frozen=True, kw_only=True)
class RemoveQueueCall(AccountOperation, operation_id="queues.calls.remove"):
    """For calls that have ended and were kept; one that goes on leaves by its own commands."""

    queue_name: str
    call_control_id: str

    def act(self, means: CarrierMeans) -> None:
        entry = found_call(self.queue_name, self.call_control_id, means)
        if entry.is_alive:
            raise refused("10005", "this call goes on: use leave_queue", status=404)
        entry.leave("hangup")


# ---- commands of a leg --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class EnqueueLeg(LegCommand, operation_id="calls.actions.enqueue"):
    """A queue that is not there is made; its size is set then and not by a later call."""

    queue_name: str
    max_size: int | None = None
    max_wait_time_secs: int | None = None
    keep_after_hangup: bool = False

    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        if means.queues.of(leg) is not None:
            raise refused("90038", "leave that queue first")
        queue = means.queues.named(self.queue_name)
        if queue is not None:
            self._refuse_if_it_cannot_be(queue)
            self._refuse_if_elsewhere(leg, queue, means)
        else:
            size = self.max_size or MAX_SIZE_BY_ENQUEUE
            queue = means.queues.create(self.queue_name, size)
        within_s = NEVER if self.max_wait_time_secs is None else float(self.max_wait_time_secs)
        queue.add(leg, within_s=within_s, keep=self.keep_after_hangup)

    def _refuse_if_it_cannot_be(self, queue: CallQueue) -> None:
        if self.max_size not in (None, queue.max_size):
            detail = f"this queue takes {queue.max_size}: update the queue itself"
            raise refused("90037", detail, "/max_size")
        if queue.is_full:
            raise refused("90036", f"{queue.max_size} calls wait in it")

    def _refuse_if_elsewhere(self, leg: CarrierLeg, queue: CallQueue, means: CarrierMeans) -> None:
        """All calls of a queue are in one region."""
        application = means.store.application(leg.identity.connection_id)
        region = application.region if application is not None else None
        if region is None:
            return
        for entry in queue.entries:
            other = means.store.application(entry.leg.identity.connection_id)
            if other is not None and other.region not in (None, region):
                detail = f"the calls of this queue are in the region {other.region}"
                raise refused("10027", detail, "/queue_name")


@dataclass(frozen=True, kw_only=True)
class DequeueLeg(LegCommand, operation_id="calls.actions.leave_queue"):
    def act(self, leg: CarrierLeg, means: CarrierMeans) -> None:
        entry = means.queues.of(leg)
        if entry is None:
            raise refused("90035", "this call waits in no queue")
        with leg.for_part(entry):
            entry.leave("leave")
