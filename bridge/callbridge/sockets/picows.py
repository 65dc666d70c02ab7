"""The endpoints' WebSockets on picows: what `asgi` does, for less.

A frame goes from the socket into `SocketStream.feed` with no task, no queue and no await between.
Uvicorn keeps the port: `Dispatcher` takes the place of its WebSocket class, and hands connections
for one of our paths to picows and all others to uvicorn's own."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, cast
from urllib.parse import unquote

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.api import WSProtocol  # type: ignore[attr-defined] # pyright: ignore
from uvicorn import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from callbridge.errors import CallbridgeError, MalformedFrame
from callbridge.sockets.closing import (
    CLOSE_WITHIN_S,
    NORMAL,
    POLICY_VIOLATION,
    PROTOCOL_ERROR,
    SERVICE_RESTART,
    TOO_BIG,
    brief,
    too_long,
)
from callbridge.sockets.door import START_WITHIN_S, Door, StreamRefused, Unannounced
from callbridge.sockets.endpoint import SocketStream, StreamOwner

log = logging.getLogger("callbridge.sockets")

# Together 15 s: a stream without frames or pong is lost.
PING_AFTER_S = 10.0
PONG_WITHIN_S = 5.0
READ_BUFFER = 2048  # bytes, the least that picows takes; it grows when a frame needs it
PONG_BUFFER = 65_536  # bytes not yet taken by the socket; above it pings are not answered

TEXT, BINARY, CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
PING, PONG, CLOSE = WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE


class StreamSocket(WSListener):
    """One socket from its upgrade to its end; the `SocketTransport` of its stream.

    `connections` are those that uvicorn ends when it shuts down: this is one while it is open."""

    def __init__(self, door: Door, connections: set[Any]) -> None:
        self.endpoint = door.endpoint
        self._door = door
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        # Of the `SocketTransport`: straight into picows and the loop once there is a connection.
        self.send: Callable[[str], None]
        self.buffered: Callable[[], int]
        self._owner: StreamOwner | None = None
        self._stream: SocketStream | None = None
        self._first: Unannounced[Any] | None = None
        self._feed: Callable[[bytes], None] = _ignore
        self._fragments: bytearray | None = None  # of a message that is not whole yet
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    def upgrade(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        """Let it in, or answer with a status and a sentence."""
        query = request.path.partition(b"?")[2]
        try:
            self._owner = self._door.admit(query, request.headers.get(self.endpoint.token_header))
        except StreamRefused as refused:
            log.warning("stream refused", extra={"status": refused.status, "why": str(refused)})
            answer = WSUpgradeResponse.create_error_response(
                refused.status,
                f"{refused}\n".encode(),
                {"Content-Type": "text/plain; charset=utf-8"},
            )
            return WSUpgradeResponseWithListener(answer, None)
        return self

    # ---- what comes -------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._socket = transport
        self.send = partial(transport.send, TEXT)
        self.buffered = transport.underlying_transport.get_write_buffer_size
        self._connections.add(self)
        if self._owner is not None:
            self._attach(self._owner)
        else:
            self._first = self._door.unannounced()
            self._feed = partial(self._announced, self._first)
            self._timer = self._loop.call_later(START_WITHIN_S, self._refuse, self._first.missing)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is TEXT and frame.fin and self._fragments is None:  # nearly always
            self._feed(frame.get_payload_as_bytes())
        elif kind is CLOSE:
            self._closed_by_peer(frame)
        elif kind is PING:
            # One that pings and does not read shall not fill the memory with pongs.
            if self.buffered() <= PONG_BUFFER:
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind is not PONG:
            self._fragment(frame)

    def _fragment(self, frame: WSFrame) -> None:
        """A binary message, which is a frame as well, or a piece of a message."""
        if (frame.msg_type is CONTINUATION) is (self._fragments is None):
            self.close(PROTOCOL_ERROR, "fragments out of order")
            return
        whole = self._fragments = self._fragments or bytearray()
        whole += frame.get_payload_as_bytes()
        if len(whole) > self.endpoint.max_chars:
            self.close(TOO_BIG, too_long(self.endpoint.max_chars))
        elif frame.fin:
            self._fragments = None
            self._feed(bytes(whole))

    def _announced(self, first: Unannounced[Any], text: bytes) -> None:
        """A message before it is known whose stream this is."""
        try:
            owner = first.read(text)
        except (MalformedFrame, StreamRefused) as error:
            self._refuse(str(error))
            return
        if owner is not None:
            self._forget_timer()
            self._attach(owner, first.messages)

    def _attach(self, owner: StreamOwner, messages: list[str | bytes] | None = None) -> None:
        self._owner = owner
        try:
            self._stream = owner.attach(self)
        except CallbridgeError as refused:  # another socket was faster
            self.close(POLICY_VIOLATION, str(refused))
            return
        self._feed = self._stream.feed
        for text in messages or ():
            self._stream.feed(text)

    def _refuse(self, why: str) -> None:
        log.warning("stream refused", extra={"why": why})
        self.close(POLICY_VIOLATION, why)

    def is_user_specific_pong(self, frame: WSFrame) -> bool:
        """Only asked while a pong is expected: whatever comes is as good."""
        self._socket.notify_user_specific_pong_received()
        return frame.msg_type is PONG

    def pause_writing(self) -> None:
        """Nothing: the stream looks at `buffered` before it sends."""

    def resume_writing(self) -> None:
        """Nothing, as above."""

    # ---- the end ----------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> None:
        """Say so, wait a moment for the answer, and be gone whatever the other side makes of it."""
        if not self._over:
            self._socket.send_close(cast(WSCloseCode, code), brief(reason))
            self._end()

    def shutdown(self) -> None:
        """Uvicorn goes."""
        self.close(SERVICE_RESTART, "")

    def _closed_by_peer(self, frame: WSFrame) -> None:
        """Answer with their own code, as RFC 6455, section 5.5.1, wants; nothing after ours."""
        if not self._over:
            code = int.from_bytes(frame.get_payload_as_bytes()[:2])
            self.close(code or NORMAL, "")
        self._socket.disconnect()  # sends what is left; `_end` has limited how long that may take

    def broken(self) -> None:
        """Picows has found something illegal, or a bug of ours, and is about to close."""
        # It goes on collecting a frame that it has refused as too long.
        self._socket.underlying_transport.pause_reading()
        if not self._over:
            self._end()

    def _end(self) -> None:
        """Nothing more is listened to; the rest is the close's."""
        self._over = True
        self._feed = _ignore
        self._fragments = None
        self._forget_timer()
        self._timer = self._loop.call_later(CLOSE_WITHIN_S, self._socket.disconnect, False)
        self._loop.call_soon(self._detach)  # the owner may be what is closing us

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._over = True
        self._forget_timer()
        self._connections.discard(self)
        self._detach()

    def _detach(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None and self._owner is not None:
            self._owner.detach(stream)
            stream.close()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _ignore(_: bytes) -> None:
    """What comes after the end."""


class _SocketLog(logging.LoggerAdapter[logging.Logger]):
    """What picows says about one socket.

    An error is the only sign that it gives its owner before it closes for reasons of its own; what
    is less than a warning, two lines for every connection, is not worth a call's time."""

    def __init__(self, socket: StreamSocket) -> None:
        super().__init__(log)
        self._socket = socket

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  logging's name
        return level >= logging.WARNING and super().isEnabledFor(level)

    def log(self, level: int, msg: object, *args: object, **more: Any) -> None:
        if level >= logging.ERROR:
            self._socket.broken()
        if not more.get("exc_info"):
            level = min(level, logging.WARNING)  # their mistake, not ours
        super().log(level, msg, *args, **more)


def _protocol(socket: StreamSocket) -> Any:
    """A connection of picows that is still to read its upgrade request.

    All by position, as in picows 2.3's own `ws_create_server`: this is not documented API, and the
    reason why its version is pinned."""
    return cast(Any, WSProtocol)(
        None,  # host and port: a client's
        None,  # path: a client's
        False,  # is_client_side
        socket.upgrade,  # listener factory
        _SocketLog(socket),
        True,  # disconnect on exception
        None,  # handshake timeout: the request is here already
        True,  # auto ping ...
        PING_AFTER_S,
        PONG_WITHIN_S,  # not more than the one before
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # auto pong: `on_ws_frame` looks at the write buffer first
        socket.endpoint.max_chars,
        None,  # extra headers: a client's
        READ_BUFFER,
    )


class Dispatcher(asyncio.Protocol):
    """Uvicorn's WebSocket class: reads where a connection wants to go, and steps aside.

    Uvicorn makes one when a request asks for an upgrade, gives it the transport and the request,
    and only then makes it the transport's protocol; so it can step aside one turn of the loop
    later, and what happens until then is passed on."""

    def __init__(
        self,
        doors: Mapping[str, Door],
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
    ) -> None:
        self._doors = doors
        self._connections = cast("set[Any]", server_state.connections)
        self._other = partial(WebSocketsSansIOProtocol, config, server_state, app_state)
        self._transport: Any = None
        self._chosen: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._chosen is None:
            door = self._doors.get(_path(data))
            self._chosen = (
                self._other() if door is None else _protocol(StreamSocket(door, self._connections))
            )
            self._chosen.connection_made(self._transport)
            asyncio.get_running_loop().call_soon(self._step_aside)
        if isinstance(self._chosen, WebSocketsSansIOProtocol):
            self._chosen.data_received(data)
        else:
            _feed(self._chosen, data)

    def eof_received(self) -> bool | None:
        return cast("bool | None", self._chosen.eof_received())

    def pause_writing(self) -> None:
        self._chosen.pause_writing()

    def resume_writing(self) -> None:
        self._chosen.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._chosen.connection_lost(exc)

    def _step_aside(self) -> None:
        self._transport.set_protocol(self._chosen)


def dispatcher(doors: Iterable[Door]) -> type[asyncio.Protocol]:
    """For `uvicorn.Config(ws=...)`, which only ever calls it."""
    by_path = {door.endpoint.path: door for door in doors}
    return cast("type[asyncio.Protocol]", partial(Dispatcher, by_path))


def _path(request: bytes) -> str:
    """Where this upgrade request wants to go; what is above our paths uvicorn has in root_path."""
    target = request.split(b" ", 2)[1].partition(b"?")[0]
    return unquote(target.decode("latin-1"))


def _feed(protocol: Any, data: bytes) -> None:
    """Give bytes to a BufferedProtocol, as a transport would."""
    while data:
        buffer: memoryview = protocol.get_buffer(len(data))
        taken = min(len(buffer), len(data))
        buffer[:taken] = data[:taken]
        data = data[taken:]
        protocol.buffer_updated(taken)
