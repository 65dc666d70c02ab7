"""OpenAI's Realtime transcription: what is particular about it. The rest is in test_ears.py."""

import asyncio
import json
from typing import Any

import pytest

from callbridge.errors import SpeechFailed
from callbridge.speech.hearing import LiveEar
from callbridge.speech.vendors.openai_live import LiveItem, OpenAiLiveRecogniser
from callbridge.testing.speech import SpellingRecogniser
from telecodecs import silence
from tests.callbridge.vendors.services import openai_live_ear
from tests.callbridge.vendors.test_ears import hear, heard_by, spelt
from tests.vendors.link import Faults, InMemory
from tests.vendors.openai_transcription import OpenAiTranscriptionServer

TICKETS = "two tickets to the coast, please"
ADDRESS = "wss://local/v1/realtime?intent=transcription"
HEADERS = {"Authorization": "Bearer local-key"}


def live(server: OpenAiTranscriptionServer, told: list[str]) -> tuple[LiveEar, InMemory]:
    link = InMemory(server)
    ear = OpenAiLiveRecogniser(api_key="local-key", connect=link)
    return LiveEar(ear, 8000, lambda: None, told.append), link


def server_of(**faults: Any) -> OpenAiTranscriptionServer:
    return OpenAiTranscriptionServer(ear=SpellingRecogniser(), faults=Faults(**faults))


@pytest.mark.virtual
async def test_each_commit_has_its_own_words() -> None:
    server, told = server_of(), list[str]()
    ear, link = live(server, told)
    running = asyncio.create_task(ear.run())
    await hear(ear, spelt(TICKETS))
    await hear(ear, silence(1600))
    assert await heard_by(ear) == TICKETS
    between = ear.position
    await hear(ear, spelt("thank you"))
    await hear(ear, silence(1600))
    assert await heard_by(ear) == f"{TICKETS} thank you"
    assert ear.words(0, between) == TICKETS
    assert ear.words(between) == "thank you"
    assert (link.opened, told) == (1, [])
    kinds = [event["type"] for event in server.received]
    assert kinds == ["session.update", *["input_audio_buffer.commit"] * 2]
    running.cancel()
    await asyncio.wait({running})
    assert link.open == 0


@pytest.mark.virtual
async def test_what_a_lost_session_did_not_hear_is_replayed() -> None:
    server, told = server_of(drop_after=2, connections=1), list[str]()
    ear, link = live(server, told)
    running = asyncio.create_task(ear.run())
    await hear(ear, spelt(TICKETS))
    await hear(ear, silence(1600))
    assert await heard_by(ear) == TICKETS
    assert (link.opened, told) == (2, ["OpenAI closed the connection: 1011 going away"])
    running.cancel()
    await asyncio.wait({running})


@pytest.mark.virtual
async def test_the_session_is_asked_for_as_it_is_documented() -> None:
    service = openai_live_ear(language="en", keywords=("Mill Lane",))
    await service.ear.recognise(spelt(TICKETS), 8000)
    assert service.server.received[0]["session"] == {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {
                    "model": "gpt-live-transcribe",
                    "language": "en",
                    "keywords": ["Mill Lane"],
                },
                "turn_detection": None,
            }
        },
    }


@pytest.mark.virtual
async def test_where_nothing_new_was_heard_nothing_is_committed() -> None:
    """The service refuses less than 100 ms."""
    service = openai_live_ear()
    assert isinstance(service.ear, OpenAiLiveRecogniser)
    async with service.ear.listen(8000) as stream:
        await stream.send(spelt(TICKETS))
        await stream.finish()
        await stream.send(silence(400))
        await stream.finish()
        await stream.finish()
        await asyncio.sleep(1.0)
    kinds = [event["type"] for event in service.server.received]
    assert kinds == ["session.update", "input_audio_buffer.commit"]


@pytest.mark.virtual
async def test_a_model_that_hears_turns_alone_does_so() -> None:
    service = openai_live_ear(model="gpt-transcribe")
    assert await service.ear.recognise(spelt(TICKETS), 8000) == TICKETS


@pytest.mark.virtual
async def test_a_transcription_that_failed_is_an_error() -> None:
    class Fails(OpenAiTranscriptionServer):
        async def serve(self, socket: Any, asked: Any) -> None:
            error = {"type": "server_error", "code": "audio_unintelligible", "message": "Noise."}
            kind = "conversation.item.input_audio_transcription.failed"
            await socket.send(json.dumps({"type": kind, "item_id": "item_1", "error": error}))
            await socket.recv()

    ear = OpenAiLiveRecogniser(api_key="local-key", connect=InMemory(Fails()))
    with pytest.raises(SpeechFailed, match=r"OpenAI: audio_unintelligible Noise\."):
        await ear.recognise(spelt(TICKETS), 8000)


def test_a_word_is_dated_by_when_it_came_and_never_behind_its_commit() -> None:
    item = LiveItem()
    item.add("two tick", 1.0)
    item.add("ets to", 2.0)
    early = item.words(item.text, 2.0)
    assert [(word.text, word.end) for word in early] == [
        ("two", 1.0),
        ("tickets", 2.0),
        ("to", 2.0),
    ]
    item.until = 2.5
    item.add(" the coast", 9.0)  # that came long after the commit
    words = item.words(item.text, 9.0)
    assert [word.end for word in words] == [1.0, 2.0, 2.0, 2.5, 2.5]
    assert all(word.start < word.end for word in words)


# ---- the server refuses what the service would --------------------------------------------------


async def answered(*events: dict[str, Any]) -> list[str]:
    """The codes of its errors."""
    link, codes = InMemory(server_of()), list[str]()
    async with link(ADDRESS, HEADERS) as socket:
        for event in events:
            await socket.send(json.dumps(event))
        await asyncio.sleep(5.0)
        await socket.send(json.dumps({"type": "input_audio_buffer.commit"}))
        while True:
            told = json.loads(await socket.recv())
            if told["type"] == "error":
                codes.append(told["error"]["code"])
                if codes[-1] == "input_audio_buffer_commit_empty":
                    return codes[:-1]


def update(**heard: Any) -> dict[str, Any]:
    sound = {"type": "audio/pcm", "rate": 24000}
    wish = {"model": "gpt-live-transcribe"}
    given = {"format": sound, "transcription": wish, "turn_detection": None, **heard}
    return {
        "type": "session.update",
        "session": {"type": "transcription", "audio": {"input": given}},
    }


@pytest.mark.virtual
@pytest.mark.parametrize(
    ("event", "codes"),
    [
        (update(), []),
        (update(format={"type": "audio/pcm", "rate": 8000}), ["invalid_request"]),
        (update(turn_detection={"type": "server_vad"}), ["invalid_value"]),
        (update(transcription={"model": "gpt-9"}), ["model_not_found"]),
        (
            update(transcription={"model": "gpt-live-transcribe", "tongue": "en"}),
            ["unknown_parameter"],
        ),
        ({"type": "session.update", "session": {"type": "realtime"}}, ["invalid_value"]),
        ({"type": "response.create"}, ["invalid_value"]),
        ({"type": "input_audio_buffer.append", "audio": "AAAA"}, ["invalid_request"]),
        ({"kind": "nothing"}, ["invalid_json"]),
    ],
)
async def test_what_is_wrong_is_refused(event: dict[str, Any], codes: list[str]) -> None:
    pytest.importorskip("openai")
    assert await answered(event) == codes
