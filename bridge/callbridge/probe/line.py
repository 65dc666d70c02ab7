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


class LineRefused(CallbridgeError):
    """No socket; `status` is the HTTP answer to the upgrade, None where there was none."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


class ProbeLine:
    """Messages go to `on_message` as they come; `ending` says how the other side ended it."""

    def __init__(self, socket: ClientConnection, on_message: OnMessage) -> None:
        self.ending: str | None = None
        self.changed = Signal()
        self._socket, self._on_message = socket, on_message
        self._leaving = False
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                await self._on_message(message)
                self.changed.notify()
                if self.ending is not None:
                    self._socket.transport.abort()
                    return
            why = "it closed the socket (1000)"
        except ConnectionClosed as closed:
            received = closed.rcvd
            why = "it broke off without a close frame"
            if received is not None:
                why = f"it closed the socket ({received.code} {received.reason}".rstrip() + ")"
        if not self._leaving and self.ending is None:
            self.ending = why
        self.changed.notify()

    def give_up(self, why: str) -> None:
        """For `on_message`: the platform breaks off here."""
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
            await changed(self.changed, timeout=left)
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
        await asyncio.wait((self._reader,))


async def open_line(
    url: str,
    headers: dict[str, str],
    context: ssl.SSLContext | None,
    on_message: OnMessage,
) -> ProbeLine:
    """Raises LineRefused in one sentence."""
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
        raise LineRefused(why, status) from None
    except (OSError, WebSocketException, ValueError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise LineRefused(f"{where} cannot be reached: {said}") from None
    return ProbeLine(socket, on_message)
