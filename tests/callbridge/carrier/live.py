"""The carrier and its customers on loopback."""

import asyncio
import contextlib
import json
import socket
import wave
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.server import ServerConnection, serve

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net.service import run
from callbridge.carrier.net.shell import Running
from telecodecs import Pcm
from tests.callbridge.carrier.line import tone

KEY = "live-key"


class Live:
    """A running carrier, with a client that has its key."""

    def __init__(self, running: Running, http: httpx.AsyncClient, stop: Callable[[], None]) -> None:
        self.running, self.stop = running, stop
        self.base_url = f"http://127.0.0.1:{running.port}/v2"
        self.http = http

    async def ring(self, **script: object) -> str:
        answer = await self.http.post("/carrier/calls", json=script)
        assert answer.status_code == 201, answer.text
        call: str = answer.json()["call_control_id"]
        return call

    async def command(self, call: str, action: str, **fields: object) -> int:
        answer = await self.http.post(f"/v2/calls/{call}/actions/{action}", json=fields)
        return answer.status_code

    async def tape(self, call: str) -> list[dict[str, Any]]:
        """All of it: returns when the call is over."""
        answer = await self.http.get(f"/carrier/calls/{call}/tape")
        return [json.loads(row) for row in answer.text.splitlines()]

    async def until(self, call: str, kind: str, within_s: float = 5) -> dict[str, Any]:
        """Wait for an entry of the tape."""
        url = f"/carrier/calls/{call}/tape"
        async with asyncio.timeout(within_s), self.http.stream("GET", url) as answer:
            async for row in answer.aiter_lines():
                entry: dict[str, Any] = json.loads(row)
                if entry["kind"] == kind:
                    return entry
        raise AssertionError(f"the call ended without {kind!r}")

    async def finished(self, call: str) -> dict[str, Any]:
        await self.tape(call)
        while True:
            summary: dict[str, Any] = (await self.http.get(f"/carrier/calls/{call}")).json()
            if summary["finished"]:
                return summary
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def carrier(
    config: CarrierConfig | None = None, **options: Any
) -> AsyncGenerator[Live, None]:
    stop = asyncio.Event()
    started: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    config = config or CarrierConfig(api_key=KEY)
    task = asyncio.create_task(
        run(config, started=started.set_result, stop=stop, handle_signals=False, **options)
    )
    await asyncio.wait((task, started), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    running = started.result()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{running.port}",
        headers={"authorization": f"Bearer {config.api_key}"},
        timeout=10,
        trust_env=False,
        verify=False,  # plain http only; spares a tenth of a second for certificates
    ) as http:
        try:
            yield Live(running, http, stop.set)
        finally:
            stop.set()
            await task


class Hooks:
    """A customer's webhook server. `answer` decides the response to each delivery."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]] | None = None) -> None:
        self.received: asyncio.Queue[tuple[Request, bytes]] = asyncio.Queue()
        self.url = ""
        self._answer = answer

    async def handle(self, request: Request) -> Response:
        body = await request.body()
        self.received.put_nowait((request, body))
        return await self._answer(request) if self._answer is not None else Response()

    async def event(self, event_type: str) -> dict[str, Any]:
        """The payload of the next event of a type."""
        while True:
            async with asyncio.timeout(5):
                _, body = await self.received.get()
            data: dict[str, Any] = json.loads(body)["data"]
            if data["event_type"] == event_type:
                payload: dict[str, Any] = data["payload"]
                return payload


class _Receiver(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(uvicorn.Config(app, port=0, lifespan="off", ws="none", log_config=None))
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextlib.asynccontextmanager
async def hooks(
    answer: Callable[[Request], Awaitable[Response]] | None = None,
) -> AsyncGenerator[Hooks, None]:
    receiver = Hooks(answer)
    app = Starlette(routes=[Route("/{path:path}", receiver.handle, methods=["GET", "POST", "PUT"])])
    server = _Receiver(app)
    task = asyncio.create_task(server.serve())
    await server.listening.wait()
    port = server.servers[0].sockets[0].getsockname()[1]
    receiver.url = f"http://127.0.0.1:{port}"
    try:
        yield receiver
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def customer(
    handle: Callable[[ServerConnection], Awaitable[None]],
) -> AsyncGenerator[str, None]:
    """A media server; gives its URL."""
    async with serve(handle, "127.0.0.1", 0, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/media?call=1"


async def echo(connection: ServerConnection) -> None:
    """A bot that says what it hears."""
    async for message in connection:
        frame = json.loads(message)
        if frame["event"] == "media":
            payload = frame["media"]["payload"]
            await connection.send(json.dumps({"event": "media", "media": {"payload": payload}}))


def write_tone(path: Path, ms: int, rate: int = 16000, channels: int = 1) -> None:
    samples = np.repeat(tone(ms, rate), channels)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def read_stereo(path: str) -> tuple[Pcm, Pcm, int]:
    with wave.open(path, "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return data[:, 0].astype(np.int16), data[:, 1].astype(np.int16), file.getframerate()
