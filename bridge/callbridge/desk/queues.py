"""Queues: which there are, who waits in them, and what is done to them."""

from callbridge.control import commands as control
from callbridge.control import queues as wire
from callbridge.desk import calls
from callbridge.desk.calls import nameable
from callbridge.desk.desk import Desk, DeskDone, JsonItem
from callbridge.desk.finding import NotFound, end_of, pick, unknown
from callbridge.errors import CommandRefused


async def listed(desk: Desk) -> list[JsonItem]:
    """The queues as the platform shows them."""
    return await desk.every(wire.QueuesList())


async def shown(desk: Desk, name: str) -> JsonItem:
    """One queue, with its `calls`, the first of them first."""
    try:
        queue = await desk.send(wire.QueueStatus(queue_name=name))
        waiting = await desk.every(wire.QueueCallsList(queue_name=name))
    except CommandRefused as error:
        raise await _unless_there(desk, name, error) from None
    return {**queue, "calls": waiting}


async def create(desk: Desk, name: str, most: int | None = None) -> DeskDone:
    command = wire.QueueCreate(queue_name=name, max_size=most)
    return await desk.do(command, f"{name}: made", action="create")


async def resize(desk: Desk, name: str, most: int) -> DeskDone:
    command = wire.QueueUpdate(queue_name=name, max_size=most)
    return await _do(desk, name, command, "size", f"takes {most} calls")


async def delete(desk: Desk, name: str) -> DeskDone:
    return await _do(desk, name, wire.QueueDelete(queue_name=name), "delete", "deleted")


async def add(
    desk: Desk, name: str, call: str, *, most_wait_s: int | None = None, keep: bool = False
) -> DeskDone:
    """A queue that is not there is made."""
    id = await calls.find(desk, call)
    command = wire.Enqueue(
        call_control_id=id,
        queue_name=name,
        max_wait_time_secs=most_wait_s,
        keep_after_hangup=keep or None,
    )
    sentence = f"{name}: {end_of(id)} waits"
    return await desk.do(command, sentence, action="add", queue=name, call_control_id=id)


async def take(desk: Desk, name: str, call: str, *, park: bool = False) -> DeskDone:
    """Join a call with the first who waits."""
    waiting = (await shown(desk, name))["calls"]
    if not waiting:
        raise NotFound(f"nobody waits in the queue {name!r}")
    id = await calls.find(desk, call)
    command = control.Bridge(
        call_control_id=id, queue=name, park_after_unbridge="self" if park else None
    )
    sentence = f"{name}: {end_of(id)} is joined with the first who waited"
    return await desk.do(command, sentence, action="take", queue=name, call_control_id=id)


async def remove(desk: Desk, name: str, who: str) -> DeskDone:
    """One who goes on leaves the queue and stays; one who has ended, and was kept, is taken out."""
    waiting = (await shown(desk, name))["calls"]
    id = pick(who, [nameable(each) for each in waiting], f"call in the queue {name!r}")
    ended = any(each["call_control_id"] == id and each.get("is_alive") is False for each in waiting)
    command: control.Command = wire.LeaveQueue(call_control_id=id)
    if ended:
        command = wire.QueueCallRemove(queue_name=name, call_control_id=id)
    sentence = f"{name}: {end_of(id)} is out of it" + ("" if ended else "; the call goes on")
    return await desk.do(command, sentence, action="remove", queue=name, call_control_id=id)


async def _do(desk: Desk, name: str, command: control.Command, action: str, what: str) -> DeskDone:
    try:
        return await desk.do(command, f"{name}: {what}", action=action, queue=name)
    except CommandRefused as error:
        raise await _unless_there(desk, name, error) from None


async def _unless_there(desk: Desk, name: str, error: CommandRefused) -> Exception:
    """What is raised in the place of a refusal: which queues there are, if not that one."""
    if error.status != 404:
        return error
    return unknown(name, [str(each["name"]) for each in await listed(desk)], "queue")
