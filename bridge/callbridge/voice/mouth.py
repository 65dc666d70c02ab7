"""The mouth of a call: text becomes speech, sentence by sentence as it comes.

A text that is still being written begins to sound behind its first clause. The bot's side of it is
in `source`."""

import asyncio
from collections.abc import AsyncIterable, Callable
from contextlib import aclosing
from functools import partial

from callbridge.errors import StreamLost
from callbridge.media.ledger import Certainty
from callbridge.media.utterance import EndReason, Utterance
from callbridge.speech.engines import Synthesiser
from callbridge.speech.sentences import split
from callbridge.speech.speaking import speak
from callbridge.speech.studio import Studio
from callbridge.tape.events import EngineFailed, Said, WaterfallMeasured, WordsQueued
from callbridge.tape.tape import Tape
from callbridge.tape.waterfall import Waterfall
from callbridge.timing.clock import first_of
from callbridge.voice.history import History
from callbridge.voice.line import AudioLine
from callbridge.voice.source import (
    STUCK_S,
    Dismissal,
    Pieces,
    failure_of,
    require_text,
    source_of,
)

TEXT_QUEUE = 64  # sentences that wait to be synthesised


class Saying:
    """One text on its way to be heard: as one utterance, or as one for each stretch between two
    things that its source asks of the call."""

    def __init__(
        self, line: AudioLine, history: History[Utterance], *, interruptible: bool
    ) -> None:
        self.utterances: list[Utterance] = []
        self.queue: asyncio.Queue[str | asyncio.Future[None] | None] = asyncio.Queue(TEXT_QUEUE)
        self.rest = ""  # the beginning of a sentence
        self.opening = True  # nothing of the utterance is ready to be said
        self.cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line = line
        self._history = history
        self._interruptible = interruptible
        self.open()

    @property
    def text(self) -> str:
        spans = (span for utterance in self.utterances for span in utterance.spans)
        return "".join(span.text for span in spans)

    @property
    def sent_at(self) -> float | None:
        return self.utterances[0].sent_at

    @property
    def heard_at(self) -> float | None:
        return self.utterances[0].heard_at

    def open(self) -> Utterance:
        """The utterance that the next words belong to."""
        if self.utterances and not self.utterances[-1].closed:
            return self.utterances[-1]
        utterance = self._line.playout.open(interruptible=self._interruptible)
        self.utterances.append(utterance)
        self._history.add(utterance, self._line.wall(self._line.clock.now()))
        self._line.hearing(utterance).add_done_callback(self._ended)
        return utterance

    def close(self) -> "asyncio.Future[Utterance]":
        """Nothing more belongs to the last utterance; returns when it is heard."""
        utterance = self.utterances[-1]
        if not utterance.ending:
            self._line.playout.close(utterance)
            self._line.pump()
        return self._line.hearing(utterance)

    async def caught_up(self, *, heard: bool = True) -> None:
        """Wait until all that its source has yielded is synthesised, and with `heard` also heard.

        Returns early if it was cut: then the source is about to be cancelled."""
        if self.rest.strip():
            rest, self.rest = self.rest, ""
            await self.queue.put(rest)
        synthesised: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self.queue.put(synthesised)
        await first_of(synthesised, self.cut)
        if not self.cut.done():
            end = self.close()
            self.opening = True
            if heard:
                await first_of(end)
        if self.cut.done():
            await asyncio.sleep(STUCK_S)  # the cancellation is on its way

    def outcome(self) -> tuple[EndReason, float, Certainty, str]:
        """Why it ended, seconds heard, how certain that is, and their text."""
        endings = [u.ending for u in self.utterances if u.ending is not None]
        reasons: list[EndReason] = [e.reason for e in endings if e.reason != "finished"]
        doubts: list[Certainty] = [e.certainty for e in endings if e.certainty != "measured"]
        text = "".join(utterance.heard_text() for utterance in self.utterances)
        heard = sum(ending.heard for ending in endings)
        return (
            reasons[0] if reasons else "finished",
            heard / self._line.playout.sample_rate,
            doubts[0] if doubts else "measured",
            text,
        )

    def _ended(self, future: "asyncio.Future[Utterance]") -> None:
        if future.cancelled():
            return
        ending = future.result().ending
        if ending is not None and ending.reason != "finished" and not self.cut.done():
            self.cut.set_result(None)


class QueuedText:
    """What a voice says in one go, sentence by sentence out of a text's queue: until something
    waits for its end, or another voice is to go on. Then it can be gone through again."""

    def __init__(self, queue: "asyncio.Queue[str | asyncio.Future[None] | None]") -> None:
        self.goes_on: Callable[[], bool] = lambda: True  # with the same voice
        self._queue = queue
        self._begun = False
        self._kept: list[str | asyncio.Future[None] | None] = []  # at most one, taken too early
        self._waiting: asyncio.Future[None] | None = None

    async def more(self) -> bool:
        """Whether there is more to say, when all before is synthesised. At first that is unknown:
        a voice can prepare while the text is thought of."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
        self._waiting = None
        if self._begun:
            self._kept.append(await self._take())
            return self._kept[0] is not None
        self._begun = True
        return True

    async def _take(self) -> "str | asyncio.Future[None] | None":
        return self._kept.pop() if self._kept else await self._queue.get()

    def __aiter__(self) -> "QueuedText":
        return self

    async def __anext__(self) -> str:
        if self._waiting is not None:
            raise StopAsyncIteration
        item = await self._take()
        if isinstance(item, str) and self.goes_on():
            return item
        if isinstance(item, asyncio.Future):
            self._waiting = item
        else:
            self._kept.append(item)
        raise StopAsyncIteration


class Mouth:
    """Speaks with the studio's voice."""

    def __init__(
        self,
        line: AudioLine,
        studio: Studio,
        tape: Tape,
        history: History[Utterance],
        dismiss: Dismissal,
    ) -> None:
        self.last: Saying | None = None
        self.synthesiser = studio.speech.synthesiser
        self._dismiss = dismiss
        self._line = line
        self._studio = studio
        self._tape = tape
        self._history = history

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        answers: Waterfall | None = None,
    ) -> Saying:
        """Speak, sentence by sentence as the text comes; returns when heard to the end, or cut.

        Raises what the text's source raises, and SpeechFailed; both when what came before was
        heard."""
        require_text(text)
        if self._line.given_up:
            raise StreamLost("the media stream broke and could not be restored")
        saying = self.last = Saying(self._line, self._history, interruptible=interruptible)
        # The text is pulled as fast as it comes, so that its source ends as soon as it can, and
        # closed with the reply, even while the caller still listens to the beginning.
        puller = asyncio.create_task(
            self._pull(text, saying, answers),
            name=f"text of {getattr(text, '__qualname__', type(text).__name__)}",
        )
        producer = asyncio.create_task(self._produce(saying, answers), name="voice")
        failures: list[BaseException] = []
        try:
            await first_of(producer, saying.cut)
            if not saying.cut.done():
                await first_of(saying.close())
        finally:
            if not saying.utterances[-1].ending:
                self._line.interrupt()
            failures += [error for task in (puller, producer) if (error := failure_of(task))]
            self._note(saying, answers)  # first, as the next line may be cancelled
            await self._dismiss(puller, producer)
        if failures:
            raise failures[0]
        return saying

    def _note(self, saying: Saying, answers: Waterfall | None) -> None:
        if answers is not None:
            answers.first_sent, answers.first_heard = saying.sent_at, saying.heard_at
            self._studio.counts.answered(answers)
            began = self._line.wall(answers.last_voiced)
            self._tape.write(WaterfallMeasured(last_voiced_at=began, after_s=answers.after_s()))
        for utterance in saying.utterances:
            self._note_said(utterance)

    def _note_said(self, utterance: Utterance) -> None:
        ending = utterance.ending
        if ending is None or utterance.sent_at is None:
            return  # nothing of it has left
        self._tape.write(
            Said(
                text="".join(span.text for span in utterance.spans),
                heard=utterance.heard_text(),
                heard_s=round(ending.heard / self._line.playout.sample_rate, 3),
                stop=ending.reason,
                certainty=ending.certainty,
                sent_at=self._line.wall(utterance.sent_at),
            )
        )

    async def _pull(
        self, text: str | AsyncIterable[str], saying: Saying, answers: Waterfall | None
    ) -> None:
        """Sentences into the queue, None behind the last; raises what the text's source raises."""
        source_of(saying)
        queue = saying.queue
        try:
            async with Pieces(text) as pieces:
                async for piece in pieces:
                    if saying.cut.done():
                        return  # it should have been cancelled, and took no notice
                    if answers is not None and answers.first_token is None:
                        answers.first_token = self._line.clock.now()
                    opening = saying.opening and not isinstance(text, str)
                    *whole, saying.rest = split(saying.rest + piece, opening=opening)
                    for sentence in whole:
                        saying.opening = False
                        await queue.put(sentence)
            if saying.rest.strip():
                await queue.put(saying.rest)
        except asyncio.CancelledError as cancelled:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            await queue.put(None)
            raise RuntimeError("the source of a text was cancelled, but not by us") from cancelled
        except Exception:
            task = asyncio.current_task()
            # Nobody takes from the queue of a text that was cut, and it may be full.
            if not saying.cut.done() and not (task and task.cancelling()):
                await queue.put(None)
            raise
        await queue.put(None)

    async def _produce(self, saying: Saying, answers: Waterfall | None) -> None:
        """Sound out of the queue, until None."""
        line = self._line
        text = QueuedText(saying.queue)
        opens = True
        while await text.more():
            voice = self.synthesiser
            text.goes_on = partial(self._speaks_with, voice)
            spoken = speak(voice, text, line.plan.tx_rate, self._studio.speaking, self._fell_back)
            async with aclosing(spoken):
                async for words in spoken:
                    if answers is not None and answers.first_audio is None:
                        answers.first_audio = line.clock.now()
                    utterance = saying.open()
                    said = "".join(word.text for word in words)
                    self._tape.write(WordsQueued(text=said, opens=opens))
                    opens = False
                    for word in words:
                        line.playout.write(utterance, word.pcm, line.clock.now(), word.text)
                    line.pump()
                    while utterance.queued > line.queue_limit:
                        await line.sent.wait()

    def _speaks_with(self, voice: Synthesiser) -> bool:
        return voice is self.synthesiser

    def _fell_back(self, why: str) -> None:
        self._studio.counts.fallbacks += 1
        self._tape.write(EngineFailed(what="voice", why=why))
