"""ElevenLabs as a voice: its WebSocket for text that is still being written.

Each stretch of a text has a connection of its own, opened before there is any text, so that a model
thinks while it is made. Sentences are spoken as they come (`auto_mode`), with the time of every
character. A barge-in closes the connection.

Source: https://elevenlabs.io/docs/api-reference/text-to-speech, the page of the WebSocket,
and the types of elevenlabs 2.78.0 (`InitializeConnection`, `SendText`, `AudioOutput`)."""

import base64
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import msgspec

from callbridge.errors import SpeechFailed
from callbridge.speech.captions import Captions
from callbridge.speech.engines import Word
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
from callbridge.speech.vendors.pcm import PcmReader, nearest_rate

NAME = "ElevenLabs"
RATES = (8000, 16000, 22050, 24000, 44100)
INACTIVE_S = 180  # the longest that a text may pause before the service closes


class LetterTimes(msgspec.Struct, frozen=True, rename="camel"):
    """Of the characters of one message's sound, in milliseconds from the beginning of it."""

    chars: list[str] = []
    char_start_times_ms: list[float] = []
    char_durations_ms: list[float] = []


class SpokenPiece(msgspec.Struct, frozen=True, rename="camel"):
    """AudioOutput, FinalOutput, or an error, which has a `message`."""

    audio: str | None = None
    is_final: bool | None = None
    alignment: LetterTimes | None = None
    message: str = ""
    error: str = ""


_decoder = msgspec.json.Decoder(SpokenPiece)


@dataclass(frozen=True, slots=True)
class ElevenLabsSynthesiser:
    """`voice` is a voice's id. The key is that of the environment: ELEVENLABS_API_KEY.

    `language` is an ISO 639-1 code for models that take one; others find it out. `settings` are
    the voice's: stability, similarity_boost, style, use_speaker_boost, speed (0.7 to 1.2)."""

    voice: str = "21m00Tcm4TlvDq8ikWAM"
    model: str = "eleven_flash_v2_5"
    language: str = ""
    settings: dict[str, float | bool] = field(default_factory=dict[str, "float | bool"])
    api_key: str = field(default="", repr=False)
    url: str = "wss://api.elevenlabs.io"
    connect: VendorConnect = field(default=over_the_network, repr=False)

    def __post_init__(self) -> None:
        """Raises SettingsError without a key."""
        object.__setattr__(self, "api_key", key_of(NAME, "ELEVENLABS_API_KEY", self.api_key))

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        return spoken_at_once(self, text, sample_rate)

    async def stream(
        self, texts: AsyncIterable[str], sample_rate: int
    ) -> AsyncGenerator[Word, None]:
        rate = nearest_rate(RATES, sample_rate)
        captions, reader = Captions(sample_rate), PcmReader(rate, sample_rate)
        async with (
            failing_as(NAME),
            self.connect(self._address(rate), {"xi-api-key": self.api_key}) as socket,
            beside(self._send(socket, texts, captions)),
        ):
            final = False
            while not final:
                piece = _decoder.decode(await socket.recv())
                if piece.message or piece.error:
                    raise SpeechFailed(f"{NAME}: {piece.error} {piece.message}".strip())
                if piece.audio:
                    pcm = reader.read(base64.b64decode(piece.audio, validate=True))
                    letters = _letters(piece.alignment, sample_rate)
                    for word in captions.timed(pcm, letters) if letters else captions.untimed(pcm):
                        yield word
                final = bool(piece.is_final)
            for word in (*captions.untimed(reader.rest()), *captions.end()):
                yield word

    def _address(self, rate: int) -> str:
        query = {
            "model_id": self.model,
            "output_format": f"pcm_{rate}",
            "auto_mode": "true",
            "sync_alignment": "true",
            "inactivity_timeout": INACTIVE_S,
        }
        if self.language:
            query["language_code"] = self.language
        return f"{self.url}/v1/text-to-speech/{quote(self.voice)}/stream-input?{urlencode(query)}"

    async def _send(
        self, socket: VendorSocket, texts: AsyncIterable[str], captions: Captions
    ) -> None:
        settings = {"voice_settings": self.settings} if self.settings else {}
        await socket.send(compact({"text": " ", **settings}))
        async for text in texts:
            captions.give(text)
            # A text ends with one space; a flush says it now, whatever comes.
            await socket.send(compact({"text": f"{text.strip()} ", "flush": True}))
        await socket.send(compact({"text": ""}))


def _letters(times: LetterTimes | None, sample_rate: int) -> list[tuple[str, int]]:
    """Each with the samples before its end."""
    if times is None:
        return []
    return [
        (letter, round((start + duration) / 1000 * sample_rate))
        for letter, start, duration in zip(
            times.chars, times.char_start_times_ms, times.char_durations_ms, strict=True
        )
    ]
