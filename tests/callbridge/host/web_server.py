"""A web server that sends a file as far as a test lets it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

PIECE = 500  # bytes that are sent at a time


class WebServer:
    """Sends `file` until `lets` bytes are out, and `headers` before it, each with its line end.

    `gone` is set when whoever was listening has closed the connection."""

    def __init__(self) -> None:
        self.file = b""
        self.headers = ""
        self.status = "200 OK"
        self.lets = 1 << 60
        self.sent = 0
        self.more = asyncio.Event()
        self.gone = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {self.status}\r\nconnection: close\r\n{self.headers}\r\n"
        writer.write(head.encode())
        sending = asyncio.ensure_future(self._send(writer))
        with contextlib.suppress(ConnectionError):
            await reader.read()
        sending.cancel()
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.gone.set()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        while self.sent < len(self.file):
            while self.sent >= self.lets:
                self.more.clear()
                await self.more.wait()
            piece = self.file[self.sent : min(self.sent + PIECE, self.lets)]
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)
        writer.write_eof()

    def let_all(self) -> None:
        self.lets = 1 << 60
        self.more.set()


@contextlib.asynccontextmanager
async def web_server() -> AsyncGenerator[WebServer]:
    server = WebServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/sound"
    async with listening:
        yield server
