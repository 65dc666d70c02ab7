"""Calls that go on: which there are, and what is done to one."""

from collections.abc import Sequence
from typing import Literal

from callbridge.control import commands as control
from callbridge.control.lists import ActiveCallsList
from callbridge.control.recording import RecordPause, RecordResume, RecordStart, RecordStop
from callbridge.desk.desk import Desk, DeskDone, JsonItem
from callbridge.desk.finding import Nameable, end_of, is_number, is_whole, pick
from callbridge.desk.trail import LegTrail, trail_of, trails_of
from callbridge.errors import CallGone

VOICE = "AWS.Polly.Joanna"
ENDED = "90018"  # the platform's code for a call that has ended

RecordVerb = Literal["start", "stop", "pause", "resume"]


async def listed(desk: Desk, *, numbers: bool = True) -> list[JsonItem]:
    """The live calls, as the platform shows them, with `from`, `to` and `state`.

    Those three take a request for each call; without `numbers` they are null."""
    calls = await desk.every(ActiveCallsList(connection_id=desk.connection_id))
    trails = await trails_of(desk, _legs(calls)) if numbers else {}
    return [with_trail(call, trails.get(str(call.get("call_leg_id")))) for call in calls]


def with_trail(item: JsonItem, trail: LegTrail | None) -> JsonItem:
    """A leg as the platform shows it, with what its events tell besides."""
    if trail is None:
        return {**item, "from": None, "to": None, "state": None}
    return {**item, "from": trail.from_, "to": trail.to, "state": trail.state}


async def shown(desk: Desk, wanted: str) -> JsonItem:
    """One call, with its `events`, the first one first."""
    call = await desk.send(control.CallStatus(call_control_id=await find(desk, wanted)))
    trail = await trail_of(desk, str(call.get("call_leg_id")))
    return {**with_trail(call, trail), "events": trail.events}


async def find(desk: Desk, wanted: str) -> str:
    """The whole id of a call. Raises NotFound."""
    if is_whole(wanted):
        return wanted
    calls = await listed(desk, numbers=is_number(wanted))
    return pick(wanted, [nameable(call) for call in calls], "live call")


def nameable(leg: JsonItem) -> Nameable:
    """A leg in a list, of calls, of participants or of those who wait."""
    ids = tuple(str(leg[name]) for name in ("call_control_id", "call_leg_id", "id") if name in leg)
    numbers = tuple(str(leg[name]) for name in ("from", "to") if leg.get(name))
    whose = f" ({numbers[0]} to {numbers[-1]})" if numbers else ""
    return Nameable(ids, numbers, end_of(ids[0]) + whose)


def _legs(items: Sequence[JsonItem]) -> list[str]:
    return [str(item["call_leg_id"]) for item in items if item.get("call_leg_id")]


# ---- what is done -------------------------------------------------------------------------------


async def hang_up(desk: Desk, wanted: Sequence[str], *, all_of_them: bool) -> list[DeskDone]:
    if all_of_them:
        calls = await desk.every(ActiveCallsList(connection_id=desk.connection_id))
        ids = [str(call["call_control_id"]) for call in calls]
    else:
        ids = [await find(desk, each) for each in wanted]
    return [await _hang_up(desk, id) for id in ids]


async def _hang_up(desk: Desk, id: str) -> DeskDone:
    """One that has ended is what was wanted: that of two bridged calls that is hung up second."""
    about: JsonItem = {"action": "hangup", "call_control_id": id}
    try:
        command = control.Hangup(call_control_id=id)
        return await desk.do(command, f"{end_of(id)}: hung up", **about)
    except CallGone as gone:
        if gone.code != ENDED:
            raise
        return DeskDone(f"{end_of(id)}: had ended", {**about, "result": "ended"})


async def answer(desk: Desk, wanted: str) -> DeskDone:
    id = await find(desk, wanted)
    command = control.Answer(call_control_id=id)
    return await desk.do(command, f"{end_of(id)}: answered", action="answer", call_control_id=id)


async def reject(desk: Desk, wanted: str, *, busy: bool = False) -> DeskDone:
    id = await find(desk, wanted)
    command = control.Reject(call_control_id=id, cause="USER_BUSY" if busy else "CALL_REJECTED")
    return await desk.do(command, f"{end_of(id)}: rejected", action="reject", call_control_id=id)


async def refer(desk: Desk, wanted: str, to: str) -> DeskDone:
    id = await find(desk, wanted)
    command = control.Refer(call_control_id=id, sip_address=to)
    sentence = f"{end_of(id)}: asked to call {to} itself"
    return await desk.do(command, sentence, action="refer", call_control_id=id, to=to)


async def transfer(
    desk: Desk,
    wanted: str,
    to: str,
    *,
    from_: str | None = None,
    timeout_s: int | None = None,
    amd: control.MachineDetection | None = None,
    park: bool = False,
) -> DeskDone:
    id = await find(desk, wanted)
    command = control.Transfer(
        call_control_id=id,
        to=to,
        from_=from_,
        timeout_secs=timeout_s,
        answering_machine_detection=amd,
        park_after_unbridge="self" if park else None,
    )
    sentence = f"{end_of(id)}: {to} is being rung; the two are joined when it answers"
    return await desk.do(command, sentence, action="transfer", call_control_id=id, to=to)


async def bridge(desk: Desk, wanted: str, other: str, *, park: bool = False) -> DeskDone:
    id, with_ = await find(desk, wanted), await find(desk, other)
    command = control.Bridge(
        call_control_id=id, with_=with_, park_after_unbridge="self" if park else None
    )
    sentence = f"{end_of(id)}: joined with {end_of(with_)}"
    return await desk.do(command, sentence, action="bridge", call_control_id=id, with_=with_)


async def speak(
    desk: Desk, wanted: str, text: str, *, voice: str = VOICE, language: str | None = None
) -> DeskDone:
    id = await find(desk, wanted)
    command = control.Speak(call_control_id=id, payload=text, voice=voice, language=language)
    return await desk.do(command, f"{end_of(id)}: speaking", action="speak", call_control_id=id)


async def play(desk: Desk, wanted: str, sound: str, *, loop: int | None = None) -> DeskDone:
    """`sound` is an address of the web, or the name of a file that was uploaded."""
    id = await find(desk, wanted)
    fields: JsonItem = {source_of(sound): sound, "loop": loop}
    command = control.Action(call_control_id=id, action="playback_start", fields=fields)
    sentence = f"{end_of(id)}: playing {sound}"
    return await desk.do(command, sentence, action="play", call_control_id=id)


def source_of(sound: str) -> str:
    """The field that a sound goes by."""
    return "audio_url" if sound.startswith(("http://", "https://")) else "media_name"


async def stop(desk: Desk, wanted: str) -> DeskDone:
    """Stop all that is played or spoken."""
    id = await find(desk, wanted)
    fields: JsonItem = {"stop": "all"}
    command = control.Action(call_control_id=id, action="playback_stop", fields=fields)
    return await desk.do(command, f"{end_of(id)}: silent", action="stop", call_control_id=id)


async def press(desk: Desk, wanted: str, digits: str) -> DeskDone:
    id = await find(desk, wanted)
    command = control.SendDtmf(call_control_id=id, digits=digits)
    sentence = f"{end_of(id)}: pressing {digits}"
    return await desk.do(command, sentence, action="dtmf", call_control_id=id, digits=digits)


async def record(desk: Desk, wanted: str, verb: RecordVerb) -> DeskDone:
    id = await find(desk, wanted)
    command: control.Command
    match verb:
        case "start":
            command = RecordStart(call_control_id=id)
        case "stop":
            command = RecordStop(call_control_id=id)
        case "pause":
            command = RecordPause(call_control_id=id)
        case "resume":
            command = RecordResume(call_control_id=id)
    sentence = f"{end_of(id)}: {RECORDED[verb]}"
    return await desk.do(command, sentence, action=f"record_{verb}", call_control_id=id)


RECORDED: dict[RecordVerb, str] = {
    "start": "being recorded",
    "stop": "no longer recorded",
    "pause": "not recorded for now",
    "resume": "recorded again",
}
