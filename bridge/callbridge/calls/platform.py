"""What a call asks of the platform about its own leg. `connecting.py` has what joins it with
another one."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

from callbridge.calls.leg import Hangup, Leg
from callbridge.control import commands as control
from callbridge.control.client import CallControl
from callbridge.control.lists import Listing
from callbridge.errors import CallEnded, CallGone, CommandError
from callbridge.handoff.queue import Queue
from callbridge.outcomes import Result
from callbridge.tape.events import NotDrained, StreamNotStopped
from callbridge.timing.clock import first_of
from callbridge.timing.signal import changed

SILENCE_S = 5.0  # so long after its ring timeout the platform should have told how a leg came out
DRAIN_MARGIN_S = 1.0
TOLD_S = 1.0  # by then the webhook of a hang-up has usually come

T = TypeVar("T")

_UNANSWERED: dict[str, Result] = {
    "user_busy": "busy",
    "no_answer": "no_answer",
    "timeout": "no_answer",
    "call_rejected": "declined",
}


def unanswered(cause: str) -> Result:
    """A platform's `hangup_cause` as the outcome of a call or transfer that nobody took."""
    return _UNANSWERED.get(cause, "failed")


class PlatformSide:
    """The platform, as one call meets it."""

    __slots__ = ("_command", "_left", "_leg", "_speeches", "has_hung_up", "webhook_url")

    def __init__(self, leg: Leg, command: CallControl) -> None:
        self._leg = leg
        self._command = command
        self._speeches: list[asyncio.Future[bool]] = []  # in the order of the commands
        self.has_hung_up = False
        self._left = False
        self.webhook_url: str | None = None  # for a call that no webhooks tell of

    async def send(self, command: control.Command) -> dict[str, object]:
        return await self._command.send(command)

    async def for_bot(self, work: Coroutine[Any, Any, T]) -> T:
        """Commands of a bot. A call that is over before its webhook has told so is over all the
        same: that raises CallEnded, as every wait on such a call does."""
        try:
            return await work
        except CallGone as error:
            if await self._is_over():
                raise CallEnded(f"the call has ended: {error}") from None
            raise  # of another call

    async def _is_over(self) -> bool:
        """As the platform says; the webhook, which knows why, has its chance."""
        leg = self._leg
        await first_of(leg.ended, timeout=TOLD_S)
        if not leg.ended.done() and await self.status(leg.call_control_id) == "gone":
            leg.end(Hangup("unspecified"))
        return leg.ended.done()

    async def page(self, listing: Listing) -> list[dict[str, Any]]:
        """The first page of a list. Raises CommandRefused and its kin."""
        return (await self._command.page(listing)).items

    def queue(self, name: str) -> Queue:
        return Queue(name, self._command)

    # ---- what it says when it is asked ----------------------------------------------------------

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
        self.has_hung_up = True
        if self.webhook_url is not None:
            await self.ask_whether_over()

    async def leave(self) -> None:
        """A call that was handed over needs no socket of ours any more. Raises nothing."""
        if self._left or not self._leg.sessions:
            return  # without a session it was handed over before it was answered
        self._left = True
        stop = self._leg.voice.farewell(self._leg.call_control_id)
        try:
            await self.send(stop)
        except CommandError as error:
            self._leg.tape.write(StreamNotStopped(error=str(error)))

    async def ask_whether_over(self) -> None:
        """For a call that TeXML leads: of its end only a status callback would tell."""
        leg = self._leg
        if not leg.over and await self.status(leg.call_control_id) == "gone":
            ours = self.has_hung_up
            leg.end(Hangup("normal_clearing", "callee") if ours else Hangup("unspecified"))


PlatformState = Literal["ringing", "talking", "gone", "unknown"]
