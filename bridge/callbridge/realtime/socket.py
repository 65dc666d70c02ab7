"""The WebSocket to a model, as its client.

A message goes from the socket into `LinkListener.on_text` with no task, queue or await between, and
so does what a call sends: fifty times a second, for every call."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,  # pyright: ignore[reportUnknownVariableType]
)

from callbridge.errors import ModelFailed
from callbridge.realtime.wire import MAX_MESSAGE

log = logging.getLogger("callbridge.realtime")
log_of_picows = log.getChild("socket")
log_of_picows.setLevel(logging.CRITICAL)  # what ends a socket is told by who uses it

CONNECT_S = 5.0
PING_AFTER_S = 5.0  # of silence: a model says nothing while its caller does not
PONG_WITHIN_S = 5.0
CLOSE_S = 1.0  # for the answer to our close
NORMAL, PROTOCOL_ERROR, TOO_BIG, ABNORMAL = 1000, 1002, 1009, 1006


class LinkRefused(ModelFailed):
    """There is no socket: `status` is that of the HTTP answer, or 0 if there was none."""

    def __init__(self, why: str, status: int = 0) -> None:
        self.status = status
        super().__init__(why)


class LinkListener(Protocol):
    def on_text(self, text: bytes) -> None: ...

    def on_closed(self, code: int, reason: str) -> None:
        """The socket is gone, whoever ended it. Once, and nothing follows."""
        ...


class ModelLink(Protocol):
    def send(self, text: str, /) -> None:
        """Queue a message; never waits, and does nothing once the socket is gone."""
        ...

    def buffered(self) -> int:
        """Octets that the socket has not taken yet."""
        ...

    def close(self) -> None: ...


Connect = Callable[[str, Mapping[str, str], LinkListener], Awaitable[ModelLink]]
"""URL, headers, who listens → a link. Raises LinkRefused."""


async def connect(url: str, headers: Mapping[str, str], listener: LinkListener) -> ModelLink:
    """Open a WebSocket, through the proxy of the environment if there is one."""
    try:
        async with asyncio.timeout(CONNECT_S):
            _, socket = await ws_connect(
                lambda: LinkSocket(listener),
                url,
                extra_headers=dict(headers),
                proxy=_proxy_for(url),
                max_frame_size=MAX_MESSAGE,
                logger_name=log_of_picows,
                enable_auto_ping=True,
                auto_ping_idle_timeout=PING_AFTER_S,
                auto_ping_reply_timeout=PONG_WITHIN_S,
            )
    except WSInvalidStatusError as error:
        status = int(error.response.status) if error.response is not None else 0
        body = (error.raw_body or b"").decode(errors="replace").strip()
        raise LinkRefused(body[:500] or f"HTTP status {status}", status) from None
    except TimeoutError:
        raise LinkRefused(f"no answer within {CONNECT_S:g} s") from None
    except (OSError, WSError) as error:
        raise LinkRefused(f"{type(error).__name__}: {error}") from None
    return cast(LinkSocket, socket)


def _proxy_for(url: str) -> str | None:
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get("https" if parts.scheme == "wss" else "http")


class LinkSocket(WSListener):
    """One socket; the `ModelLink` of who listens to it."""

    def __init__(self, listener: LinkListener) -> None:
        self._listener: LinkListener | None = listener
        self._socket: WSTransport | None = None
        self._fragments: bytearray | None = None  # of a message that is not whole yet
        self._end = (ABNORMAL, "the connection broke")

    def send(self, text: str, /) -> None:
        if self._socket is not None:
            self._socket.send(WSMsgType.TEXT, text)

    def buffered(self) -> int:
        if self._socket is None:
            return 0
        return self._socket.underlying_transport.get_write_buffer_size()

    def close(self) -> None:
        """Be gone a second later, whatever the other side makes of it; nobody is told."""
        self._listener = None
        self._finish(NORMAL, "")

    # ---- what comes -------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._socket = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._listener is None:
            return
        kind = frame.msg_type
        if kind is WSMsgType.TEXT and frame.fin and self._fragments is None:  # nearly always
            self._listener.on_text(frame.get_payload_as_bytes())
        elif kind is WSMsgType.CLOSE:
            said = frame.get_payload_as_bytes()
            code = int.from_bytes(said[:2]) or NORMAL  # theirs, from 3000 on, are no WSCloseCode
            self._end = (code, said[2:].decode(errors="replace"))
            self._finish(code, "")
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._fragment(frame)

    def _fragment(self, frame: WSFrame) -> None:
        """A binary message, which is a message as well, or a piece of one."""
        if (frame.msg_type is WSMsgType.CONTINUATION) is (self._fragments is None):
            self._finish(PROTOCOL_ERROR, "fragments out of order")
            return
        whole = self._fragments = self._fragments or bytearray()
        whole += frame.get_payload_as_bytes()
        if len(whole) > MAX_MESSAGE:
            self._finish(TOO_BIG, "")
        elif frame.fin and self._listener is not None:
            self._fragments = None
            self._listener.on_text(bytes(whole))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._socket = None
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.on_closed(*self._end)

    def _finish(self, code: int, reason: str) -> None:
        socket = self._socket
        if socket is not None:
            socket.send_close(cast(WSCloseCode, code), reason.encode())
            asyncio.get_running_loop().call_later(CLOSE_S, socket.disconnect, False)
