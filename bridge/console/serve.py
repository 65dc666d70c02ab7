"""Serves an application: `callbridge serve`."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from bridge.app import App
from bridge.errors import CallbridgeError
from bridge.media.wire import MAX_FRAME_CHARS

log = logging.getLogger("callbridge")


class Server(uvicorn.Server):
    """Uvicorn that drains the calls before it closes their sockets."""

    def __init__(self, config: uvicorn.Config, app: App, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._bridge = app
        self._started = started
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: no new calls, let the running ones finish. Second: now."""
        if self._draining is not None or sig not in (signal.SIGTERM, signal.SIGINT):
            super().handle_exit(sig, frame)
        else:  # a signal handler may only wake the loop
            asyncio.get_running_loop().call_soon_threadsafe(self._drain, sig)

    def _drain(self, sig: int) -> None:
        async def drain_then_exit() -> None:
            service = self._bridge.service
            await service.calls.drain(service.settings.drain_s)
            super(Server, self).handle_exit(sig, None)

        self._draining = asyncio.get_running_loop().create_task(drain_then_exit())


def bind(host: str, port: int) -> socket.socket:
    """A bound TCP socket; port 0 chooses a free one. Raises CallbridgeError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        raise CallbridgeError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; "
            "choose another with --host and --port"
        ) from None
    return listener


def server(app: App, started: Callable[[], None]) -> Server:
    """Uvicorn as a media stream wants it. Raises SettingsError if the app cannot run."""
    _ = app.service
    return Server(
        uvicorn.Config(
            app,
            ws="websockets-sansio",
            ws_max_size=MAX_FRAME_CHARS,
            ws_per_message_deflate=False,  # audio in base64 of 20 ms does not shrink
            # Together 15 s: a stream without frames or pong is lost.
            ws_ping_interval=5.0,
            ws_ping_timeout=10.0,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        ),
        app,
        started,
    )


async def serve(app: App, listener: socket.socket, started: Callable[[], None]) -> None:
    """Run until a signal. Raises SettingsError before anything listens."""
    await server(app, started).serve(sockets=[listener])
