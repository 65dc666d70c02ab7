"""The course of one call: answer or dial, wait for the stream, let the bot talk, drain, hang up.

Run as one task by the registry. All tasks of a call live in its group and none outlives it. The
bot is foreign code: it runs beside the group, watched, so that its crash can still be followed by
an apology and its refusal to end cannot hold the call."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from callbridge.calls.call import Call
from callbridge.calls.calllog import CallLog
from callbridge.calls.connecting import Connector
from callbridge.calls.documents import CallDocuments
from callbridge.calls.leg import Direction, Hangup, Leg
from callbridge.calls.means import Bot, CallCounts, CallMeans, Registration, waits_at
from callbridge.calls.news import (
    Dequeued,
    GreetingEnded,
    LegAnswered,
    LegBridged,
    LegHungUp,
    LegKey,
    LegReferred,
    PickupJudged,
    PickupScreens,
    SpeakEnded,
    StreamFailed,
    read_news,
    told,
)
from callbridge.calls.pickup import Pickup
from callbridge.calls.platform import SILENCE_S, PlatformSide
from callbridge.calls.reach import Reach
from callbridge.calls.recording import Recordings
from callbridge.calls.takeover import Takeover
from callbridge.control import commands as control
from callbridge.control.events import Event
from callbridge.errors import (
    CallError,
    CallGone,
    CommandError,
    SettingsError,
    SpeechFailed,
    only_the_calls_end,
)
from callbridge.tape.codeline import code_line
from callbridge.tape.events import (
    AnsweredBy,
    BotCrashed,
    BotStuck,
    CommandFailed,
    LimitReached,
    NoStream,
    NotConfirmed,
    NotHungUp,
    StreamBroke,
    StreamNotRestarted,
)
from callbridge.timing.clock import first_of
from callbridge.voice.ear import Spawn
from telecodecs import Pcm

SocketOpening = control.Stream | control.Relay
CourseOpening = Callable[["Course"], Awaitable[None]]
NewToken = Callable[[Leg], str]

BY_ITSELF_S = 0.02
SORRY = "I am sorry, something went wrong."  # where no tones can be played


class Course:
    """One call, its bot, and the course that it takes."""

    __slots__ = (
        "_apology",
        "_bot",
        "_counts",
        "_greeting",
        "_group",
        "_longest_s",
        "_new_token",
        "_on_voicemail",
        "_opening",
        "_out_of_time_words",
        "_restoring",
        "_tasks",
        "_withdrawn",
        "call",
        "connecting",
        "documents",
        "handed_over",
        "leg",
        "limits",
        "platform",
        "recordings",
        "takeover",
    )

    def __init__(
        self,
        registration: Registration,
        opening: CourseOpening,
        means: CallMeans,
        counts: CallCounts,
        new_token: NewToken,
        reach: Reach,
        log: logging.Logger,
        own: Spawn,
        *,
        direction: Direction,
        from_: str = "",
        to: str = "",
        told: Mapping[str, object] | None = None,
    ) -> None:
        self.leg = leg = Leg(
            means.leg,
            self.spawn,
            direction=direction,
            voice=registration.voice or "media",
            relay=registration.relay,
            from_=from_,
            to=to,
            told=told,
        )
        self.platform = PlatformSide(leg, means.command)
        self.connecting = Connector(leg, self.platform, self.spawn)
        self.recordings = Recordings(leg, self.platform, own)
        self.takeover = Takeover(leg, self.platform, self.spawn)
        self.call = Call(
            leg,
            self.platform,
            self.connecting,
            reach,
            self.recordings,
            means.jobs,
            means.download,
            CallLog(log, leg),
        )
        self.limits = means.limits
        self._bot: Bot | None = registration.bot  # None: nobody is to be talked to
        self._greeting = registration.greeting
        self._on_voicemail = registration.on_voicemail
        self._longest_s = min(means.limits.call, registration.max_s)
        self._opening = opening
        self._apology = means.apology
        self._out_of_time_words = means.out_of_time
        self._counts = counts
        self._new_token = new_token
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}  # a dictionary is smaller than a set
        self._restoring: asyncio.Task[None] | None = None
        self._withdrawn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.documents: CallDocuments | None = None  # they open its sockets, in place of commands
        self.handed_over = False

    async def run(self) -> None:
        leg = self.leg
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                leg.on_lost = self._restore_once
                await self._opening(self)
                if self._bot is not None and not leg.over:
                    await self._talk(self._bot)
                await self._part()
                for task in list(self._tasks):
                    task.cancel()
        finally:
            leg.on_lost = None
            leg.voice.close()
            leg.end(Hangup("unspecified"))
            leg.tape.close()

    def note_refusal(self) -> None:
        """It came in, and was rejected."""
        self._counts.refused += 1

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
        await first_of(leg.answered, leg.ended, self._withdrawn, timeout=patience)
        if self._withdrawn.done() and not leg.answered.done() and not leg.ended.done():
            await self._stop_ringing("originator_cancel")
        if not leg.answered.done() and not leg.ended.done():
            await self._ask_whether_answered()
        if leg.pickup is None:
            await self._stream_or_end()
        elif not leg.over:
            await self._meet(leg.pickup)

    def withdraw(self) -> None:
        """Nobody is to answer it any more. A call that is answered already goes on."""
        if not self._withdrawn.done():
            self._withdrawn.set_result(None)

    async def _meet(self, pickup: Pickup) -> None:
        """Find out who has picked up. What they say meanwhile waits for the bot."""
        leg = self.leg
        leg.voice.overhear()
        await self._stream_or_end()
        await first_of(pickup.known, leg.ended, timeout=pickup.verdict_s + SILENCE_S)
        if leg.ended.done():
            return
        who = pickup.settle()
        leg.tape.write(AnsweredBy(who=who, word=pickup.answered_by))
        leg.voice.stop_overhearing(at_once=who != "person")
        if who != "person":
            self._greeting = ""
            self._apology = None  # a machine would keep it
            self._bot = self._on_voicemail if who == "machine" else None
        if who == "machine" and self._bot is not None:
            await self._greeting_over(pickup)

    async def _greeting_over(self, pickup: Pickup) -> None:
        """A machine takes no message before its greeting is over."""
        leg = self.leg
        patience = pickup.greeting_s + SILENCE_S
        await first_of(pickup.greeting_over, leg.ended, timeout=patience)
        leg.voice.turns.clear()  # a relay has taken the greeting down

    async def _ask_whether_answered(self) -> None:
        """The platform has told nothing, so it is asked before anyone says "no answer"."""
        leg = self.leg
        match await self.platform.status(leg.call_control_id):
            case "talking":
                leg.set_answered()
            case "gone":
                leg.end(Hangup("timeout"))
            case "ringing":
                await self._stop_ringing("timeout")
            case "unknown":
                await self._stop_ringing("unknown")

    async def _stop_ringing(self, cause: str) -> None:
        leg = self.leg
        try:
            await self.platform.send(control.Hangup(call_control_id=leg.call_control_id))
        except CallGone:
            cause = "timeout"
        except CommandError as error:
            leg.tape.write(NotHungUp(error=str(error)))
        leg.end(Hangup(cause))

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

    async def _talk(self, talks: Bot) -> None:
        """Once, and again each time that a person has taken the caller over and hands them back."""
        while await self._talk_once(talks):
            self._greeting = ""
            if not await self.takeover.over():
                return

    async def _talk_once(self, talks: Bot) -> bool:
        """Whether it was ended because a person has the caller."""
        leg, taken = self.leg, self.takeover.began
        bot = asyncio.create_task(self._run_bot(talks), name=f"bot {leg.reference}")
        try:
            await first_of(bot, leg.ended, taken, timeout=self._longest_s)
            if not bot.done() and not leg.over and not taken.done():
                await self._out_of_time(bot)
        finally:
            await self.dismiss(bot)
        if taken.done():
            return bot.done()  # one that does not end is not begun a second time
        await self._judge(bot)
        return False

    async def _judge(self, bot: "asyncio.Task[None]") -> None:
        """One that is left behind, or ends as it was told to or with its call, has ended well."""
        leg = self.leg
        error = bot.exception() if bot.done() and not bot.cancelled() else None
        if error is None or only_the_calls_end(error):
            return
        self._counts.bots_crashed += 1
        text = "".join(traceback.format_exception(error))
        what = f"{type(error).__name__}: {error}"
        leg.tape.write(BotCrashed(error=what, traceback=text, **code_line(error)._asdict()), error)
        if self._apology is not None and not leg.over:
            await self._last_words(self._apology)

    async def _run_bot(self, talks: Bot) -> None:
        if self._greeting:
            await self.leg.voice.say(self._greeting)
        await talks(self.call)

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

    async def dismiss(self, bot: asyncio.Task[None]) -> None:
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
            self.leg.tape.write(BotStuck(at=waits_at(bot)))

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
            await self.platform.leave()
            return
        await asyncio.wait({leg.ended}, timeout=self.limits.hangup)
        if not leg.ended.done():
            leg.tape.write(NotConfirmed())

    async def abandon(self) -> None:
        """Hang up without letting anything play out: the process must end.

        A call that somebody may be about to take over is left as it is."""
        leg = self.leg
        if leg.errands.go_on:
            return
        leg.errands.close()  # who waits for one that only we could finish waits no longer
        try:
            async with asyncio.timeout(self.limits.hangup):
                await self.platform.hang_up(patience=0.0)
        except (CommandError, TimeoutError) as error:
            leg.tape.write(NotHungUp(error=str(error) or "no answer in time"))

    # ---- webhooks ---------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """A webhook of this call's own leg."""
        leg = self.leg
        leg.identify(event.payload)
        leg.tape.write(told(event))
        self.recordings.on_event(event)
        match read_news(event):
            case LegAnswered():
                leg.set_answered()
            case LegBridged():
                self.connecting.on_bridged()
            case LegReferred() as news:
                self.connecting.on_referred(news)
            case Dequeued() as news:
                self.connecting.on_dequeued(news)
            case LegHungUp(cause=cause, source=source):
                leg.end(Hangup(cause, source))
            case LegKey(digit=digit, occurred_at=occurred_at):
                leg.key_by_webhook(digit, occurred_at)
            case SpeakEnded(completed=completed):
                self.platform.on_spoken(completed=completed)
            case StreamFailed(reason=reason):
                leg.fail_stream(reason)
            case PickupJudged() | PickupScreens() | GreetingEnded() as news:
                self._on_pickup(news)
            case None:
                pass

    def _on_pickup(self, news: PickupJudged | PickupScreens | GreetingEnded) -> None:
        leg = self.leg
        if leg.pickup is None or leg.ended.done():
            return
        leg.set_answered()  # perhaps its own webhook comes later
        match news:
            case PickupJudged(result=result):
                leg.pickup.on_verdict(result)
            case PickupScreens():
                leg.pickup.on_screening()
            case GreetingEnded(result=result):
                leg.pickup.on_greeting_ended(result)

    def on_errand_event(self, number: int, event: Event) -> None:
        """A webhook of the leg that the call's errand of this number has made."""
        self.connecting.on_errand(number, event.call_control_id or "", read_news(event))
