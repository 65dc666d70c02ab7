"""One WebSocket as the platform has it: the client. Whatever the other side does, nothing raises
but the opening."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import CloseCode

from callbridge.errors import CallbridgeError
from callbridge.timing.signal import Signal, changed

OPEN_S = 5.0
CLOSE_S = 2.0
MAX_MESSAGE = 32_000_000  # octets: what is too long is to be seen, not cut off


OnMessage = Callable[[str | bytes], Awaitable[None]]


async def ignore(message: str | bytes) -> None:
    """Where only the socket itself is of interest."""


class ProbeLine:
    """An open socket; `ending` says how the other side ended it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.ending: str | None = None
        self._socket = socket
        self._changed = Signal()
        self._leaving = False
        self._reader: asyncio.Task[None] | None = None

    def begin(self, on_message: OnMessage = ignore) -> None:
        """From now on messages are read, and the end of the socket is noticed."""
        self._reader = asyncio.create_task(self._read(on_message))

    async def _read(self, on_message: OnMessage) -> None:
        try:
            async for message in self._socket:
                await on_message(message)
                self._changed.notify()
                if self.ending is not None:
                    self._socket.transport.abort()
                    return
            why = "it closed the socket (1000)"
        except ConnectionClosed as closed:
            why = _why(closed)
        if not self._leaving and self.ending is None:
            self.ending = why
        self._changed.notify()

    def give_up(self, why: str) -> None:
        """For who reads the messages: the platform breaks off here."""
        self.ending = why

    async def send(self, message: str | bytes | Sequence[str]) -> None:
        """A sequence is one message in as many fragments. What is closed swallows it."""
        with suppress(ConnectionClosed):
            await self._socket.send(message)

    async def ping(self, within: float) -> float | None:
        """Seconds there and back; None without a pong."""
        now = asyncio.get_running_loop().time
        began = now()
        try:
            async with asyncio.timeout(within):
                await (await self._socket.ping())
        except (TimeoutError, ConnectionClosed):
            return None
        return now() - began

    async def until(self, condition: Callable[[], bool], within: float) -> bool:
        """Whether it came true in so many seconds; a line that has ended waits for nothing."""
        now = asyncio.get_running_loop().time
        deadline = now() + within
        while not condition() and self.ending is None and (left := deadline - now()) > 0:
            await changed(self._changed, timeout=left)
        return condition()

    async def listen(self, seconds: float) -> None:
        await self.until(lambda: False, seconds)

    async def close(self) -> bool:
        """Close in order; False when the other side does not answer that."""
        self._leaving = True
        await self._socket.close()  # for CLOSE_S at most
        await self.drop()
        return self._socket.close_code != CloseCode.ABNORMAL_CLOSURE

    async def drop(self) -> None:
        """Gone, without a word."""
        self._leaving = True
        self._socket.transport.abort()
        if self._reader is not None:
            await asyncio.wait((self._reader,))


def _why(closed: ConnectionClosed) -> str:
    if closed.rcvd is not None:
        return f"it closed the socket ({f'{closed.rcvd.code} {closed.rcvd.reason}'.rstrip()})"
    if closed.sent is not None:
        return f"what it sent is no message ({closed.sent.code} {closed.sent.reason})"
    return "it broke off without a close frame"


async def open_line(url: str, headers: dict[str, str], context: ssl.SSLContext | None) -> ProbeLine:
    """Raises CallbridgeError in one sentence."""
    where = urlsplit(url)._replace(query="").geturl()  # a query may hold a token
    try:
        socket = await connect(
            url,
            additional_headers=headers,
            ssl=(context or True) if url.startswith("wss:") else None,
            compression=None,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            ping_interval=None,
            max_size=MAX_MESSAGE,
            proxy=None,
        )
    except InvalidStatus as refused:
        status = refused.response.status_code
        said = (refused.response.body or b"")[:200].decode(errors="replace").strip()
        why = f"{where} takes no WebSocket: HTTP {status}{', ' + said if said else ''}"
        raise CallbridgeError(why) from None
    except (OSError, WebSocketException, ValueError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise CallbridgeError(f"{where} cannot be reached: {said}") from None
    return ProbeLine(socket)
