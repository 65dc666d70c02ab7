"""All conferences, by their ids; those that go on, by their names."""

from collections import deque

import msgspec

from callbridge.carrier.conferences.conference import CarrierConference, ConferencePlan
from callbridge.carrier.conferences.participant import CarrierParticipant, Entry
from callbridge.carrier.conferences.sounds import ConferenceSounds
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from callbridge.carrier.parts.sounds import CarrierSounds


class ConferenceInvitation(msgspec.Struct, frozen=True):
    """`into` is the id of a conference, or the plan of one that is created unless its name is
    taken: then that one is meant."""

    into: str | ConferencePlan
    entry: Entry


class Conferences:
    def __init__(self, exchange: Exchange, sounds: CarrierSounds) -> None:
        self._exchange = exchange
        self._sounds = ConferenceSounds(exchange, sounds)
        self._all: dict[str, CarrierConference] = {}  # those that go on and those that have ended
        self._live: dict[str, CarrierConference] = {}  # by name
        self._over: deque[CarrierConference] = deque()

    def create(self, plan: ConferencePlan, owner: CarrierLeg, entry: Entry) -> CarrierConference:
        """The owner is its first participant. The name is one that no conference has just now."""
        conference = CarrierConference(plan, owner, self._exchange, self._sounds, self._ended)
        self._all[conference.id] = self._live[plan.name] = conference
        conference.join(owner, entry)
        return conference

    def find(self, id: str) -> CarrierConference | None:
        return self._all.get(id)

    def named(self, name: str) -> CarrierConference | None:
        """The one that goes on under that name."""
        return self._live.get(name)

    def of(self, leg: CarrierLeg) -> CarrierParticipant | None:
        """What the leg is in a conference, if it is in one."""
        return leg.part(CarrierParticipant)

    def invite(self, leg: CarrierLeg, invitation: ConferenceInvitation) -> None:
        """The leg joins as soon as it is answered."""
        leg.add(InvitedPart(leg, invitation, self))

    def receive(self, leg: CarrierLeg, invitation: ConferenceInvitation) -> None:
        """A leg that was invited is answered. For one that cannot come in any more the call is
        over: nobody would be on the line."""
        into = invitation.into
        conference = self.find(into) if isinstance(into, str) else self.named(into.name)
        if conference is None and isinstance(into, ConferencePlan):
            self.create(into, leg, invitation.entry)
        elif conference is None or conference.is_over or conference.is_full:
            self._exchange.note(leg, "conference not joined", why="it is over or full")
            self._exchange.customer_hangs_up(leg)
        else:
            conference.join(leg, invitation.entry)

    def going_on(self) -> list[CarrierConference]:
        return list(self._live.values())

    def newest_first(self) -> list[CarrierConference]:
        """Those that expire last come first."""
        return sorted(self._all.values(), key=lambda each: each.ends_at, reverse=True)

    # ---- what the switch tells ----------------------------------------------------------------

    def begin_tick(self) -> None:
        for conference in list(self._live.values()):
            conference.begin_tick()
        self._forget_old()

    def end_tick(self) -> None:
        """When all have spoken and heard."""
        for conference in self._live.values():
            conference.end_tick()

    def _ended(self, conference: CarrierConference) -> None:
        del self._live[conference.plan.name]
        self._over.append(conference)

    def _forget_old(self) -> None:
        """Ended conferences are known for as long as ended calls."""
        config = self._exchange.config
        while self._over:
            ended_at = self._over[0].ended_at or 0.0
            too_many = len(self._over) > config.keep_finished
            if not too_many and self._exchange.now - ended_at <= config.keep_finished_s:
                return
            del self._all[self._over.popleft().id]


class InvitedPart(Part):
    """A leg that is being dialled into a conference."""

    def __init__(
        self, leg: CarrierLeg, invitation: ConferenceInvitation, conferences: Conferences
    ) -> None:
        self._leg, self._invitation, self._conferences = leg, invitation, conferences

    def leg_answered(self) -> None:
        self._leg.remove(self)
        self._conferences.receive(self._leg, self._invitation)
