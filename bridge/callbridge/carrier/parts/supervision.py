"""A supervisor on a bridged call: they hear both, and who hears them is a matter of their role.

Where the documents are silent this carrier does the following. A supervisor is bridged with nobody
and no event tells of them. They stay with the leg that they supervise for as long as it is bridged,
with whomever; then they are hung up. When they hang up, or go elsewhere, the others go on."""

from collections.abc import Callable
from typing import Literal

from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.core.part import Part
from callbridge.carrier.core.room import Room, audience_of

SupervisorRole = Literal["barge", "whisper", "monitor"]


class Supervision(Part):
    """On the supervisor's leg, from its dial until it ends or goes elsewhere."""

    def __init__(
        self, leg: CarrierLeg, supervised: CarrierLeg, role: SupervisorRole, exchange: Exchange
    ) -> None:
        self._leg, self._supervised, self._exchange = leg, supervised, exchange
        self._role: SupervisorRole = role
        self._room: Room | None = None  # that of the bridge, once the supervisor is in it
        self._tie = SupervisorTie(self._stop_ringing)
        supervised.add(self._tie)

    @property
    def doing(self) -> str:
        return f"{self._role}s {self._supervised.call_control_id[-6:]}"

    def _stop_ringing(self) -> None:
        if self._leg.state is LegState.RINGING:
            self._exchange.customer_hangs_up(self._leg)

    def switch(self, role: SupervisorRole) -> None:
        """Heard from the next tick on."""
        self._role = role
        self._settle()

    def leg_answered(self) -> None:
        """The bridge may be over by now, and the leg parked: then so is the supervisor's call."""
        self._follow()

    def begin_tick(self) -> None:
        self._follow()

    def _follow(self) -> None:
        """Be where the supervised leg is bridged."""
        room = self._exchange.bridge_of(self._supervised)
        if room is self._room and room is not None:
            return
        if room is None:
            self._exchange.note(self._leg, "supervises nobody", why="the call is not bridged")
            self._exchange.customer_hangs_up(self._leg)
            return
        self._leave_room()
        self._exchange.enter(self._leg, room)
        self._room = room
        self._settle()

    def _settle(self) -> None:
        assert self._room is not None, "a leg that is not answered takes no commands"
        whispers_to = [self._supervised]
        self._room.heard_only_by(self._leg, audience_of(self._role, whispers_to))
        of = self._supervised.call_control_id
        self._exchange.note(self._leg, "supervises", leg=of, role=self._role)

    def _leave_room(self) -> None:
        if self._room is not None:
            self._exchange.leave(self._leg)
            self._room = None

    def leg_moves(self) -> None:
        if self._room is not None:  # and not on its way into one
            self._end()

    def leg_ended(self) -> None:
        self._end()

    def _end(self) -> None:
        self._leave_room()
        self._leg.remove(self)
        self._supervised.remove(self._tie)


class SupervisorTie(Part):
    """On the supervised leg: a supervisor is no longer rung up when it has ended."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def leg_ended(self) -> None:
        self._ended()
