"""The life of one call: answer or dial, wait for the stream, let the bot talk, drain, hang up.

Run as one task by the registry. All tasks of a call live in its group and none outlives it. The
bot is foreign code: it runs beside the group, watched, so that its crash can still be followed by
an apology and its refusal to end cannot hold the call."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal

from callbridge.calls.call import Call
from callbridge.calls.leg import Digit, Direction, Hangup, Leg, MediaPlan
from callbridge.control import commands as control
from callbridge.control.client import CallControl
from callbridge.errors import CallError, CallGone, CommandError, StreamLost
from callbridge.outcomes import Transferred
from callbridge.speech.studio import Studio
from callbridge.timing.clock import Clock, first_of
from callbridge.timing.jobs import Jobs
from callbridge.timing.ticker import Ticker
from telecodecs import Pcm

Bot = Callable[[Call], Awaitable[None]]
Opening = Callable[["Life"], Awaitable[None]]
NewStream = Callable[[Leg], control.Stream]
Unanswered = Literal["busy", "no_answer", "rejected", "failed"]

_UNANSWERED: dict[str, Unanswered] = {
    "user_busy": "busy",
    "no_answer": "no_answer",
    "timeout": "no_answer",
    "call_rejected": "rejected",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls at once, and seconds."""

    calls: int = 1000
    ring: float = 30.0  # how long a dialled number may ring; a minted token lives 60 s longer
    stream: float = 10.0  # from asking for a stream to its start frame
    drain: float = 10.0  # for what a crashed bot still has to say, apology included
    grace: float = 5.0  # for a bot to end after it was cancelled; twice
    hangup: float = 5.0  # from our hang-up to the platform's word that the call has ended


@dataclass(frozen=True, slots=True)
class Line:
    """What every call of a process needs: the way to the platform, and time."""

    command: CallControl
    plan: MediaPlan
    clock: Clock
    ticker: Ticker
    jobs: Jobs
    media_url: str  # wss://…/media, as the platform reaches it
    secret: bytes = field(repr=False)  # of the minted tokens
    studio: Callable[[], Studio]  # the speech engines, made when a bot first needs them
    limits: Limits = field(default_factory=Limits)
    apology: Pcm | None = None


@dataclass(slots=True)
class CallCounts:
    """Counts over the life of the process."""

    begun: Counter[Direction] = field(default_factory=Counter[Direction])
    ended: Counter[str] = field(default_factory=Counter[str])  # by hangup cause
    refused: int = 0
    bots_crashed: int = 0
    bots_stuck: int = 0
    streams_restored: int = 0
    streams_given_up: int = 0
    streams_refused: int = 0
    stray_events: int = 0  # webhooks of calls that are not ours
    media: Counter[str] = field(default_factory=Counter[str])  # of the legs that have ended


class CallLog(logging.LoggerAdapter[logging.Logger]):
    """Adds the call's ids to every line."""

    def __init__(self, logger: logging.Logger, leg: Leg) -> None:
        super().__init__(logger)
        self._leg = leg

    def process(
        self, msg: str, kwargs: MutableMapping[str, Any]
    ) -> tuple[str, MutableMapping[str, Any]]:
        leg = self._leg
        ids = {"call": leg.reference, "call_control_id": leg.call_control_id}
        kwargs["extra"] = {**ids, **(kwargs.get("extra") or {})}
        return msg, kwargs


class Life:
    """One call, its bot, and the course that it takes."""

    def __init__(
        self,
        leg: Leg,
        call: Call,
        bot: Bot,
        opening: Opening,
        line: Line,
        counts: CallCounts,
        new_stream: NewStream,
    ) -> None:
        self.leg, self.call = leg, call
        self.log = call.log
        self.limits = line.limits
        self._bot = bot
        self._opening = opening
        self._command = line.command
        self._apology = line.apology
        self._counts = counts
        self._new_stream = new_stream
        self._group: asyncio.TaskGroup | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._restoring: asyncio.Task[None] | None = None

    async def run(self) -> None:
        leg = self.leg
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                leg.on_stream_lost = self._restore_once
                await self._opening(self)
                if not leg.ended.done():
                    await self._talk()
                await self._part()
                for task in self._errands:
                    task.cancel()
        finally:
            leg.on_stream_lost = None
            self.call.close()
            leg.end(Hangup("unspecified"))
            if leg.stream is not None:
                leg.stream.close()
        self.log.info("call ended", extra={"cause": leg.ended.result().cause})

    def spawn(self, errand: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """A task that ends with the call at the latest."""
        assert self._group is not None, "the call is running"
        task = self._group.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
        return task

    # ---- the beginning ----------------------------------------------------------------------

    async def answer(self) -> None:
        """The opening of a call that came in."""
        leg = self.leg
        await self.command(
            control.Answer(call_control_id=leg.call_control_id, stream=self._new_stream(leg))
        )
        await self._stream_or_end()

    async def dial(self, dial: Callable[[control.Stream], control.Dial], ring: float) -> None:
        """The opening of a call that we make."""
        leg = self.leg
        data = await self.command(dial(self._new_stream(leg)))
        if data is None:
            return
        leg.identify(data)
        patience = ring + self.limits.hangup  # the platform itself gives up after `ring`
        await first_of(leg.answered, leg.ended, timeout=patience)
        if not leg.answered.done() and not leg.ended.done():
            await self.command(control.Hangup(call_control_id=leg.call_control_id))
            leg.end(Hangup("timeout"))
        await self._stream_or_end()

    async def adopt(self) -> None:
        """The opening of a stream that somebody else started: the call is there already."""
        await self._stream_or_end()

    async def command(self, command: control.Command) -> dict[str, object] | None:
        """Send a command that the call cannot go on without; None when it has thereby ended."""
        try:
            return await self._command.send(command)
        except CallGone:
            self.leg.end(Hangup("originator_cancel", "caller"))
        except CommandError as error:
            self.log.error("command failed, call given up", extra={"error": str(error)})
            self.leg.end(Hangup("unspecified"))
        return None

    async def _stream_or_end(self) -> None:
        """Wait for the stream to start; ask a second time if it does not."""
        leg = self.leg
        if leg.ended.done() or await self._streaming():
            return
        if not await self._restore() and not leg.ended.done():
            if not leg.undecodable:  # that was logged, and no other stream would help
                self.log.error("no media stream: is the public URL reachable for WebSockets?")
            await self.command(control.Hangup(call_control_id=leg.call_control_id))

    async def _streaming(self) -> bool:
        leg = self.leg
        await first_of(leg.streaming, leg.ended, timeout=self.limits.stream)
        return leg.streaming.done() and not leg.streaming.exception()

    # ---- a lost stream ----------------------------------------------------------------------

    def _restore_once(self) -> None:
        if self._restoring is None or self._restoring.done():
            self._restoring = self.spawn(self._restore_or_give_up())

    async def _restore_or_give_up(self) -> None:
        """A socket is gone. The platform does not say whether the call is, so ask for a stream."""
        leg = self.leg
        await asyncio.wait({leg.ended}, timeout=0.5)  # a hang-up follows its stream closely
        if leg.ended.done() or leg.released or leg.stream is not None:
            return
        if await self._restore():
            self._counts.streams_restored += 1
        elif not leg.ended.done():
            self._counts.streams_given_up += 1
            leg.give_up_stream()

    async def _restore(self) -> bool:
        leg = self.leg
        if leg.undecodable:
            return False
        leg.expect_stream()
        self.log.warning("media stream lost, asking for another")
        start = control.StreamingStart(
            call_control_id=leg.call_control_id, stream=self._new_stream(leg)
        )
        try:
            await self._command.send(start)
        except CallGone:
            leg.end(Hangup("unspecified"))
            return False
        except CommandError as error:
            self.log.error("the stream was not restarted", extra={"error": str(error)})
            return False
        return await self._streaming()

    # ---- the bot ----------------------------------------------------------------------------

    async def _talk(self) -> None:
        bot = asyncio.create_task(self._run_bot(), name=f"bot {self.leg.reference}")
        try:
            await first_of(bot, self.leg.ended)
        finally:
            await self._dismiss(bot)
        if bot.cancelled() or (error := bot.exception()) is None or isinstance(error, CallError):
            return  # a bot that ends by a call's own end has ended well
        self._counts.bots_crashed += 1
        self.log.error("the bot raised", exc_info=error)
        if self._apology is not None and not self.leg.ended.done() and not self.leg.released:
            try:
                async with asyncio.timeout(self.limits.drain):
                    self.call.interrupt()
                    await self.call.play(self._apology, name="apology")
            except (TimeoutError, CallError, StreamLost):
                pass  # nobody is there to hear it

    async def _run_bot(self) -> None:
        await self._bot(self.call)

    async def _dismiss(self, bot: asyncio.Task[None]) -> None:
        """Cancel a bot whose call has ended; its awaits on the call raise CallEnded by now."""
        for _ in range(2):
            if bot.done():
                return
            bot.cancel()
            await asyncio.wait({bot}, timeout=self.limits.grace)
        if not bot.done():
            self._counts.bots_stuck += 1
            where = bot.get_stack(limit=1)
            self.log.error(
                "the bot does not end, it is left behind",
                extra={
                    "at": f"{where[0].f_code.co_filename}:{where[0].f_lineno}" if where else "?"
                },
            )

    # ---- the end ----------------------------------------------------------------------------

    async def _part(self) -> None:
        """Hang up, or leave a call that was handed over; then wait for the platform's word."""
        leg = self.leg
        if leg.released:
            await self._leave()
            return
        if leg.ended.done():
            return
        try:
            await self.call.say_goodbye()
        except CommandError as error:
            self.log.error("not hung up", extra={"error": str(error)})
        await asyncio.wait({leg.ended}, timeout=self.limits.hangup)
        if not leg.ended.done():
            self.log.warning("the platform did not confirm the hang-up")

    async def abandon(self) -> None:
        """Hang up without letting anything play out: the process must end."""
        try:
            async with asyncio.timeout(self.limits.hangup):
                await self.call.say_goodbye(within=0.0)
        except (CommandError, TimeoutError) as error:
            self.log.error("not hung up", extra={"error": str(error) or "no answer in time"})

    async def _leave(self) -> None:
        stop = control.StreamingStop(call_control_id=self.leg.call_control_id)
        try:
            await self._command.send(stop)
        except CommandError as error:
            self.log.debug("stream not stopped", extra={"error": str(error)})

    # ---- webhooks ---------------------------------------------------------------------------

    def event(self, event: control.Event) -> None:
        """A webhook of this call."""
        leg = self.leg
        leg.identify(event.payload)
        match event.event_type:
            case "call.answered":
                leg.set_answered()
            case "call.hangup":
                leg.end(Hangup(_text(event, "hangup_cause"), _text(event, "hangup_source")))
            case "call.dtmf.received":
                leg.digit(Digit(_text(event, "digit"), event.occurred_at), by_webhook=True)
            case "call.speak.ended":
                if self.call.speeches:
                    self.call.speeches.popleft().set_result(_text(event, "status") == "completed")
            case "streaming.failed":
                leg.fail_stream(_text(event, "failure_reason"))
            case _:
                pass  # started, stopped, speak, playback: the socket and the ledger know better

    def transfer_event(self, number: int, event: control.Event) -> None:
        """A webhook of the leg that the call's n-th transfer made."""
        if not 0 <= number < len(self.call.transfers) or self.call.transfers[number].done():
            return
        match event.event_type:
            case "call.bridged" | "call.answered":
                self.call.transfers[number].set_result(Transferred("answered"))
            case "call.hangup":
                cause = _text(event, "hangup_cause")
                self.call.transfers[number].set_result(Transferred(unanswered(cause), cause))
            case _:
                pass


def _text(event: control.Event, field: str) -> str:
    """A field of a payload, in which everything but the ids may be missing."""
    value = event.payload.get(field)
    return value if isinstance(value, str) else ""


def unanswered(cause: str) -> Unanswered:
    """A platform's `hangup_cause` as the outcome of a call or transfer that nobody took."""
    return _UNANSWERED.get(cause, "failed")
