"""A call as a bot holds it: hear, speak, take keys, hand over, hang up.

The same object serves a bot that wants frames (`audio`, `write`) and one that wants outcomes
(`play`, `gather`, `transfer`). Outcomes are return values; exceptions say that the call is over
(`CallEnded`), was handed over (`CallReleased`) or lost its stream for good (`StreamLost`)."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np

from callbridge.calls import keys
from callbridge.calls.leg import Digit, Hangup, Leg, client_state
from callbridge.control import commands as control
from callbridge.control.client import CallControl
from callbridge.errors import CallEnded, CallGone, CallReleased, CommandRefused, StreamLost
from callbridge.host.audiofile import fetch, is_url, load
from callbridge.media.playout import Utterance
from callbridge.outcomes import Gathered, Outcome, Transferred
from callbridge.speech.studio import Studio
from callbridge.tape.waterfall import Waterfall
from callbridge.timing.clock import first_of
from callbridge.timing.jobs import Jobs
from callbridge.voice.conversation import Conversation, Message, Spawn, Turn
from telecodecs import Pcm, Resampler

QUEUE_LIMIT_S = 30.0  # `write` waits above it
INT16 = np.dtype(np.int16)
STRAGGLER_S = 0.150  # keys can overtake each other: so long after its end `gather` still looks


class Call:
    """One call, for as long as a bot has it."""

    def __init__(
        self,
        leg: Leg,
        command: CallControl,
        jobs: Jobs,
        log: logging.LoggerAdapter[logging.Logger],
        studio: Callable[[], Studio],
        spawn: Spawn,
    ) -> None:
        self.log = log
        self._studio = studio
        self._spawn = spawn
        self._conversation: Conversation | None = None
        self._unanswered: Waterfall | None = None  # of the turn that the bot has taken last
        self._leg = leg
        self._command = command
        self._jobs = jobs
        self._live: Utterance | None = None
        self._live_transmitter: Resampler | None = None
        self._hangup: asyncio.Task[None] | None = None
        self.transfers: list[asyncio.Future[Transferred]] = []
        self.speeches: deque[asyncio.Future[bool]] = deque()  # said in the order of the commands

    def __repr__(self) -> str:
        leg = self._leg
        return f"<Call {leg.reference} {leg.direction} {leg.from_} → {leg.to}>"

    # ---- who is calling ---------------------------------------------------------------------

    @property
    def reference(self) -> str:
        """Our own name of the call; in every log line, and in the platform's client_state."""
        return self._leg.reference

    @property
    def call_control_id(self) -> str:
        return self._leg.call_control_id

    @property
    def call_session_id(self) -> str:
        return self._leg.call_session_id

    @property
    def direction(self) -> Literal["incoming", "outgoing"]:
        return self._leg.direction

    @property
    def from_(self) -> str:
        return self._leg.from_

    @property
    def to(self) -> str:
        return self._leg.to

    @property
    def custom_parameters(self) -> dict[str, str]:
        """What the stream was started with, for streams that somebody else started."""
        return self._leg.custom_parameters

    @property
    def sample_rate(self) -> int:
        """Samples per second of all audio here, both ways, whatever the wire carries."""
        return self._leg.plan.sample_rate

    @property
    def ended(self) -> Hangup | None:
        """Why the call ended, once it has."""
        return self._leg.ended.result() if self._leg.ended.done() else None

    @property
    def speaking(self) -> bool:
        """Whether the caller has something yet to hear."""
        return self._leg.playout.speaking(self._leg.clock.now())

    @property
    def queued_s(self) -> float:
        """Seconds of audio that wait here, as the carrier has its lead already.

        Above 0 after a stall: a bot that passes live audio on may leave some out to catch up."""
        return self._leg.playout.queued_s()

    # ---- frames -----------------------------------------------------------------------------

    async def audio(self) -> AsyncIterator[Pcm]:
        """The caller's voice from now on: (n,) int16, one ptime of 20 ms each, until the call ends.

        A bot that falls two seconds behind loses the oldest frames; they are counted. The arrays
        may be read-only: copy one to change it."""
        leg = self._leg
        leg.listening = True
        try:
            while True:
                while leg.inbound:
                    yield leg.inbound.popleft()
                if leg.gone:
                    if leg.ended.done():
                        return
                    self._check()
                await leg.changed()
        finally:
            leg.stop_listening()

    async def write(self, pcm: Pcm, text: str = "") -> None:
        """Queue (n,) int16 samples at `sample_rate` behind what is queued; any n.

        Returns when queued, and waits while more than 30 s are. `text` is what they say."""
        leg, live = self._leg, self._live
        if leg.gone:
            self._check()
        if pcm.dtype != INT16 or pcm.ndim != 1:
            raise TypeError(f"audio is (n,) int16, not {pcm.shape} {pcm.dtype}")
        if live is None or live.closed:
            live = self._live = leg.playout.open()
            self._live_transmitter = leg.transmitter()
        if self._live_transmitter is not None:
            pcm = self._live_transmitter.process(pcm)
        leg.playout.write(live, pcm, leg.clock.now(), text)
        leg.pump()
        while live.queued > QUEUE_LIMIT_S * leg.playout.sample_rate:
            await leg.changed()
            self._check()

    async def mark(self, name: str = "") -> Outcome:
        """End what was written so far as one utterance, and wait until it was heard or cut."""
        self._check()
        live = self._close_live()
        if live is None:
            return Outcome("finished", 0.0, "measured")
        live.name = name
        return await self._heard(live)

    def interrupt(self) -> None:
        """Stop speaking at once. What waits for its audio to be heard returns."""
        self._live = None
        self._leg.interrupt()

    # ---- outcomes ---------------------------------------------------------------------------

    async def play(self, source: Pcm | str | Path, *, name: str = "", stop_on: str = "") -> Outcome:
        """Play samples, a file or a URL; returns when it was heard to the end, or cut.

        WAV always; mp3, ogg and flac with the extra `audio`.

        `stop_on` names keys that stop it: `stop_on="0123456789*#"`, and the one pressed is in the
        outcome. Cancelling the wait stops the sound too. Raises AudioFileError."""
        self._check()
        pcm = source if isinstance(source, np.ndarray) else await self._load(source)
        self._check()
        self._close_live()
        leg = self._leg
        utterance = leg.playout.open(name or (source if isinstance(source, str) else ""))
        leg.playout.write(utterance, self._whole(pcm), leg.clock.now())
        leg.playout.close(utterance)
        pressed: list[Digit] = []
        with self._digits_to(lambda digit: self._stop_by_key(digit, stop_on, pressed)):
            leg.pump()
            return await self._heard(utterance, pressed)

    async def gather(
        self,
        digits: int = 1,
        *,
        end_on: str = "#",
        timeout: float = 10.0,
        between: float = 5.0,
        prompt: Pcm | str | Path | None = None,
        speech: bool = False,
    ) -> Gathered:
        """Collect keys: so many `digits`, or fewer and a key of `end_on`.

        Waits `timeout` seconds for the first and `between` for each further one. Keys pressed
        before count. A `prompt` is played first and is cut by the first key. With `speech`, what
        the caller says instead ends it too and is the `text`."""
        self._check()
        leg = self._leg
        if prompt is not None and not leg.digits:
            stopped = await self.play(prompt, stop_on=keys.ALL)
            if stopped.digit:
                leg.digits.insert(0, Digit(stopped.digit, ""))
        deadline = leg.clock.now() + timeout
        seen = 0
        while keys.complete(leg.digits, digits, end_on) is None:
            if speech and (text := self._spoken()):
                return Gathered(keys.text(leg.digits), "speech", text)
            if len(leg.digits) > seen:
                seen, deadline = len(leg.digits), leg.clock.now() + between
            try:
                async with asyncio.timeout(deadline - leg.clock.now()):
                    await leg.changed()
            except TimeoutError:
                collected, leg.digits = leg.digits, []
                return Gathered(keys.text(collected), "timeout")
            self._check()
        await asyncio.sleep(STRAGGLER_S)
        complete = keys.complete(leg.digits, digits, end_on)
        assert complete is not None, "keys are only ever added"
        gathered, leg.digits = complete
        return gathered

    # ---- speech -----------------------------------------------------------------------------

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        stop_on: str = "",
    ) -> Outcome:
        """Say a text with the bot's own voice, sentence by sentence as it comes.

        Returns when it was heard to the end or cut: by speech over it, unless it is not
        `interruptible`, or by a key of `stop_on`. `text` of the outcome is what was heard, cut at
        the word. It answers the turn that was listened to last: that one's waterfall is measured.
        Raises SpeechFailed."""
        self.conversation.turns.clear()  # what `listen` returns came since
        pressed: list[Digit] = []
        with self._digits_to(lambda digit: self._stop_by_key(digit, stop_on, pressed)):
            return await self._say(text, interruptible, self._unanswered, pressed)

    async def answer(self, turn: Turn, text: str | AsyncIterable[str]) -> Outcome:
        """`say`, as the reply to a certain turn."""
        return await self._say(text, True, turn.waterfall, [])

    async def _say(
        self,
        text: str | AsyncIterable[str],
        interruptible: bool,
        answers: Waterfall | None,
        pressed: list[Digit],
    ) -> Outcome:
        self._check()
        self._close_live()
        self._unanswered = None
        if answers is not None and answers.answered:
            answers = None  # what is said after the first answer waits for nobody
        utterance = await self.conversation.say(text, interruptible=interruptible, answers=answers)
        return self._outcome(utterance, pressed)

    async def listen(self, timeout: float = 10.0) -> Turn:
        """The oldest turn since the last `say` began, the one that interrupted it included.

        Waits for one, and for its end if the caller is speaking. An empty turn (false) after
        `timeout` seconds without speech."""
        while True:
            turn = await self.hear(timeout)
            if turn is None:
                return Turn("", 0.0, Waterfall(self._leg.clock.now(), self._leg.clock.now()))
            if turn or turn.failed:
                return turn

    async def turns(self) -> AsyncIterator[Turn]:
        """The caller's turns, as they end, until the call does."""
        try:
            while True:
                turn = await self.hear(None)
                if turn:
                    yield turn
        except CallEnded:
            return

    async def hear(self, timeout: float | None) -> Turn | None:
        """The next turn, also one without words; None after `timeout` seconds of silence."""
        leg, conversation = self._leg, self.conversation
        deadline = leg.clock.now() + timeout if timeout is not None else float("inf")
        while not conversation.turns:
            self._check()
            left = deadline - leg.clock.now()
            if left <= 0 and not conversation.busy:
                return None
            patience = None if conversation.busy or left == float("inf") else left
            await first_of(leg.changed(), timeout=patience)
        return self._take_turn()

    @property
    def history(self) -> list[Message]:
        """The conversation as chat models take it: what the caller said and what he heard."""
        return self.conversation.history()

    @property
    def conversation(self) -> Conversation:
        """Ear, mouth, memory; made when first asked for. Raises SettingsError without engines."""
        if self._conversation is None:
            self._conversation = Conversation(self._leg, self._studio(), self._spawn, self.log)
        return self._conversation

    def changed(self) -> "asyncio.Future[None]":
        """Done at the next change of anything on the call."""
        return self._leg.changed()

    def on_key(self, taker: Callable[[Digit], bool]) -> None:
        """Give keys to `taker` first; it returns whether the key is used up."""
        self._leg.on_digit = taker

    # ---- the platform -----------------------------------------------------------------------

    async def send_digits(self, digits: str) -> None:
        """Press keys towards the other side: 0-9 A-D * #, `w` waits half a second, `W` one."""
        await self.send(control.SendDtmf(call_control_id=self.call_control_id, digits=digits))

    async def transfer(
        self, to: str, *, from_: str | None = None, timeout: float = 30.0
    ) -> Transferred:
        """Connect the caller to a number or SIP address, and leave when it answers.

        Unless it is answered the call stays the bot's and the caller hears the bot again."""
        self._check()
        self._close_live()
        future: asyncio.Future[Transferred] = asyncio.get_running_loop().create_future()
        self.transfers.append(future)
        state = client_state(self.reference, len(self.transfers) - 1)
        try:
            await self.send(
                control.Transfer(
                    call_control_id=self.call_control_id,
                    to=to,
                    from_=from_,
                    timeout_secs=max(5, round(timeout)),
                    target_leg_client_state=state,
                )
            )
        except CallGone:
            raise
        except CommandRefused as error:
            return Transferred("failed", str(error))
        await first_of(future, self._leg.ended, timeout=timeout + 5.0)
        if not future.done():
            self._check()
            return Transferred("no_answer", "the platform told nothing of it")
        result = future.result()
        if result:
            self._leg.released = self._leg.gone = True
        return result

    async def speak(self, text: str, *, voice: str = "AWS.Polly.Joanna") -> bool:
        """Let the platform say something with a voice of its own; True when it was said.

        It is not our audio: `interrupt` does not stop it, the ledger does not know it, and it
        sounds beside whatever the bot plays."""
        self._check()
        self._close_live()
        spoken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.speeches.append(spoken)
        command = control.Speak(call_control_id=self.call_control_id, payload=text, voice=voice)
        try:
            await self.send(command)
        except BaseException:
            self.speeches.remove(spoken)
            raise
        await first_of(spoken, self._leg.ended)
        self._check()
        return spoken.result()

    async def hangup(self) -> None:
        """Let what was said play out, then end the call. What is said later is not heard."""
        if self._leg.ended.done():
            return
        self._check()
        if self._hangup is None:
            self._close_live()
            # A task of its own: the one that calls may be cancelled before the goodbye was heard.
            self._hangup = asyncio.create_task(self.say_goodbye())
        await asyncio.shield(self._hangup)

    async def send(self, command: control.Command) -> dict[str, object]:
        """Any command of the Voice API on this call. Raises CommandRefused and its kin."""
        self._check()
        return await self._command.send(command)

    # ---- for the registry -------------------------------------------------------------------

    def close(self) -> None:
        """The call is over: hear nothing more."""
        if self._conversation is not None:
            self._conversation.close()
        if self._hangup is not None:
            self._hangup.cancel()

    async def drain(self, within: float) -> None:
        """Wait until everything said so far was heard or cut, at most `within` seconds."""
        self._close_live()
        leg = self._leg
        leg.pump()
        try:
            async with asyncio.timeout(within):
                while leg.playout.unfinished() and not leg.ended.done():
                    await leg.changed()
        except TimeoutError:
            self.log.warning("playout not drained", extra={"within_s": within})

    async def say_goodbye(self, within: float | None = None) -> None:
        """Drain, then hang up. A call that has ended meanwhile is what was wanted."""
        leg = self._leg
        if within is None:
            within = leg.playout.queued_s() + leg.plan.playout.lead + leg.plan.playout.patience + 1
        await self.drain(within)
        if leg.ended.done() or leg.released or not leg.call_control_id:
            return
        try:
            await self._command.send(control.Hangup(call_control_id=leg.call_control_id))
        except CallGone:
            leg.end(Hangup("normal_clearing"))

    # ---- inside -----------------------------------------------------------------------------

    def _check(self) -> None:
        leg = self._leg
        if leg.ended.done():
            raise CallEnded(f"the call has ended: {leg.ended.result().cause}")
        if leg.released:
            raise CallReleased("the call was handed over")
        if leg.stream_given_up:
            raise StreamLost("the media stream broke and could not be restored")

    def _close_live(self) -> Utterance | None:
        live, self._live = self._live, None
        if live is None or live.ending:
            return None
        leg = self._leg
        if self._live_transmitter is not None:
            leg.playout.write(live, self._live_transmitter.flush(), leg.clock.now())
        leg.playout.close(live)
        leg.pump()
        return live

    def _whole(self, pcm: Pcm) -> Pcm:
        transmitter = self._leg.transmitter()
        if transmitter is None:
            return pcm
        return np.concatenate([transmitter.process(pcm), transmitter.flush()])

    async def _load(self, path: str | Path) -> Pcm:
        name = str(path)
        source = await fetch(name) if is_url(name) else path
        return await self._jobs.run(lambda: load(source, self.sample_rate, name))

    def _outcome(self, utterance: Utterance, pressed: list[Digit]) -> Outcome:
        ending = utterance.ending
        assert ending is not None, "it was waited for"
        return Outcome(
            "key" if pressed else ending.reason,
            ending.heard / self._leg.playout.sample_rate,
            ending.certainty,
            utterance.heard_text(),
            pressed[0].digit if pressed else "",
        )

    async def _heard(self, utterance: Utterance, pressed: list[Digit] | None = None) -> Outcome:
        try:
            await self._leg.hearing(utterance)
        except asyncio.CancelledError:
            if not utterance.ending:
                self.interrupt()
            raise
        return self._outcome(utterance, pressed or [])

    @contextmanager
    def _digits_to(self, taker: Callable[[Digit], bool]) -> Generator[None]:
        """While it is open, keys go to `taker` first."""
        before, self._leg.on_digit = self._leg.on_digit, taker
        try:
            yield
        finally:
            self._leg.on_digit = before

    def _spoken(self) -> str:
        """The text of the oldest turn with words that nobody has taken yet."""
        turns = self.conversation.turns
        while turns:
            if turn := self._take_turn():
                return turn.text
        return ""

    def _take_turn(self) -> Turn:
        turn = self.conversation.turns.popleft()
        if turn:
            self._unanswered = turn.waterfall
        return turn

    def _stop_by_key(self, digit: Digit, stop_on: str, pressed: list[Digit]) -> bool:
        if pressed or digit.digit not in stop_on:
            return False
        pressed.append(digit)
        self.interrupt()
        return True
