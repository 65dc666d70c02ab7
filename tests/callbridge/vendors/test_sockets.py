"""Services over real sockets of this machine: handshakes, headers, closes, and what is logged."""

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import pytest

from callbridge.errors import SpeechFailed
from callbridge.speech.engines import RemoteRecogniser, StreamingSynthesiser
from callbridge.speech.vendors.deepgram import DeepgramRecogniser, DeepgramSynthesiser
from callbridge.speech.vendors.elevenlabs import ElevenLabsSynthesiser
from callbridge.speech.vendors.openai import OpenAiRecogniser, OpenAiSynthesiser
from callbridge.testing.speech import SpellingRecogniser
from tests.callbridge.vendors.services import deepgram_ear, elevenlabs
from tests.vendors.deepgram import DeepgramServer
from tests.vendors.elevenlabs import ElevenLabsServer
from tests.vendors.link import Faults, listening
from tests.vendors.openai_speech import OpenAiSpeechServer
from tests.vendors.sockets import served

KEY = "local-key"
TEXT = "Good morning."
SPELT = SpellingRecogniser().pronounce("good morning").pcm


@pytest.fixture(autouse=True)
def espeak() -> None:
    pytest.importorskip("espeakng_loader")


async def one() -> AsyncIterator[str]:
    yield TEXT


async def said(voice: StreamingSynthesiser) -> str:
    return "".join([word.text async for word in voice.stream(one(), 8000)])


async def used(engine: StreamingSynthesiser | RemoteRecogniser) -> str:
    if isinstance(engine, RemoteRecogniser):
        return await engine.recognise(SPELT, 8000)
    return await said(engine)


async def test_elevenlabs_over_a_websocket() -> None:
    async with listening(ElevenLabsServer(pace=20.0)) as url:
        assert await said(ElevenLabsSynthesiser(api_key=KEY, url=url)) == TEXT


async def test_deepgram_over_its_websockets() -> None:
    async with listening(DeepgramServer(ear=SpellingRecogniser(), pace=20.0)) as url:
        assert await said(DeepgramSynthesiser(api_key=KEY, url=url)) == TEXT
        ear = DeepgramRecogniser(api_key=KEY, url=url)
        assert await ear.recognise(SPELT, 8000) == "good morning"


async def test_openai_over_http() -> None:
    server = OpenAiSpeechServer(ear=SpellingRecogniser(), pace=20.0)
    async with served(server.app) as url, httpx.AsyncClient() as http:
        voice = OpenAiSynthesiser(api_key=KEY, url=f"{url}/v1", http=http)
        assert await said(voice) == TEXT
        ear = OpenAiRecogniser(api_key=KEY, url=f"{url}/v1", http=http)
        assert await ear.recognise(SPELT, 8000) == "good morning"


async def test_half_a_character_ends_the_stream_as_a_failure() -> None:
    async with listening(ElevenLabsServer(faults=Faults(half_character_after=0))) as url:
        with pytest.raises(SpeechFailed, match="closed the connection: 1007"):
            await said(ElevenLabsSynthesiser(api_key=KEY, url=url))


async def test_a_barge_in_waits_for_no_service() -> None:
    """One that stalls does not answer a close either."""
    server = ElevenLabsServer(faults=Faults(stall_after=1))
    async with listening(server) as url:
        voice = ElevenLabsSynthesiser(api_key=KEY, url=url)
        async with aclosing(voice.stream(one(), 8000)) as words:
            await anext(words)


async def test_no_key_is_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for theirs in ("httpx", "httpcore", "openai", "websockets"):  # the command line quietens them
        caplog.set_level(logging.DEBUG, logger=theirs)
    server = OpenAiSpeechServer(ear=SpellingRecogniser(), pace=20.0)
    async with (
        listening(ElevenLabsServer()) as eleven,
        listening(DeepgramServer()) as deep,
        served(server.app) as url,
        httpx.AsyncClient() as http,
    ):
        wrong = "sk-not-to-be-seen"
        engines: list[StreamingSynthesiser | RemoteRecogniser] = [
            ElevenLabsSynthesiser(api_key=wrong, url=eleven),
            DeepgramSynthesiser(api_key=wrong, url=deep),
            DeepgramRecogniser(api_key=wrong, url=deep),
            OpenAiSynthesiser(api_key=wrong, url=f"{url}/v1", http=http),
            OpenAiRecogniser(api_key=wrong, url=f"{url}/v1", http=http),
        ]
        told = ""
        caplog.clear()
        for engine in engines:
            with pytest.raises(SpeechFailed) as raised:
                await used(engine)
            told += f"{engine!r} {raised.value} {raised.value.__cause__}"
        # A server's own log has the headers that it is sent; of ours there is no other logger.
        servers = ("websockets.server", "uvicorn")
        ours = [record for record in caplog.records if not record.name.startswith(servers)]
        told += "".join(record.getMessage() for record in ours)
    assert ours
    assert wrong not in told
    assert "sk-not" not in told


def test_engines_work_for_who_has_a_thread_to_wait_in() -> None:
    """As the local carrier's own voice and ear: in a thread, with a loop of their own."""
    words = elevenlabs().voice.speak(TEXT, 8000)
    assert "".join(word.text for word in words) == TEXT
    assert deepgram_ear().ear.transcribe(SPELT, 8000) == "good morning"
