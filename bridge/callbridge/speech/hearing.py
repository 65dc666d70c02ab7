"""How a turn's words become known, by whatever kind of ear there is.

An ear of this machine works in the pool. One that is a service is asked on the event loop, for a
few seconds. One that streams hears the call all the time (`LiveEar`): most words of a turn are
known when it ends, and a connection that breaks is made anew and told again what it had missed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial

from callbridge.errors import SpeechFailed
from callbridge.speech import checks
from callbridge.speech.engines import (
    HeardSoFar,
    HeardWord,
    HearingStream,
    Recogniser,
    RemoteRecogniser,
    StreamingRecogniser,
)
from callbridge.speech.fallback import FallbackRecogniser
from callbridge.speech.pool import SpeechPool
from callbridge.timing.signal import Signal, changed
from telecodecs import Pcm

REMOTE_S = 4.0  # for a service to understand an utterance
FINAL_S = 1.5  # for a stream to say what it heard until now
DEAD_S = 3.0  # of speech that a stream says nothing about
REPLAY_S = 20.0  # of sound is kept at most, to be heard again; as long as a turn
AGAIN_S = (0.0, 0.25, 1.0, 5.0)  # before a lost connection is made anew; the last one for ever
SAME_S = 3.0  # between two onsets over the bot that are of one speech
NEAR_S = 0.25  # of a word's middle, beside the turn: clocks and edges differ

TellWhyDeaf = Callable[[str], None]
"""Is told why an ear failed."""


async def transcribe(
    ear: Recogniser, audio: Pcm, sample_rate: int, pool: SpeechPool, tell: TellWhyDeaf
) -> str:
    """The text of one utterance, "" if nothing was said. Raises SpeechFailed."""
    if isinstance(ear, FallbackRecogniser):
        try:
            return await transcribe(ear.first, audio, sample_rate, pool, tell)
        except SpeechFailed as error:
            tell(str(error))
        return await transcribe(ear.then, audio, sample_rate, pool, tell)
    seconds = len(audio) / sample_rate
    if isinstance(ear, RemoteRecogniser):
        try:
            async with asyncio.timeout(REMOTE_S):
                heard = await ear.recognise(audio, sample_rate)
        except TimeoutError:
            raise SpeechFailed(f"the recogniser did not answer in {REMOTE_S:g} s") from None
        return checks.transcript(heard, seconds)
    return await pool.run(partial(_transcribe, ear, audio, sample_rate))


def _transcribe(ear: Recogniser, audio: Pcm, sample_rate: int) -> str:
    return checks.transcript(ear.transcribe(audio, sample_rate), len(audio) / sample_rate)


def streaming_of(ear: Recogniser) -> StreamingRecogniser | None:
    """What can hear a whole call."""
    if isinstance(ear, FallbackRecogniser):
        return streaming_of(ear.first)
    return ear if isinstance(ear, StreamingRecogniser) else None


def spare_of(ear: Recogniser) -> Recogniser | None:
    """What goes on where the streaming one fails."""
    return ear.then if isinstance(ear, FallbackRecogniser) else None


class LiveEar:
    """One call's sound on its way to a stream, and the words that came back.

    Positions count samples since it was made. `on_words` is called at every news of the stream."""

    def __init__(
        self,
        ear: StreamingRecogniser,
        sample_rate: int,
        on_words: Callable[[], None],
        tell: TellWhyDeaf,
    ) -> None:
        self.position = 0  # of what was heard of the call, and ...
        self._heard_at = 0.0  # ... the time of it
        self.connections = 0
        self._ear = ear
        self._rate = sample_rate
        self._on_words = on_words
        self._tell = tell
        self._kept: deque[Pcm] = deque()  # what may have to be heard again, and ...
        self._kept_from = 0  # ... where they begin
        self._sent = 0  # position
        self._speech_at: int | None = None  # where speech began that nothing was heard of yet
        self._spoken_from = 0  # where the speech in progress began
        self._final: deque[HeardWord] = deque(maxlen=1000)  # by positions, as all of these
        self._interim: tuple[HeardWord, ...] = ()
        self._final_until = 0
        self._wanted = 0  # final words are wanted up to here
        self._broken = 0  # how often, at a stretch
        self._more = Signal()  # sound to be sent, or a wish
        self._news = Signal()  # from the stream
        self._closed = False

    def close(self) -> None:
        self._closed = True
        self._more.notify()

    def hear(self, pcm: Pcm, now: float) -> None:
        """The next sound of the call, whose last sample came now."""
        self._kept.append(pcm)
        self.position += len(pcm)
        self._heard_at = now
        known = min(self._final_until, self._sent)
        while (
            self._kept_from + len(self._kept[0]) <= known
            or self.position - self._kept_from > REPLAY_S * self._rate
        ):
            self._kept_from += len(self._kept.popleft())
        self._more.notify()

    def speech(self, began_at: float) -> None:
        """Somebody speaks since then: so the stream has something to say."""
        began = self._position(began_at)
        if self._speech_at is None:
            self._speech_at = self.position
        if began - self._spoken_from > SAME_S * self._rate:
            self._spoken_from = began

    def speech_so_far(self) -> str:
        return self.words(self._spoken_from)

    def _position(self, at: float) -> int:
        return self.position - round((self._heard_at - at) * self._rate)

    def words(self, begin: int, end: int | None = None) -> str:
        """What is known so far between two positions."""
        near = round(NEAR_S * self._rate)
        last = self.position if end is None else end + near
        words = (*self._final, *self._interim)
        return " ".join(w.text for w in words if begin - near <= (w.start + w.end) / 2 <= last)

    async def text(self, samples: int, until: float) -> str:
        """The final words of so many samples until a time. Raises SpeechFailed if they do not
        come."""
        end = self._position(until)
        begin = end - samples
        self._wanted = max(self._wanted, end)
        self._more.notify()
        try:
            async with asyncio.timeout(FINAL_S):
                # Behind the last voiced sample a stream may have nothing to say.
                while self._final_until < end - NEAR_S * self._rate:
                    await changed(self._news)
        except TimeoutError:
            # Late finals: what the stream has said so far is nearly what they will be.
            if not self._broken and (known := self.words(begin, end)):
                return known
            raise SpeechFailed(f"the recogniser has said nothing for {FINAL_S:g} s") from None
        return self.words(begin, end)

    # ---- the stream -------------------------------------------------------------------------

    async def run(self) -> None:
        """Until it is closed. Fails for nobody: a stream that breaks is made anew."""
        while not self._closed:
            try:
                async with self._ear.listen(self._rate) as stream:
                    self.connections += 1
                    await self._pass(stream)
            except SpeechFailed as error:
                why = str(error)
            except Exception as error:  # foreign code
                why = f"the recogniser raised {type(error).__name__}: {error}"
            else:
                why = "the recogniser has ended its stream"
            if not self._closed:
                await self._lost(why)

    async def _lost(self, why: str) -> None:
        if not self._broken:
            self._tell(why)
        pause = AGAIN_S[min(self._broken, len(AGAIN_S) - 1)]
        self._broken += 1
        self._interim = ()
        await asyncio.sleep(pause)

    async def _pass(self, stream: HearingStream) -> None:
        """Sound there and words back, from the first sound that nothing is known of."""
        begin = self._sent = max(self._kept_from, self._final_until)
        tasks = {
            asyncio.create_task(self._send(stream), name="sound to the recogniser"),
            asyncio.create_task(self._receive(stream, begin), name="words of the recogniser"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    task.exception()  # the first one is told

    async def _send(self, stream: HearingStream) -> None:
        finished = 0
        while not self._closed:
            async for pcm in self._unsent():
                await stream.send(pcm)
            if finished < self._wanted <= self._sent:
                finished = self._wanted
                await stream.finish()
                continue
            self._look_for_life()
            if self._sent == self.position and not self._closed:
                await changed(self._more)

    async def _unsent(self) -> AsyncIterator[Pcm]:
        """What is kept and was not sent; while that goes on, more may come, and some be dropped."""
        while self._sent < self.position and not self._closed:
            at = self._kept_from
            for pcm in self._kept:
                if at + len(pcm) > self._sent:
                    self._sent = at + len(pcm)
                    yield pcm
                    break
                at += len(pcm)

    def _look_for_life(self) -> None:
        if self._speech_at is None:
            return
        if self.position - self._speech_at > DEAD_S * self._rate:
            self._speech_at = self.position
            raise SpeechFailed(f"the recogniser has said nothing in {DEAD_S:g} s of speech")

    async def _receive(self, stream: HearingStream, begin: int) -> None:
        async for heard in stream:
            self._broken = 0
            self._speech_at = None
            self._take(heard, begin)
            self._news.notify()
            self._on_words()

    def _take(self, heard: HeardSoFar, begin: int) -> None:
        words = tuple(
            HeardWord(word.text, begin + word.start * self._rate, begin + word.end * self._rate)
            for word in heard.words
        )
        if heard.final:
            self._final.extend(words)
            self._interim = ()
            self._final_until = max(self._final_until, begin + round(heard.until * self._rate))
        else:
            self._interim = words
