"""The WebSocket to a model, on real sockets of this machine."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from callbridge.realtime.socket import LinkRefused, connect
from tests.vendors.openai_realtime.server import KEY, MODEL, RealtimeServer
from tests.vendors.sockets import served

WITHIN_S = 10.0


class Listener:
    def __init__(self) -> None:
        self.texts: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def on_text(self, text: bytes) -> None:
        self.texts.put_nowait(text)

    def on_closed(self, code: int, reason: str) -> None:
        self.closed.set_result((code, reason))

    async def next(self) -> bytes:
        return await asyncio.wait_for(self.texts.get(), WITHIN_S)

    async def end(self) -> tuple[int, str]:
        return await asyncio.wait_for(self.closed, WITHIN_S)


@pytest.fixture
async def server() -> AsyncIterator[tuple[RealtimeServer, str]]:
    realtime = RealtimeServer()
    app = Starlette(routes=[*realtime.routes, WebSocketRoute("/odd", _odd)])
    async with served(app) as address:
        yield realtime, address.replace("http", "ws")


async def _odd(socket: WebSocket) -> None:
    """Says it in bytes, then too much, and goes without a word."""
    await socket.accept()
    await socket.send_bytes(b'{"in": "bytes"}')
    await socket.send_text("x" * 3_000_000)
    await socket.close(4321, "enough")


def address_of(address: str, model: str = MODEL) -> str:
    return f"{address}/v1/realtime?model={model}"


async def test_messages_pass_both_ways(server: tuple[RealtimeServer, str]) -> None:
    realtime, address = server
    listener = Listener()
    link = await connect(address_of(address), {"Authorization": f"Bearer {KEY}"}, listener)
    assert b"session.created" in await listener.next()
    link.send('{"type": "input_audio_buffer.clear"}')
    assert b"input_audio_buffer.cleared" in await listener.next()
    link.close()
    async with asyncio.timeout(WITHIN_S):
        while not realtime.sessions[0].over:  # noqa: ASYNC110  the server tells nobody
            await asyncio.sleep(0.01)
    assert not listener.closed.done(), "who closes is not told"


async def test_a_code_of_the_services_own_arrives(server: tuple[RealtimeServer, str]) -> None:
    _, address = server
    listener = Listener()
    await connect(address_of(address), {"Authorization": "Bearer wrong"}, listener)
    assert b"invalid_api_key" in await listener.next()
    assert await listener.end() == (3000, "invalid_request_error.invalid_api_key")


async def test_a_refused_upgrade_has_its_status(server: tuple[RealtimeServer, str]) -> None:
    realtime, address = server
    realtime.refusals = [403]
    with pytest.raises(LinkRefused) as refused:
        await connect(address_of(address), {}, Listener())
    assert refused.value.status == 403


async def test_bytes_and_long_messages_are_messages(server: tuple[RealtimeServer, str]) -> None:
    _, address = server
    listener = Listener()
    await connect(f"{address}/odd", {}, listener)
    assert await listener.next() == b'{"in": "bytes"}'
    assert len(await listener.next()) == 3_000_000
    assert await listener.end() == (4321, "enough")


async def test_nobody_there_is_said_at_once() -> None:
    with pytest.raises(LinkRefused) as refused:
        await connect("ws://127.0.0.1:9/v1/realtime", {}, Listener())
    assert refused.value.status == 0
