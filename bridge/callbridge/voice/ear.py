"""The ear of a call: the caller's audio becomes turns.

The engines are plugged in (`speech`), the decisions about turns are pure (`speech.turns`); here
they meet the line. Recognition runs in the pool, everything else inline."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import numpy as np

from callbridge.errors import SettingsError, SpeechFailed
from callbridge.media.playout import Utterance
from callbridge.speech import checks, turns
from callbridge.speech.echo import EchoJudge
from callbridge.speech.engines import Recogniser
from callbridge.speech.language import Language
from callbridge.speech.studio import Studio
from callbridge.tape.events import Deaf, Interrupted, Resumed, TurnLost, TurnTaken, Withheld
from callbridge.tape.tape import Tape
from callbridge.tape.waterfall import Waterfall, trailing_quiet_s
from callbridge.voice.history import History
from callbridge.voice.line import AudioLine
from callbridge.voice.turn import Turn, TurnQueue
from telecodecs import Pcm, Resampler, silence

EAR_RATE = 8000  # what the VAD and the echo judge work at
DEAF_S = 1.0  # so long without a working voice detector, and something may have been missed
ECHO_AFTER_S = 0.5  # an echo may come so long after the last sound
NEVER = float("inf")

Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Makes a task that the call owns."""

Guess = str | SpeechFailed | None
"""A text that was recognised ahead of time; why not; or None if no worker was free to try."""


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
        self._taker = turns.TurnTaker(studio.turns, EAR_RATE)
        self._echo = EchoJudge(studio.echo, EAR_RATE)
        rate, tx_rate = line.plan.sample_rate, line.plan.tx_rate
        self._to_ear = Resampler(rate, EAR_RATE) if rate != EAR_RATE else None
        self._from_wire = Resampler(tx_rate, EAR_RATE) if tx_rate != EAR_RATE else None
        self._window: Pcm = silence(0)
        self._speculation: asyncio.Future[Guess] | None = None
        self._last_sound_at = -NEVER
        self._planned = NEVER
        self._interrupted = False
        self._unknown = 0  # turns that are being recognised
        self._in_order = asyncio.Lock()
        self._closed = False
        line.hear_with(self._hear)
        line.playout.on_sent = self._sounds

    def close(self) -> None:
        self._closed = True  # the timer that all calls share may still call back
        self._line.hear_with(None)
        self._line.playout.on_sent = None
        self.queue.changed.notify()

    @property
    def busy(self) -> bool:
        """Whether the caller is speaking, or what was said is not yet known."""
        return self.in_progress or self._unknown > 0

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
        if speaking:
            self._last_sound_at = now
        echo = False
        if now - self._last_sound_at <= ECHO_AFTER_S:
            echo = self._echo.hear(pcm, now)
            self._studio.counts.echoes += echo
        current = playout.current()
        events = self._taker.hear(
            pcm,
            self._probability(pcm, now),
            now,
            speaking=speaking,
            interruptible=current is None or current.interruptible,
            echo=echo,
        )
        self._act(events)
        self._plan()

    def _probability(self, pcm: Pcm, now: float) -> float:
        """That of speech. A detector that fails has heard none; its caller is told in time."""
        try:
            probability = checks.probability(self._vad.probability(pcm))
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
                case turns.Withhold():
                    self.in_progress = True
                    counts.withheld += 1
                    line.playout.withhold()
                    self._tape.write(Withheld(at=line.wall(event.at)))
                case turns.Resume():
                    self.in_progress = self._taker.in_turn
                    line.playout.resume()
                    line.pump()
                    self._tape.write(Resumed(at=line.wall(event.at)))
                case turns.Interrupt():
                    counts.interruptions += 1
                    self._interrupted = True
                    line.interrupt()
                    self._echo.cleared(event.at)
                    began, at = line.wall(event.started_at), line.wall(event.at)
                    self._tape.write(Interrupted(speech_at=began, at=at))
                case turns.Speculate():
                    self._speculate(event.audio)
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
        self._spawn(self._finish_turn(ended, over_bot, guess))

    def _speculate(self, audio: Pcm) -> None:
        """Recognise what was said so far: if nothing follows, the text is there at the end."""
        speculation: asyncio.Future[Guess] = asyncio.get_running_loop().create_future()
        self._speculation = speculation
        self._spawn(self._guess(audio, speculation, over_bot=self._line.playout.withheld))

    async def _guess(
        self, audio: Pcm, speculation: "asyncio.Future[Guess]", *, over_bot: bool
    ) -> None:
        known: Guess = None
        try:
            # Else the workers are for those who have finished, and for who says "stop".
            if self._studio.hearing.idle or over_bot:
                known = await self._recognise(audio)
        except SpeechFailed as error:
            known = error
        finally:
            if not speculation.done():  # the end of the call cancels who waits for it, too
                speculation.set_result(known)
        if isinstance(known, str) and speculation is self._speculation:
            self._act(self._taker.partial(known, self._line.clock.now()))
            self._plan()

    def switch_language(self, recogniser: Recogniser, language: Language) -> None:
        """Of what is said from now on."""
        self._recogniser = recogniser
        self._taker.settings = replace(self._taker.settings, language=language)
        self.queue.language = language

    async def _recognise(self, audio: Pcm) -> str:
        recogniser = self._recogniser
        return await self._studio.hearing.run(
            lambda: checks.transcript(recogniser.transcribe(audio, EAR_RATE), len(audio) / EAR_RATE)
        )

    async def _finish_turn(
        self, ended: turns.TurnEnded, over_bot: bool, guess: "asyncio.Future[Guess] | None"
    ) -> None:
        text = failed = ""
        try:
            async with self._in_order:
                known = await guess if guess is not None else None
                if isinstance(known, SpeechFailed):
                    raise known  # the same again would not help, and the caller waits
                text = await self._recognise(ended.audio) if known is None else known
        except SpeechFailed as error:
            failed = str(error)
        finally:
            self._unknown -= 1
        now = self._line.clock.now()
        waterfall = Waterfall(self._last_voiced(ended), ended.ended_at, final_text=now)
        turn = Turn(text, len(ended.audio) / EAR_RATE, waterfall, over_bot, failed)
        self._take(turn, ended.started_at)

    def _last_voiced(self, ended: turns.TurnEnded) -> float:
        """When the last sound of a turn ended: before the voice detector was sure of it."""
        if ended.cut:
            return ended.last_voiced_at
        quiet_s = trailing_quiet_s(ended.audio, EAR_RATE) - self._studio.turns.tail
        return ended.last_voiced_at - max(0.0, quiet_s)

    def _take(self, turn: Turn, began: float) -> None:
        """A turn is known, or known to be lost."""
        counts, line = self._studio.counts, self._line
        if turn.failed:
            counts.failed_turns += 1
            self._tape.write(TurnLost(why=turn.failed))
        elif turn:
            counts.turns += 1
            self._history.add(turn)
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
