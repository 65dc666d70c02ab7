"""A warm handoff: a person takes over a caller, who is alone with nobody at any moment.

Conference first, then dial, then leave: the caller waits in the conference with hold music, whoever
is rung hears what it is about and accepts by a key, joins, and the bot leaves both. In every other
case the caller leaves the conference and is the bot's again. All of it is one errand of the
caller's leg."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from callbridge.calls.beside import Handoff, is_there, leave
from callbridge.calls.dialling import Dialling
from callbridge.calls.errands import Errand
from callbridge.calls.leg import Leg
from callbridge.calls.offers import Offer, Offers, Question
from callbridge.calls.platform import PlatformSide
from callbridge.calls.reach import OutgoingRing, Reach
from callbridge.control import commands as control
from callbridge.errors import CallError, CommandError, CommandRefused
from callbridge.handoff.conference import Conference
from callbridge.outcomes import Transferred
from callbridge.tape.events import NotArranged
from callbridge.timing.clock import first_of
from telecodecs import Pcm

if TYPE_CHECKING:
    from callbridge.calls.call import Call
    from callbridge.calls.with_others import WithOthers

Music = Pcm | str | Path
WhileWaiting = Callable[[], AbstractAsyncContextManager[object]]  # what the caller hears meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoffPlan:
    """Whom a handoff rings, what they are asked, and what becomes of the caller meanwhile."""

    diallings: tuple[Dialling, ...]
    question: Question = field(default_factory=Question)
    conference: str = ""  # its name; empty: one of the caller's own
    bridged: bool = False  # without a conference: whoever picks up is bridged
    record: bool = False
    stay: bool = False


class Handover:
    """One handoff under way, on the caller's side."""

    def __init__(
        self, leg: Leg, platform: PlatformSide, reach: Reach, plan: HandoffPlan, hold: WhileWaiting
    ) -> None:
        self._hold = hold
        self._leg, self._platform, self._reach, self._plan = leg, platform, reach, plan
        self._until: asyncio.Future[None] | None = None
        if plan.stay:
            self._until = asyncio.get_running_loop().create_future()
        self._offers = Offers(plan.question, self._connect, self._until)
        self._errand: Errand | None = None
        self.conference: Conference | None = None
        self.agent: Call | None = None

    async def run(self, errand: Errand) -> None:
        """To its end; the errand's outcome says how."""
        self._errand = errand
        leg = self._leg
        try:
            async with AsyncExitStack() as stack:
                with suppress(CallError):  # a call that can hear nothing can be handed over
                    await stack.enter_async_context(self._hold())
                outcome = await self._try()
            if not outcome and self.conference is not None:
                await leave(self.conference, leg.call_control_id)
            leg.settle(errand, outcome)
            if outcome and self._plan.stay and self._agent_leg is not None:
                await first_of(leg.ended, self._agent_leg.ended)  # their bot stays as long
        finally:
            self._offers.close(gone=leg.ended.done())
            if self._until is not None and not self._until.done():
                self._until.set_result(None)

    def outcome(self, transferred: Transferred, caller: "WithOthers") -> Handoff:
        stays = bool(transferred) and self._plan.stay
        return Handoff(
            transferred.result,
            transferred.cause,
            self._offers.winner.dialling.to if transferred and self._offers.winner else "",
            self.agent if stays else None,
            self.conference if stays else None,
            caller if stays else None,
            (self._leg, self._agent_leg) if stays and self._agent_leg else None,
        )

    @property
    def _agent_leg(self) -> Leg | None:
        winner = self._offers.winner
        return winner.ring.leg if winner is not None and winner.ring is not None else None

    async def _try(self) -> Transferred:
        plan = self._plan
        if not plan.bridged and (failed := await self._enter(plan)):
            return failed
        if await self._offers.first(plan.diallings, self._ring):
            return Transferred("answered")
        return Transferred(*self._offers.result)

    async def _enter(self, plan: HandoffPlan) -> Transferred | None:
        """The caller goes into the conference; or why that could not be."""
        leg = self._leg
        name = plan.conference or f"handoff-{leg.reference}"
        try:
            self.conference = await self._reach.conferences.open(name, leg.call_control_id)
        except CommandError as error:
            return Transferred("failed", str(error))
        return None

    def _ring(self, offer: Offer) -> OutgoingRing:
        return self._reach.ring_beside(offer.dialling, offer, self._leg)

    async def _connect(self, offer: Offer, agent: "Call") -> bool:
        """They have accepted: from here on caller and agent hear each other."""
        if not (await self._bridge(agent) if self._plan.bridged else await self._let_in(agent)):
            return False
        self.agent = agent
        if self._plan.stay:
            self._leg.voice.hold_over()
        assert self._errand is not None, "it runs"
        self._leg.settle(self._errand, Transferred("answered"))
        if not self._plan.stay:
            agent.release()
        if self.conference is not None:
            await self._arrange(self.conference)
        return True

    async def _let_in(self, agent: "Call") -> bool:
        conference = self.conference
        assert conference is not None, "the caller waits in it"
        try:
            await conference.join(agent.call_control_id, ends_on_exit=self._ours)
        except CommandRefused:
            self._offers.gone = conference.ended.done()  # with the caller, who was in it
            return False
        except CommandError:  # it may have been carried out all the same
            return await is_there(conference, agent.call_control_id)
        return True

    async def _bridge(self, agent: "Call") -> bool:
        bridge = control.Bridge(
            call_control_id=self._leg.call_control_id, with_=agent.call_control_id
        )
        try:
            await self._platform.send(bridge)
        except CommandError:
            return False
        return True

    @property
    def _ours(self) -> bool:
        """Whether the conference is for these two, and ends with either."""
        return not self._plan.conference and not self._plan.stay

    async def _arrange(self, conference: Conference) -> None:
        """What is left to do when they talk; that it fails costs nobody the conversation."""
        try:
            if self._ours and not await self._ends_with_the_caller(conference):
                await conference.end()  # the caller has hung up just now: they would be alone
            if self._plan.record:
                await conference.record()
        except CommandError as error:
            self._leg.tape.write(NotArranged(error=str(error)))

    async def _ends_with_the_caller(self, conference: Conference) -> bool:
        """Whether it will, or the caller is there as far as is known; False when they have left."""
        caller = self._leg.call_control_id
        try:
            return await conference.end_with(caller)
        except CommandError as error:
            self._leg.tape.write(NotArranged(error=str(error)))
        try:
            await conference.refresh()
        except CommandError:
            return True
        return conference.has(caller)
