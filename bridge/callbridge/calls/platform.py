"""What a call asks of the platform, and how it learns what became of it.

Transfers are errands of the leg: their tasks belong to the call and not to whoever asked. When the
platform is silent it is asked about the legs; what it does not know either stays unknown."""

import asyncio
from itertools import starmap
from typing import Literal

from callbridge.calls.errands import Destination, Errand
from callbridge.calls.leg import Hangup, Leg, client_state
from callbridge.calls.news import LegAnswered, LegBridged, LegHungUp, News
from callbridge.control import commands as control
from callbridge.control.client import CallControl
from callbridge.errors import CallGone, CommandError, CommandRefused
from callbridge.outcomes import Transferred
from callbridge.tape.events import Asked, NotDrained
from callbridge.timing.clock import first_of
from callbridge.timing.signal import changed
from callbridge.voice.ear import Spawn

Unanswered = Literal["busy", "no_answer", "rejected", "failed", "unknown"]

SILENCE_S = 5.0  # so long after its ring timeout the platform should have told how a leg came out
ASK_EVERY_S = 2.0  # between two questions about a leg of which nothing is known
IN_DOUBT_S = 10.0  # so long it is asked before the outcome is called unknown
DRAIN_MARGIN_S = 1.0

_UNANSWERED: dict[str, Unanswered] = {
    "user_busy": "busy",
    "no_answer": "no_answer",
    "timeout": "no_answer",
    "call_rejected": "rejected",
}


def unanswered(cause: str) -> Unanswered:
    """A platform's `hangup_cause` as the outcome of a call or transfer that nobody took."""
    return _UNANSWERED.get(cause, "failed")


class PlatformSide:
    """The platform, as one call meets it."""

    __slots__ = ("_command", "_hung_up", "_leg", "_spawn", "_speeches", "webhook_url")

    def __init__(self, leg: Leg, command: CallControl, spawn: Spawn) -> None:
        self._leg = leg
        self._command = command
        self._spawn = spawn
        self._speeches: list[asyncio.Future[bool]] = []  # in the order of the commands
        self._hung_up = False
        self.webhook_url: str | None = None  # for a call that no webhooks tell of

    async def send(self, command: control.Command) -> dict[str, object]:
        return await self._command.send(command)

    # ---- transfer ---------------------------------------------------------------------------

    async def transfer(self, there: Destination) -> Transferred:
        """Returns when it has come out, or when it is known that nothing is known.

        Raises CallGone. Cancelling the wait changes nothing: see `errands`."""
        leg = self._leg
        errand = leg.errands.begin("transfer", there.to)
        leg.tape.write(Asked(errand=errand.kind, to=there.to))
        self._spawn(self._transfer(errand, there))
        while errand.open and not errand.in_doubt and not leg.ended.done():
            await changed(leg.errands.changed, leg.phase_changed)
        if errand.open:
            return Transferred("unknown", "the platform tells nothing of it")
        if errand.outcome.cancelled():  # the call has ended
            return Transferred("failed", "the call has ended")
        return errand.outcome.result()

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
            webhook_url=self.webhook_url,
        )
        try:
            await self._command.send(command)
        except CallGone:
            leg.end(Hangup("unspecified"))
            return
        except CommandRefused as error:
            leg.settle(errand, Transferred("failed", str(error)))
            return
        except CommandError:
            self._doubt(errand)  # it may have been carried out all the same
        await first_of(errand.outcome, leg.ended, timeout=rings_s + SILENCE_S)
        await self._find_out(errand)

    async def _find_out(self, errand: Errand) -> None:
        """Ask the platform until it is clear what became of an errand, or of the call."""
        leg = self._leg
        asked_since = leg.clock.now()
        while errand.open and not leg.over:
            if errand.other_leg:
                self._judge(errand, await self.status(errand.other_leg))
            if errand.open and await self.status(leg.call_control_id) == "gone":
                leg.end(Hangup("unspecified"))
            elif errand.open and leg.clock.now() - asked_since >= IN_DOUBT_S:
                self._doubt(errand)
            if errand.open:
                await first_of(errand.outcome, leg.ended, timeout=ASK_EVERY_S)

    def _doubt(self, errand: Errand) -> None:
        errand.in_doubt = True
        self._leg.errands.changed.notify()

    def _judge(self, errand: Errand, state: "PlatformState") -> None:
        if state == "talking":
            self._leg.settle(errand, Transferred("answered", "as the platform says when asked"))
        elif state == "gone":
            self._leg.settle(errand, Transferred("no_answer", "as the platform says when asked"))

    def on_errand(self, number: int, call_control_id: str, news: News | None) -> None:
        """A webhook of the leg that the call's errand of this number has made."""
        errand = self._leg.errands.numbered(number)
        if errand is None:
            return
        errand.other_leg = call_control_id or errand.other_leg
        match news:
            case LegBridged() | LegAnswered():
                self._leg.settle(errand, Transferred("answered"))
            case LegHungUp(cause=cause):
                self._leg.settle(errand, Transferred(unanswered(cause), cause))
            case _:
                pass

    def on_bridged(self) -> None:
        """Our own leg was bridged: with the one that was asked for, if there is just one."""
        match self._leg.errands.open:
            case [errand]:
                self._leg.settle(errand, Transferred("answered"))
            case _:
                pass

    async def status(self, call_control_id: str) -> "PlatformState":
        """What the platform says of a leg when it is asked.

        `call_duration` counts from the answer in whole seconds, so a leg that was answered a
        moment ago may still show as ringing."""
        try:
            data = await self._command.send(control.CallStatus(call_control_id=call_control_id))
        except CallGone:
            return "gone"
        except CommandError:
            return "unknown"
        if data.get("is_alive") is False:
            return "gone"
        duration = data.get("call_duration")
        return "talking" if isinstance(duration, int) and duration > 0 else "ringing"

    # ---- speak ------------------------------------------------------------------------------

    async def speak(self, text: str, voice: str) -> bool:
        """True when it was said. Raises CommandRefused and its kin."""
        spoken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._speeches.append(spoken)
        call_control_id = self._leg.call_control_id
        try:
            await self.send(
                control.Speak(call_control_id=call_control_id, payload=text, voice=voice)
            )
        except BaseException:  # cancelled as well: no webhook of it is waited for
            self._speeches.remove(spoken)
            raise
        await first_of(spoken, self._leg.ended)
        return spoken.done() and spoken.result()

    def on_spoken(self, *, completed: bool) -> None:
        if self._speeches:
            self._speeches.pop(0).set_result(completed)

    # ---- the end ----------------------------------------------------------------------------

    async def hang_up(self, patience: float | None = None) -> None:
        """Let what was said play out, then hang up; never while an errand is open.

        `patience` counts from the last progress of speech; 0 waits for nothing. A call that has
        ended meanwhile is what was wanted."""
        leg = self._leg
        if patience is None:
            patience = leg.voice.patience_s + DRAIN_MARGIN_S
        if not await leg.voice.drain(patience):
            leg.tape.write(NotDrained(within_s=patience))
        while leg.errands.open and not leg.over:
            await changed(leg.errands.changed, leg.phase_changed)
        if leg.over or not leg.call_control_id:
            return
        try:
            await self._command.send(control.Hangup(call_control_id=leg.call_control_id))
        except CallGone:
            leg.end(Hangup("normal_clearing"))
        self._hung_up = True
        if self.webhook_url is not None:
            await self.ask_whether_over()

    async def ask_whether_over(self) -> None:
        """For a call that TeXML leads: of its end only a status callback would tell."""
        leg = self._leg
        if not leg.over and await self.status(leg.call_control_id) == "gone":
            ours = self._hung_up
            leg.end(Hangup("normal_clearing", "callee") if ours else Hangup("unspecified"))


PlatformState = Literal["ringing", "talking", "gone", "unknown"]
