"""The WebSocket clients of Media Streaming and Conversation Relay: one task per socket, frames
pumped both ways."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from callbridge.carrier.core.effects import OpenStream
from callbridge.carrier.switch import Switch
from callbridge.media import wire

SpawnErrand = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]

OPEN_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
# Frames that wait for a customer who does not read: 30 s of one track.
MAX_WAITING = 1500


class Streams:
    """Tells the switch what happens to the sockets; `settle` carries out what it wants then."""

    def __init__(
        self,
        switch: Switch,
        spawn: SpawnErrand,
        settle: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        self._switch, self._spawn, self._settle, self._now = switch, spawn, settle, now
        # Frames to send; None closes the socket after them.
        self._waiting: dict[str, asyncio.Queue[str | None]] = {}

    def open(self, wish: OpenStream) -> None:
        self._waiting[wish.stream_id] = asyncio.Queue()
        self._spawn(self._run(wish))

    def send(self, stream_id: str, text: str) -> None:
        waiting = self._waiting.get(stream_id)
        if waiting is None:
            return
        if waiting.qsize() < MAX_WAITING:
            waiting.put_nowait(text)
        else:
            del self._waiting[stream_id]
            waiting.put_nowait(None)
            self._switch.stream_failed(stream_id, "the customer does not read", self._now())

    def close(self, stream_id: str) -> None:
        waiting = self._waiting.pop(stream_id, None)
        if waiting is not None:
            waiting.put_nowait(None)

    async def _run(self, wish: OpenStream) -> None:
        waiting = self._waiting[wish.stream_id]
        try:
            async with connect(
                wish.url,
                additional_headers=wish.headers,
                compression=None,
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=20,
                max_size=wire.MAX_FRAME_CHARS,
                proxy=None,
            ) as socket:
                self._switch.stream_opened(wish.stream_id, self._now())
                self._settle()
                await self._pump(wish.stream_id, socket, waiting)
        except (OSError, WebSocketException, ValueError) as error:
            # The text of a handshake error can be a whole HTML page.
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            self._switch.stream_failed(wish.stream_id, reason, self._now())
        finally:
            self._waiting.pop(wish.stream_id, None)
        self._settle()

    async def _pump(
        self, stream_id: str, socket: ClientConnection, waiting: asyncio.Queue[str | None]
    ) -> None:
        sending = self._spawn(_send_all(socket, waiting))
        try:
            async for message in socket:
                self._switch.stream_received(stream_id, message, self._now())
                self._settle()
            self._switch.stream_closed(stream_id, self._now())
        except ConnectionClosed as closed:
            if closed.rcvd is None:  # the line broke, or what came was no WebSocket
                raise
            self._switch.stream_closed(stream_id, self._now())
        finally:
            sending.cancel()


async def _send_all(socket: ClientConnection, waiting: asyncio.Queue[str | None]) -> None:
    """Send until told to close; a socket that is gone is the reader's business."""
    try:
        while (text := await waiting.get()) is not None:
            await socket.send(text)
        await socket.close()
    except ConnectionClosed:
        return
