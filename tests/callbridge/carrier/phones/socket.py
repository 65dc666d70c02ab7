"""A telephone without a browser: a program that speaks as the page does."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.callbridge.carrier.live import Live

WITHIN_S = 5.0


async def token_of(live: Live) -> str:
    """As the page has it."""
    page = await live.http.get("/phone")
    found = re.search(r'token="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


class SocketPhone:
    """`audio` is what came to be heard; `news` waits for what happens."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.audio: list[bytes] = []

    async def tell(self, kind: str, **fields: object) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def news(self, kind: str) -> dict[str, Any]:
        """The next of a kind; others are passed over. Raises ConnectionClosed."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                frame = await self.socket.recv()
                if isinstance(frame, bytes):
                    self.audio.append(frame)
                    continue
                news: dict[str, Any] = json.loads(frame)
                if news["type"] == kind:
                    return news

    async def hears(self, frames: int) -> bytes:
        """The audio up to so many frames."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.audio) < frames:
                frame = await self.socket.recv()
                if isinstance(frame, bytes):
                    self.audio.append(frame)
        return b"".join(self.audio)

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the carrier closes."""
        async with asyncio.timeout(WITHIN_S):
            await self.socket.wait_closed()
        return self.socket.close_code or 0, self.socket.close_reason or ""


@contextlib.asynccontextmanager
async def open_socket(live: Live, **options: Any) -> AsyncGenerator[SocketPhone]:
    """A socket that has said nothing yet."""
    address = f"127.0.0.1:{live.running.port}"
    options = {"origin": f"http://{address}", "max_queue": None, "compression": None} | options
    async with connect(f"ws://{address}/phone/socket", proxy=None, **options) as socket:
        yield SocketPhone(socket)


@contextlib.asynccontextmanager
async def socket_phone(live: Live, number: str, **hello: object) -> AsyncGenerator[SocketPhone]:
    """A phone of that number that is ready."""
    token = await token_of(live)
    async with open_socket(live) as phone:
        await phone.tell("hello", **{"token": token, "number": number} | hello)
        await phone.news("ready")
        yield phone
