"""A client of httpx2, which the openai SDK stands on, and an ASGI application, joined in memory.

The transport that httpx2 has collects an answer before it hands it over. This one hands over what
comes when it comes, and tells the application when the client has left: so streams, stalls and
cancellations can be tested in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from starlette.types import ASGIApp, Message

CHUNKS = 16  # that wait for a client who does not read; then the application waits, as on a socket


class AsgiTransport(httpx2.AsyncBaseTransport):
    """`latency_s` is the network's, each way."""

    def __init__(self, app: ASGIApp, *, latency_s: float = 0.0) -> None:
        self._app = app
        self._latency_s = latency_s

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        await asyncio.sleep(self._latency_s)
        exchange = _AsgiExchange(body)
        exchange.run(self._app, _scope(request))
        try:
            status, headers = await exchange.start()
        except BaseException:
            await exchange.leave()
            raise
        await asyncio.sleep(self._latency_s)
        return httpx2.Response(status, headers=headers, stream=_AsgiBody(exchange), request=request)


class _AsgiExchange:
    """One request and its answer, as the application's `receive` and `send`."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._left = asyncio.Event()
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(CHUNKS)
        self._task: asyncio.Task[None] | None = None

    def run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        self._task = asyncio.create_task(self._run(app, scope), name="answer of an ASGI app")

    async def _run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        except ConnectionError:
            pass  # how an application breaks the connection: the client sees it
        finally:
            if not self._left.is_set():
                await self._messages.put(None)

    async def start(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        message = await self._messages.get()
        if message is None:
            raise httpx2.RemoteProtocolError("the server has closed the connection, no answer")
        return message["status"], message.get("headers", [])

    async def chunks(self) -> AsyncIterator[bytes]:
        while (message := await self._messages.get()) is not None:
            if body := message.get("body", b""):
                yield body
            if not message.get("more_body", False):
                return
        raise httpx2.RemoteProtocolError("the server has closed the connection within its answer")

    async def leave(self) -> None:
        """The client is gone. What the application sends from now on goes nowhere."""
        self._left.set()
        while not self._messages.empty():
            self._messages.get_nowait()

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if not self._left.is_set():
            await self._messages.put(message)


class _AsgiBody(httpx2.AsyncByteStream):
    def __init__(self, exchange: _AsgiExchange) -> None:
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._exchange.chunks():
            yield chunk

    async def aclose(self) -> None:
        await self._exchange.leave()


def _scope(request: httpx2.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 123),
        "root_path": "",
    }
