"""The conversation of one call: what is heard becomes turns, text becomes speech, and what was
heard of both becomes history.

The engines are plugged in (`bridge.speech`), the decisions about turns are pure (`speech.turns`);
here they meet the leg. Recognition and synthesis run in the pool, everything else inline."""

import asyncio
import logging
import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, cast

import numpy as np

from bridge.clock import first_of
from bridge.errors import SpeechFailed
from bridge.leg import Leg
from bridge.media.playout import Utterance
from bridge.speech import turns
from bridge.speech.echo import EchoJudge
from bridge.speech.engines import Speech
from bridge.speech.pool import SpeechPool
from bridge.waterfall import Waterfall
from telecodecs import Pcm, Resampler, silence

EAR_RATE = 8000  # what the VAD and the echo judge work at
TEXT_QUEUE = 64  # sentences that wait to be synthesised
MEMORY = 1000  # turns and utterances of one call that are remembered
QUEUE_LIMIT_S = 30.0  # more synthesised speech than this waits for nobody
STUCK_S = 5.0  # for a text whose source does not end when it is told to
NEVER = float("inf")
ECHO_AFTER_S = 0.5  # an echo may come so long after the last sound

# The end of a sentence: its marks, and the space that shows that it is one ("3.50" goes on).
SENTENCE_END = re.compile(r"[.!?…]+[\"')\]]*\s|\n")
LONG = 240  # characters without such an end: cut after the last comma


Spawn = Callable[[Coroutine[Any, Any, None]], object]


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


@dataclass(slots=True)
class SpeechCounts:
    """Counted over the life of the process."""

    turns: int = 0
    empty_turns: int = 0  # speech in which no words were found
    failed_turns: int = 0
    interruptions: int = 0
    withheld: int = 0  # onsets while the bot spoke
    echoes: int = 0  # windows that were the bot itself
    waterfalls: deque[dict[str, float]] = field(default_factory=lambda: deque(maxlen=1000))


@dataclass(frozen=True, slots=True)
class Studio:
    """The engines of a process and the pools that they work in."""

    speech: Speech
    hearing: SpeechPool
    speaking: SpeechPool
    turns: turns.TurnSettings
    counts: SpeechCounts


class Conversation:
    """Ear, mouth and memory of one call. `spawn` makes a task that the call owns."""

    def __init__(
        self,
        leg: Leg,
        studio: Studio,
        spawn: Spawn,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self.turns: deque[Turn] = deque()
        self._leg = leg
        self._studio = studio
        self._spawn = spawn
        self._log = log
        self._vad = studio.speech.vad()
        self._taker = turns.TurnTaker(studio.turns, EAR_RATE)
        self._echo = EchoJudge(sample_rate=EAR_RATE)
        rate = leg.plan.sample_rate
        self._to_ear = Resampler(rate, EAR_RATE) if rate != EAR_RATE else None
        self._from_wire = (
            Resampler(leg.plan.tx_rate, EAR_RATE) if leg.plan.tx_rate != EAR_RATE else None
        )
        self._window: Pcm = silence(0)
        self._speculation: asyncio.Future[str | None] | None = None
        self._memory: deque[Turn | Utterance] = deque(maxlen=MEMORY)
        self._last_sound_at = -NEVER
        self._planned = NEVER
        self._interrupted = False
        self._unknown = 0  # turns that are being recognised
        self._in_order = asyncio.Lock()
        self.speech_in_progress = False
        leg.on_audio = self._hear
        leg.playout.on_sent = self._sounds

    def close(self) -> None:
        self._leg.on_audio = None
        self._leg.playout.on_sent = None

    @property
    def busy(self) -> bool:
        """Whether the caller is speaking, or what was said is not yet known."""
        return self.speech_in_progress or self._unknown > 0

    def caller_goes_on(self) -> bool:
        """Whether the caller speaks again before the first sound of the last reply was sent."""
        last = self._memory[-1] if self._memory else None
        unsent = not isinstance(last, Utterance) or last.sent_at is None
        return self.speech_in_progress and unsent

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
            self._vad.probability(pcm),
            now,
            speaking=speaking,
            interruptible=current is None or current.interruptible,
            echo=echo,
        )
        self._act(events)
        self._plan()

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
                    self.speech_in_progress = False
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
                    self._spawn(self._finish_turn(event, over_bot, guess))
        if events:
            leg.notify()

    # ---- recognition ------------------------------------------------------------------------

    def _speculate(self, audio: Pcm) -> None:
        """Recognise what was said so far: if nothing follows, the text is there at the end."""
        speculation: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._speculation = speculation

        async def guess() -> None:
            text = None
            try:
                text = await self._recognise(audio, speculative=True)
            except SpeechFailed:
                pass  # no worker was free, or it failed: the end of the turn tries again
            finally:
                speculation.set_result(text)
            if text is not None and speculation is self._speculation:
                self._act(self._taker.partial(text, self._leg.clock.now()))
                self._plan()

        self._spawn(guess())

    async def _recognise(self, audio: Pcm, *, speculative: bool = False) -> str:
        recogniser = self._studio.speech.recogniser
        text = await self._studio.hearing.run(
            lambda: recogniser.transcribe(audio, EAR_RATE), speculative=speculative
        )
        if not isinstance(cast("object", text), str):  # foreign code
            raise SpeechFailed(f"the recogniser returned {type(text).__name__}, not text")
        return text.strip()

    async def _finish_turn(
        self, ended: turns.TurnEnded, over_bot: bool, guess: "asyncio.Future[str | None] | None"
    ) -> None:
        clock, counts = self._leg.clock, self._studio.counts
        text: str | None = None
        failed = ""
        try:
            async with self._in_order:
                text = await guess if guess is not None else None
                if text is None:
                    text = await self._recognise(ended.audio)
        except SpeechFailed as error:
            failed = str(error)
            counts.failed_turns += 1
            self._log.error("a turn was not understood", extra={"why": failed})
        finally:
            self._unknown -= 1
        waterfall = Waterfall(ended.last_voiced_at, ended.ended_at, final_text=clock.now())
        turn = Turn(text or "", len(ended.audio) / EAR_RATE, waterfall, over_bot, failed)
        counts.turns += bool(turn)
        counts.empty_turns += not (turn or failed)
        self.turns.append(turn)
        if turn:
            self._remember(turn)
            self._log.info(
                "turn",
                extra={
                    "said": text,
                    "audio_s": round(turn.audio_s, 2),
                    "last_voiced_at": self._wall(waterfall.last_voiced),
                },
            )
        self._leg.notify()

    # ---- the mouth --------------------------------------------------------------------------

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        answers: Waterfall | None = None,
    ) -> Utterance:
        """Speak, sentence by sentence as the text comes; returns when heard to the end, or cut."""
        leg = self._leg
        utterance = leg.playout.open(interruptible=interruptible)
        self._remember(utterance)
        heard = leg.hearing(utterance)
        producer = asyncio.create_task(self._produce(text, utterance, answers))
        try:
            await first_of(producer, heard)
            if not heard.done():
                leg.playout.close(utterance)
                leg.pump()
                producer.result()  # raises what the bot's text raised
                await heard
        finally:
            if not producer.done():
                producer.cancel()
                await asyncio.wait({producer}, timeout=STUCK_S)
            if not utterance.ending:
                leg.interrupt()
            if answers is not None:
                answers.first_sent, answers.first_heard = utterance.sent_at, utterance.heard_at
                self._studio.counts.waterfalls.append(answers.after_s())
                began = self._wall(answers.last_voiced)
                steps = {"last_voiced_at": began, "after_s": answers.after_s()}
                self._log.info("waterfall", extra=steps)
            self._log_said(utterance)
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

    async def _produce(
        self, text: str | AsyncIterable[str], utterance: Utterance, answers: Waterfall | None
    ) -> None:
        if isinstance(text, str):
            if answers is not None:
                answers.first_token = self._leg.clock.now()
            for whole in sentences(text):
                await self._synthesise(whole, utterance, answers)
            return
        # The text is pulled as fast as it comes, so that its source ends as soon as it can, and
        # closed with the reply, even while the caller still listens to the beginning.
        queue: asyncio.Queue[str | None] = asyncio.Queue(TEXT_QUEUE)
        puller = asyncio.create_task(self._pull(text, queue, answers))
        try:
            while (sentence := await queue.get()) is not None:
                await self._synthesise(sentence, utterance, answers)
            await puller
        finally:
            puller.cancel()
            await asyncio.wait({puller}, timeout=STUCK_S)

    async def _pull(
        self, text: AsyncIterable[str], queue: asyncio.Queue[str | None], answers: Waterfall | None
    ) -> None:
        """Sentences into the queue, None behind the last; raises what the text's source raises."""
        rest = ""
        try:
            async with closing(text) as pieces:
                async for piece in pieces:
                    if answers is not None and answers.first_token is None:
                        answers.first_token = self._leg.clock.now()
                    *whole, rest = split(rest + piece)
                    for sentence in whole:
                        await queue.put(sentence)
            if rest.strip():
                await queue.put(rest)
        except Exception:
            await queue.put(None)
            raise
        await queue.put(None)

    async def _synthesise(
        self, sentence: str, utterance: Utterance, answers: Waterfall | None
    ) -> None:
        leg, synthesiser = self._leg, self._studio.speech.synthesiser
        words = await self._studio.speaking.run(
            lambda: synthesiser.speak(sentence, leg.plan.tx_rate)
        )
        if answers is not None and answers.first_audio is None:
            answers.first_audio = leg.clock.now()
        for word in words:
            leg.playout.write(utterance, word.pcm, leg.clock.now(), word.text)
        leg.pump()
        while utterance.queued > QUEUE_LIMIT_S * leg.plan.tx_rate:
            await leg.changed()

    # ---- memory -----------------------------------------------------------------------------

    def _remember(self, what: Turn | Utterance) -> None:
        self._memory.append(what)

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


def split(text: str) -> list[str]:
    """Whole sentences, and the rest that may yet go on (perhaps empty)."""
    parts: list[str] = []
    start = 0
    for match in SENTENCE_END.finditer(text):
        parts.append(text[start : match.end()])
        start = match.end()
    if len(text) - start > LONG and (comma := text.rfind(", ", start)) > 0:
        parts.append(text[start : comma + 2])
        start = comma + 2
    return [*(part for part in parts if part.strip()), text[start:]]


def sentences(text: str) -> list[str]:
    return [part for part in split(text) if part.strip()]


@asynccontextmanager
async def closing(text: AsyncIterable[str]) -> AsyncGenerator[AsyncIterator[str]]:
    """The iterator of a text; a generator is closed with it, and so is what it reads from."""
    iterator = aiter(text)
    try:
        yield iterator
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()
