"""Whom a call is connected with: people it is handed to, other calls, conferences, queues.

The half of `Call` between talking (`talking.py`) and the platform's own commands (`call.py`)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from callbridge.calls.beside import Handoff
from callbridge.calls.connecting import Connector
from callbridge.calls.dialling import Dialling
from callbridge.calls.errands import Destination, ErrandKind
from callbridge.calls.handover import HandoffPlan, Handover, Music, WhileWaiting
from callbridge.calls.leg import Leg
from callbridge.calls.offers import ASK, GONE, TOO_LATE, Briefing, Question, Sayable
from callbridge.calls.pickup import require_detection
from callbridge.calls.platform import PlatformSide
from callbridge.calls.reach import Reach
from callbridge.calls.talking import Talking
from callbridge.control.commands import ConferenceRole, MachineDetection
from callbridge.handoff.conference import Conference
from callbridge.host.download import Download
from callbridge.outcomes import Transferred
from callbridge.timing.clock import first_of
from callbridge.timing.jobs import Jobs
from callbridge.timing.signal import changed

if TYPE_CHECKING:
    from callbridge.calls.call import Call
    from callbridge.calls.registry import Dialled


class WithOthers(Talking):
    """What a bot does to connect a call."""

    def __init__(
        self,
        leg: Leg,
        platform: PlatformSide,
        connector: Connector,
        reach: Reach,
        jobs: Jobs,
        download: Download,
    ) -> None:
        super().__init__(leg, jobs, download)
        self._platform = platform
        self._connector = connector
        self._reach = reach

    # ---- other people -----------------------------------------------------------------------

    async def transfer(
        self,
        to: str | Sequence[str],
        *,
        from_: str | None = None,
        timeout: float = 30.0,
        headers: Mapping[str, str] | None = None,
        digits: str = "",
        amd: MachineDetection | None = None,
    ) -> Transferred:
        """Connect the caller to a number or SIP address, and leave when it answers.

        It rings for `timeout` seconds, at least five. SIP `headers` go with the new call, `digits`
        (0-9 A-D * #, `w` waits half a second, `W` one) are pressed when it answers: an extension.
        Of several numbers all ring, and the first to answer has the caller. With `amd` the caller
        is connected when it is known that a person has answered, and never with a machine.

        Unless it is answered the call stays the bot's and the caller hears the bot again. What was
        asked for goes on though nobody waits for it any more: whoever answers late still gets the
        caller, and until it is clear that nobody will, nothing of ours hangs up."""
        await self._after_text()
        self._close_live()
        if isinstance(to, str) and not amd:
            there = Destination(
                to=to, from_=from_, timeout=timeout, headers=headers or {}, digits=digits
            )
            return await self._connector.transfer(there)
        diallings = self._diallings(to, from_, timeout, headers, digits, amd)
        plan = HandoffPlan(diallings=diallings, bridged=True)
        return await self._hand_over("transfer", plan, self.hold)

    async def handoff(
        self,
        dial: str | Sequence[str],
        *,
        from_: str | None = None,
        conference: str = "",
        whisper: Sayable | Briefing = "",
        ask: Sayable = ASK,
        accept: str = "1",
        decline: str = "2",
        timeout: float = 30.0,
        amd: MachineDetection | None = None,
        headers: Mapping[str, str] | None = None,
        digits: str = "",
        hold_audio: Music | None = None,
        talk_on: bool = False,
        record: bool = False,
        stay: bool = False,
    ) -> Handoff:
        """Hand the caller to a person who is told about it first; leave when they have joined.

        The caller waits in a conference of their own and hears `hold_audio` (samples, a file, a
        URL; music by default), or with `talk_on` the bot, from another task. Each number of `dial`
        rings for `timeout` seconds, all at once. Who picks up hears `whisper` and is asked: the
        first who presses a key of `accept` has the caller. `accept=""` asks nobody, and `whisper`
        may be a bot instead, `async def brief(agent: Call) -> bool`, which talks to them and says
        whether they take the call.

        When the outcome is true the call is theirs: nothing more of it is the bot's. In every other
        case the caller hears the bot again, out of the conference. With `stay` both calls stay the
        bot's as well (`handoff.agent`, `handoff.conference`): it may listen and speak, and
        `await handoff.over()` returns when the person has left and the caller is the bot's again.

        `conference` is for one that others join by its name: callers who are handed off into the
        same one hear each other."""
        await self._after_text()
        self._close_live()
        waiting = nullcontext if talk_on else await self._holding(hold_audio)
        plan = HandoffPlan(
            diallings=self._diallings(dial, from_, timeout, headers, digits, amd),
            question=Question(
                about=whisper,
                prompt=ask,
                accept=accept,
                decline=decline,
                too_late=TOO_LATE if accept else "",
                gone=GONE if accept else "",
            ),
            conference=conference,
            record=record,
            stay=stay,
        )
        return await self._hand_over("handoff", plan, waiting)

    async def _holding(self, music: Music | None) -> WhileWaiting:
        """What lets the caller hold, whoever waits. Raises what is wrong with the music, now."""
        if self._leg.audio is None:
            if music is not None:
                await self._sound_there(music)
        elif music is not None and not isinstance(music, np.ndarray):
            music = await self._load(music)
        return partial(self.hold, music)

    async def _hand_over(self, kind: ErrandKind, plan: HandoffPlan, hold: WhileWaiting) -> Handoff:
        handover = Handover(self._leg, self._platform, self._reach, plan, hold)
        to = ", ".join(dialling.to for dialling in plan.diallings)
        errand = self._connector.begin(kind, to, stays=plan.stay, ours=True)
        self._connector.spawn(handover.run(errand))
        return handover.outcome(await self._connector.outcome(errand), self)

    def _diallings(
        self,
        to: str | Sequence[str],
        from_: str | None,
        timeout: float,
        headers: Mapping[str, str] | None,
        digits: str,
        amd: MachineDetection | None,
    ) -> tuple[Dialling, ...]:
        require_detection(amd)
        self._reach.require_connection()
        numbers = (to,) if isinstance(to, str) else tuple(to)
        if not numbers:
            raise ValueError("nobody to ring: name a number, or several")
        return tuple(
            Dialling(
                to=number,
                from_=from_ or self._our_number,
                timeout=timeout,
                headers=headers or {},
                digits=digits,
                amd=amd,
            )
            for number in numbers
        )

    async def dial(
        self,
        to: str,
        *,
        bot: "Callable[[Call], Awaitable[None]] | None" = None,
        from_: str | None = None,
        timeout: float = 30.0,
        headers: Mapping[str, str] | None = None,
        digits: str = "",
        amd: MachineDetection | None = None,
        on_voicemail: "Callable[[Call], Awaitable[None]] | None" = None,
    ) -> "Dialled":
        """Call somebody else, beside this call. Returns when they have answered, or nobody will.

        Without a `bot` their call is this bot's as well (`dialled.call`), until this call is over:
        `await call.bridge(dialled.call)`. `amd` and `on_voicemail` are as in `App.dial`."""
        require_detection(amd, leaves_message=on_voicemail is not None)
        await self._after_text()
        (dialling,) = self._diallings(to, from_, timeout, headers, digits, amd)
        ring = self._reach.ring_beside(dialling, bot or self._holds, self._leg, on_voicemail)
        picked_up = asyncio.ensure_future(ring.picked_up())
        try:
            await first_of(picked_up, self._leg.ended)
            if picked_up.done():
                return picked_up.result()
        finally:
            if not picked_up.done():
                picked_up.cancel()
                ring.withdraw()
        return ring.given_up("caller_hung_up", self._leg.ended.result().cause)

    async def _holds(self, other: "WithOthers") -> None:
        """The bot of a call that this one's bot leads."""
        while not (self._leg.ended.done() or other._leg.over):
            await changed(other._leg.phase_changed, done=self._leg.ended)

    async def refer(
        self, sip_address: str, *, headers: Mapping[str, str] | None = None, timeout: float = 60.0
    ) -> Transferred:
        """Ask the far end to call `sip_address` itself (SIP REFER), without this platform.

        When it has reached somebody, which is `answered`, it leaves. In every other case the call
        stays the bot's; what the far end reports is the `cause`: "SIP 486". Unknown: nothing was
        told for `timeout` seconds, also when the platform was asked, or the far end has left in the
        middle, as it does in the end."""
        await self._after_text()
        self._close_live()
        return await self._connector.refer(sip_address, headers or {}, timeout)

    async def bridge(self, other: "WithOthers") -> Transferred:
        """Connect the two callers, and leave both. When one hangs up the other is hung up."""
        await self._after_text()
        self._close_live()
        return await self._connector.bridge(other._connector)

    async def join(
        self,
        conference: str,
        *,
        mute: bool = False,
        role: ConferenceRole = "none",
        ends_on_exit: bool = False,
    ) -> Conference:
        """Into the conference of that name, which is made if there is none; the bot stays on the
        call, and only the caller hears it. `release` leaves the call there. `ends_on_exit`: all are
        hung up when this call leaves. Raises CommandRefused and its kin."""
        await self._after_text()
        self._check()
        opening = self._reach.conferences.open(
            conference, self._leg.call_control_id, mute=mute, role=role, ends_on_exit=ends_on_exit
        )
        return await self._platform.for_bot(opening)

    def release(self) -> None:
        """The bot leaves; the call goes on with those it is with, or with whoever leads it now."""
        self._check()
        self._leg.release()

    # ---- queues -----------------------------------------------------------------------------

    async def enqueue(
        self, queue: str, *, max_wait: float | None = None, keep: bool = False
    ) -> Transferred:
        """Wait in a queue until somebody takes the call, for `max_wait` seconds at most.

        The bot may talk meanwhile, from another task; it leaves when the call is taken. After the
        longest wait, or `leave_queue`, the outcome is `no_answer` and the call the bot's again.
        With `keep` a caller who hangs up keeps their place, to be called back."""
        await self._after_text()
        self._close_live()
        return await self._connector.enqueue(queue, max_wait=max_wait, keep=keep)

    async def leave_queue(self) -> None:
        """Raises CommandRefused for a call that waits in none."""
        self._check()
        await self._platform.for_bot(self._connector.leave_queue())

    async def take(self, queue: str) -> Transferred:
        """Connect this call, an agent's, with the one that has waited longest; leave when they
        hear each other. `no_answer` if nobody waits."""
        await self._after_text()
        self._close_live()
        return await self._connector.take(queue)

    @property
    def _our_number(self) -> str:
        return self._leg.to if self._leg.direction == "incoming" else self._leg.from_
