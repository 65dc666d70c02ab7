"""Conversation Relay over real sockets: a customer with the `websockets` library, started by the
platform's official SDK."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import telnyx
from telnyx.types import CallConversationEndedWebhookEvent
from websockets.asyncio.server import ServerConnection

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net.files import write_wav
from callbridge.speech import espeak, offline
from callbridge.speech.engines import Recogniser
from callbridge.testing.speech import SpellingRecogniser, scripted
from telecodecs import resample
from tests.callbridge.carrier.live import KEY, Hooks, Live, carrier, customer, hooks

WITHIN_S = 10


class Shop:
    """A customer's server: says what it was asked, and keeps all that it was sent."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.socket: ServerConnection | None = None

    async def serve(self, socket: ServerConnection) -> None:
        self.socket = socket
        async for message in socket:
            frame = json.loads(message)
            self.frames.put_nowait(frame)
            if frame["type"] == "prompt" and frame["last"]:
                for token in ("You said:", *frame["voicePrompt"].split(" ")):
                    await self.write("text", token=f"{token} ", last=False)
                await self.write("text", token="", last=True)

    async def write(self, kind: str, **fields: object) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps({"type": kind} | fields))

    async def gets(self, kind: str) -> dict[str, Any]:
        """The next frame of a kind."""
        async with asyncio.timeout(WITHIN_S):
            while (frame := await self.frames.get())["type"] != kind:
                pass
        return frame


@contextlib.asynccontextmanager
async def relayed(engines: Any) -> AsyncGenerator[tuple[Live, Hooks, Shop, str, Any]]:
    shop = Shop()
    async with (
        hooks() as app,
        customer(shop.serve) as url,
        carrier(
            CarrierConfig(api_key=KEY, webhook_url=app.url), engines=engines, voice=espeak.speak
        ) as live,
        telnyx.AsyncTelnyx(api_key=KEY, base_url=live.base_url, max_retries=0) as sdk,
    ):
        yield live, app, shop, url, sdk


@contextlib.asynccontextmanager
async def files(folder: Path) -> AsyncGenerator[str]:
    """A web server of a folder; gives its URL."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = asyncio.create_task(asyncio.to_thread(server.serve_forever, 0.01))
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            await serving


def spelled(path: Path, text: str) -> str:
    """A sound file of a text, as the engines of tests understand it."""
    pcm = resample(*SpellingRecogniser().pronounce(text), 8000)
    write_wav(path, pcm, pcm, 8000)
    return path.name


async def test_a_conversation_that_the_official_sdk_has_started(tmp_path: Path) -> None:
    hello = spelled(tmp_path / "hello.wav", "two tickets")
    async with relayed(scripted()) as (live, app, shop, url, sdk):
        steps = [{"wait": "streaming"}, {"press": "7"}, {"play": hello}, {"wait": "hangup"}]
        ringing = await live.http.post(f"/carrier/calls?base={tmp_path}", json={"steps": steps})
        call = ringing.json()["call_control_id"]
        await sdk.calls.actions.answer(call)
        started = await sdk.calls.actions.start_conversation_relay(
            call,
            url=url,
            greeting="Hi.",
            custom_parameters={"desk": 4},
            assistant={"dynamic_variables": {"tone": "kind"}},
            dtmf_detection=True,
            transcription_engine_config={"interim_results": False},
            interruptible="none",
            interruptible_greeting="none",
        )
        setup = await shop.gets("setup")
        assert setup["sessionId"] == started.data.conversation_relay_id
        assert setup["customParameters"] == {"desk": 4, "tone": "kind"}
        assert (await shop.gets("dtmf"))["digit"] == "7"
        prompt = await shop.gets("prompt")
        assert prompt["voicePrompt"] == "two tickets"
        await live.until(call, "relay heard")
        await shop.write("end", handoffData="to the desk")
        ended = await app.event("call.conversation.ended")
        typed = CallConversationEndedWebhookEvent.model_validate({"data": {"payload": ended}})
        assert typed.data is not None
        assert typed.data.payload is not None
        assert typed.data.payload.reason == "customer_ended"
        assert [(each["role"], each["content"]) for each in ended["messages"]] == [
            ("assistant", "Hi."),
            ("user", "two tickets"),
            ("assistant", "You said: two tickets"),
        ]
        with pytest.raises(telnyx.UnprocessableEntityError):
            await sdk.calls.actions.stop_conversation_relay(call)
        assert await live.command(call, "hangup") == 200


async def test_an_answer_of_the_official_sdk_brings_a_session_and_stop_ends_it() -> None:
    async with relayed(scripted()) as (live, app, shop, url, sdk):
        call = await live.ring(steps=[{"wait": "hangup"}])
        await sdk.calls.actions.answer(
            call, conversation_relay_config={"url": url, "greeting": "A greeting for you."}
        )
        await shop.gets("setup")
        with pytest.raises(telnyx.UnprocessableEntityError) as refusal:
            await sdk.calls.actions.start_conversation_relay(call, url=url)
        body: Any = refusal.value.body
        assert body["errors"][0]["code"] == "90061"
        stopped = await sdk.calls.actions.stop_conversation_relay(call)
        assert stopped.data.result == "ok"
        assert (await app.event("call.conversation.ended"))["reason"] == "stopped"
        assert shop.socket is not None
        async with asyncio.timeout(WITHIN_S):
            await shop.socket.wait_closed()


async def test_a_customer_who_hangs_up_the_socket_keeps_the_call() -> None:
    async with relayed(scripted()) as (live, app, shop, url, sdk):
        call = await live.ring(steps=[{"wait": "hangup"}])
        await sdk.calls.actions.answer(call, conversation_relay_config={"url": url})
        await shop.gets("setup")
        assert shop.socket is not None
        await shop.socket.close()
        ended = await app.event("call.conversation.ended")
        assert ended["reason"] == "customer_disconnect"
        status = await sdk.calls.retrieve_status(call)
        assert status.data.is_alive


async def test_nobody_serves_the_relays_address() -> None:
    async with relayed(scripted()) as (live, app, _, _, sdk):
        call = await live.ring(steps=[{"wait": "hangup"}])
        await sdk.calls.actions.answer(
            call, conversation_relay_config={"url": "ws://127.0.0.1:9/relay"}
        )
        assert (await app.event("call.conversation.ended"))["reason"] == "connection_failed"


async def test_a_sound_file_comes_from_the_web_and_one_that_is_missing_is_told(
    tmp_path: Path,
) -> None:
    spelled(tmp_path / "ding.wav", "ding")
    async with relayed(scripted()) as (live, app, shop, url, sdk), files(tmp_path) as web:
        call = await live.ring(steps=[{"wait": "hangup"}])
        await sdk.calls.actions.answer(call, conversation_relay_config={"url": url})
        await shop.gets("setup")
        await shop.write("play", source=f"{web}/nothing.wav")
        assert "nothing.wav" in (await shop.gets("error"))["description"]
        await shop.write("play", source=f"{web}/ding.wav")
        await shop.write("end")
        await app.event("call.conversation.ended")
        await live.command(call, "hangup")
        tape = await live.tape(call)
    assert [entry["kind"] for entry in tape if "play failed" in entry["kind"]] == [
        "relay play failed"
    ]
    assert sum(entry["kind"] == "relay said" for entry in tape) == 1


async def test_with_real_engines_an_english_caller_is_understood() -> None:
    for package in offline.PACKAGES:
        pytest.importorskip(package)
    engines = offline.offline()
    warm: Recogniser = engines.recogniser
    await asyncio.to_thread(
        warm.transcribe, resample(*SpellingRecogniser().pronounce("a"), 8000), 8000
    )
    async with relayed(engines) as (live, _, shop, url, sdk):
        call = await live.ring(
            steps=[
                {"wait": "streaming"},
                {"say": "I would like to buy two tickets."},
                {"wait": "hangup"},
            ]
        )
        await sdk.calls.actions.answer(call, conversation_relay_config={"url": url})
        while not (prompt := await shop.gets("prompt"))["last"]:
            assert prompt["voicePrompt"]
        assert "ticket" in prompt["voicePrompt"].lower()
        await live.command(call, "hangup")
