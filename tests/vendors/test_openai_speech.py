"""The local server of OpenAI's speech, as the SDK meets it."""

import io
import json
from base64 import b64decode
from typing import Any

import numpy as np
import openai
import pytest
from openai import AsyncOpenAI

from callbridge.speech.vendors.openai import wav_of
from callbridge.testing.speech import HummingSynthesiser, SpellingRecogniser
from tests.vendors.openai_speech import KEY, RATE, OpenAiSpeechServer
from tests.vendors.sockets import served

TEXT = "two tickets"


def server_of() -> OpenAiSpeechServer:
    voice, ear = HummingSynthesiser(), SpellingRecogniser()
    return OpenAiSpeechServer(voice=voice, ear=ear, think_s=0, pace=1e6)


async def test_sound_comes_as_events_where_that_is_asked_for() -> None:
    async with served(server_of().app) as address:
        client = AsyncOpenAI(api_key=KEY, base_url=f"{address}/v1", max_retries=0)
        fields: Any = {"model": "gpt-4o-mini-tts", "voice": "ash", "response_format": "pcm"}
        async with client:
            speech = client.audio.speech.with_streaming_response
            async with speech.create(input=TEXT, stream_format="sse", **fields) as response:
                lines = [line async for line in response.iter_lines() if line]
            plain = await client.audio.speech.create(input=TEXT, **fields)
            fields["model"] = "tts-1"
            with pytest.raises(openai.BadRequestError, match="'sse' is not supported"):
                await client.audio.speech.create(input=TEXT, stream_format="sse", **fields)
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert events[-1]["type"] == "speech.audio.done"
    octets = b"".join(b64decode(event["audio"]) for event in events[:-1])
    assert octets == plain.content
    assert len(octets) > RATE


async def test_a_list_in_a_form_is_one() -> None:
    sound = SpellingRecogniser().pronounce(TEXT)
    file = ("turn.wav", io.BytesIO(wav_of(sound.pcm.astype(np.int16), sound.sample_rate)))
    async with served(server_of().app) as address:
        client = AsyncOpenAI(api_key=KEY, base_url=f"{address}/v1", max_retries=0)
        transcribe: Any = client.audio.transcriptions.create
        async with client:
            heard = await transcribe(model="gpt-transcribe", file=file, languages=["en", "de"])
            assert heard.text == TEXT
            with pytest.raises(openai.BadRequestError, match="Unrecognized request"):
                await transcribe(model="gpt-transcribe", file=file, extra_body={"tongues": ["en"]})
