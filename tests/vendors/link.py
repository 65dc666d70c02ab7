"""The two ways to reach a local server of a vendor's: a pair in memory, and a real WebSocket."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidStatus,
)
from websockets.frames import Close
from websockets.http11 import Request, Response


@dataclass(frozen=True)
class Asked:
    """What a client asks for in its handshake."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]

    @classmethod
    def of(cls, url: str, headers: Mapping[str, str]) -> "Asked":
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        return cls(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), lower)


@dataclass(frozen=True)
class Refusal:
    status: int
    body: str


class ServerSocket(Protocol):
    """A ServerConnection of `websockets`, or one end of a pair in memory."""

    async def send(self, message: str | bytes, *, text: bool | None = None) -> None: ...

    async def recv(self) -> str | bytes: ...

    async def close(self, code: int = 1000, reason: str = "") -> None: ...


class SocketVendor(Protocol):
    """A server of WebSockets."""

    def refuses(self, asked: Asked) -> Refusal | None: ...

    async def serve(self, socket: ServerSocket, asked: Asked) -> None: ...


@dataclass
class Faults:
    """What a server does wrong; counts are messages of its own, None is never."""

    silent: bool = False  # never says a thing
    stall_after: int | None = None
    garbage_after: int | None = None
    drop_after: int | None = None
    half_character_after: int | None = None  # half a UTF-8 character
    late_s: float = 0.0  # finals come so much later
    connections: int | None = None  # of so many alone; None is all

    def take(self) -> "Faults":
        """Those of the next connection."""
        if self.connections is None:
            return self
        self.connections -= 1
        return self if self.connections >= 0 else Faults()


class FaultySocket:
    """A socket of a server that misbehaves as its faults say."""

    def __init__(self, socket: ServerSocket, faults: Faults) -> None:
        self._socket = socket
        self._faults = faults.take()
        self._sent = 0
        self.recv = socket.recv
        self.close = socket.close

    async def send(self, message: str | bytes, *, text: bool | None = None) -> None:
        faults, sent = self._faults, self._sent
        self._sent += 1
        if faults.silent or sent == faults.stall_after:
            await asyncio.Event().wait()
        if sent == faults.garbage_after:
            await self._socket.send("{no json")
        if sent == faults.half_character_after:
            await self._socket.send('{"type": "é"}'.encode()[:11], text=True)
        if sent == faults.drop_after:
            await self._socket.close(1011, "going away")
            return
        await self._socket.send(message, text=text)


class MemorySocket:
    """One end of a pair."""

    def __init__(self) -> None:
        self._inbox: asyncio.Queue[str | bytes | Close] = asyncio.Queue()
        self._peer = self
        self._over: Close | None = None

    @classmethod
    def pair(cls) -> "tuple[MemorySocket, MemorySocket]":
        one, other = cls(), cls()
        one._peer, other._peer = other, one
        return one, other

    async def send(self, message: str | bytes, *, text: bool | None = None) -> None:
        await asyncio.sleep(0)
        if self._over is not None:
            raise self._closed(self._over)
        if text and isinstance(message, bytes):
            try:
                message = message.decode()
            except UnicodeDecodeError:  # as a real one does
                self._peer._end(Close(1007, "invalid UTF-8"))
                self._end(Close(1007, "invalid UTF-8"))
                return
        self._peer._inbox.put_nowait(message)

    async def recv(self) -> str | bytes:
        if self._over is not None and self._inbox.empty():
            raise self._closed(self._over)
        message = await self._inbox.get()
        if isinstance(message, Close):
            raise self._closed(message)
        return message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        close = Close(code, reason)
        if self._peer._over is None:
            self._peer._end(close)
        if self._over is None:
            self._end(close)

    def _end(self, close: Close) -> None:
        self._over = close
        self._inbox.put_nowait(close)

    @staticmethod
    def _closed(close: Close) -> ConnectionClosed:
        kind = ConnectionClosedOK if close.code in (1000, 1001) else ConnectionClosedError
        return kind(close, close, True)


class InMemory:
    """Connects to a server without a network: a `VendorConnect` of the bridge's."""

    def __init__(self, vendor: SocketVendor, latency_s: float = 0.02) -> None:
        self._vendor = vendor
        self._latency_s = latency_s
        self.opened = self.open = 0
        self.closed_at: list[float] = []  # seconds of the loop
        self.unreachable = False

    @asynccontextmanager
    async def __call__(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[MemorySocket]:
        await asyncio.sleep(self._latency_s)
        if self.unreachable:
            raise ConnectionRefusedError(111, "nobody listens")
        asked = Asked.of(url, headers)
        if (refusal := self._vendor.refuses(asked)) is not None:
            raise InvalidStatus(
                Response(
                    refusal.status,
                    HTTPStatus(refusal.status).phrase,
                    Headers(),
                    refusal.body.encode(),
                )
            )
        client, server = MemorySocket.pair()
        task = asyncio.create_task(until_closed(self._vendor, server, asked))
        self.opened += 1
        self.open += 1
        try:
            yield client
        finally:
            self.open -= 1
            self.closed_at.append(asyncio.get_running_loop().time())
            await client.close()
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()


async def until_closed(vendor: SocketVendor, socket: ServerSocket, asked: Asked) -> None:
    with suppress(ConnectionClosed):
        await vendor.serve(socket, asked)


@asynccontextmanager
async def listening(vendor: SocketVendor, port: int = 0) -> AsyncGenerator[str]:
    """Serve on loopback; yields the URL."""

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        work = asyncio.create_task(until_closed(vendor, connection, _asked(connection.request)))
        gone = asyncio.create_task(connection.wait_closed())
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, gone):
            task.cancel()
        await asyncio.wait({work, gone})
        if not work.cancelled():
            work.result()

    def process(connection: ServerConnection, request: Request) -> Response | None:
        refusal = vendor.refuses(_asked(request))
        if refusal is None:
            return None
        return connection.respond(HTTPStatus(refusal.status), refusal.body)

    async with serve(handle, "127.0.0.1", port, process_request=process) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


def _asked(request: Request) -> Asked:
    return Asked.of(request.path, dict(request.headers.raw_items()))


def run_by_hand(vendor: SocketVendor, variable: str, port: int, key: str) -> None:
    """For `python -m`: until Ctrl-C."""

    async def forever() -> None:
        async with listening(vendor, port) as url:
            print(f"{type(vendor).__name__} at {url}; {variable}={key}", flush=True)
            await asyncio.Event().wait()

    try:
        asyncio.run(forever())
    except KeyboardInterrupt:
        print()


def sdk_model(module: str, name: str) -> Any:
    """A type of the vendor's own SDK, or None where that is not installed."""
    try:
        return getattr(__import__(module, fromlist=[name]), name)
    except ImportError:
        return None


def fits_sdk(model: Any, message: object) -> str:
    """Why the SDK's own type would not have this message, or ""."""
    if model is None:
        return ""
    try:
        parsed = model.model_validate(message)
    except ValueError as error:
        return str(error)
    unknown = sorted(parsed.model_extra or ())
    return f"unknown fields: {', '.join(unknown)}" if unknown else ""
