"""Deepgram as a voice and as an ear: its WebSockets `speak` and `listen`.

Sources, all under https://developers.deepgram.com/docs/: streaming-text-to-speech, tts-ws-flush;
live-streaming-audio, interim-results, endpointing, finalize, audio-keep-alive; and the types of
deepgram-sdk 7.17.0 (`SpeakV1Text`, `SpeakV1Flushed`, `ListenV1Results`)."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import msgspec
from websockets.exceptions import ConnectionClosedOK

from callbridge.errors import SpeechFailed
from callbridge.speech.captions import Captions
from callbridge.speech.engines import HeardSoFar, HeardWord, Word
from callbridge.speech.speaking import spoken_at_once
from callbridge.speech.vendors.link import (
    VendorConnect,
    VendorSocket,
    beside,
    compact,
    failing_as,
    key_of,
    over_the_network,
)
from callbridge.speech.vendors.pcm import PcmReader, nearest_rate, octets_of
from telecodecs import Pcm

NAME = "Deepgram"
VARIABLE = "DEEPGRAM_API_KEY"
SPEAK_RATES = (8000, 16000, 24000, 32000, 48000)
FLUSHES = 15  # of a connection; 20 a minute are allowed
ENDPOINTING_MS = 300  # of silence, behind which words are final
KEEP_ALIVE_S = 4.0  # without sound; 10 s without anything end a connection


class SpeakNews(msgspec.Struct, frozen=True):
    """Metadata, Flushed, Cleared, Warning, Error: what is read of them."""

    type: str
    description: str = ""
    code: str = ""


_speak_news = msgspec.json.Decoder(SpeakNews)


@dataclass(frozen=True, slots=True)
class DeepgramSynthesiser:
    """`model` is voice and language in one. The key is that of the environment: DEEPGRAM_API_KEY.

    Each stretch of a text has a connection of its own, opened before there is any text. When its
    words sound is not told, so it is estimated within each sentence."""

    model: str = "aura-2-thalia-en"
    api_key: str = field(default="", repr=False)
    url: str = "wss://api.deepgram.com"
    connect: VendorConnect = field(default=over_the_network, repr=False)

    def __post_init__(self) -> None:
        """Raises SettingsError without a key."""
        object.__setattr__(self, "api_key", key_of(NAME, VARIABLE, self.api_key))

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        return spoken_at_once(self, text, sample_rate)

    async def stream(
        self, texts: AsyncIterable[str], sample_rate: int
    ) -> AsyncGenerator[Word, None]:
        rate = nearest_rate(SPEAK_RATES, sample_rate)
        query = urlencode({"model": self.model, "encoding": "linear16", "sample_rate": rate})
        captions, reader = Captions(sample_rate), PcmReader(rate, sample_rate)
        sent = SentTexts(captions)
        headers = {"Authorization": f"Token {self.api_key}"}
        async with (
            failing_as(NAME),
            self.connect(f"{self.url}/v1/speak?{query}", headers) as socket,
            beside(_send(socket, texts, sent)),
        ):
            while (message := await _received(socket, sent)) is not None:
                if isinstance(message, bytes):
                    for word in captions.untimed(reader.read(message)):
                        yield word
                    continue
                news = _speak_news.decode(message)
                if news.type == "Error":
                    raise SpeechFailed(f"{NAME}: {news.code} {news.description}".strip())
                if news.type == "Flushed":
                    for word in (*captions.untimed(reader.rest()), *captions.end()):
                        yield word
                    if sent.flushed():
                        return


class SentTexts:
    """What is on its way to the service: its sound comes in order, a flush after each."""

    def __init__(self, captions: Captions) -> None:
        self.all = False  # nothing more will be sent
        self._captions = captions
        self._waiting: deque[str] = deque()  # sent with a flush behind; the first is sounding

    def add(self, text: str) -> None:
        self._waiting.append(text)
        if len(self._waiting) == 1:
            self._captions.give(text)

    @property
    def sounded(self) -> bool:
        """Whether all that was sent has."""
        return not self._waiting

    def flushed(self) -> bool:
        """The first has sounded; whether that was all."""
        if self._waiting:
            self._waiting.popleft()
        if self._waiting:
            self._captions.give(self._waiting[0])
        return self.all and self.sounded


async def _send(socket: VendorSocket, texts: AsyncIterable[str], sent: SentTexts) -> None:
    flushes, unflushed = 0, ""
    async for text in texts:
        await socket.send(compact({"type": "Speak", "text": text}))
        unflushed += text
        if flushes < FLUSHES:
            sent.add(unflushed)
            flushes, unflushed = flushes + 1, ""
            await socket.send(compact({"type": "Flush"}))
    sent.all = True
    if unflushed:
        sent.add(unflushed)
        await socket.send(compact({"type": "Flush"}))
    elif sent.sounded:
        await socket.send(compact({"type": "Close"}))  # what is received waits for nothing else


async def _received(socket: VendorSocket, sent: SentTexts) -> str | bytes | None:
    """None when the service has closed, as it was told to."""
    try:
        return await socket.recv()
    except ConnectionClosedOK:
        if sent.all and sent.sounded:
            return None
        raise


# ---- the ear ------------------------------------------------------------------------------------


class ListenWord(msgspec.Struct, frozen=True):
    word: str
    start: float
    end: float
    punctuated_word: str = ""


class ListenAlternative(msgspec.Struct, frozen=True):
    transcript: str = ""
    words: tuple[ListenWord, ...] = ()


class ListenChannel(msgspec.Struct, frozen=True):
    alternatives: tuple[ListenAlternative, ...] = ()


class ListenNews(msgspec.Struct, frozen=True):
    """Results, Metadata, SpeechStarted, UtteranceEnd, Error: what is read of them. `channel` is
    something else in those that are no Results."""

    type: str
    channel: msgspec.Raw = msgspec.Raw(b"{}")
    start: float = 0.0
    duration: float = 0.0
    is_final: bool | None = None
    from_finalize: bool | None = None
    variant: str = ""
    description: str = ""


_listen_news = msgspec.json.Decoder(ListenNews)
_channel = msgspec.json.Decoder(ListenChannel)


@dataclass(frozen=True, slots=True)
class DeepgramRecogniser:
    """Hears while the caller speaks. The key is that of the environment: DEEPGRAM_API_KEY.

    `language` is as the service names it ("en", "de", "multi"); `keyterms` are words to expect."""

    model: str = "nova-3"
    language: str = "en"
    keyterms: tuple[str, ...] = ()
    api_key: str = field(default="", repr=False)
    url: str = "wss://api.deepgram.com"
    connect: VendorConnect = field(default=over_the_network, repr=False)

    def __post_init__(self) -> None:
        """Raises SettingsError without a key."""
        object.__setattr__(self, "api_key", key_of(NAME, VARIABLE, self.api_key))

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        return asyncio.run(self.recognise(pcm, sample_rate))

    async def recognise(self, pcm: Pcm, sample_rate: int) -> str:
        words: list[str] = []
        async with self.listen(sample_rate) as stream:
            await stream.send(pcm)
            await stream.finish()
            async for heard in stream:
                words += [word.text for word in heard.words if heard.final]
                if heard.final and heard.until >= len(pcm) / sample_rate:
                    break
        return " ".join(words)

    @asynccontextmanager
    async def listen(self, sample_rate: int) -> "AsyncGenerator[DeepgramStream]":
        query = [
            ("model", self.model),
            ("language", self.language),
            ("encoding", "linear16"),
            ("sample_rate", sample_rate),
            ("channels", 1),
            ("interim_results", "true"),
            ("punctuate", "true"),
            ("endpointing", ENDPOINTING_MS),
            *(("keyterm", term) for term in self.keyterms),
        ]
        address = f"{self.url}/v1/listen?{urlencode(query)}"
        headers = {"Authorization": f"Token {self.api_key}"}
        async with failing_as(NAME), self.connect(address, headers) as socket:
            stream = DeepgramStream(socket, sample_rate)
            async with beside(stream.keep_alive()):
                yield stream


class DeepgramStream:
    """One connection of `listen`."""

    def __init__(self, socket: VendorSocket, sample_rate: int) -> None:
        self._socket = socket
        self._rate = sample_rate
        self._samples = 0
        self._finished = 0  # samples for which final words were asked
        self._quiet = True  # since the last look

    async def send(self, pcm: Pcm) -> None:
        self._samples += len(pcm)
        self._quiet = False
        await self._socket.send(octets_of(pcm))

    async def finish(self) -> None:
        self._finished = self._samples
        await self._socket.send(compact({"type": "Finalize"}))

    async def keep_alive(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE_S)
            if self._quiet:
                await self._socket.send(compact({"type": "KeepAlive"}))
            self._quiet = True

    async def __aiter__(self) -> AsyncIterator[HeardSoFar]:
        while True:
            news = _listen_news.decode(await self._socket.recv())
            if news.type == "Error":
                raise SpeechFailed(f"{NAME}: {news.variant} {news.description}".strip())
            if news.type != "Results":
                continue
            until = news.start + news.duration
            if news.from_finalize:
                until = max(until, self._finished / self._rate)
            yield HeardSoFar(_words(_channel.decode(news.channel)), bool(news.is_final), until)


def _words(channel: ListenChannel) -> tuple[HeardWord, ...]:
    if not channel.alternatives:
        return ()
    words = channel.alternatives[0].words
    return tuple(HeardWord(w.punctuated_word or w.word, w.start, w.end) for w in words)
