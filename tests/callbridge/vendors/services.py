"""The voices that are services, each with its local server, in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from callbridge.speech.engines import RemoteRecogniser, StreamingSynthesiser
from callbridge.speech.vendors.deepgram import DeepgramRecogniser, DeepgramSynthesiser
from callbridge.speech.vendors.elevenlabs import ElevenLabsSynthesiser
from callbridge.speech.vendors.openai import OpenAiRecogniser, OpenAiSynthesiser
from callbridge.speech.vendors.openai_live import OpenAiLiveRecogniser
from callbridge.testing.speech import SpellingRecogniser
from tests.vendors.deepgram import DeepgramServer
from tests.vendors.elevenlabs import ElevenLabsServer
from tests.vendors.link import InMemory
from tests.vendors.openai_speech import InMemoryHttp, OpenAiSpeechServer
from tests.vendors.openai_transcription import OpenAiTranscriptionServer

KEY = "local-key"


@dataclass
class SpeakingService:
    server: ElevenLabsServer | DeepgramServer | OpenAiSpeechServer
    link: InMemory | InMemoryHttp
    voice: StreamingSynthesiser


def elevenlabs(key: str = KEY, **wishes: Any) -> SpeakingService:
    server = ElevenLabsServer()
    link = InMemory(server)
    return SpeakingService(server, link, ElevenLabsSynthesiser(api_key=key, connect=link, **wishes))


def deepgram(key: str = KEY, **wishes: Any) -> SpeakingService:
    server = DeepgramServer()
    link = InMemory(server)
    return SpeakingService(server, link, DeepgramSynthesiser(api_key=key, connect=link, **wishes))


def openai(key: str = KEY, **wishes: Any) -> SpeakingService:
    server = OpenAiSpeechServer()
    link = InMemoryHttp(server)
    http = httpx.AsyncClient(transport=link)
    return SpeakingService(server, link, OpenAiSynthesiser(api_key=key, http=http, **wishes))


@dataclass
class HearingService:
    server: DeepgramServer | OpenAiSpeechServer | OpenAiTranscriptionServer
    link: InMemory | InMemoryHttp
    ear: RemoteRecogniser


def deepgram_ear(key: str = KEY, **wishes: Any) -> HearingService:
    server = DeepgramServer(ear=SpellingRecogniser())
    link = InMemory(server)
    return HearingService(server, link, DeepgramRecogniser(api_key=key, connect=link, **wishes))


def openai_ear(key: str = KEY, **wishes: Any) -> HearingService:
    server = OpenAiSpeechServer(ear=SpellingRecogniser())
    link = InMemoryHttp(server)
    http = httpx.AsyncClient(transport=link)
    return HearingService(server, link, OpenAiRecogniser(api_key=key, http=http, **wishes))


def openai_live_ear(key: str = KEY, **wishes: Any) -> HearingService:
    server = OpenAiTranscriptionServer(ear=SpellingRecogniser())
    link = InMemory(server)
    return HearingService(server, link, OpenAiLiveRecogniser(api_key=key, connect=link, **wishes))


VOICES: list[Callable[..., SpeakingService]] = [elevenlabs, deepgram, openai]
EARS: list[Callable[..., HearingService]] = [deepgram_ear, openai_ear, openai_live_ear]
