"""Serves an application: `callbridge serve`."""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

from bridge.app import App
from bridge.media.wire import MAX_FRAME_CHARS

# A thread that computes gives the interpreter up after so long. While one recognises speech, the
# loop is 4.1 ms late (p99) with the interpreter's own 5 ms, and 1.5 ms with this.
SWITCH_INTERVAL_S = 0.0005

log = logging.getLogger("callbridge")


class Server(uvicorn.Server):
    """Uvicorn that drains the calls before it closes their sockets."""

    def __init__(self, config: uvicorn.Config, app: App, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._bridge = app
        self._started = started
        self._leaving = False
        self._draining: asyncio.Task[None] | None = None  # kept, as the loop does not

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: no new calls, let the running ones finish. Second: now.

        Uvicorn's own would kill the process by the signal when all is done; ours ends well."""
        if self._leaving:
            self.should_exit = self.force_exit = True
        else:
            self._leaving = True
            # A signal handler may only wake the loop.
            asyncio.get_running_loop().call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        async def drain_then_exit() -> None:
            service = self._bridge.service
            await service.calls.drain(service.settings.drain_s)
            self.should_exit = True

        self._draining = asyncio.get_running_loop().create_task(drain_then_exit())


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
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    await server(app, started).serve(sockets=[listener])
