"""Commands that put calls into queues and take them out, and queues as resources."""

from callbridge.control.commands import Command
from callbridge.control.lists import Listing


class Enqueue(Command, frozen=True, kw_only=True):
    """Put a call at the end of a queue, which is made where there is none of the name.

    `max_size` counts only then: another one later is refused. After `max_wait_time_secs` the call
    is taken out, and `call.dequeued` says `timeout`. `keep_after_hangup` leaves a call that has
    ended in its place."""

    path = "/calls/{call_control_id}/actions/enqueue"

    call_control_id: str
    queue_name: str
    max_size: int | None = None  # calls; the platform's default is 100
    max_wait_time_secs: int | None = None
    keep_after_hangup: bool | None = None


class LeaveQueue(Command, frozen=True, kw_only=True):
    """Take a call out of the queue that it is in; it stays, and awaits commands."""

    path = "/calls/{call_control_id}/actions/leave_queue"

    call_control_id: str


class QueueCreate(Command, frozen=True, kw_only=True):
    """Make a queue, of up to `max_size` calls; the platform's default is 300."""

    path = "/queues"
    never_sent = frozenset({"command_id", "client_state"})
    at_most_once = True  # the second time there is one of that name

    queue_name: str
    max_size: int | None = None


class QueueUpdate(Command, frozen=True, kw_only=True):
    """Change how many calls a queue takes; those who wait stay."""

    path = "/queues/{queue_name}"
    never_sent = frozenset({"command_id", "client_state"})

    queue_name: str
    max_size: int


class QueueDelete(Command, frozen=True, kw_only=True):
    """Delete a queue that nobody waits in."""

    path = "/queues/{queue_name}"
    method = "DELETE"
    never_sent = frozenset({"command_id", "client_state"})
    at_most_once = True  # the second time there is none

    queue_name: str


class QueueStatus(Command, frozen=True, kw_only=True):
    """Ask for a queue: `current_size` and `max_size` in calls, `average_wait_time_secs`."""

    path = "/queues/{queue_name}"
    method = "GET"
    never_sent = frozenset({"command_id", "client_state"})

    queue_name: str


class QueuesList(Listing, frozen=True, kw_only=True):
    """All queues of the account."""

    path = "/queues"


class QueueCallsList(Listing, frozen=True, kw_only=True):
    """Who waits in a queue, the first of them first."""

    path = "/queues/{queue_name}/calls"

    queue_name: str


class QueueCallRemove(Command, frozen=True, kw_only=True):
    """Take a call that has ended, and was kept, out of a queue; one that goes on leaves it."""

    path = "/queues/{queue_name}/calls/{call_control_id}"
    method = "DELETE"
    never_sent = frozenset({"command_id", "client_state"})
    at_most_once = True  # the second time it is not there

    queue_name: str
    call_control_id: str
