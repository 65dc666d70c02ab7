"""A supervisor's own telephone is rung, and joined with the call in their role.

Only what the platform documents is used, so it holds on a real account:

- two who are joined are supervised (`supervise_call_control_id`, `switch_supervisor_role`);
- a conference has roles of its own (`supervisor_role`, `whisper_call_control_ids`);
- a caller who is alone with a bot can be taken over, and handed back: they meet the supervisor in a
  conference that ends with either. A bot is no leg: what it says on its media stream is played to
  the caller alone, so there is nothing that a supervisor could listen in to.

How it goes is asked of the platform (`Lookout.until`); no webhook comes here."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from callbridge.calls.platform import unanswered
from callbridge.control import commands as control
from callbridge.control import conferences as wire
from callbridge.desk.desk import Desk
from callbridge.desk.finding import end_of
from callbridge.desk.page.board import BoardCall, BoardQueue, DeskBoard, situation
from callbridge.desk.page.lookout import Lookout
from callbridge.desk.page.users import DeskUser
from callbridge.errors import CallbridgeError, CallGone, CommandError
from callbridge.handoff.takeover import room_of
from callbridge.timing.clock import Clock

RING_S = 30
SILENCE_S = 10.0  # so long after the last ring the platform should tell how it came out
MOST_KEPT = 60

HeardRole = Literal["monitor", "whisper", "barge"]
ROLES: tuple[HeardRole, ...] = ("monitor", "whisper", "barge")
DeskVerb = Literal["monitor", "whisper", "barge", "take", "next"]
DOES: dict[DeskVerb, str] = {
    "monitor": "listens in, and is heard by nobody",
    "whisper": "hears all, and is heard by the one they whisper to",
    "barge": "hears all, and is heard by all",
    "take": "has taken the call over",
    "next": "has the caller who waited",
}


class DeskRefusal(CallbridgeError):
    """What was asked for cannot be done; its sentence is for who asked."""


@dataclass(slots=True)
class DeskErrand:
    """What somebody has asked for and takes a while; `leg` is their own telephone's."""

    who: str
    verb: DeskVerb
    call: BoardCall
    sentence: str
    at: float  # Unix seconds
    conference: str = ""
    whispers_to: str = ""
    leg: str = ""
    over: bool = False
    good: bool | None = None  # None: not known yet
    back_to: str = ""  # the number of who had the call before
    instead_of: str = ""  # the seat in the conference that is on hold meanwhile
    queue: str = ""
    told: list[str] = field(default_factory=list[str])

    @property
    def goes_on(self) -> bool:
        return self.good is True and not self.over

    def tell(self, sentence: str) -> None:
        self.sentence = sentence
        self.told.append(sentence)


class DeskSupervisors:
    """Everybody's errands, the last ones first. `spawn` owns the tasks."""

    def __init__(
        self,
        desk: Desk,
        lookout: Lookout,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        shown_number: str | None,
    ) -> None:
        self.errands: deque[DeskErrand] = deque(maxlen=MOST_KEPT)
        self._desk, self._lookout, self._clock, self._spawn = desk, lookout, clock, spawn
        self._shown_number = shown_number

    def of_user(self, user: DeskUser, call: str = "", conference: str = "") -> DeskErrand | None:
        """What they are doing on that call, or in that conference."""
        mine = (each for each in self.errands if each.who == user.name and not each.over)
        return next(
            (
                each
                for each in mine
                if (call and each.call.id == call) or (conference and each.conference == conference)
            ),
            None,
        )

    async def begin(
        self,
        user: DeskUser,
        call: BoardCall,
        verb: DeskVerb,
        *,
        whispers_to: str = "",
        instead_of: str = "",
    ) -> str:
        """Ring the supervisor, or let who is on the call already change their role. Returns a
        sentence. Raises CallbridgeError."""
        board = self._lookout.board
        kind, why = situation(board, call)
        mine = self.of_user(user, call.id, call.conference)
        if mine is not None and mine.verb in ROLES and verb in ROLES:
            return await self._switch(mine, verb, whispers_to)
        if mine is not None:
            raise DeskRefusal(f"You are on that call already: {mine.sentence}")
        if kind == "none":
            raise DeskRefusal(f"Nobody can be joined with that call now. {why}")
        if kind == "alone" and verb != "take":
            raise DeskRefusal(
                "The caller talks to a bot. The platform lets a supervisor join two people or a "
                "conference, and a bot is neither: take the call over instead."
            )
        errand = self._errand(user, verb, call)
        errand.conference, errand.whispers_to = call.conference, whispers_to
        errand.instead_of = instead_of
        errand.back_to = _before(board, call) if kind == "pair" else ""
        return await self._ring(errand, kind, user)

    async def take_next(self, user: DeskUser, queue: BoardQueue, who: str = "") -> str:
        """Ring the supervisor, and join them with the first who waits, or with the call `who`.

        Raises CallbridgeError."""
        if any(each.who == user.name and each.queue for each in self.errands if not each.over):
            raise DeskRefusal("You are on a call of a queue already, or your telephone rings.")
        called = next((each.to for each in queue.waiting or () if who in ("", each.id)), "")
        errand = self._errand(user, "next", BoardCall(id=who, leg_id="", session_id="", to=called))
        errand.queue = queue.name
        return await self._ring(errand, "queue", user)

    def _errand(self, user: DeskUser, verb: DeskVerb, call: BoardCall) -> DeskErrand:
        return DeskErrand(user.name, verb, call, "", self._clock.wall())

    async def _ring(self, errand: DeskErrand, kind: str, user: DeskUser) -> str:
        if user.number is None:
            raise DeskRefusal(
                "No telephone is known of yours: it stands behind your name in the file of users, "
                "or in CALLBRIDGE_DESK_NUMBER."
            )
        errand.sentence = "Your telephone is about to ring."
        self.errands.appendleft(errand)  # at once: two clicks are one errand
        try:
            leg = await self._desk.send(self._dial(errand, kind, user.number))
        except BaseException:  # whoever clicked may have left: nothing rings, so nothing is pending
            self.errands.remove(errand)
            raise
        errand.leg = str(leg.get("call_control_id"))
        errand.tell(f"Your telephone {user.number} rings.")
        self._spawn(self._follow(errand, kind, str(leg.get("call_leg_id"))))
        self._lookout.nudge()
        return errand.sentence

    def _dial(self, errand: DeskErrand, kind: str, number: str) -> control.Dial:
        call, verb = errand.call, errand.verb
        role: HeardRole = verb if verb in ("monitor", "whisper", "barge") else "barge"
        conference = None
        if kind == "conference":
            conference = control.DialConference(
                id=call.conference,
                supervisor_role=role,
                whisper_call_control_ids=(errand.whispers_to,) if role == "whisper" else None,
                early_media=False,
            )
        elif kind == "alone":
            # It ends when the supervisor leaves, and nobody is hung up by that: the caller is the
            # bot's again.
            conference = control.DialConference(
                conference_name=room_of(call.leg_id),
                soft_end_conference_on_exit=True,
                early_media=False,
            )
        supervised = kind == "pair" and verb != "take"
        return control.Dial(
            connection_id=self._desk.connection_id,
            to=number,
            from_=self._shown_number or call.ours or number,
            timeout_secs=RING_S,
            conference_config=conference,
            supervise_call_control_id=call.id if supervised else None,
            supervisor_role=role if supervised else None,
        )

    # ---- how it goes on ---------------------------------------------------------------------

    async def _follow(self, errand: DeskErrand, kind: str, leg_id: str) -> None:
        try:
            if await self._picked_up(errand, leg_id):
                if errand.verb in ("take", "next"):
                    await self._take(errand, kind)
                errand.good = True
                errand.tell(f"{errand.who} {DOES[errand.verb]}.")
                self._lookout.nudge()
                await self._until_over(errand, leg_id)
                await self._make_way(errand)
        except CallGone:
            await self._give_up(errand, GONE)
        except CommandError as error:
            await self._give_up(errand, f"It did not come about: {error}")
        except asyncio.CancelledError:
            errand.over = True
            raise
        errand.over = True
        self._lookout.nudge()

    async def _picked_up(self, errand: DeskErrand, leg_id: str) -> bool:
        call, within_s = errand.call.id, RING_S + SILENCE_S
        trail = await self._lookout.until(
            errand.leg, leg_id, "call.answered", within_s=within_s, beside=call
        )
        if trail is not None and trail.find("call.answered"):
            return True
        if trail is None and call and self._lookout.is_over(call):
            await self._give_up(errand, GONE)
            return False
        cause = str(trail.told("call.hangup", "hangup_cause") or "") if trail else ""
        result = unanswered(cause) if cause else "unknown"
        errand.good = False
        errand.tell(f"{NOT_ANSWERED.get(result, NOT_ANSWERED['failed'])} Nothing has changed.")
        if trail is None:
            await self._hang_up(errand.leg)
        return False

    async def _take(self, errand: DeskErrand, kind: str) -> None:
        call = errand.call
        if kind == "pair":
            bridge = control.Bridge(call_control_id=call.id, with_=errand.leg)
            await self._desk.send(bridge)
        elif kind == "queue":
            bridge = control.Bridge(
                call_control_id=errand.leg,
                with_=call.id or None,
                queue=None if call.id else errand.queue,
            )
            await self._desk.send(bridge)
        elif kind == "conference" and errand.instead_of:
            hold = wire.ConferenceHold(
                conference_id=call.conference, call_control_ids=(errand.instead_of,)
            )
            await self._desk.send(hold)
        elif kind == "alone":
            errand.conference = await self._room(call)
            join = wire.ConferenceJoin(
                conference_id=errand.conference,
                call_control_id=call.id,
                end_conference_on_exit=True,  # the supervisor is hung up with the caller
            )
            await self._desk.send(join)

    async def _room(self, call: BoardCall) -> str:
        """The id of the conference that the supervisor's answer has made."""
        listing = wire.ConferencesList(conference_name=room_of(call.leg_id), status="in_progress")
        for _ in range(10):
            if found := await self._desk.every(listing):
                return str(found[0]["id"])
            await asyncio.sleep(0.3)
        raise DeskRefusal("the platform has made no conference for the two of you")

    async def _until_over(self, errand: DeskErrand, leg_id: str) -> None:
        """Until their own telephone hangs up; looked at as often as anything is."""
        while True:
            with self._lookout.watched(("leg", leg_id)):
                await self._lookout.next_board()
            board = self._lookout.board
            gone = not board.problem and errand.leg not in {call.id for call in board.calls}
            if gone or self._lookout.trail(leg_id).find("call.hangup"):
                errand.tell(f"{errand.who} has hung up.")
                return

    async def _make_way(self, errand: DeskErrand) -> None:
        """Whoever was put on hold for the supervisor is off it again, if the conference goes on."""
        if errand.instead_of:
            with suppress(CommandError):
                await self._desk.send(_off_hold(errand))

    async def _give_up(self, errand: DeskErrand, sentence: str) -> None:
        errand.good = False
        errand.tell(sentence)
        await self._hang_up(errand.leg)

    async def _hang_up(self, leg: str) -> None:
        with suppress(CommandError):  # it has ended, or will when its time is over
            await self._desk.send(control.Hangup(call_control_id=leg))

    # ---- while it goes on -----------------------------------------------------------------------

    async def _switch(self, errand: DeskErrand, verb: HeardRole, whispers_to: str) -> str:
        """Another role, without being rung again."""
        if not errand.goes_on:
            raise DeskRefusal(f"Wait until you are there: {errand.sentence}")
        command: control.Command
        if errand.conference:
            command = wire.ConferenceUpdate(
                conference_id=errand.conference,
                call_control_id=errand.leg,
                supervisor_role=verb,
                whisper_call_control_ids=(whispers_to,) if verb == "whisper" else None,
            )
        else:
            command = control.Action(
                call_control_id=errand.leg,
                action="switch_supervisor_role",
                fields={"role": verb},
            )
        await self._desk.send(command)
        errand.verb, errand.whispers_to = verb, whispers_to
        errand.tell(f"{errand.who} {DOES[verb]}.")
        return errand.sentence

    async def hand_back(self, board: DeskBoard, call: BoardCall) -> str:
        """Give a call that was taken over to who had it before: also one of before a restart.

        Raises CallbridgeError."""
        taken = (each for each in self.errands if each.call.id == call.id and each.verb == "take")
        errand = next((each for each in taken if each.goes_on), None)
        room = next((each for each in board.conferences if each.name == room_of(call.leg_id)), None)
        if room is not None:
            leave = wire.ConferenceLeave(conference_id=room.id, call_control_id=call.id)
            await self._desk.send(leave)
            return "The caller is the bot's again. A bot of Callbridge goes on with them."
        if errand is not None and errand.instead_of and errand.conference:
            await self._desk.send(_off_hold(errand))
            await self._hang_up(errand.leg)
            return f"{end_of(errand.instead_of)} has the caller again."
        if errand is not None and errand.back_to:
            transfer = control.Transfer(call_control_id=call.id, to=errand.back_to)
            await self._desk.send(transfer)
            return f"{errand.back_to} is rung, and has the caller when it answers."
        raise DeskRefusal("It is not known who had that call before.")


GONE = "The call had ended before you were there."
NOT_ANSWERED = {
    "busy": "Your telephone is busy.",
    "declined": "The call to your telephone was declined.",
    "no_answer": "Your telephone was not answered.",
    "unknown": "The platform has not told whether your telephone was answered.",
    "failed": "Your telephone could not be reached.",
}


def _off_hold(errand: DeskErrand) -> wire.ConferenceUnhold:
    return wire.ConferenceUnhold(
        conference_id=errand.conference, call_control_ids=(errand.instead_of,)
    )


def _before(board: DeskBoard, call: BoardCall) -> str:
    """The number of the person that a caller is joined with."""
    return next((each.theirs for each in board.others(call) if each.theirs), "")
