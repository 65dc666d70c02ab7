"""One endpoint's WebSocket on plain ASGI: accept, pump messages, nothing else.

Any ASGI server carries it (uvicorn with `ws="websockets-sansio"` is the measured choice), and it
mounts in anybody's application; `callbridge.sockets.picows` is the same for less. What a message
means is decided by the stream, who may come in by `Door`, for both."""

import asyncio
import logging
from collections import deque
from typing import Any

from callbridge.errors import CallbridgeError, MalformedFrame
from callbridge.sockets.closing import (
    CLOSE_WITHIN_S,
    POLICY_VIOLATION,
    TOO_BIG,
    brief,
    too_long,
)
from callbridge.sockets.door import START_WITHIN_S, Door, StreamRefused, Unannounced
from callbridge.sockets.endpoint import SocketStream, StreamOwner
from callbridge.sockets.scope import AsgiMessage, Receive, Scope, Send, header
from callbridge.timing.clock import first_of

log = logging.getLogger("callbridge.sockets")


class StreamServer:
    """The ASGI application behind one door, whatever its path."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            auth = header(scope, self._door.endpoint.token_header)
            owner = self._door.admit(scope.get("query_string", b""), auth)
        except StreamRefused as refused:
            log.warning("stream refused", extra={"status": refused.status, "why": str(refused)})
            await _refuse(scope, send, refused)
            return
        await send({"type": "websocket.accept"})
        first = self._door.unannounced()
        if owner is None:
            owner = await _owner(first, receive, send)
        if owner is not None:
            await self._pump(owner, first.messages, receive, send)

    async def _pump(
        self, owner: StreamOwner, first: list[str | bytes], receive: Receive, send: Send
    ) -> None:
        """Messages in, messages out, until either side closes."""
        outbox = Outbox(send)
        try:
            stream = owner.attach(outbox)
        except CallbridgeError as refused:  # another socket was faster
            why = brief(str(refused))
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": why})
            return
        reader = asyncio.create_task(self._read(stream, first, receive))
        writer = asyncio.create_task(outbox.run())
        try:
            # A stream that we close is over now, whatever the other side makes of it.
            await first_of(reader, writer, outbox.closing)
        finally:
            owner.detach(stream)
            stream.close()
            reader.cancel()
            # The last message is the close; a socket that takes nothing is not waited for.
            await asyncio.wait({reader, writer}, timeout=CLOSE_WITHIN_S)
            writer.cancel()
        if not reader.cancelled():
            reader.result()  # raises if it broke: a bug of ours, for the server to log

    async def _read(self, stream: SocketStream, first: list[str | bytes], receive: Receive) -> None:
        longest = self._door.endpoint.max_chars
        for text in first:
            stream.feed(text)
        while (message := await receive())["type"] == "websocket.receive":
            text = _text(message)
            if len(text) > longest:
                stream.close(TOO_BIG, too_long(longest))
                return
            stream.feed(text)


async def _owner(first: Unannounced[Any], receive: Receive, send: Send) -> StreamOwner | None:
    """Read up to the opening frame; None if it did not come or was not accepted."""
    try:
        async with asyncio.timeout(START_WITHIN_S):
            while (message := await receive())["type"] == "websocket.receive":
                if (owner := first.read(_text(message))) is not None:
                    return owner
            return None
    except (TimeoutError, MalformedFrame, StreamRefused) as error:
        why = str(error) or first.missing
    log.warning("stream refused", extra={"why": why})
    await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": brief(why)})
    return None


def _text(message: AsgiMessage) -> str | bytes:
    text: str | bytes | None = message.get("text")
    return text if text is not None else message.get("bytes") or b""


async def _refuse(scope: Scope, send: Send, refused: StreamRefused) -> None:
    """Answer the upgrade with a status and a sentence, where the server can."""
    if "websocket.http.response" in scope.get("extensions", {}):
        await send(
            {
                "type": "websocket.http.response.start",
                "status": refused.status,
                "headers": [(b"content-type", b"text/plain; charset=utf-8")],
            }
        )
        await send({"type": "websocket.http.response.body", "body": f"{refused}\n".encode()})
    else:
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})


class Outbox:
    """Messages on their way into a socket whose `send` may wait: a `SocketTransport` over ASGI."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: deque[str] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()
        self.closing: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def send(self, text: str) -> None:
        self._messages.append(text)
        self._bytes += len(text)
        self._ready.set()

    def buffered(self) -> int:
        return self._bytes

    def close(self, code: int, reason: str) -> None:
        self.closing.set_result((code, brief(reason)))
        self._ready.set()

    async def run(self) -> None:
        """Deliver until closed, or until the other side has gone: ASGI servers then raise OSError,
        and RuntimeError if they closed the socket themselves."""
        try:
            while True:
                while self._messages:
                    text = self._messages.popleft()
                    await self._send({"type": "websocket.send", "text": text})
                    self._bytes -= len(text)
                if self.closing.done():
                    code, reason = self.closing.result()
                    await self._send({"type": "websocket.close", "code": code, "reason": reason})
                    return
                self._ready.clear()
                await self._ready.wait()
        except (OSError, RuntimeError) as gone:
            log.debug("the socket is gone", extra={"why": str(gone)})
