"""Conversation Relay sockets of the pair: the customer here is a few lines, and reads JSON."""

import asyncio
import io
import json
import wave
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from callbridge import Call
from callbridge.app import App
from callbridge.carrier.config import CarrierConfig
from callbridge.errors import AudioFileError
from callbridge.host.audiofile import Clip
from callbridge.sockets.door import Door
from callbridge.sockets.endpoint import Endpoint, SocketTransport, StreamOwner
from callbridge.testing import CallScript, Pair, Wait, says, tone

RELAY: Endpoint[str] = Endpoint(
    path="/relay",
    token_header="none",
    token_setting="none",
    max_chars=1000,
    opens_with="setup",
    read_opening=lambda text: str(text),
)
URL = "ws://127.0.0.1:9/relay?token=1"
# Nobody tells the application of these calls.
virtual = pytest.mark.virtual(config=CarrierConfig(webhook_url=None))


class Customer:
    """Owner and stream of its one socket, and whoever admits it."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.gone = asyncio.Event()

    def admit(self, token: str, header: str | None) -> StreamOwner:
        return self

    def adopt(self, opening: str) -> StreamOwner:
        return self

    def attach(self, transport: SocketTransport) -> "Customer":
        self._transport = transport
        return self

    def detach(self, stream: object) -> None:
        self.gone.set()

    def feed(self, text: str | bytes) -> None:
        self.frames.append(json.loads(text))

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._transport.close(code, reason)

    def write(self, kind: str, **fields: object) -> None:
        self._transport.send(json.dumps({"type": kind} | fields))

    async def gets(self, kind: str) -> dict[str, Any]:
        """The first frame of a kind."""
        for _ in range(500):
            for frame in self.frames:
                if frame["type"] == kind:
                    return frame
            await asyncio.sleep(0.02)
        raise AssertionError(f"no {kind} in {self.frames}")


def answered(pair: Pair, app: App, script: CallScript) -> tuple[str, Customer]:
    """A call with a session, and its customer."""
    customer = Customer()
    app.service.doors.insert(0, Door(RELAY, customer))  # before the application's own
    call = pair.place(script)
    body = {"conversation_relay_config": {"url": URL, "greeting": "Good morning."}}
    path, key = f"/v2/calls/{call}/actions/answer", f"Bearer {pair.switch.config.api_key}"
    answer = pair.switch.request("POST", path, json.dumps(body).encode(), key, pair.clock.now())
    assert answer.status == 200, answer.body
    pair.drain()
    return call, customer


@virtual
async def test_a_relay_socket_finds_its_door_by_the_path(pair: Pair, app: App) -> None:
    script = CallScript(
        steps=(
            Wait("streaming"),
            Wait("bot_silent", 1.0),
            says("two tickets, please"),
            Wait("hangup"),
        )
    )
    call, customer = answered(pair, app, script)
    assert (await customer.gets("setup"))["callControlId"] == call
    prompt = await customer.gets("prompt")
    while not prompt["last"]:
        assert "two tickets, please".startswith(prompt["voicePrompt"])
        customer.frames.clear()
        prompt = await customer.gets("prompt")
    assert prompt["voicePrompt"] == "two tickets, please"
    customer.write("text", token="Here they are.", last=True)
    customer.write("end")
    await customer.gone.wait()
    pair.switch.hang_up(call, pair.clock.now())
    pair.drain()
    report = await pair.finished(call)
    said = [entry.detail["text"] for entry in report.tape if entry.kind == "relay said"]
    assert said == ["Good morning.", "Here they are."]


@virtual
async def test_sound_files_of_a_relay_are_those_of_the_pair(pair: Pair, app: App) -> None:
    call, customer = answered(pair, app, CallScript(steps=(Wait("hangup"),)))
    pair.sounds["http://files.example/ding.wav"] = Clip(tone(0.5), 8000)
    customer.write("play", source="http://files.example/ding.wav")
    customer.write("play", source="http://files.example/dong.wav")
    complaint = await customer.gets("error")
    assert "`sounds` has no http://files.example/dong.wav" in complaint["description"]
    await asyncio.sleep(2.0)
    customer.close()
    await customer.gone.wait()
    pair.switch.hang_up(call, pair.clock.now())
    pair.drain()
    report = await pair.finished(call)
    ended = [entry.detail["reason"] for entry in report.tape if entry.kind == "relay ended"]
    assert ended == ["customer_disconnect"]
    assert sum(entry.kind == "relay said" for entry in report.tape) == 2


async def ding(url: str) -> AsyncGenerator[bytes]:
    """The web, which has one sound of half a second."""
    if not url.endswith("/ding.wav"):
        raise AudioFileError(f"{url}: HTTP 404")
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone(0.5).tobytes())
    yield sound.getvalue()


@pytest.mark.virtual(voice="relay", web=ding)
async def test_both_sides_may_fetch_from_a_web_of_their_own(pair: Pair, app: App) -> None:
    heard_s: list[float] = []

    @app.call
    async def plays(call: Call) -> None:
        heard_s.append((await call.play("http://files.example/ding.wav")).heard_s)
        with pytest.raises(AudioFileError, match="HTTP 404"):
            await call.play("http://files.example/dong.wav")
        await asyncio.sleep(0.5)  # the carrier is a little behind what the bridge estimates

    report = await pair.call(CallScript(steps=(Wait("hangup"),)))
    assert heard_s == [0.5]
    spoken = [entry for entry in report.tape if entry.kind == "relay said"]
    assert len(spoken) == 1
