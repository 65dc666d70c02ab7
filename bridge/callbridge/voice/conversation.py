"""The conversation of one call: what is heard becomes turns, text becomes speech, and what was
heard of both becomes history.

The engines are plugged in (`speech`), the decisions about turns are pure (`speech.turns`);
here they meet the leg. Recognition and synthesis run in the pool, everything else inline."""

import asyncio
import logging
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypedDict, cast

import numpy as np

from callbridge.calls.leg import Leg
from callbridge.errors import SettingsError, SpeechFailed, StreamLost
from callbridge.media.playout import Utterance
from callbridge.speech import checks, turns
from callbridge.speech.echo import EchoJudge
from callbridge.speech.engines import Word
from callbridge.speech.sentences import split
from callbridge.speech.studio import Studio
from callbridge.speech.words import count_without_back_channels
from callbridge.tape.waterfall import Waterfall, trailing_quiet_s
from callbridge.timing.clock import first_of
from telecodecs import Pcm, Resampler, silence

EAR_RATE = 8000  # what the VAD and the echo judge work at
TEXT_QUEUE = 64  # sentences that wait to be synthesised
MEMORY = 1000  # turns and utterances of one call that are remembered
QUEUE_LIMIT_S = 30.0  # more synthesised speech than this waits for nobody
UNTAKEN_TURNS = 100  # for a bot that never listens; the oldest is dropped
STUCK_S = 1.0  # for a task of the bot's to end after it was cancelled
LOOK_S = 1.0  # between two looks whether a stream was given up
DEAF_S = 1.0  # so long without a working voice detector, and something may have been missed
NEVER = float("inf")
ECHO_AFTER_S = 0.5  # an echo may come so long after the last sound

Spawn = Callable[[Coroutine[Any, Any, None]], object]

Guess = str | SpeechFailed | None
"""A text that was recognised ahead of time; why not; or None if no worker was free to try."""


class Message(TypedDict):
    """One entry of a history, in the form that chat models take."""

    role: Literal["assistant", "user"]
    content: str


@dataclass(slots=True)
class Turn:
    """What the caller said in one go. True when it has words.

    `failed` says that it could not be understood because an engine failed, and why."""

    text: str
    audio_s: float
    waterfall: Waterfall
    over_bot: bool = False  # it interrupted what was being said
    failed: str = ""

    def __bool__(self) -> bool:
        return bool(self.text)

    def merged(self, later: "Turn") -> "Turn":
        """This turn and what followed before it was answered."""
        text = " ".join(part for part in (self.text, later.text) if part)
        return Turn(
            text, self.audio_s + later.audio_s, later.waterfall, self.over_bot, later.failed
        )


class Conversation:
    """Ear, mouth and memory of one call. `spawn` makes a task that the call owns."""

    def __init__(
        self,
        leg: Leg,
        studio: Studio,
        spawn: Spawn,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self.turns: deque[Turn] = deque(maxlen=UNTAKEN_TURNS)
        self._leg = leg
        self._studio = studio
        self._spawn = spawn
        self._log = log
        self._vad = studio.speech.vad()
        if self._vad.window < 1:
            raise SettingsError(f"a voice detector with windows of {self._vad.window} samples")
        self._deaf_windows = 0  # at a stretch
        self._taker = turns.TurnTaker(studio.turns, EAR_RATE)
        self._echo = EchoJudge(studio.echo, EAR_RATE)
        rate = leg.plan.sample_rate
        self._to_ear = Resampler(rate, EAR_RATE) if rate != EAR_RATE else None
        self._from_wire = (
            Resampler(leg.plan.tx_rate, EAR_RATE) if leg.plan.tx_rate != EAR_RATE else None
        )
        self._window: Pcm = silence(0)
        self._speculation: asyncio.Future[Guess] | None = None
        self._memory: deque[Turn | Utterance] = deque(maxlen=MEMORY)
        self._last_sound_at = -NEVER
        self._planned = NEVER
        self._interrupted = False
        self._unknown = 0  # turns that are being recognised
        self._in_order = asyncio.Lock()
        self.speech_in_progress = False
        self.last_said: Utterance | None = None
        self._closed = False
        leg.on_audio = self._hear
        leg.playout.on_sent = self._sounds

    def close(self) -> None:
        self._closed = True  # the timer that all calls share may still call back
        self._leg.on_audio = None
        self._leg.playout.on_sent = None

    @property
    def busy(self) -> bool:
        """Whether the caller is speaking, or what was said is not yet known."""
        return self.speech_in_progress or self._unknown > 0

    @property
    def asked(self) -> bool:
        """Whether a turn waits to be taken that asks for something, or could not be understood."""
        language = self._studio.turns.language
        return any(
            turn.failed or count_without_back_channels(turn.text, language) for turn in self.turns
        )

    # ---- the ear ----------------------------------------------------------------------------

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
        now = self._leg.clock.now()
        playout = self._leg.playout
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
            self._log.error("the voice detector failed", extra={"why": why})
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
            self._leg.at(deadline, self._tick)

    def _tick(self) -> None:
        if self._closed:
            return
        self._act(self._taker.tick(self._leg.clock.now()))
        self._plan()

    def _act(self, events: list[turns.Event]) -> None:
        leg, counts = self._leg, self._studio.counts
        for event in events:
            match event:
                case turns.SpeechStarted():
                    self.speech_in_progress = True
                case turns.Withhold():
                    self.speech_in_progress = True
                    counts.withheld += 1
                    leg.playout.withhold()
                    self._log.info("withheld", extra={"at": self._wall(event.at)})
                case turns.Resume():
                    self.speech_in_progress = self._taker.in_turn
                    leg.playout.resume()
                    leg.pump()
                    self._log.info("resumed", extra={"at": self._wall(event.at)})
                case turns.Interrupt():
                    counts.interruptions += 1
                    self._interrupted = True
                    leg.interrupt()
                    self._echo.cleared(event.at)
                    began, at = self._wall(event.started_at), self._wall(event.at)
                    self._log.info("interrupted", extra={"speech_at": began, "at": at})
                case turns.Speculate():
                    self._speculate(event.audio)
                case turns.TurnEnded():
                    self.speech_in_progress = False
                    self._unknown += 1
                    over_bot, self._interrupted = self._interrupted, False
                    # Unless a turn was cut for its length, it is what was speculated on last.
                    guess = None if event.cut else self._speculation
                    self._speculation = None  # its text is this turn's, and not the next one's
                    self._spawn(self._finish_turn(event, over_bot, guess))
        if events:
            leg.notify()

    # ---- recognition ------------------------------------------------------------------------

    def _speculate(self, audio: Pcm) -> None:
        """Recognise what was said so far: if nothing follows, the text is there at the end."""
        speculation: asyncio.Future[Guess] = asyncio.get_running_loop().create_future()
        self._speculation = speculation
        over_bot = self._leg.playout.withheld

        async def guess() -> None:
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
                self._act(self._taker.partial(known, self._leg.clock.now()))
                self._plan()

        self._spawn(guess())

    async def _recognise(self, audio: Pcm) -> str:
        recogniser = self._studio.speech.recogniser
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
        now = self._leg.clock.now()
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
        counts = self._studio.counts
        self.turns.append(turn)
        if turn.failed:
            counts.failed_turns += 1
            self._log.error("a turn was not understood", extra={"why": turn.failed})
        elif turn:
            counts.turns += 1
            self._memory.append(turn)
            self._log.info(
                "turn",
                extra={
                    "said": turn.text,
                    "audio_s": round(turn.audio_s, 2),
                    "began_at": self._wall(began),
                    "last_voiced_at": self._wall(turn.waterfall.last_voiced),
                },
            )
        else:
            counts.empty_turns += 1
        self._leg.notify()

    # ---- the mouth --------------------------------------------------------------------------

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        answers: Waterfall | None = None,
    ) -> Utterance:
        """Speak, sentence by sentence as the text comes; returns when heard to the end, or cut.

        Raises what the text's source raises, and SpeechFailed; both when what came before was
        heard."""
        if not isinstance(cast("object", text), str | AsyncIterable):
            raise TypeError(f"what is said is text, or yields it: not {type(text).__name__}")
        leg = self._leg
        utterance = leg.playout.open(interruptible=interruptible)
        self._memory.append(utterance)
        self.last_said = utterance
        heard = leg.hearing(utterance)
        # The text is pulled as fast as it comes, so that its source ends as soon as it can, and
        # closed with the reply, even while the caller still listens to the beginning.
        queue: asyncio.Queue[str | None] = asyncio.Queue(TEXT_QUEUE)
        puller = asyncio.create_task(
            self._pull(text, queue, utterance, answers),
            name=f"text of {getattr(text, '__qualname__', type(text).__name__)}",
        )
        producer = asyncio.create_task(self._produce(queue, utterance, answers), name="voice")
        failures: list[BaseException] = []
        try:
            await self._first_of(producer, heard)
            if not heard.done():
                leg.playout.close(utterance)
                leg.pump()
                await self._first_of(heard)
        finally:
            if not utterance.ending:
                leg.interrupt()
            failures += [error for task in (puller, producer) if (error := failure_of(task))]
            await self.dismiss(puller, producer)
            if answers is not None:
                answers.first_sent, answers.first_heard = utterance.sent_at, utterance.heard_at
                self._studio.counts.answered(answers)
                began = self._wall(answers.last_voiced)
                steps = {"last_voiced_at": began, "after_s": answers.after_s()}
                self._log.info("waterfall", extra=steps)
            self._log_said(utterance)
        if failures:
            raise failures[0]
        return utterance

    def _log_said(self, utterance: Utterance) -> None:
        ending = utterance.ending
        if ending is None or utterance.sent_at is None:
            return  # nothing of it has left
        self._log.info(
            "said",
            extra={
                "text": "".join(span.text for span in utterance.spans),
                "heard": utterance.heard_text(),
                "heard_s": round(ending.heard / self._leg.playout.sample_rate, 3),
                "stop": ending.reason,
                "certainty": ending.certainty,
                "sent_at": self._wall(utterance.sent_at),
            },
        )

    def _wall(self, at: float) -> float:
        """A time of the loop as Unix seconds, which other logs and recordings know too."""
        clock = self._leg.clock
        return round(clock.wall() - clock.now() + at, 3)

    async def _first_of(self, *futures: "asyncio.Future[Any]") -> None:
        """Wait for one of them. Raises StreamLost: what waits for a stream is then never heard.

        It looks at intervals: to be told, it would be woken by every frame."""
        while not any(future.done() for future in futures):
            if self._leg.stream_given_up:
                raise StreamLost("the media stream broke and could not be restored")
            await first_of(*futures, timeout=LOOK_S)

    async def dismiss(self, *tasks: "asyncio.Task[None]", within: float = STUCK_S) -> None:
        """Cancel tasks that run a bot's code. One that does not end is left behind."""
        running = [task for task in tasks if not task.done()]
        if not running:
            return
        for task in running:
            task.cancel()
            task.add_done_callback(self._log_failure)
        _, stuck = await asyncio.wait(running, timeout=within)
        for task in stuck:
            self._studio.counts.stuck += 1
            what = {"what": task.get_name()}
            self._log.error("a reply does not end, it is left behind", extra=what)

    def _log_failure(self, task: "asyncio.Task[None]") -> None:
        if error := failure_of(task):
            self._log.error("a reply failed as it was closed", exc_info=error)

    async def _pull(
        self,
        text: str | AsyncIterable[str],
        queue: asyncio.Queue[str | None],
        utterance: Utterance,
        answers: Waterfall | None,
    ) -> None:
        """Sentences into the queue, None behind the last; raises what the text's source raises."""
        rest = ""
        try:
            if isinstance(text, str):
                text = _whole(text)
            async with closing(text) as pieces:
                async for piece in pieces:
                    if utterance.ending:
                        return  # it should have been cancelled, and took no notice
                    if not isinstance(cast("object", piece), str):
                        raise TypeError(f"a bot yields text, not {type(piece).__name__}")
                    if answers is not None and answers.first_token is None:
                        answers.first_token = self._leg.clock.now()
                    *whole, rest = split(rest + piece)
                    for sentence in whole:
                        await queue.put(sentence)
                    await asyncio.sleep(0)  # a source that never waits must not stop the others
            if rest.strip():
                await queue.put(rest)
        except asyncio.CancelledError as cancelled:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            await queue.put(None)
            raise RuntimeError("the source of a text was cancelled, but not by us") from cancelled
        except Exception:
            await queue.put(None)
            raise
        await queue.put(None)

    async def _produce(
        self, queue: asyncio.Queue[str | None], utterance: Utterance, answers: Waterfall | None
    ) -> None:
        """Sound out of the queue, until None."""
        leg, speaking = self._leg, self._studio.speaking
        synthesiser, rate = self._studio.speech.synthesiser, leg.plan.tx_rate

        def synthesise(sentence: str) -> tuple[Word, ...]:
            return checks.words(synthesiser.speak(sentence, rate), sentence, rate)

        while (sentence := await queue.get()) is not None:
            words = await speaking.run(partial(synthesise, sentence))
            if answers is not None and answers.first_audio is None:
                answers.first_audio = leg.clock.now()
            for word in words:
                leg.playout.write(utterance, word.pcm, leg.clock.now(), word.text)
            leg.pump()
            while utterance.queued > QUEUE_LIMIT_S * rate:
                await leg.changed()

    # ---- memory -----------------------------------------------------------------------------

    def history(self) -> list[Message]:
        """What was said and what was heard, so far; speech that was cut ends at the last word."""
        playout, now = self._leg.playout, self._leg.clock.now()
        messages: list[Message] = []
        for item in self._memory:
            if isinstance(item, Turn):
                role, content = "user", item.text
            elif item.ending:
                role, content = "assistant", item.heard_text()
            else:
                role = "assistant"
                content = item.text_until(item.heard_of(playout.ledger.heard(now)))
            if messages and messages[-1]["role"] == role:
                messages[-1]["content"] = f"{messages[-1]['content']} {content.strip()}".strip()
            elif content.strip():
                messages.append({"role": role, "content": content.strip()})  # type: ignore[typeddict-item]
        return messages


def failure_of(task: "asyncio.Task[None]") -> BaseException | None:
    """What a task has raised, if it has."""
    return task.exception() if task.done() and not task.cancelled() else None


async def _whole(text: str) -> AsyncIterator[str]:
    yield text


@asynccontextmanager
async def closing(text: AsyncIterable[str]) -> AsyncGenerator[AsyncIterator[str]]:
    """The iterator of a text; a generator is closed with it, and so is what it reads from."""
    iterator = aiter(text)
    try:
        yield iterator
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()
