"""OpenAI as a voice and as an ear, by HTTP: a sentence, or a turn, at a time.

Whoever else speaks this protocol works by `url`. The voice is streamed as linear PCM of 24 kHz;
when its words sound is not told, so it is estimated.

Source: https://developers.openai.com/api/reference/resources/audio (speech, transcriptions),
https://developers.openai.com/api/docs/guides/text-to-speech and the types of openai 3.57.0."""

import asyncio
import io
import wave
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import httpx
import msgspec

from callbridge.speech.captions import Captions
from callbridge.speech.engines import Word
from callbridge.speech.speaking import spoken_at_once
from callbridge.speech.vendors.link import failing_as, http_client, key_of
from callbridge.speech.vendors.pcm import PcmReader, octets_of
from telecodecs import Pcm, resample

NAME = "OpenAI"
RATE = 24000
EAR_RATE = 16000  # what the models of the ear were trained on
LONGEST = 4096  # characters of a text


@dataclass(frozen=True, slots=True)
class OpenAiSynthesiser:
    """The key is that of the environment: OPENAI_API_KEY. `instructions` say how to speak."""

    voice: str = "alloy"
    model: str = "gpt-4o-mini-tts"
    instructions: str = ""
    speed: float = 1.0
    api_key: str = field(default="", repr=False)
    url: str = "https://api.openai.com/v1"
    http: httpx.AsyncClient | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises SettingsError without a key."""
        object.__setattr__(self, "api_key", key_of(NAME, "OPENAI_API_KEY", self.api_key))

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        return spoken_at_once(self, text, sample_rate)

    async def stream(
        self, texts: AsyncIterable[str], sample_rate: int
    ) -> AsyncGenerator[Word, None]:
        captions, reader = Captions(sample_rate), PcmReader(RATE, sample_rate)
        async for text in texts:
            captions.give(text)
            async with failing_as(NAME), self._asked(text) as response:
                if response.is_error:
                    await response.aread()
                response.raise_for_status()
                async for octets in response.aiter_bytes():
                    for word in captions.untimed(reader.read(octets)):
                        yield word
            for word in (*captions.untimed(reader.rest()), *captions.end()):
                yield word

    def _asked(self, text: str) -> AbstractAsyncContextManager[httpx.Response]:
        wish = {
            "model": self.model,
            "voice": self.voice,
            "input": text[:LONGEST],
            "response_format": "pcm",
            "speed": self.speed,
        }
        if self.instructions:
            wish["instructions"] = self.instructions
        return (self.http or http_client()).stream(
            "POST",
            f"{self.url}/audio/speech",
            json=wish,
            headers={"Authorization": f"Bearer {self.api_key}"},
        )


class Transcription(msgspec.Struct, frozen=True):
    text: str


_transcription = msgspec.json.Decoder(Transcription)


@dataclass(frozen=True, slots=True)
class OpenAiRecogniser:
    """A turn at a time, when it has ended or seems to. The key is that of the environment:
    OPENAI_API_KEY. `language` is an ISO 639-1 code, `prompt` has words that are to be expected."""

    model: str = "gpt-transcribe"
    language: str = ""
    prompt: str = ""
    api_key: str = field(default="", repr=False)
    url: str = "https://api.openai.com/v1"
    http: httpx.AsyncClient | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises SettingsError without a key."""
        object.__setattr__(self, "api_key", key_of(NAME, "OPENAI_API_KEY", self.api_key))

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        return asyncio.run(self.recognise(pcm, sample_rate))

    async def recognise(self, pcm: Pcm, sample_rate: int) -> str:
        form = {"model": self.model, "response_format": "json"}
        form |= {"language": self.language} if self.language else {}
        form |= {"prompt": self.prompt} if self.prompt else {}
        sound = wav_of(resample(pcm, sample_rate, EAR_RATE), EAR_RATE)
        async with failing_as(NAME):
            response = await (self.http or http_client()).post(
                f"{self.url}/audio/transcriptions",
                data=form,
                files={"file": ("turn.wav", sound, "audio/wav")},
                headers={"Authorization": f"Bearer {self.api_key}"},
            )
            response.raise_for_status()
            return _transcription.decode(response.content).text


def wav_of(pcm: Pcm, sample_rate: int) -> bytes:
    with io.BytesIO() as file:
        with wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(sample_rate)
            sound.writeframes(octets_of(pcm))
        return file.getvalue()
