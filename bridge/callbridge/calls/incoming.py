"""A call that comes in, before it is answered: a function of the application decides about it.

While the function runs the caller hears it ring, which is parking. It is foreign code and runs
beside the call, watched, as a bot does."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from callbridge.calls.connecting import Connector
from callbridge.calls.errands import Destination
from callbridge.calls.leg import Hangup, Leg, text_of
from callbridge.calls.platform import PlatformSide
from callbridge.control import commands as control
from callbridge.errors import CallEnded, CallGone, CallReleased
from callbridge.outcomes import Transferred
from callbridge.tape.codeline import code_line
from callbridge.tape.events import DecisionCrashed, NotConfirmed, Undecided
from callbridge.timing.clock import first_of
from callbridge.timing.signal import changed

if TYPE_CHECKING:
    from callbridge.calls.course import Course

DEADLINE_S = 30.0

Refusal = Literal["busy", "declined", "not_found", "unavailable"]

_CAUSES: dict[Refusal, control.RejectCause] = {
    "busy": "USER_BUSY",
    "declined": "CALL_REJECTED",
    "not_found": "NOT_FOUND",
    "unavailable": "TEMPORARILY_UNAVAILABLE",
}

Decide = Callable[["Ringing"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides about calls that come in, and within how many seconds."""

    decide: Decide
    deadline_s: float


@dataclass(frozen=True, slots=True)
class ShakenStir:
    """What the caller's network vouches for (A: its customer and the number, B: its customer, C:
    nothing but where the call came in), and whether the signature under that is good."""

    attestation: str
    validated: bool


class Ringing:
    """A call that rings, as who decides about it holds it. `headers` are those of SIP that the
    platform passes on; `shaken_stir` is None where it tells nothing of it."""

    def __init__(
        self,
        leg: Leg,
        platform: PlatformSide,
        connecting: Connector,
        payload: Mapping[str, object],
    ) -> None:
        self._leg = leg
        self._platform = platform
        self._connecting = connecting
        self.rejected = False
        self.caller_name = text_of(payload, "caller_id_name")
        self.headers: Mapping[str, str] = _headers(payload)
        self.shaken_stir = _shaken_stir(payload)

    def __repr__(self) -> str:
        return f"<Ringing {self.reference} {self.from_} → {self.to}>"

    @property
    def reference(self) -> str:
        """Our own name of the call; in every log line."""
        return self._leg.reference

    @property
    def call_control_id(self) -> str:
        return self._leg.call_control_id

    @property
    def from_(self) -> str:
        return self._leg.from_

    @property
    def to(self) -> str:
        return self._leg.to

    @property
    def client_state(self) -> str:
        """The text that the call came with."""
        return self._leg.client_state

    async def reject(self, reason: Refusal = "declined") -> None:
        """Refuse the call: its caller hears that it is busy, say, and no bot answers it.

        SIP 486, 603, 404 or 480, in the order of `Refusal`. Raises CommandRefused and its kin."""
        self._check()
        command = control.Reject(call_control_id=self.call_control_id, cause=_CAUSES[reason])
        try:
            await self._platform.send(command)
        except CallGone:
            self._leg.end(Hangup("originator_cancel", "caller"))
        self.rejected = True

    async def transfer(
        self,
        to: str,
        *,
        from_: str | None = None,
        timeout: float = 30.0,
        headers: Mapping[str, str] | None = None,
    ) -> Transferred:
        """Connect the caller to a number or SIP address without answering, as `call.transfer`.

        Answered, the call is that person's, and no bot of ours answers it. While it rings the
        deadline waits."""
        self._check()
        return await self._connecting.transfer(
            Destination(to=to, from_=from_, timeout=timeout, headers=headers or {})
        )

    def _check(self) -> None:
        if self._leg.ended.done():
            raise CallEnded(f"the call has ended: {self._leg.ended.result().cause}")
        if self._leg.released:
            raise CallReleased("the call was handed over")
        if self.rejected:
            raise CallEnded("the call was rejected")


async def decide_first(incoming: Decision, payload: Mapping[str, object], course: "Course") -> None:
    """The opening of a call that came in, where somebody decides about it before it is answered."""
    leg = course.leg
    ringing = Ringing(leg, course.platform, course.connecting, payload)
    task = asyncio.create_task(_run(incoming.decide, ringing), name=f"incoming {leg.reference}")
    try:
        await first_of(task, leg.ended, timeout=incoming.deadline_s)
        if not task.done() and not leg.over:
            leg.tape.write(Undecided(after_s=incoming.deadline_s))
            await _errands_of(leg)
    finally:
        await course.dismiss(task)
    _tell_crash(task, leg)
    await _errands_of(leg)  # nobody may wait for it any more: whoever answers still gets the caller
    if ringing.rejected:
        await _confirmed(course)
    elif not leg.over:
        await course.answer()


async def _run(decide: Decide, ringing: Ringing) -> None:
    await decide(ringing)


async def _errands_of(leg: Leg) -> None:
    """Until no telephone rings for the call any more."""
    while leg.errands.open and not leg.over:
        await changed(leg.errands.changed, leg.phase_changed)


def _tell_crash(task: "asyncio.Task[None]", leg: Leg) -> None:
    """A caller shall not pay for a bug in what was to spare the bot some calls: it is told of, and
    the bot answers."""
    if not task.done() or task.cancelled() or (error := task.exception()) is None:
        return
    if isinstance(error, CallEnded | CallReleased):
        return  # it has ended by the call's own end
    text = "".join(traceback.format_exception(error))
    what = f"{type(error).__name__}: {error}"
    crash = DecisionCrashed(error=what, traceback=text, **code_line(error)._asdict())
    leg.tape.write(crash, error)


async def _confirmed(course: "Course") -> None:
    """The end of a call that was rejected, which the platform tells."""
    course.note_refusal()
    leg = course.leg
    await first_of(leg.ended, timeout=course.limits.hangup)
    if not leg.ended.done():
        leg.tape.write(NotConfirmed())
        leg.end(Hangup("call_rejected"))


# ---- what call.initiated says -------------------------------------------------------------------


def _headers(payload: Mapping[str, object]) -> dict[str, str]:
    """Both kinds. One that comes twice is one with both values, as in SIP (RFC 3261, 7.3.1)."""
    found: dict[str, str] = {}
    for field in ("custom_headers", "sip_headers"):
        for name, value in _pairs(payload.get(field)):
            found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _pairs(listed: object) -> Iterator[tuple[str, str]]:
    for each in cast("list[object]", listed) if isinstance(listed, list) else ():
        if isinstance(each, Mapping):
            header = cast("Mapping[str, object]", each)
            if name := text_of(header, "name"):
                yield name, text_of(header, "value")


def _shaken_stir(payload: Mapping[str, object]) -> ShakenStir | None:
    attestation = text_of(payload, "shaken_stir_attestation")
    validated = payload.get("shaken_stir_validated")
    if not attestation and validated is None:
        return None
    return ShakenStir(attestation, validated is True)
