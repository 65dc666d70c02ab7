"""A person at a desk talks to the caller in the bot's place, until they hand the caller back.

They do so by the platform's commands, and the bridge is told of it by a webhook alone. It is an
errand of the leg that stays: while it is open nothing of ours hangs up."""

import asyncio

from callbridge.calls.errands import Errand
from callbridge.calls.leg import Leg
from callbridge.calls.platform import PlatformSide
from callbridge.control.conferences import ConferencesList
from callbridge.control.events import Event
from callbridge.errors import CommandError
from callbridge.handoff.takeover import room_of
from callbridge.outcomes import Transferred
from callbridge.tape.events import Asked
from callbridge.timing.clock import first_of
from callbridge.voice.ear import Spawn

LOOK_EVERY_S = 10.0  # whether the conference still goes on: webhooks may be lost


class Takeover:
    """Of one leg. `began` is done when a person has the caller."""

    __slots__ = ("_asking", "_conference", "_errand", "_leg", "_platform", "_spawn", "began")

    def __init__(self, leg: Leg, platform: PlatformSide, spawn: Spawn) -> None:
        self._leg, self._platform, self._spawn = leg, platform, spawn
        self._errand: Errand | None = None
        self._conference = ""
        self._asking = False
        self.began: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_event(self, event: Event) -> None:
        """That the leg has joined a conference, or left one."""
        conference = event.payload.get("conference_id")
        if event.event_type == "conference.participant.left":
            if conference == self._conference:
                self._settle()
        elif event.event_type == "conference.participant.joined" and self._may_be_taken():
            self._asking = True
            self._spawn(self._find_out(str(conference)))

    def _may_be_taken(self) -> bool:
        """A leg that joins one of our own conferences is on an errand, mostly; the name decides."""
        busy = self._asking or self._leg.over or self._leg.errands.open
        return self._errand is None and not busy

    async def _find_out(self, conference: str) -> None:
        try:
            if conference in await self._room():
                self._conference = conference
                leg = self._leg
                self._errand = leg.errands.begin("takeover", "a person at a desk", stays=True)
                leg.tape.write(Asked(errand="takeover", to=self._errand.to))
                leg.voice.interrupt()
                if not self.began.done():
                    self.began.set_result(None)
        except CommandError:
            pass  # it cannot be told what conference that is: the bot goes on
        finally:
            self._asking = False

    async def _room(self) -> list[str]:
        """The ids of the conferences that are for a take-over of this leg: one, or none."""
        listing = ConferencesList(
            conference_name=room_of(self._leg.call_leg_id), status="in_progress"
        )
        return [str(row.get("id")) for row in await self._platform.page(listing)]

    async def over(self) -> bool:
        """Return when the caller is the bot's again; False: the call has ended."""
        leg, errand = self._leg, self._errand
        while errand is not None and errand.open and not leg.over:
            await first_of(errand.outcome, leg.ended, timeout=LOOK_EVERY_S)
            if errand.open and not leg.over:
                await self._look()
        leg.voice.turns.clear()  # what was said to the person was not said to the bot
        self._errand, self._conference = None, ""
        self.began = asyncio.get_running_loop().create_future()
        return not leg.over

    async def _look(self) -> None:
        try:
            if self._conference not in await self._room():
                self._settle()
        except CommandError:
            pass  # it is asked again

    def _settle(self) -> None:
        if self._errand is not None:
            self._leg.settle(self._errand, Transferred("answered", "and handed back"))
