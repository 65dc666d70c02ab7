"""OpenAI as an ear that hears while the caller speaks: a Realtime session that only transcribes.

When a word sounded is not told. It is taken for spoken when its text came, and never behind the
commit of its sound; so words stay in the turn that they were said in.

Source: https://developers.openai.com/api/docs/guides/realtime-transcription and the types of openai
3.57.0 (`openai/types/realtime/`)."""

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from callbridge.errors import SpeechFailed
from callbridge.speech.engines import HeardSoFar, HeardWord
from callbridge.speech.vendors.link import (
    VendorConnect,
    VendorSocket,
    compact,
    failing_as,
    key_of,
    over_the_network,
)
from callbridge.speech.vendors.openai import NAME, RATE
from callbridge.speech.vendors.pcm import octets_of
from telecodecs import Pcm, Resampler

LEAST_S = 0.1  # of sound in a commit: less is refused
CHARACTERS_PER_S = 20.0  # of fast speech: so that no word begins before its turn
EMPTY = "input_audio_buffer_commit_empty"
TRANSCRIPTION = "conversation.item.input_audio_transcription"


class LiveError(msgspec.Struct, frozen=True):
    code: str | None = None
    message: str = ""


class LiveNews(msgspec.Struct, frozen=True):
    """Of every event of the service, what is read."""

    type: str
    item_id: str = ""
    delta: str | None = None
    transcript: str = ""
    error: LiveError = LiveError()


_live_news = msgspec.json.Decoder(LiveNews)


@dataclass(frozen=True, slots=True)
class OpenAiLiveRecogniser:
    """Hears while the caller speaks. The key is that of the environment: OPENAI_API_KEY.

    `language` is an ISO 639-1 code, `keywords` are words to expect."""

    model: str = "gpt-live-transcribe"
    language: str = ""
    keywords: tuple[str, ...] = ()
    api_key: str = field(default="", repr=False)
    url: str = "wss://api.openai.com/v1"
    connect: VendorConnect = field(default=over_the_network, repr=False)

    def __post_init__(self) -> None:
        """Raises SettingsError without a key."""
        object.__setattr__(self, "api_key", key_of(NAME, "OPENAI_API_KEY", self.api_key))

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        return asyncio.run(self.recognise(pcm, sample_rate))

    async def recognise(self, pcm: Pcm, sample_rate: int) -> str:
        async with self.listen(sample_rate) as stream:
            await stream.send(pcm)
            await stream.finish()
            async for heard in stream:
                if heard.final:
                    return " ".join(word.text for word in heard.words)
        return ""

    @asynccontextmanager
    async def listen(self, sample_rate: int) -> "AsyncGenerator[OpenAiLiveStream]":
        headers = {"Authorization": f"Bearer {self.api_key}"}
        address = f"{self.url}/realtime?intent=transcription"
        async with failing_as(NAME), self.connect(address, headers) as socket:
            await socket.send(compact({"type": "session.update", "session": self._session()}))
            yield OpenAiLiveStream(socket, sample_rate)

    def _session(self) -> dict[str, object]:
        transcription: dict[str, object] = {"model": self.model}
        transcription |= {"language": self.language} if self.language else {}
        transcription |= {"keywords": self.keywords} if self.keywords else {}
        sound = {"type": "audio/pcm", "rate": RATE}
        heard = {"format": sound, "transcription": transcription, "turn_detection": None}
        return {"type": "transcription", "audio": {"input": heard}}


class LiveItem:
    """The sound between two commits, and what was heard of it so far. Times are seconds of the
    stream."""

    def __init__(self) -> None:
        self.text = ""
        self.until: float | None = None  # of its commit
        self._came: list[tuple[int, float]] = []  # length of the text, and when it was so long

    def add(self, delta: str, now: float) -> None:
        self.text += delta
        self._came.append((len(self.text), now))

    def words(self, text: str, now: float) -> tuple[HeardWord, ...]:
        """Of its text so far, or the final one, which is now known."""
        last = now if self.until is None else self.until
        words: list[HeardWord] = []
        place = 0
        for word in text.split():
            place = text.index(word, place) + len(word)
            came = next((at for length, at in self._came if length >= place), last)
            end = min(came, last)
            words.append(HeardWord(word, max(0.0, end - len(word) / CHARACTERS_PER_S), end))
        return tuple(words)


class OpenAiLiveStream:
    """One transcription session."""

    def __init__(self, socket: VendorSocket, sample_rate: int) -> None:
        self._socket = socket
        self._rate = sample_rate
        self._resampler = Resampler(sample_rate, RATE) if sample_rate != RATE else None
        self._samples = self._committed = 0
        self._commits: deque[float] = deque()  # sent, and not confirmed yet
        self._items: dict[str, LiveItem] = {}  # that have no final text, in their order

    async def send(self, pcm: Pcm) -> None:
        self._samples += len(pcm)
        sound = pcm if self._resampler is None else self._resampler.process(pcm)
        audio = b64encode(octets_of(sound)).decode()
        await self._socket.send(compact({"type": "input_audio_buffer.append", "audio": audio}))

    async def finish(self) -> None:
        if self._samples - self._committed < LEAST_S * self._rate:
            return  # what was said before it is committed already
        self._committed = self._samples
        self._commits.append(self._now())
        await self._socket.send(compact({"type": "input_audio_buffer.commit"}))

    def _now(self) -> float:
        return self._samples / self._rate

    async def __aiter__(self) -> AsyncIterator[HeardSoFar]:
        while True:
            news = _live_news.decode(await self._socket.recv())
            match news.type:
                case "input_audio_buffer.committed" if self._commits:
                    self._item(news.item_id).until = self._commits.popleft()
                case str(kind) if kind == f"{TRANSCRIPTION}.delta":
                    self._item(news.item_id).add(news.delta or "", self._now())
                    yield HeardSoFar(self._interim(), final=False, until=self._now())
                case str(kind) if kind == f"{TRANSCRIPTION}.completed":
                    yield self._completed(self._item(news.item_id), news)
                    if interim := self._interim():  # of what was said since
                        yield HeardSoFar(interim, final=False, until=self._now())
                case str(kind) if kind == f"{TRANSCRIPTION}.failed" or (
                    kind == "error" and news.error.code != EMPTY
                ):
                    code, said = news.error.code or "", news.error.message
                    raise SpeechFailed(f"{NAME}: {code} {said}".strip())
                case _:
                    pass

    def _item(self, item_id: str) -> LiveItem:
        return self._items.setdefault(item_id, LiveItem())

    def _interim(self) -> tuple[HeardWord, ...]:
        now = self._now()
        return tuple(word for item in self._items.values() for word in item.words(item.text, now))

    def _completed(self, item: LiveItem, news: LiveNews) -> HeardSoFar:
        del self._items[news.item_id]
        until = self._now() if item.until is None else item.until
        return HeardSoFar(item.words(news.transcript, until), final=True, until=until)
