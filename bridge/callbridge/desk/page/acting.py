"""What buttons do: the functions of the desk at a terminal, by the names in the forms."""

from collections.abc import Awaitable, Callable, Mapping
from typing import cast, get_args

from callbridge.desk import calls, conferences, queues
from callbridge.desk.calls import RecordVerb
from callbridge.desk.desk import Desk, DeskDone
from callbridge.desk.page.board import BoardCall
from callbridge.desk.page.lookout import Lookout
from callbridge.desk.page.supervising import DeskRefusal, DeskSupervisors, DeskVerb
from callbridge.desk.page.users import DeskUser

DeskForm = Mapping[str, str]
DeskAct = Callable[[Desk, str, DeskForm], Awaitable[DeskDone]]


async def _hang_up(desk: Desk, id: str, form: DeskForm) -> DeskDone:
    (done,) = await calls.hang_up(desk, [id], all_of_them=False)
    return done


async def _record_call(desk: Desk, id: str, form: DeskForm) -> DeskDone:
    return await calls.record(desk, id, _verb(form))


async def _record_conference(desk: Desk, id: str, form: DeskForm) -> DeskDone:
    return await conferences.record(desk, id, _verb(form))


async def _mute(desk: Desk, id: str, form: DeskForm) -> DeskDone:
    return await conferences.mute(desk, id, [_who(form)])


async def _unmute(desk: Desk, id: str, form: DeskForm) -> DeskDone:
    return await conferences.unmute(desk, id, [_who(form)])


async def _hold(desk: Desk, id: str, form: DeskForm) -> DeskDone:
    return await conferences.hold(desk, id, [_who(form)], None)


async def _unhold(desk: Desk, id: str, form: DeskForm) -> DeskDone:
    return await conferences.unhold(desk, id, [_who(form)])


async def _kick(desk: Desk, id: str, form: DeskForm) -> DeskDone:
    return await conferences.kick(desk, id, _who(form))


async def _end(desk: Desk, id: str, form: DeskForm) -> DeskDone:
    return await conferences.end(desk, id)


async def _leave_queue(desk: Desk, name: str, form: DeskForm) -> DeskDone:
    return await queues.remove(desk, name, _who(form))


# By what the page is of, and the name of the button.
ACTS: dict[str, dict[str, DeskAct]] = {
    "call": {"hangup": _hang_up, "record": _record_call},
    "conference": {
        "mute": _mute,
        "unmute": _unmute,
        "hold": _hold,
        "unhold": _unhold,
        "kick": _kick,
        "end": _end,
        "record": _record_conference,
    },
    "queue": {"remove": _leave_queue},
}
JOINS: dict[str, DeskVerb] = {
    "listen": "monitor",
    "whisper": "whisper",
    "barge": "barge",
    "takeover": "take",
}


class DeskActs:
    """Carries out what a form asks for. Raises CallbridgeError whose sentence is for who asked."""

    def __init__(self, desk: Desk, lookout: Lookout, supervising: DeskSupervisors) -> None:
        self._desk, self._lookout, self._supervising = desk, lookout, supervising

    async def carry_out(
        self, user: DeskUser, kind: str, name: str, act: str, form: DeskForm
    ) -> str:
        """Returns the sentence that says what was done; of errands, pages tell themselves."""
        if (plain := ACTS.get(kind, {}).get(act)) is not None:
            done = await plain(self._desk, name, form)
            self._lookout.nudge()
            return f"{done.sentence}."
        topics = ((kind, name),) if kind != "call" else ()
        board = await self._lookout.fresh(*topics)
        if kind == "queue" and act == "take":
            queue = board.queue(name)
            if queue is None:
                raise DeskRefusal("That queue is not there any more.")
            await self._supervising.take_next(user, queue, form.get("who", ""))
            return ""
        if act == "handback" and kind != "queue":
            return await self._supervising.hand_back(board, self._taken(user, kind, name))
        if act not in JOINS or kind == "queue":
            raise DeskRefusal("There is no such thing to do.")
        call = self._call(name) if kind == "call" else self._seat(name, form)
        whispers_to = form.get("who", "") if act == "whisper" else ""
        instead_of = form.get("who", "") if act == "takeover" and kind == "conference" else ""
        await self._supervising.begin(
            user, call, JOINS[act], whispers_to=whispers_to, instead_of=instead_of
        )
        return ""

    def _taken(self, user: DeskUser, kind: str, name: str) -> BoardCall:
        if kind == "call":
            return self._call(name)
        errand = self._supervising.of_user(user, conference=name)
        if errand is None:
            raise DeskRefusal("You have taken nobody over in that conference.")
        return errand.call

    def _call(self, id: str) -> BoardCall:
        call = self._lookout.board.call(id)
        if call is None:
            raise DeskRefusal("That call is over.")
        return call

    def _seat(self, id: str, form: DeskForm) -> BoardCall:
        """Who is meant in a conference, as a call that can be supervised."""
        conference = self._lookout.board.conference(id)
        if conference is None or not conference.seats:
            raise DeskRefusal("That conference is over.")
        who = form.get("who", "")
        seat = next((seat for seat in conference.seats if seat.id == who), None)
        if who and seat is None:
            raise DeskRefusal("They have left the conference.")
        seat = seat or conference.seats[0]
        return BoardCall(
            id=seat.id,
            leg_id=seat.leg_id,
            session_id="",
            from_=seat.from_,
            to=seat.to,
            conference=id,
        )


def _who(form: DeskForm) -> str:
    """Whole, and of somebody: nobody would be everybody."""
    if not (who := form.get("who", "")):
        raise DeskRefusal("Nobody was named.")
    return who


def _verb(form: DeskForm) -> RecordVerb:
    verb = form.get("verb", "")
    if verb not in get_args(RecordVerb):
        raise DeskRefusal("A recording is started, paused, resumed or stopped.")
    return cast(RecordVerb, verb)
