"""What joins a call with somebody else: transfer, bridge, queue. Each is an errand of its leg.

The tasks belong to the call and not to whoever asked. When the platform is silent it is asked about
the legs; what it does not know either stays unknown."""

from collections.abc import Mapping
from itertools import starmap
from typing import Literal

from callbridge.calls.errands import Destination, Errand, ErrandKind
from callbridge.calls.leg import Hangup, Leg, client_state
from callbridge.calls.news import Dequeued, LegAnswered, LegBridged, LegHungUp, LegReferred, News
from callbridge.calls.platform import SILENCE_S, PlatformSide, PlatformState, unanswered
from callbridge.control import commands as control
from callbridge.control import queues
from callbridge.control.lists import CallEventsList
from callbridge.errors import CallGone, CommandError, CommandRefused
from callbridge.outcomes import Result, Transferred
from callbridge.tape.events import Asked
from callbridge.timing.clock import first_of
from callbridge.timing.signal import changed
from callbridge.voice.ear import Spawn

ASK_EVERY_S = 2.0  # between two questions about a leg of which nothing is known
ASK_QUEUE_EVERY_S = 10.0  # whether a call still waits in its queue
IN_DOUBT_S = 10.0  # so long it is asked before the outcome is called unknown
NOBODY_WAITS = "90035"
NO_LIMIT = float("inf")
JOINED = ("transfer", "bridge", "enqueue", "take")  # what a bridged leg of ours can be the end of

_REFERRED: dict[str, Literal["completed", "failed"]] = {
    "call.refer.completed": "completed",
    "call.refer.failed": "failed",
}
_SIP: dict[int, Result] = {
    403: "declined",
    408: "no_answer",
    480: "no_answer",
    486: "busy",
    487: "no_answer",
    600: "busy",
    603: "declined",
    607: "declined",
}


class Connector:
    """The errands of one call that join it with another leg."""

    __slots__ = ("_leg", "_platform", "_taken", "spawn")

    def __init__(self, leg: Leg, platform: PlatformSide, spawn: Spawn) -> None:
        self._leg = leg
        self._platform = platform
        self.spawn = spawn
        self._taken = False  # out of its queue, to be bridged

    # ---- errands ----------------------------------------------------------------------------

    def begin(
        self, kind: ErrandKind, to: str, *, stays: bool = False, ours: bool = False
    ) -> Errand:
        errand = self._leg.errands.begin(kind, to, stays=stays, ours=ours)
        self._leg.tape.write(Asked(errand=kind, to=to))
        return errand

    async def outcome(self, errand: Errand) -> Transferred:
        """Returns when it has come out, or when it is known that nothing is known.

        Cancelling the wait changes nothing: see `errands`."""
        leg = self._leg
        while errand.open and not errand.in_doubt and not leg.ended.done():
            await changed(leg.errands.changed, leg.phase_changed)
        if errand.open:
            return Transferred("unknown", "the platform tells nothing of it")
        if errand.outcome.cancelled():  # by the end of the call
            return self._ended_meanwhile()
        return errand.outcome.result()

    def _ended_meanwhile(self) -> Transferred:
        """The call has ended before anything was told of the errand.

        Where the platform has hung up our side of it, and we have not asked for that, somebody was
        connected with the caller, and has left."""
        leg = self._leg
        if not leg.ended.done():
            return Transferred("failed", "given up: the process ends")
        if leg.was_ended_by_us and not self._platform.has_hung_up:
            return Transferred("answered", "they have hung up since")
        return Transferred("caller_hung_up", leg.ended.result().cause)

    async def _carried_out(self, errand: Errand, command: control.Command) -> bool:
        """Send it; False if the errand has thereby come out. In doubt it may have been done."""
        leg = self._leg
        try:
            await self._platform.send(command)
        except CallGone as error:
            if await self._platform.status(leg.call_control_id) == "gone":
                leg.end(Hangup("unspecified"))
            leg.settle(errand, Transferred("failed", str(error)))
            return False
        except CommandRefused as error:
            result: Result = "no_answer" if error.code == NOBODY_WAITS else "failed"
            leg.settle(errand, Transferred(result, str(error)))
            return False
        except CommandError:
            self._doubt(errand)
        return True

    async def _find_out(self, errand: Errand) -> None:
        """Ask the platform until it is clear what became of an errand, or of the call."""
        leg = self._leg
        asked_since = leg.clock.now()
        while errand.open and not leg.over:
            if errand.other_leg:
                self._judge(errand, await self._platform.status(errand.other_leg))
            if errand.open and await self._platform.status(leg.call_control_id) == "gone":
                leg.end(Hangup("unspecified"))
            elif errand.open and leg.clock.now() - asked_since >= IN_DOUBT_S:
                self._doubt(errand)
            if errand.open:
                await first_of(errand.outcome, leg.ended, timeout=ASK_EVERY_S)

    def _doubt(self, errand: Errand) -> None:
        errand.in_doubt = True
        self._leg.errands.changed.notify()

    def _judge(self, errand: Errand, state: PlatformState) -> None:
        if state == "talking":
            self._leg.settle(errand, Transferred("answered", "as the platform says when asked"))
        elif state == "gone":
            self._leg.settle(errand, Transferred("no_answer", "as the platform says when asked"))

    # ---- what webhooks tell -----------------------------------------------------------------

    def on_errand(self, number: int, call_control_id: str, news: News | None) -> None:
        """Of the leg that the call's errand of this number has made."""
        errand = self._leg.errands.numbered(number)
        if errand is None:
            return
        errand.other_leg = call_control_id or errand.other_leg
        match news:
            case LegBridged() | LegAnswered():
                self._leg.settle(errand, Transferred("answered"))
            case LegHungUp(cause="normal_clearing"):  # nobody hangs up who has not answered
                self._leg.settle(errand, Transferred("answered", "they have hung up since"))
            case LegHungUp(cause=cause):
                self._leg.settle(errand, Transferred(unanswered(cause), cause))
            case _:
                pass

    def on_bridged(self) -> None:
        """Our own leg was bridged: with the one that was asked for, if there is just one."""
        match [errand for errand in self._leg.errands.open if errand.kind in JOINED]:
            case [errand]:
                self._leg.settle(errand, Transferred("answered"))
            case _:
                pass

    def on_dequeued(self, news: Dequeued) -> None:
        """Our own leg has left its queue. That it was bridged is told for itself."""
        self._taken = news.reason in ("bridged", "bridging-in-process")
        for errand in self._leg.errands.open:
            if errand.kind == "enqueue" and not self._taken and news.reason != "hangup":
                self._leg.settle(errand, Transferred("no_answer", news.reason))
        self._leg.errands.changed.notify()

    # ---- transfer ---------------------------------------------------------------------------

    async def transfer(self, there: Destination) -> Transferred:
        errand = self.begin("transfer", there.to)
        self.spawn(self._transfer(errand, there))
        return await self.outcome(errand)

    async def _transfer(self, errand: Errand, there: Destination) -> None:
        leg = self._leg
        rings_s = max(5, round(there.timeout))  # the platform takes no less
        command = control.Transfer(
            call_control_id=leg.call_control_id,
            to=there.to,
            from_=there.from_,
            timeout_secs=rings_s,
            custom_headers=tuple(starmap(control.Header, there.headers.items())) or None,
            send_digits_on_answer=there.digits or None,
            target_leg_client_state=client_state(leg.reference, errand.number),
            webhook_url=self._platform.webhook_url,
        )
        if await self._carried_out(errand, command):
            await first_of(errand.outcome, leg.ended, timeout=rings_s + SILENCE_S)
            await self._find_out(errand)

    # ---- bridge -----------------------------------------------------------------------------

    async def bridge(self, other: "Connector") -> Transferred:
        """Both are answered. Each is released when they hear each other."""
        errand = self.begin("bridge", other._leg.call_control_id)
        theirs = other.begin("bridge", self._leg.call_control_id)
        self.spawn(self._bridge(errand, theirs, other))
        return await self.outcome(errand)

    async def _bridge(self, errand: Errand, theirs: Errand, other: "Connector") -> None:
        leg, other_leg = self._leg, other._leg
        command = control.Bridge(
            call_control_id=leg.call_control_id, with_=other_leg.call_control_id
        )
        try:
            if await self._carried_out(errand, command):
                await self._now_or_by_and_by(errand)
        finally:
            # Also when this call ends in the middle: nothing may hold the other one.
            came_out = errand.outcome.done() and not errand.outcome.cancelled()
            outcome = errand.outcome.result() if came_out else None
            other_leg.settle(theirs, outcome or Transferred("failed", "the other call has ended"))

    async def _now_or_by_and_by(self, errand: Errand) -> None:
        """Both legs were answered: what the platform has agreed to is done. Without its answer a
        webhook tells, or nobody."""
        if not errand.in_doubt:
            self._leg.settle(errand, Transferred("answered"))
        await first_of(errand.outcome, self._leg.ended, timeout=SILENCE_S)
        await self._find_out(errand)

    # ---- refer ------------------------------------------------------------------------------

    async def refer(
        self, sip_address: str, headers: Mapping[str, str], patience_s: float
    ) -> Transferred:
        errand = self.begin("refer", sip_address)
        self.spawn(self._refer(errand, sip_address, headers, patience_s))
        outcome = await self.outcome(errand)
        if outcome.result == "caller_hung_up" and errand.under_way:
            # A far end that has reached somebody leaves, and so does one that gives up.
            return Transferred("unknown", "the far end has left before it was told why")
        return outcome

    async def _refer(
        self, errand: Errand, sip_address: str, headers: Mapping[str, str], patience_s: float
    ) -> None:
        leg = self._leg
        # Not a `Refer`: that one is the SDK's and has no webhook_url, which TeXML calls need.
        fields: dict[str, object] = {
            "sip_address": sip_address,
            "custom_headers": [{"name": n, "value": v} for n, v in headers.items()] or None,
            "webhook_url": self._platform.webhook_url,
        }
        command = control.Action(call_control_id=leg.call_control_id, action="refer", fields=fields)
        if not await self._carried_out(errand, command):
            return
        await first_of(errand.outcome, leg.ended, timeout=patience_s)
        if errand.open and not leg.over:
            await self._ask_of_referral()
        if errand.open and await self._platform.status(leg.call_control_id) == "gone":
            leg.end(Hangup("unspecified"))
        # Unlike a transfer, nothing of the platform's goes on that would want the call later.
        leg.settle(errand, Transferred("unknown", "the platform tells nothing of it"))

    async def _ask_of_referral(self) -> None:
        """Of the referral, when its webhook has not come: it may be among the call's events."""
        listing = CallEventsList(leg_id=self._leg.call_leg_id)
        try:
            events = await self._platform.page(listing)
        except CommandError:
            return
        starts = [event for event in events if event.get("name") == "call.refer.started"]
        ends = [event for event in events if str(event.get("name")) in _REFERRED]
        if len(ends) >= max(1, len(starts)):  # else they are those of earlier ones
            last = max(ends, key=lambda event: str(event.get("event_timestamp")))
            self.on_referred(LegReferred(_REFERRED[last["name"]], 0))

    def on_referred(self, news: LegReferred) -> None:
        """What the far end reports."""
        cause = f"SIP {news.sip}" if news.sip else "as the platform says"
        for errand in self._leg.errands.open:
            if errand.kind != "refer":
                continue
            if news.stage == "started":
                errand.under_way = True
            elif news.stage == "completed":
                self._leg.settle(errand, Transferred("answered", cause))
            else:
                self._leg.settle(errand, Transferred(_SIP.get(news.sip, "failed"), cause))

    # ---- queues -----------------------------------------------------------------------------

    async def enqueue(
        self, queue: str, *, max_wait: float | None, keep: bool = False
    ) -> Transferred:
        """Wait in a queue until somebody takes the call. The bot may go on talking meanwhile."""
        self._taken = False
        errand = self.begin("enqueue", queue)
        wait_s = None if max_wait is None else max(1, round(max_wait))
        self.spawn(self._enqueue(errand, queue, wait_s, keep=keep))
        return await self.outcome(errand)

    async def _enqueue(self, errand: Errand, queue: str, wait_s: int | None, *, keep: bool) -> None:
        leg = self._leg
        command = queues.Enqueue(
            call_control_id=leg.call_control_id,
            queue_name=queue,
            max_wait_time_secs=wait_s,
            keep_after_hangup=keep or None,
        )
        if not await self._carried_out(errand, command):
            return
        until = NO_LIMIT if wait_s is None else leg.clock.now() + wait_s + SILENCE_S
        asked_at = leg.clock.now()
        while errand.open and not self._taken and (left := until - leg.clock.now()) > 0:
            await changed(leg.errands.changed, timeout=min(ASK_QUEUE_EVERY_S, left))
            if not errand.open or self._taken or leg.clock.now() - asked_at < ASK_QUEUE_EVERY_S:
                continue
            asked_at = leg.clock.now()
            if not await self._waits(queue):
                break
        await first_of(errand.outcome, leg.ended, timeout=SILENCE_S)
        if errand.open and self._taken:
            leg.settle(errand, Transferred("answered", "it left the queue to be bridged"))
        await self._find_out(errand)

    async def _waits(self, queue: str) -> bool:
        """Whether the call is in the queue still; True where nothing is known."""
        try:
            place = await self._platform.queue(queue).position(self._leg.call_control_id)
        except CommandError:
            return True
        return place is not None

    async def leave_queue(self) -> None:
        """Raises CommandRefused where it waits in none."""
        await self._platform.send(queues.LeaveQueue(call_control_id=self._leg.call_control_id))

    async def take(self, queue: str) -> Transferred:
        """Bridge the call with the one that has waited longest."""
        errand = self.begin("take", queue)
        self.spawn(self._take(errand, queue))
        return await self.outcome(errand)

    async def _take(self, errand: Errand, queue: str) -> None:
        command = control.Bridge(call_control_id=self._leg.call_control_id, queue=queue)
        if await self._carried_out(errand, command):
            await self._now_or_by_and_by(errand)
