"""The course of one call: answer or dial, wait for the stream, let the bot talk, drain, hang up.

Run as one task by the registry. All tasks of a call live in its group and none outlives it. The
bot is foreign code: it runs beside the group, watched, so that its crash can still be followed by
an apology and its refusal to end cannot hold the call."""

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass, field
from typing import Any, cast

from callbridge.calls.call import Call
from callbridge.calls.documents import CallDocuments
from callbridge.calls.leg import Direction, Hangup, Leg, LegMeans, VoiceKind
from callbridge.calls.news import (
    LegAnswered,
    LegBridged,
    LegHungUp,
    LegKey,
    SpeakEnded,
    StreamFailed,
    read_news,
)
from callbridge.calls.platform import SILENCE_S, PlatformSide
from callbridge.control import commands as control
from callbridge.control.client import CallControl
from callbridge.control.events import Event
from callbridge.errors import CallError, CallGone, CommandError, SettingsError, SpeechFailed
from callbridge.host.audiofile import Fetch
from callbridge.tape.events import (
    BotCrashed,
    BotLog,
    BotStuck,
    CommandFailed,
    LimitReached,
    NoStream,
    NotConfirmed,
    NotHungUp,
    StreamBroke,
    StreamNotRestarted,
    StreamNotStopped,
)
from callbridge.timing.clock import first_of
from callbridge.timing.jobs import Jobs
from callbridge.voice.relay_voice import RelaySettings
from telecodecs import Pcm

SocketOpening = control.Stream | control.Relay
Bot = Callable[[Call], Awaitable[None]]
CourseOpening = Callable[["Course"], Awaitable[None]]
NewToken = Callable[[Leg], str]

BY_ITSELF_S = 0.02
SORRY = "I am sorry, something went wrong."  # where no tones can be played
OUT_OF_TIME = "I am sorry, this call has reached its longest duration. Goodbye."


@dataclass(frozen=True, slots=True)
class Registration:
    """A bot as it was registered: with the longest call that it may have, in seconds, and how its
    calls hear and speak: None is as the application does."""

    bot: Bot
    max_s: float = float("inf")
    voice: VoiceKind | None = None
    relay: RelaySettings | None = None
    speaks: bool = False  # it surely needs speech engines, unless the platform has them


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls at once, and seconds."""

    calls: int = 1000
    ring: float = 30.0  # how long a dialled number may ring; a minted token lives 60 s longer
    stream: float = 10.0  # from asking for a stream to its start frame
    drain: float = 10.0  # for what a crashed bot still has to say, apology included
    grace: float = 5.0  # for a bot to end after it was cancelled; twice
    hangup: float = 5.0  # from our hang-up to the platform's word that the call has ended
    call: float = 14400.0  # the longest call of any bot; then it is told so and ended


@dataclass(frozen=True, slots=True)
class CallMeans:
    """What every call of a process needs: the way to the platform, and time."""

    command: CallControl
    leg: LegMeans
    jobs: Jobs
    fetch: Fetch  # of sound files on the web
    secret: bytes = field(repr=False)  # of the minted tokens
    limits: Limits = field(default_factory=Limits)
    apology: Pcm | None = None
    out_of_time: str = OUT_OF_TIME
    texml_url: str = ""  # where the platform asks how a call goes on
    webhook_url: str = ""


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
    """A bot's log: each line has the call's ids, and is an event of the tape as well."""

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

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        super().log(level, msg, *args, **kwargs)
        try:
            text = logging.LogRecord("", level, "", 0, msg, args, None).getMessage()
        except (TypeError, ValueError):  # logging has complained of it; the bot goes on
            text = str(msg)
        fields = dict(cast("dict[str, object]", kwargs.get("extra") or {}))
        self._leg.tape.write(BotLog(levelno=level, message=text, fields=fields))


class Course:
    """One call, its bot, and the course that it takes."""

    __slots__ = (
        "_apology",
        "_bot",
        "_counts",
        "_group",
        "_longest_s",
        "_new_token",
        "_opening",
        "_out_of_time_words",
        "_restoring",
        "_tasks",
        "call",
        "documents",
        "handed_over",
        "leg",
        "limits",
        "platform",
    )

    def __init__(
        self,
        registration: Registration,
        opening: CourseOpening,
        means: CallMeans,
        counts: CallCounts,
        new_token: NewToken,
        log: logging.Logger,
        *,
        direction: Direction,
        from_: str = "",
        to: str = "",
    ) -> None:
        self.leg = leg = Leg(
            means.leg,
            self.spawn,
            direction=direction,
            voice=registration.voice or "media",
            relay=registration.relay,
            from_=from_,
            to=to,
        )
        self.platform = PlatformSide(leg, means.command, self.spawn)
        self.call = Call(leg, self.platform, means.jobs, means.fetch, CallLog(log, leg))
        self.limits = means.limits
        self._bot = registration.bot
        self._longest_s = min(means.limits.call, registration.max_s)
        self._opening = opening
        self._apology = means.apology
        self._out_of_time_words = means.out_of_time
        self._counts = counts
        self._new_token = new_token
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}  # a dictionary is smaller than a set
        self._restoring: asyncio.Task[None] | None = None
        self.documents: CallDocuments | None = None  # they open its sockets, in place of commands
        self.handed_over = False

    async def run(self) -> None:
        leg = self.leg
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                leg.on_lost = self._restore_once
                await self._opening(self)
                if not leg.over:
                    await self._talk()
                await self._part()
                for task in list(self._tasks):
                    task.cancel()
        finally:
            leg.on_lost = None
            leg.voice.close()
            leg.end(Hangup("unspecified"))
            leg.tape.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """A task that ends with the call at the latest."""
        assert self._group is not None, "the call is running"
        task = self._group.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task

    # ---- the beginning ----------------------------------------------------------------------

    async def answer(self) -> None:
        """The opening of a call that came in."""
        leg = self.leg
        opening = leg.voice.opening(self._new_token(leg))
        await self.command(
            control.Answer(
                call_control_id=leg.call_control_id,
                stream=opening if isinstance(opening, control.Stream) else None,
                conversation_relay_config=opening if isinstance(opening, control.Relay) else None,
            )
        )
        await self._stream_or_end()

    async def dial(self, dial: Callable[[SocketOpening], control.Dial], ring: float) -> None:
        """The opening of a call that we make. Silence of the platform is not "no answer"."""
        leg = self.leg
        data = await self.command(dial(leg.voice.opening(self._new_token(leg))))
        if data is None:
            return
        leg.identify(data)
        patience = ring + SILENCE_S  # the platform itself gives up after `ring`
        await first_of(leg.answered, leg.ended, timeout=patience)
        if not leg.answered.done() and not leg.ended.done():
            await self._ask_whether_answered()
        await self._stream_or_end()

    async def _ask_whether_answered(self) -> None:
        """The platform has told nothing, so it is asked before anyone says "no answer"."""
        leg = self.leg
        match await self.platform.status(leg.call_control_id):
            case "talking":
                leg.set_answered()
            case "gone":
                leg.end(Hangup("timeout"))
            case "ringing":
                await self.command(control.Hangup(call_control_id=leg.call_control_id))
                leg.end(Hangup("timeout"))
            case "unknown":
                await self.command(control.Hangup(call_control_id=leg.call_control_id))
                leg.end(Hangup("unknown"))

    async def adopt(self) -> None:
        """The opening of a stream that a document or somebody else starts: the call is there."""
        await self._stream_or_end()

    async def command(self, command: control.Command) -> dict[str, object] | None:
        """Send a command that the call cannot go on without; None when it has thereby ended."""
        try:
            return await self.platform.send(command)
        except CallGone:
            self.leg.end(Hangup("originator_cancel", "caller"))
        except CommandError as error:
            self.leg.tape.write(CommandFailed(error=str(error)))
            self.leg.end(Hangup("unspecified"))
        return None

    async def _stream_or_end(self) -> None:
        """Wait for the stream to start; ask a second time if it does not."""
        leg = self.leg
        if leg.over or await self._streaming():
            return
        if not await self._restore() and not leg.over:
            if not leg.undecodable:  # that is on the tape, and no other stream would help
                leg.tape.write(NoStream())
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
        if leg.over or leg.stream is not None:
            return
        if await self._restore():
            self._counts.streams_restored += 1
        elif not leg.over:
            self._counts.streams_given_up += 1
            leg.give_up_stream()

    async def _restore(self) -> bool:
        leg = self.leg
        if leg.undecodable:
            return False
        if self.documents is not None:
            await self.platform.ask_whether_over()
            if leg.over or self.documents.bot_left:
                return False
        leg.expect_stream()
        leg.tape.write(StreamBroke())
        if self.documents is not None:
            return await self._streaming()  # the platform asks for the document that opens it
        start = leg.voice.restart(leg.call_control_id, self._new_token(leg))
        try:
            await self.platform.send(start)
        except CallGone:
            leg.end(Hangup("unspecified"))
            return False
        except CommandError as error:
            leg.tape.write(StreamNotRestarted(error=str(error)))
            return False
        return await self._streaming()

    # ---- the bot ----------------------------------------------------------------------------

    async def _talk(self) -> None:
        leg = self.leg
        bot = asyncio.create_task(self._run_bot(), name=f"bot {leg.reference}")
        try:
            await first_of(bot, leg.ended, timeout=self._longest_s)
            if not bot.done() and not leg.over:
                await self._out_of_time(bot)
        finally:
            await self._dismiss(bot)
        if not bot.done() or bot.cancelled():
            return  # it was left behind, or has ended as it was told to
        if (error := bot.exception()) is None or isinstance(error, CallError):
            return  # a bot that ends by a call's own end has ended well
        self._counts.bots_crashed += 1
        text = "".join(traceback.format_exception(error))
        leg.tape.write(BotCrashed(error=f"{type(error).__name__}: {error}", traceback=text), error)
        if self._apology is not None and not leg.over:
            await self._last_words(self._apology)

    async def _run_bot(self) -> None:
        await self._bot(self.call)

    async def _out_of_time(self, bot: "asyncio.Task[None]") -> None:
        """The longest duration is over. The caller is told so, then the call is hung up."""
        self.leg.tape.write(LimitReached(after_s=self._longest_s))
        bot.cancel()
        await self._last_words(self._out_of_time_words)

    async def _last_words(self, words: Pcm | str) -> None:
        """Say them over whatever else was to be said, within the limit of a drain."""
        leg, voice = self.leg, self.leg.voice
        voice.interrupt()
        try:
            async with asyncio.timeout(self.limits.drain):
                if isinstance(words, str):
                    await voice.say(words, interruptible=False)
                elif leg.audio is not None:
                    await first_of(leg.audio.line.hearing(leg.audio.play(words, "apology")))
                else:
                    await voice.say(SORRY, interruptible=False)
        except (TimeoutError, CallError, SettingsError, SpeechFailed):
            pass  # nobody is there to hear it, or nothing to say it with

    async def _dismiss(self, bot: asyncio.Task[None]) -> None:
        """Cancel a bot whose call has ended. Its awaits on the call raise CallEnded by now, so one
        that waits for nothing else ends by itself."""
        await asyncio.wait({bot}, timeout=BY_ITSELF_S)
        for _ in range(2):
            if bot.done():
                return
            bot.cancel()
            await asyncio.wait({bot}, timeout=self.limits.grace)
        if not bot.done():
            self._counts.bots_stuck += 1
            self.leg.tape.write(BotStuck(at=_waits_at(bot)))

    # ---- the end ----------------------------------------------------------------------------

    async def _part(self) -> None:
        """Hang up, or leave a call that was handed over; then wait for the platform's word.

        A call that documents lead is hung up by command, too: like on all other calls it takes
        effect at once, when all was heard. Should the command fail, the end of the socket makes the
        platform ask for the next document, and that one hangs up."""
        leg = self.leg
        if self.documents is not None:
            self.documents.bot_left = True
        if not leg.over:
            try:
                await self.platform.hang_up()
            except CommandError as error:
                leg.tape.write(NotHungUp(error=str(error)))
        self.handed_over = leg.released
        if leg.released:
            await self._leave()
            return
        await asyncio.wait({leg.ended}, timeout=self.limits.hangup)
        if not leg.ended.done():
            leg.tape.write(NotConfirmed())

    async def abandon(self) -> None:
        """Hang up without letting anything play out: the process must end.

        A call that somebody may be about to take over is left as it is."""
        leg = self.leg
        if leg.errands.open:
            return
        try:
            async with asyncio.timeout(self.limits.hangup):
                await self.platform.hang_up(patience=0.0)
        except (CommandError, TimeoutError) as error:
            leg.tape.write(NotHungUp(error=str(error) or "no answer in time"))

    async def _leave(self) -> None:
        stop = self.leg.voice.farewell(self.leg.call_control_id)
        try:
            await self.platform.send(stop)
        except CommandError as error:
            self.leg.tape.write(StreamNotStopped(error=str(error)))

    # ---- webhooks ---------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """A webhook of this call's own leg."""
        leg = self.leg
        leg.identify(event.payload)
        match read_news(event):
            case LegAnswered():
                leg.set_answered()
            case LegBridged():
                self.platform.on_bridged()
            case LegHungUp(cause=cause, source=source):
                leg.end(Hangup(cause, source))
            case LegKey(digit=digit, occurred_at=occurred_at):
                leg.key_by_webhook(digit, occurred_at)
            case SpeakEnded(completed=completed):
                self.platform.on_spoken(completed=completed)
            case StreamFailed(reason=reason):
                leg.fail_stream(reason)
            case None:
                pass

    def on_errand_event(self, number: int, event: Event) -> None:
        """A webhook of the leg that the call's errand of this number has made."""
        self.platform.on_errand(number, event.call_control_id or "", read_news(event))


def _waits_at(bot: "asyncio.Task[None]") -> str:
    """The line at which the bot's own function waits: what `_run_bot` awaits."""
    frame = getattr(getattr(bot.get_coro(), "cr_await", None), "cr_frame", None)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else "?"
