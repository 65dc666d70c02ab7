"""The media WebSocket on plain ASGI: accept, pump messages, nothing else.

Any ASGI server carries it (uvicorn with `ws="websockets-sansio"` is the measured choice), and it
mounts in anybody's application; `callbridge.sockets.picows` is the same for less. What a message
means is decided in `MediaStream`, who may come in by `Door`, for both."""

import asyncio
import hmac
import logging
from collections import deque
from typing import Protocol
from urllib.parse import parse_qs

from callbridge.errors import CallbridgeError, MalformedFrame
from callbridge.media import wire
from callbridge.media.stream import MediaStream, Transport
from callbridge.sockets.scope import Message, Receive, Scope, Send, header
from callbridge.timing.clock import first_of

log = logging.getLogger("callbridge.media")

START_WITHIN_S = 10.0  # a stream that nobody announced must say what it is ...
FIRST_MESSAGES = 8  # ... within so many messages
NO_START = "no start frame"
CLOSE_WITHIN_S = 1.0
TOO_LONG = "a frame of more than 30 s of audio"
POLICY_VIOLATION, TOO_BIG = 1008, 1009  # RFC 6455, section 7.4.1


class StreamRefused(CallbridgeError):
    """A socket that is not taken; `status` answers its upgrade request."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class StreamOwner(Protocol):
    """A leg, as far as a socket is concerned."""

    def attach(self, transport: Transport) -> MediaStream: ...

    def detach(self, stream: MediaStream) -> None: ...


class Admission(Protocol):
    """Whose stream a socket is. Both raise StreamRefused."""

    def admit(self, token: str, header: str | None) -> StreamOwner:
        """By the token that we minted into its address."""
        ...

    def adopt(self, start: wire.StartBody) -> StreamOwner:
        """By its own word: for streams that somebody else started."""
        ...


class Door:
    """Who may come in, whatever server the socket came through.

    With `shared_token` None every stream needs a minted token; otherwise the given one must come
    in the platform's header, or nothing if it is empty (loopback only: the settings see to it)."""

    def __init__(self, admission: Admission, shared_token: str | None = None) -> None:
        self._admission = admission
        self._shared = shared_token

    def admit(self, query: bytes, auth: str | None) -> StreamOwner | None:
        """The owner by the upgrade request, or None if only the start frame can tell.

        `auth` is the header TOKEN_HEADER, if there was one. Raises StreamRefused."""
        token = parse_qs(query.decode("latin-1")).get("token", [""])[0]
        if token:
            return self._admission.admit(token, auth)
        if self._shared is None:
            raise StreamRefused(401, "the stream's address has no token")
        if self._shared and not hmac.compare_digest((auth or "").encode(), self._shared.encode()):
            raise StreamRefused(401, f"{wire.TOKEN_HEADER} is not CALLBRIDGE_MEDIA_TOKEN")
        return None

    def unannounced(self) -> "Unannounced":
        return Unannounced(self._admission)


class Unannounced:
    """The first messages of a stream that nobody announced, up to the one that tells whose it is.

    The server gives it START_WITHIN_S seconds."""

    def __init__(self, admission: Admission) -> None:
        self.messages: list[str | bytes] = []  # read so far, for the stream that they begin
        self._admission = admission

    def read(self, text: str | bytes) -> StreamOwner | None:
        """The owner, if this is the start frame. Raises MalformedFrame and StreamRefused."""
        self.messages.append(text)
        frame = wire.decode_incoming(text)
        if isinstance(frame, wire.Start):
            return self._admission.adopt(frame.start)
        if len(self.messages) == FIRST_MESSAGES:
            raise StreamRefused(400, NO_START)
        return None


class MediaServer:
    """The ASGI application behind `/media`."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            auth = header(scope, wire.TOKEN_HEADER)
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
            await _pump(owner, first.messages, receive, send)


async def _owner(first: Unannounced, receive: Receive, send: Send) -> StreamOwner | None:
    """Read up to the start frame; None if it did not come or was not accepted."""
    try:
        async with asyncio.timeout(START_WITHIN_S):
            while (message := await receive())["type"] == "websocket.receive":
                if (owner := first.read(_text(message))) is not None:
                    return owner
            return None
    except (TimeoutError, MalformedFrame, StreamRefused) as error:
        why = str(error) or NO_START
    log.warning("stream refused", extra={"why": why})
    await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": brief(why)})
    return None


async def _pump(owner: StreamOwner, first: list[str | bytes], receive: Receive, send: Send) -> None:
    """Messages in, messages out, until either side closes."""
    outbox = Outbox(send)
    try:
        stream = owner.attach(outbox)
    except CallbridgeError as refused:  # another socket was faster
        why = brief(str(refused))
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": why})
        return
    reader = asyncio.create_task(_read(stream, first, receive))
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


async def _read(stream: MediaStream, first: list[str | bytes], receive: Receive) -> None:
    for text in first:
        stream.feed(text)
    while (message := await receive())["type"] == "websocket.receive":
        text = _text(message)
        if len(text) > wire.MAX_FRAME_CHARS:
            stream.close(TOO_BIG, TOO_LONG)
            return
        stream.feed(text)


def _text(message: Message) -> str | bytes:
    text: str | bytes | None = message.get("text")
    return text if text is not None else message.get("bytes") or b""


def brief(reason: str) -> str:
    """As much as a close frame holds: RFC 6455, section 5.5."""
    return reason.encode()[:123].decode(errors="ignore")


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
    """Messages on their way into a socket whose `send` may wait: a `Transport` over ASGI."""

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
