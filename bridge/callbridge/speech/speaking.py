"""Texts that come one by one become words that sound, by whatever kind of voice there is.

A voice of this machine works in the pool, a sentence at a time. One that streams works on the event
loop and is watched: when it has been given something to say and no sound comes, it has failed. Then
its fallback says what was not said yet."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial

from callbridge.errors import SpeechFailed
from callbridge.speech import checks
from callbridge.speech.engines import StreamingSynthesiser, Synthesiser, Word
from callbridge.speech.fallback import FallbackSynthesiser
from callbridge.speech.pool import SpeechPool
from callbridge.speech.scripts import has_words

SILENT_S = 1.5  # a voice that owes words for one to two of these has failed

TellWhy = Callable[[str], None]
"""Is told why a voice failed whose fallback goes on."""


def speak(
    voice: Synthesiser,
    texts: AsyncIterable[str],
    sample_rate: int,
    pool: SpeechPool,
    tell: TellWhy,
) -> AsyncGenerator[Sequence[Word], None]:
    """The words of the texts, some at a time as they come. To be closed. Raises SpeechFailed."""
    if isinstance(voice, FallbackSynthesiser):
        return _with_fallback(voice, texts, sample_rate, pool, tell)
    if isinstance(voice, StreamingSynthesiser):
        return _streamed(voice, texts, sample_rate)
    return _worked(voice, texts, sample_rate, pool)


async def _worked(
    voice: Synthesiser, texts: AsyncIterable[str], sample_rate: int, pool: SpeechPool
) -> AsyncGenerator[Sequence[Word], None]:
    async for text in texts:
        yield await pool.run(partial(_synthesise, voice, text, sample_rate))


def _synthesise(voice: Synthesiser, text: str, sample_rate: int) -> Sequence[Word]:
    return checks.words(voice.speak(text, sample_rate), text, sample_rate)


async def _with_fallback(
    voice: FallbackSynthesiser,
    texts: AsyncIterable[str],
    sample_rate: int,
    pool: SpeechPool,
    tell: TellWhy,
) -> AsyncGenerator[Sequence[Word], None]:
    given = _Given(texts)
    try:
        async with aclosing(speak(voice.first, given, sample_rate, pool, tell)) as spoken:
            async for words in spoken:
                given.said(words)
                yield words
            return
    except SpeechFailed as error:
        tell(str(error))
    async with aclosing(speak(voice.then, given.rest(), sample_rate, pool, tell)) as spoken:
        async for words in spoken:
            yield words


async def _streamed(
    voice: StreamingSynthesiser, texts: AsyncIterable[str], sample_rate: int
) -> AsyncGenerator[Sequence[Word], None]:
    given = _Given(texts)
    samples = 0
    async with aclosing(voice.stream(given, sample_rate)) as words:
        while (word := await _next(words, given)) is not None:
            samples += len(checks.word(*word).pcm)
            checks.duration(samples, given.text, sample_rate)
            given.said([word])
            yield [word]
    if has_words(given.owed):
        raise SpeechFailed(f"the voice ended before {given.owed.strip()[:40]!r} was said")


async def _next(words: AsyncIterator[Word], given: "_Given") -> Word | None:
    """The next word; None behind the last. Raises SpeechFailed if the voice fails or is silent."""
    step = asyncio.ensure_future(_step(words))
    try:
        while not step.done():
            owes, all_given = has_words(given.owed), given.all
            await asyncio.wait({step}, timeout=SILENT_S)
            if step.done():
                break
            if owes:
                raise SpeechFailed(f"the voice is silent: no sound for {SILENT_S:g} s and more")
            if all_given:
                return None  # it does not say so, but it has said all
        return step.result()
    except (asyncio.CancelledError, SpeechFailed):
        raise
    except Exception as error:  # foreign code
        raise SpeechFailed(f"the voice raised {type(error).__name__}: {error}") from error
    finally:
        if not step.done():
            step.cancel()
            await asyncio.wait({step})


async def _step(words: AsyncIterator[Word]) -> Word | None:
    return await anext(words, None)


class _Given:
    """Texts as they are handed to a voice, and what of them it owes."""

    def __init__(self, texts: AsyncIterable[str]) -> None:
        self.text = ""  # all that was handed over
        self.all = False  # nothing more will be
        self._texts = aiter(texts)
        self._said = 0  # characters

    def __aiter__(self) -> "_Given":
        return self

    async def __anext__(self) -> str:
        try:
            text = await anext(self._texts)
        except StopAsyncIteration:
            self.all = True
            raise
        self.text += text
        return text

    def said(self, words: Sequence[Word]) -> None:
        self._said += sum(len(word.text) for word in words)

    @property
    def owed(self) -> str:
        return self.text[self._said :]

    async def rest(self) -> AsyncIterator[str]:
        """What was not said, for another voice."""
        if has_words(owed := self.owed):
            yield owed
        if not self.all:
            async for text in self._texts:
                yield text


def spoken_at_once(voice: StreamingSynthesiser, text: str, sample_rate: int) -> Sequence[Word]:
    """What a streaming voice makes of one text, for who has a thread to wait in."""
    return asyncio.run(_collected(voice, text, sample_rate))


async def _collected(voice: StreamingSynthesiser, text: str, sample_rate: int) -> list[Word]:
    async with aclosing(_streamed(voice, _alone(text), sample_rate)) as spoken:
        return [word async for words in spoken for word in words]


async def _alone(text: str) -> AsyncIterator[str]:
    yield text
