"""The ear of a call: the caller's audio becomes turns.

The engines are plugged in (`speech`), the decisions about turns are pure (`speech.turns`); here
they meet the line. Recognition runs in the pool, everything else inline."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from callbridge.errors import SettingsError, SpeechFailed
from callbridge.media.utterance import Utterance
from callbridge.speech import checks, turns
from callbridge.speech.echo import EchoJudge
from callbridge.speech.ending import TurnContext
from callbridge.speech.engines import Recogniser, TakesHints
from callbridge.speech.hints import hints_of
from callbridge.speech.language import Language
from callbridge.speech.studio import Studio
from callbridge.tape.events import Deaf, Interrupted, Resumed, TurnLost, TurnTaken, Withheld
from callbridge.tape.tape import Tape
from callbridge.tape.waterfall import Waterfall, trailing_quiet_s
from callbridge.voice.history import History
from callbridge.voice.line import AudioLine
from callbridge.voice.service_ear import ServiceEar
from callbridge.voice.turn import Turn, TurnQueue
from telecodecs import Pcm, Resampler, silence

log = logging.getLogger(__name__)

EAR_RATE = 8000  # what the VAD and the echo judge work at
DEAF_S = 1.0  # so long without a working voice detector, and something may have been missed
ECHO_AFTER_S = 0.5  # an echo may come so long after the last sound
DRAFT_WAIT_S = 1.0  # what takes longer hangs, or there is too much to do
ONSET_S = 0.3  # of speech, before it is clear that it is
NEVER = float("inf")

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Makes a task that the call owns."""


class Recognised(NamedTuple):
    """The words of a turn so far, and how probable it is that they are all; None: not judged."""

    text: str
    finished: float | None


Guess = Recognised | SpeechFailed | None
"""What was recognised ahead of time; why not; or None if no worker was free to try."""


class TextSoFar:
    """Of the turn in progress: what was recognised, of how many samples; and what may be soon."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.samples = 0
        self.drafting: asyncio.Future[None] | None = None


class Ear:
    """Hears, and stops the mouth when the caller means it."""

    def __init__(
        self,
        line: AudioLine,
        studio: Studio,
        spawn: Spawn,
        tape: Tape,
        queue: TurnQueue,
        history: History[Utterance],
    ) -> None:
        self.queue = queue
        queue.language = studio.turns.language
        self.in_progress = False  # the caller is speaking, or it seems so
        self.cuts = True  # what the bot is saying, when the caller means it
        self._line = line
        self._studio = studio
        self._spawn = spawn
        self._tape = tape
        self._history = history
        self._vad = studio.speech.vad()
        if self._vad.window < 1:
            raise SettingsError(f"a voice detector with windows of {self._vad.window} samples")
        self._deaf_windows = 0  # at a stretch
        self._recogniser = studio.speech.recogniser
        self._service = ServiceEar(studio, tape, EAR_RATE, spawn, self._words_came)
        self._taker = turns.TurnTaker(studio.turns, EAR_RATE)
        self._echo = EchoJudge(studio.echo, EAR_RATE)
        rate, tx_rate = line.plan.sample_rate, line.plan.tx_rate
        self._to_ear = Resampler(rate, EAR_RATE) if rate != EAR_RATE else None
        self._from_wire = Resampler(tx_rate, EAR_RATE) if tx_rate != EAR_RATE else None
        self._window: Pcm = silence(0)
        self._speculation: asyncio.Future[Guess] | None = None
        self._so_far = TextSoFar()
        self._last_sound_at = -NEVER
        self._planned = NEVER
        self._interrupted = False
        self._judge_failed = False
        self._unknown = 0  # turns that are being recognised
        self._in_order = asyncio.Lock()
        self._closed = False
        self._service.use(self._recogniser)
        line.hear_with(self._hear)
        line.playout.on_sent = self._sounds
        line.playout.remember()

    def close(self) -> None:
        self._service.close()
        self._closed = True  # the timer that all calls share may still call back
        self._line.hear_with(None)
        self._line.playout.on_sent = None
        self.queue.changed.notify()

    @property
    def busy(self) -> bool:
        """Whether the caller is speaking, or what was said is not yet known."""
        return self.in_progress or self._unknown > 0

    @property
    def partial(self) -> str:
        """What is being said, as far as a recogniser that streams has understood it."""
        live = self._service.live
        return live.speech_so_far() if live is not None and self.in_progress else ""

    # ---- windows ----------------------------------------------------------------------------

    def _hear(self, pcm: Pcm) -> None:
        """One ptime of the caller."""
        if self._to_ear is not None:
            pcm = self._to_ear.process(pcm)
        heard = np.concatenate([self._window, pcm])
        while len(heard) >= self._vad.window:
            self._hear_window(heard[: self._vad.window])
            heard = heard[self._vad.window :]
        self._window = heard

    def _hear_window(self, pcm: Pcm) -> None:
        now = self._line.clock.now()
        playout = self._line.playout
        speaking = playout.speaking(now)
        if speaking or playout.has_background:
            self._last_sound_at = now
        echo = False
        if now - self._last_sound_at <= ECHO_AFTER_S:
            echo = self._echo.hear(pcm, now)
            self._studio.counts.echoes += echo
        if self._service.live is not None and not self.queue.on_hold:
            self._service.live.hear(silence(len(pcm)) if echo else pcm, now)
        current = playout.current()
        events = self._taker.hear(
            pcm,
            0.0 if self.queue.on_hold else self._probability(pcm, now),
            now,
            speaking=speaking,
            interruptible=self.cuts and (current is None or current.interruptible),
            echo=echo,
        )
        self._act(events)
        if self.queue.likely is not None and self._taker.speaking:
            self._unsuppose()
        self._plan()

    def _probability(self, pcm: Pcm, now: float) -> float:
        """That of speech. A detector that fails has heard none; its caller is told in time."""
        try:
            probability = checks.probability(self._vad.probability(pcm), "the voice detector")
        except Exception as error:  # foreign code, in the middle of the stream's own work
            self._heard_nothing(f"{type(error).__name__}: {error}", now)
            return 0.0
        self._deaf_windows = 0
        return probability

    def _heard_nothing(self, why: str, now: float) -> None:
        self._studio.counts.deaf_windows += 1
        if not self._deaf_windows:
            self._tape.write(Deaf(why=why))
        self._deaf_windows += 1
        deaf_s = self._deaf_windows * self._vad.window / EAR_RATE
        if deaf_s >= DEAF_S:
            self._deaf_windows = 0
            begun = now - deaf_s
            failed = f"the voice detector: {why}"
            self._take(Turn("", deaf_s, Waterfall(begun, now), failed=failed), begun)

    def _sounds(self, pcm: Pcm, at: float) -> None:
        """What is sent begins to sound at the caller's end about then: the echo judge knows it."""
        self._echo.played(self._from_wire.process(pcm) if self._from_wire else pcm, at)

    def _plan(self) -> None:
        """Silence is also no frames at all: then the clock has to say so."""
        deadline = self._taker.deadline()
        if deadline != self._planned and deadline < NEVER:
            self._planned = deadline
            self._line.at(deadline, self._tick)

    def _tick(self) -> None:
        if self._closed:
            return
        self._act(self._taker.tick(self._line.clock.now()))
        self._plan()

    def _act(self, events: list[turns.TurnEvent]) -> None:
        line, counts = self._line, self._studio.counts
        for event in events:
            match event:
                case turns.SpeechStarted():
                    self.in_progress = True
                    self._speech_began(event.started_at)
                case turns.Withhold():
                    self.in_progress = True
                    self._speech_began(event.at - ONSET_S)
                    counts.withheld += 1
                    self._echo.cleared(event.at)
                    line.withhold()
                    self._tape.write(Withheld(at=line.wall(event.at)))
                case turns.Resume():
                    self.in_progress = self._taker.in_turn
                    line.resume()
                    self._tape.write(Resumed(at=line.wall(event.at)))
                case turns.Interrupt():
                    counts.interruptions += 1
                    self._interrupted = True
                    self._echo.cleared(event.at)
                    line.interrupt()  # background goes on at once
                    began, at = line.wall(event.started_at), line.wall(event.at)
                    self._tape.write(Interrupted(speech_at=began, at=at))
                case turns.Draft():
                    self._draft(event)
                case turns.Speculate():
                    self._speculate(event)
                case turns.TurnEnded():
                    self._end_turn(event)
        if events:
            self.queue.changed.notify()

    # ---- recognition ------------------------------------------------------------------------

    def _end_turn(self, ended: turns.TurnEnded) -> None:
        self.in_progress = False
        self._unknown += 1
        over_bot, self._interrupted = self._interrupted, False
        # Unless a turn was cut for its length, it is what was speculated on last.
        guess = None if ended.cut else self._speculation
        self._speculation = None  # its text is this turn's, and not the next one's
        likely = None if ended.cut else self.queue.likely
        so_far, self._so_far = self._so_far, TextSoFar()
        if ended.cut:
            so_far = TextSoFar(so_far.text)  # which is of more than what was cut off
        self._spawn(self._finish_turn(ended, over_bot, guess, likely, so_far))

    def _draft(self, gap: turns.Draft) -> None:
        """Recognise what was said so far, if that helps and nobody waits: the rest is faster."""
        if isinstance(self._recogniser, TakesHints):
            self._so_far.drafting = asyncio.get_running_loop().create_future()
            self._spawn(self._drafted(gap, self._so_far, self._so_far.drafting))

    async def _drafted(
        self, gap: turns.Draft, so_far: TextSoFar, drafting: "asyncio.Future[None]"
    ) -> None:
        try:
            if self._studio.hearing.idle:
                await self._recognise(gap, so_far, gap.at)
        except SpeechFailed:
            log.debug("no draft", exc_info=True)  # nothing hangs on it
        finally:
            if not drafting.done():  # the end of the call cancels who waits for it, too
                drafting.set_result(None)

    def _speculate(self, pause: turns.Speculate) -> None:
        """Recognise what was said so far: if nothing follows, the text is there at the end."""
        speculation: asyncio.Future[Guess] = asyncio.get_running_loop().create_future()
        self._speculation = speculation
        over_bot = self._line.playout.withheld
        self._spawn(self._guess(pause, speculation, self._so_far, over_bot=over_bot))

    async def _guess(
        self,
        pause: turns.Speculate,
        speculation: "asyncio.Future[Guess]",
        so_far: TextSoFar,
        *,
        over_bot: bool,
    ) -> None:
        known: Guess = None
        try:
            if so_far.drafting is not None:
                await asyncio.wait({so_far.drafting}, timeout=DRAFT_WAIT_S)
            # Else the workers are for those who have finished, and for who says "stop".
            if self._studio.hearing.idle or over_bot or self._service.in_use:
                known = await self._recognise(pause, so_far, pause.at)
        except SpeechFailed as error:
            known = error
        finally:
            if not speculation.done():  # the end of the call cancels who waits for it, too
                speculation.set_result(known)
        if isinstance(known, Recognised) and speculation is self._speculation:
            now = self._line.clock.now()
            self._act(self._taker.partial(known.text, now, known.finished))
            if self.queue.eager and known.text and self._taker.pausing:
                self._suppose(known.text, pause.audio, now)
            self._plan()

    def _suppose(self, text: str, audio: Pcm, now: float) -> None:
        """It may be the whole turn: whoever wants to can prepare the answer."""
        seconds = len(audio) / EAR_RATE
        likely = self.queue.likely = Turn(text, seconds, Waterfall(now, now))
        self._history.add(likely, self._line.wall(now - seconds))
        self.queue.changed.notify()

    def _unsuppose(self) -> None:
        """The caller has gone on."""
        likely, self.queue.likely = self.queue.likely, None
        if likely is not None and not likely.over:
            self._history.forget(likely)
            self.queue.changed.notify()

    def switch_language(self, recogniser: Recogniser, language: Language) -> None:
        """Of what is said from now on."""
        self._recogniser = recogniser
        self._service.use(recogniser)
        self._taker.settings = replace(self._taker.settings, language=language)
        self.queue.language = language

    async def _recognise(
        self,
        said: turns.Draft | turns.Speculate | turns.TurnEnded,
        so_far: TextSoFar,
        ended_at: float,
    ) -> Recognised:
        """`ended_at` is when the last sample of it came. Raises SpeechFailed."""
        audio = said.audio
        recogniser = self._recogniser
        context = TurnContext(self._taker.settings.language, self.queue.expecting)
        if self._service.in_use:
            words = await self._service.text(audio, ended_at)
            return Recognised(words, await self._judged(audio, words, context))
        hints = replace(hints_of(context.expected, context.language), so_far=so_far.text)
        # What came since a draft may be nothing but silence.
        all_is_known = so_far.samples >= said.voiced > 0

        def work() -> Recognised:
            if all_is_known:
                heard = hints.so_far
            elif isinstance(recogniser, TakesHints):
                heard = recogniser.transcribe_with(audio, EAR_RATE, hints)
            else:
                heard = recogniser.transcribe(audio, EAR_RATE)
            text = checks.transcript(heard, len(audio) / EAR_RATE)
            return Recognised(text, self._finished(audio, text, context))

        known = await self._studio.hearing.run(work)
        so_far.text, so_far.samples = known.text, len(audio)
        return known

    async def _judged(self, audio: Pcm, text: str, context: TurnContext) -> float | None:
        """Whether a turn is over whose words a service has found."""
        judge = partial(self._finished, audio, text, context)
        try:
            return await self._studio.hearing.run(judge)
        except SpeechFailed:
            return None  # no worker is free for it: the clock decides

    def _finished(self, audio: Pcm, text: str, context: TurnContext) -> float | None:
        """None where the judge fails: its turn ends by the clock then, and is not lost."""
        judge = self._studio.speech.ending
        try:
            given = judge.probability(audio, text, context)
            return checks.probability(given, "the judge of endings")
        except Exception:  # foreign code
            if not self._judge_failed:  # at each pause, as a rule: once tells it
                log.warning("whether a turn is over could not be judged", exc_info=True)
            self._judge_failed = True
            return None

    def _speech_began(self, at: float) -> None:
        if self._service.live is not None:
            self._service.live.speech(at)

    def _words_came(self) -> None:
        """Of a stream, while the caller speaks."""
        if self._taker.speaking and (text := self.partial):
            self._act(self._taker.partial(text, self._line.clock.now()))
            self._plan()
        self.queue.changed.notify()

    async def _finish_turn(
        self,
        ended: turns.TurnEnded,
        over_bot: bool,
        guess: "asyncio.Future[Guess] | None",
        likely: Turn | None,
        so_far: TextSoFar,
    ) -> None:
        text = failed = ""
        try:
            async with self._in_order:
                known = await guess if guess is not None else None
                if isinstance(known, SpeechFailed):
                    raise known  # the same again would not help, and the caller waits
                if known is None:
                    ended_at = ended.last_voiced_at + _tail_s(ended)
                    known = await self._recognise(ended, so_far, ended_at)
                text = known.text
        except SpeechFailed as error:
            failed = str(error)
        finally:
            self._unknown -= 1
        now = self._line.clock.now()
        waterfall = Waterfall(self._last_voiced(ended), ended.ended_at, final_text=now)
        turn = Turn(text, len(ended.audio) / EAR_RATE, waterfall, over_bot, failed)
        if likely is not None and not likely.over:
            self._history.forget(likely)
            if likely.text == text:
                likely.audio_s, likely.waterfall, likely.over_bot = (
                    turn.audio_s,
                    waterfall,
                    over_bot,
                )
                turn = likely
        self._take(turn, ended.started_at)

    def _last_voiced(self, ended: turns.TurnEnded) -> float:
        """When the last sound of a turn ended: before the voice detector was sure of it."""
        if ended.cut:
            return ended.last_voiced_at
        quiet_s = trailing_quiet_s(ended.audio, EAR_RATE) - _tail_s(ended)
        return ended.last_voiced_at - max(0.0, quiet_s)

    def _take(self, turn: Turn, began: float) -> None:
        """A turn is known, or known to be lost."""
        counts, line = self._studio.counts, self._line
        if turn.failed:
            counts.failed_turns += 1
            self._tape.write(TurnLost(why=turn.failed))
        elif turn:
            counts.turns += 1
            self._history.add(turn, line.wall(began))
            self._tape.write(
                TurnTaken(
                    said=turn.text,
                    audio_s=round(turn.audio_s, 2),
                    began_at=line.wall(began),
                    last_voiced_at=line.wall(turn.waterfall.last_voiced),
                )
            )
        else:
            counts.empty_turns += 1
        self.queue.put(turn)


def _tail_s(ended: turns.TurnEnded) -> float:
    """Of silence behind the last voiced sample."""
    return (len(ended.audio) - ended.voiced) / EAR_RATE
