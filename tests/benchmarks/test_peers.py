"""The endpoints that Callbridge is compared with do the work that they are measured for.

All but pipecat, which lives in an environment of its own."""

import asyncio
import json
import signal
import sys
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect

from callbridge.bench.relay_script import read_token
from callbridge.host.bind import bind
from tests.callbridge.media import frames

PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"
NAMES = ("fastapi_echo", "asgi_echo", "picows_echo")
RELAY_NAMES = ("relay_fastapi", "relay_websockets", "relay_picows")
WITHIN_S = 20.0
FRAMES = 50


def payloads(seed: int) -> list[bytes]:
    """Frames that together have every octet in every place."""
    return [bytes((seed + 37 * n + place) % 256 for place in range(160)) for n in range(FRAMES)]


def canonical(octets: bytes) -> bytes:
    """As μ-law comes out of linear PCM: zero has two codes, and one of them is never chosen."""
    return octets.replace(b"\x7f", b"\xff")


@asynccontextmanager
async def peer(name: str, *args: str) -> AsyncGenerator[str]:
    """A peer as the bench starts it; yields its URL, and sees it end by SIGTERM without a word."""
    with bind("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PEERS / f"{name}.py"),
        *args,
        "--port",
        str(port),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            await listening(process, port)
            yield f"ws://127.0.0.1:{port}/{'relay' if name.startswith('relay') else 'media'}"
            process.send_signal(signal.SIGTERM)
            _, words = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode in (0, -signal.SIGTERM)
    assert words == b""


async def listening(process: asyncio.subprocess.Process, port: int) -> None:
    """Until the port takes connections: a peer has no other way to say that it is there."""
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            await writer.wait_closed()
            return
    raise AssertionError(f"it ended at once, with {process.returncode}")


@asynccontextmanager
async def call(url: str) -> AsyncGenerator[ClientConnection]:
    """A stream from its first messages to its last."""
    async with connect(url, compression=None, proxy=None) as socket:
        await socket.send(frames.CONNECTED)
        await socket.send(frames.start())
        yield socket
        await socket.send(frames.STOP)


async def echoes(socket: ClientConnection) -> list[bytes]:
    found: list[bytes] = []
    for _ in range(FRAMES):
        message = json.loads(await socket.recv())
        assert message.keys() == {"event", "media"}
        assert message["event"] == "media"
        found.append(b64decode(message["media"]["payload"], validate=True))
    return found


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("name", NAMES)
async def test_two_calls_at_once_each_hear_their_own_audio(name: str, loop: str) -> None:
    said = payloads(0), payloads(101)
    async with peer(name, "--loop", loop) as url, call(url) as first, call(url) as second:
        for chunk, pair in enumerate(zip(*said, strict=True), start=1):
            for socket, payload in zip((first, second), pair, strict=True):
                await socket.send(frames.media(payload, chunk))
        for socket, sent in ((first, said[0]), (second, said[1])):
            assert await echoes(socket) == [canonical(payload) for payload in sent]


async def test_one_of_the_two_codes_of_zero_is_all_that_changes() -> None:
    payload = b64encode(bytes(range(256))).decode()
    text = json.dumps({"event": "media", "media": {"payload": payload}})
    async with peer("asgi_echo") as url, call(url) as socket:
        await socket.send(text)
        octets = b64decode(json.loads(await socket.recv())["media"]["payload"])
    changed = [octet for octet in range(256) if octets[octet] != octet]
    assert changed == [0x7F]


def prompt(text: str) -> str:
    return json.dumps({"type": "prompt", "voicePrompt": text, "lang": "en", "last": True})


async def test_the_peer_with_a_model_asks_it_and_passes_its_tokens_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with peer("token_model") as model:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://{urlsplit(model).netloc}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        async with (
            peer("relay_fastapi_llm") as url,
            connect(url, compression=None, proxy=None) as socket,
        ):
            await socket.send(json.dumps({"type": "setup", "sessionId": "s", "callControlId": "c"}))
            for number in (1, 2):
                await socket.send(
                    prompt(f"Please say 3 tokens, 1 milliseconds apart, number {number}")
                )
                messages = [json.loads(await socket.recv()) for _ in range(4)]
                assert [each["token"][:2] for each in messages] == [f" {number}"] * 3 + [""]
                ages = [read_token(each["token"], monotonic()) for each in messages[:3]]
                assert all(age is not None and age[1] < WITHIN_S for age in ages)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("name", RELAY_NAMES)
async def test_a_prompt_is_answered_by_tokens_until_another_one_comes(name: str, loop: str) -> None:
    async with (
        peer(name, "--loop", loop) as url,
        connect(url, compression=None, proxy=None) as socket,
    ):
        await socket.send(json.dumps({"type": "setup", "sessionId": "s", "callControlId": "c"}))
        await socket.send(prompt("Please say 1000 tokens, 5 milliseconds apart, number 1"))
        first = json.loads(await socket.recv())
        assert (first["type"], first["token"][:2], first["last"]) == ("text", " 1", False)
        await socket.send(prompt("Please say 2 tokens, 1 milliseconds apart, number 2"))
        tokens = [first["token"]]
        while not (message := json.loads(await socket.recv()))["last"]:
            tokens.append(message["token"])
        assert [token[1] for token in tokens[-2:]] == ["2", "2"]
        assert len(tokens) < 900, "the first answer was cut"
