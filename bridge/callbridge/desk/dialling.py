"""Rings a number and finds out by asking how it came out: no webhook is needed."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec

from callbridge.calls.platform import unanswered
from callbridge.control import commands as control
from callbridge.desk.calls import VOICE
from callbridge.desk.desk import Desk, JsonItem
from callbridge.desk.finding import end_of
from callbridge.desk.trail import LegTrail, trail_of
from callbridge.errors import CallbridgeError, CallGone
from callbridge.outcomes import Result

ASK_EVERY_S = 0.5
SILENCE_S = 10.0  # so long after the last ring the platform should tell how it came out
JUDGED_WITHIN_S = 35.0  # the longest detection of a machine is 30 s
SPOKEN_WITHIN_S = 300.0  # 3000 characters, slowly

JUDGED = ("call.machine.detection.ended", "call.machine.premium.detection.ended")


class DialWish(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed."""

    to: str
    from_: str
    say: str | None = None
    voice: str = VOICE
    stay: bool = False  # after what was said
    conference: str | None = None
    amd: control.MachineDetection | None = None
    timeout_s: int = 30


class DialledOut(NamedTuple):
    """How it came out. Times in seconds; None is not known, or was not asked for."""

    outcome: Result
    call_control_id: str
    hangup_cause: str | None = None
    answered_after_s: float | None = None
    machine: str | None = None
    said: bool | None = None

    def shown(self, wish: DialWish) -> JsonItem:
        asked: JsonItem = {"action": "dial", "to": wish.to, "from": wish.from_}
        return asked | self._asdict()


async def dial(desk: Desk, wish: DialWish, tell: Callable[[str], None]) -> DialledOut:
    """`tell` gets a sentence for each thing that happens. Cancelled, it hangs up."""
    leg = await _ring(desk, wish)
    tell(f"{end_of(leg.call_control_id)}: ringing {wish.to}")
    try:
        return await _follow(leg, wish, tell)
    except asyncio.CancelledError:
        await leg.hang_up()
        raise


async def _ring(desk: Desk, wish: DialWish) -> "RungLeg":
    """Who cancels this may be a moment late: it rings there already, and only the answer says
    which leg that is. So the answer is waited for, and hung up."""
    command = control.Dial(
        connection_id=desk.connection_id,
        to=wish.to,
        from_=wish.from_,
        timeout_secs=wish.timeout_s,
        answering_machine_detection=wish.amd,
        conference_config=control.DialConference(conference_name=wish.conference)
        if wish.conference
        else None,
    )
    answer = asyncio.ensure_future(desk.send(command))
    try:
        return RungLeg.made(desk, await asyncio.shield(answer))
    except asyncio.CancelledError:
        with suppress(CallbridgeError):  # nothing rings
            await RungLeg.made(desk, await answer).hang_up()
        raise


class RungLeg:
    """The leg that was made, as it is asked about."""

    def __init__(self, desk: Desk, call_control_id: str, leg_id: str) -> None:
        self.call_control_id = call_control_id
        self._desk, self._leg_id = desk, leg_id

    @classmethod
    def made(cls, desk: Desk, answer: JsonItem) -> "RungLeg":
        return cls(desk, str(answer["call_control_id"]), str(answer["call_leg_id"]))

    async def until(self, *names: str, within_s: float) -> LegTrail | None:
        """The events of the leg, once one of these names, or its end, is among them; None: silence.

        Where no events can be read, they are empty once the call is answered or over."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    trail = await trail_of(self._desk, self._leg_id)
                    if trail.find(*names, "call.hangup"):
                        return trail
                    status = await self.status()
                    if is_over(status):
                        await asyncio.sleep(ASK_EVERY_S)  # its event may come a moment later
                        return await trail_of(self._desk, self._leg_id)
                    if not trail.events and status.get("call_duration"):
                        return trail
                    await asyncio.sleep(ASK_EVERY_S)
        except TimeoutError:
            return None

    async def status(self) -> JsonItem:
        """What the platform says of it; nothing where it does not know it any more."""
        command = control.CallStatus(call_control_id=self.call_control_id)
        try:
            return await self._desk.send(command)
        except CallGone:
            return {}

    async def speak(self, text: str, voice: str) -> bool | None:
        """True when it was said to its end; None where that is not told."""
        command = control.Speak(call_control_id=self.call_control_id, payload=text, voice=voice)
        try:
            await self._desk.send(command)
        except CallGone:
            return False
        trail = await self.until("call.speak.ended", within_s=SPOKEN_WITHIN_S)
        if trail is None or not trail.events:
            return None
        return bool(trail.told("call.speak.ended", "status") == "completed")

    async def hang_up(self) -> None:
        with suppress(CallGone):  # it has ended, as was wanted
            await self._desk.send(control.Hangup(call_control_id=self.call_control_id))


def is_over(status: JsonItem) -> bool:
    """A leg that rings is not alive yet, so it is its end that counts."""
    return not status or bool(status.get("end_time"))


async def _follow(leg: RungLeg, wish: DialWish, tell: Callable[[str], None]) -> DialledOut:
    id = leg.call_control_id
    trail = await leg.until("call.answered", within_s=wish.timeout_s + SILENCE_S)
    if trail is None:
        return DialledOut("unknown", id)
    if not trail.find("call.answered") and (trail.events or is_over(await leg.status())):
        cause = trail.told("call.hangup", "hangup_cause")
        return DialledOut(unanswered(str(cause)) if cause else "unknown", id, cause)
    after = trail.seconds("call.initiated", "call.answered")
    tell(f"{end_of(id)}: answered" + (f" after {after} s" if after is not None else ""))
    machine = await _machine(leg, tell) if wish.amd is not None else None
    said = await _say(leg, wish, tell) if wish.say else None
    return DialledOut("answered", id, None, after, machine, said)


async def _say(leg: RungLeg, wish: DialWish, tell: Callable[[str], None]) -> bool | None:
    """Hangs up when it was said, unless it is to stay; what may still be spoken is not cut off."""
    said = await leg.speak(wish.say or "", wish.voice)
    what = {True: "said", False: "not said to the end", None: "whether it was said is not told"}
    tell(f"{end_of(leg.call_control_id)}: {what[said]}")
    if said is not None and not wish.stay:
        await leg.hang_up()
        tell(f"{end_of(leg.call_control_id)}: hung up")
    return said


async def _machine(leg: RungLeg, tell: Callable[[str], None]) -> str | None:
    """Who answered: human, machine, or what else the detection says."""
    trail = await leg.until(*JUDGED, within_s=JUDGED_WITHIN_S)
    results = [trail.told(name, "result") for name in JUDGED] if trail else []
    judged = next((str(result) for result in results if result), None)
    tell(f"{end_of(leg.call_control_id)}: answered by {judged or 'nobody knows whom'}")
    return judged
