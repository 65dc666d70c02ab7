"""The conferences that somebody in this process holds, and how one is found or made by its name."""

from collections import deque
from weakref import WeakValueDictionary

from callbridge.control import conferences as wire
from callbridge.control.client import CallControl
from callbridge.control.commands import ConferenceRole
from callbridge.control.events import Event
from callbridge.errors import CommandRefused
from callbridge.handoff.conference import Conference

NAME_TAKEN = "90033"
ATTEMPTS = 3  # a conference may end between two of our commands
EARLY = 64  # webhooks kept of conferences whose creation has not been answered yet


class LiveConferences:
    """By id, for as long as somebody holds them: whom nobody holds needs no webhooks.

    The name is the platform's lock: of two who create it at once the second one is refused, and
    joins the first one's."""

    def __init__(self, command: CallControl, connection_id: str = "") -> None:
        self._command = command
        self._connection_id = connection_id
        self._held: WeakValueDictionary[str, Conference] = WeakValueDictionary()
        self._early: deque[tuple[str, Event]] = deque(maxlen=EARLY)

    async def open(
        self,
        name: str,
        call_control_id: str,
        *,
        mute: bool = False,
        role: ConferenceRole = "none",
        ends_on_exit: bool = False,
    ) -> Conference:
        """A call that is answered goes into the conference of that name, which is made if there is
        none. Raises CommandRefused and its kin."""
        refused: CommandRefused | None = None
        for _ in range(ATTEMPTS):
            found = None
            try:
                found = await self._create(name, call_control_id)
                if mute:
                    await found.mute(call_control_id)
                if role != "none":
                    await found.supervise(call_control_id, role)
                if ends_on_exit:
                    await found.end_with(call_control_id)
                return found
            except CommandRefused as error:
                if error.code != NAME_TAKEN:
                    raise
                refused = error
            found = await self.find(name)
            if found is None:
                continue
            try:
                await found.join(call_control_id, mute=mute, role=role, ends_on_exit=ends_on_exit)
                return found
            except CommandRefused as error:
                if not found.ended.done():
                    raise
                refused = error
        assert refused is not None, "it was refused each time"
        raise refused

    async def _create(self, name: str, call_control_id: str) -> Conference:
        create = wire.ConferenceCreate(conference_name=name, call_control_id=call_control_id)
        data = await self._command.send(create)
        conference = self._known(str(data.get("id")), name)
        conference.on_event(_joined(call_control_id))
        return conference

    async def find(self, name: str) -> Conference | None:
        """The one of that name that goes on."""
        listing = wire.ConferencesList(conference_name=name)
        for row in await self._command.every(listing):
            if row.get("name") == name and row.get("status") != "completed":
                conference = self._known(str(row.get("id")), name)
                await conference.refresh()
                return conference if not conference.ended.done() else None
        return None

    def _known(self, id: str, name: str) -> Conference:
        conference = self._held.get(id)
        if conference is None:
            conference = self._held[id] = Conference(id, name, self._command, self._connection_id)
            for whose, event in self._early:
                if whose == id:
                    conference.on_event(event)
        return conference

    def on_event(self, event: Event) -> None:
        """A webhook of some conference."""
        id = event.payload.get("conference_id")
        if not isinstance(id, str):
            return
        conference = self._held.get(id)
        if conference is not None:
            conference.on_event(event)
        else:
            self._early.append((id, event))


def _joined(call_control_id: str) -> Event:
    """Who creates a conference is in it; the webhook only repeats that."""
    payload: dict[str, object] = {"call_control_id": call_control_id}
    return Event("conference.participant.joined", "", "", payload)
