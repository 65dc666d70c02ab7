"""Conferences: which there are, who is in them, and what is done to them."""

from collections.abc import Sequence

from callbridge.control import commands as control
from callbridge.control import conferences as wire
from callbridge.desk import calls
from callbridge.desk.calls import RECORDED, RecordVerb, nameable, source_of, with_trail
from callbridge.desk.desk import Desk, DeskDone, JsonItem
from callbridge.desk.finding import Nameable, end_of, is_number, pick
from callbridge.desk.trail import trails_of

OVER = "completed"


async def listed(desk: Desk, *, ended: bool = False) -> list[JsonItem]:
    """The conferences as the platform shows them; live ones with their number of `participants`."""
    found = await desk.every(wire.ConferencesList())
    shown = [each for each in found if ended or each.get("status") != OVER]
    return [{**each, "participants": await _size(desk, each)} for each in shown]


async def _size(desk: Desk, conference: JsonItem) -> int:
    if conference.get("status") == OVER:
        return 0
    return len(await _present(desk, str(conference["id"])))


async def _present(desk: Desk, id: str) -> list[JsonItem]:
    """Who has left may still be listed by the platform."""
    found = await desk.every(wire.ParticipantsList(conference_id=id))
    return [each for each in found if each.get("status") != "left"]


async def shown(desk: Desk, wanted: str) -> JsonItem:
    """One conference, with its `participants`, who have numbers."""
    conference = await find(desk, wanted)
    people = await participants(desk, str(conference["id"]), numbers=True)
    return {**conference, "participants": people}


async def participants(desk: Desk, id: str, *, numbers: bool) -> list[JsonItem]:
    found = await _present(desk, id)
    legs = [str(each["call_leg_id"]) for each in found]
    trails = await trails_of(desk, legs) if numbers else {}
    return [
        with_trail(each, trails.get(leg)) | {"state": each.get("status")}
        for each, leg in zip(found, legs, strict=True)
    ]


async def find(desk: Desk, wanted: str) -> JsonItem:
    """A conference by its name, its id or the end of it; a live one goes before those that ended.

    Raises NotFound, which names those there are."""
    found = await desk.every(wire.ConferencesList())
    live = [each for each in found if each.get("status") != OVER]
    over = [each for each in found if wanted in (each.get("id"), each.get("name"))]
    among = live if _any_is(wanted, live) or not over else over[:1]
    id = pick(wanted, [_nameable(each) for each in among], "conference")
    return next(each for each in among if each["id"] == id)


def _any_is(wanted: str, conferences: Sequence[JsonItem]) -> bool:
    return any(wanted in (each.get("id"), each.get("name")) for each in conferences)


def _nameable(conference: JsonItem) -> Nameable:
    name = str(conference.get("name"))
    return Nameable((str(conference["id"]),), (name,), name)


async def those(desk: Desk, id: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """The calls of participants, each by the end of their id or their number. Raises NotFound."""
    if not wanted:
        return ()
    people = await participants(desk, id, numbers=any(map(is_number, wanted)))
    among = [nameable(each) for each in people]
    return tuple(pick(each, among, "participant") for each in wanted)


class LiveConference:
    """One live conference, as it is commanded."""

    def __init__(self, desk: Desk, conference: JsonItem) -> None:
        self.id, self.name = str(conference["id"]), str(conference.get("name"))
        self._desk = desk

    @classmethod
    async def find(cls, desk: Desk, wanted: str) -> "LiveConference":
        """Raises NotFound."""
        return cls(desk, await find(desk, wanted))

    async def those(self, wanted: Sequence[str]) -> tuple[str, ...]:
        return await those(self._desk, self.id, wanted)

    async def one(self, wanted: str) -> str:
        (id,) = await self.those([wanted])
        return id

    async def do(self, command: control.Command, action: str, what: str) -> DeskDone:
        """`what` was done, in words that follow the conference's name."""
        ids = getattr(command, "call_control_ids", None)
        whom: JsonItem = {} if ids is None else {"call_control_ids": list(ids)}
        if (one := getattr(command, "call_control_id", None)) is not None:
            whom = {"call_control_id": one}
        sentence = f"{self.name}: {what}"
        return await self._desk.do(
            command, sentence, action=action, conference_id=self.id, name=self.name, **whom
        )


def ends_of(ids: Sequence[str]) -> str:
    """Who is meant, in words; nobody is everybody."""
    return ", ".join(map(end_of, ids)) if ids else "everybody"


# ---- made, joined, left -------------------------------------------------------------------------


async def create(
    desk: Desk,
    name: str,
    call: str,
    *,
    beep: control.ConferenceBeep | None = None,
    most: int | None = None,
) -> DeskDone:
    id = await calls.find(desk, call)
    command = wire.ConferenceCreate(
        call_control_id=id, conference_name=name, beep_enabled=beep, max_participants=most
    )
    return await desk.do(
        command, f"{name}: begun, with {end_of(id)}", action="create", call_control_id=id
    )


async def join(
    desk: Desk,
    wanted: str,
    call: str,
    *,
    mute: bool = False,
    hold: bool = False,
    role: control.ConferenceRole | None = None,
    whisper_to: Sequence[str] = (),
    end_on_exit: bool = False,
) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    id = await calls.find(desk, call)
    command = wire.ConferenceJoin(
        conference_id=conference.id,
        call_control_id=id,
        mute=mute or None,
        hold=hold or None,
        supervisor_role=role,
        whisper_call_control_ids=await conference.those(whisper_to) or None,
        end_conference_on_exit=end_on_exit or None,
    )
    return await conference.do(command, "join", f"{end_of(id)} has joined")


async def leave(desk: Desk, wanted: str, who: str) -> DeskDone:
    """The call goes on, and awaits commands."""
    conference = await LiveConference.find(desk, wanted)
    id = await conference.one(who)
    command = wire.ConferenceLeave(conference_id=conference.id, call_control_id=id)
    return await conference.do(command, "leave", f"{end_of(id)} has left; the call goes on")


async def kick(desk: Desk, wanted: str, who: str) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    id = await conference.one(who)
    command = control.Hangup(call_control_id=id)
    return await conference.do(command, "kick", f"{end_of(id)} was hung up")


async def end(desk: Desk, wanted: str) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    return await conference.do(wire.ConferenceEnd(conference_id=conference.id), "end", "ended")


# ---- who hears and is heard ---------------------------------------------------------------------


async def mute(desk: Desk, wanted: str, who: Sequence[str]) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    ids = await conference.those(who)
    command = wire.ConferenceMute(conference_id=conference.id, call_control_ids=ids or None)
    return await conference.do(command, "mute", f"{ends_of(ids)} muted")


async def unmute(desk: Desk, wanted: str, who: Sequence[str]) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    ids = await conference.those(who)
    command = wire.ConferenceUnmute(conference_id=conference.id, call_control_ids=ids or None)
    return await conference.do(command, "unmute", f"{ends_of(ids)} can be heard again")


async def hold(desk: Desk, wanted: str, who: Sequence[str], sound: str | None) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    ids = await conference.those(who)
    source: JsonItem = {source_of(sound): sound} if sound else {}
    command = wire.ConferenceHold(
        conference_id=conference.id, call_control_ids=ids or None, **source
    )
    return await conference.do(command, "hold", f"{ends_of(ids)} on hold")


async def unhold(desk: Desk, wanted: str, who: Sequence[str]) -> DeskDone:
    """The platform wants names here: nobody named is everybody who is on hold."""
    conference = await LiveConference.find(desk, wanted)
    ids = await conference.those(who)
    if not who:
        people = await participants(desk, conference.id, numbers=False)
        ids = tuple(str(each["call_control_id"]) for each in people if each.get("on_hold"))
    if not ids:
        shown: JsonItem = {
            "action": "unhold",
            "conference_id": conference.id,
            "call_control_ids": [],
        }
        return DeskDone(f"{conference.name}: nobody is on hold", shown)
    command = wire.ConferenceUnhold(conference_id=conference.id, call_control_ids=ids)
    return await conference.do(command, "unhold", f"{ends_of(ids)} no longer on hold")


async def role(
    desk: Desk,
    wanted: str,
    who: str,
    role: control.ConferenceRole,
    whisper_to: Sequence[str] = (),
) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    command = wire.ConferenceUpdate(
        conference_id=conference.id,
        call_control_id=await conference.one(who),
        supervisor_role=role,
        whisper_call_control_ids=await conference.those(whisper_to) or None,
    )
    what = f"{end_of(command.call_control_id)} {ROLES[role]}"
    return await conference.do(command, "role", what)


ROLES: dict[control.ConferenceRole, str] = {
    "barge": "hears all and is heard by all",
    "monitor": "listens, and is heard by nobody",
    "whisper": "hears all and is heard by those who were named",
    "none": "is a participant like any other",
}


# ---- sounds and recordings ----------------------------------------------------------------------


async def play(
    desk: Desk, wanted: str, sound: str, *, loop: int | None = None, to: Sequence[str] = ()
) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    ids = await conference.those(to)
    source: JsonItem = {source_of(sound): sound}
    command = wire.ConferencePlay(
        conference_id=conference.id, loop=loop, call_control_ids=ids or None, **source
    )
    return await conference.do(command, "play", f"playing {sound} to {ends_of(ids)}")


async def stop(desk: Desk, wanted: str, to: Sequence[str] = ()) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    ids = await conference.those(to)
    command = wire.ConferenceStop(conference_id=conference.id, call_control_ids=ids or None)
    return await conference.do(command, "stop", "what was played or spoken is stopped")


async def speak(
    desk: Desk,
    wanted: str,
    text: str,
    *,
    voice: str = calls.VOICE,
    language: str | None = None,
    to: Sequence[str] = (),
) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    ids = await conference.those(to)
    command = wire.ConferenceSpeak(
        conference_id=conference.id,
        payload=text,
        voice=voice,
        language=language,
        call_control_ids=ids or None,
    )
    return await conference.do(command, "speak", f"speaking to {ends_of(ids)}")


async def press(desk: Desk, wanted: str, digits: str, to: Sequence[str] = ()) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    ids = await conference.those(to)
    command = wire.ConferenceSendDtmf(
        conference_id=conference.id, digits=digits, call_control_ids=ids or None
    )
    return await conference.do(command, "dtmf", f"pressing {digits} to {ends_of(ids)}")


async def record(desk: Desk, wanted: str, verb: RecordVerb) -> DeskDone:
    conference = await LiveConference.find(desk, wanted)
    command: control.Command
    match verb:
        case "start":
            command = wire.ConferenceRecordStart(conference_id=conference.id)
        case "stop":
            command = wire.ConferenceRecordStop(conference_id=conference.id)
        case "pause":
            command = wire.ConferenceRecordPause(conference_id=conference.id)
        case "resume":
            command = wire.ConferenceRecordResume(conference_id=conference.id)
    return await conference.do(command, f"record_{verb}", RECORDED[verb])
