"""Serves an application: `callbridge serve`."""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Protocol
from urllib.parse import urlsplit

import uvicorn

from callbridge.app import App
from callbridge.host.certificate import Certificate as Certificate
from callbridge.serve.account import is_loopback
from callbridge.serve.settings import Settings
from callbridge.sockets.picows import dispatcher

# A thread that computes gives the interpreter up after so long. While one recognises speech, the
# loop is 4.1 ms late (p99) with the interpreter's own 5 ms, and 1.5 ms with this.
SWITCH_INTERVAL_S = 0.0005

log = logging.getLogger("callbridge")


class Leaving(Protocol):
    """Is told that the process ends as soon as its calls have, which get so many seconds."""

    def __call__(self, calls: int, within_s: float) -> None: ...


def tell_nobody(calls: int, within_s: float) -> None:
    """For a process that nobody watches."""


class Server(uvicorn.Server):
    """Uvicorn that drains the calls before it closes their sockets."""

    def __init__(
        self, config: uvicorn.Config, app: App, started: Callable[[], None], leaving: Leaving
    ) -> None:
        super().__init__(config)
        self._bridge = app
        self._started, self._leaving = started, leaving
        self._signals = 0
        self._draining: list[asyncio.Task[None]] = []  # kept, as the loop does not

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: no new calls, let the running ones finish. Second: hang them up now. Third:
        wait for nothing.

        Uvicorn's own would kill the process by the signal when all is done; ours ends well."""
        self._signals += 1
        if self._signals > 2:
            self.should_exit = self.force_exit = True
        else:
            # A signal handler may only wake the loop.
            asyncio.get_running_loop().call_soon_threadsafe(self._drain, self._signals == 2)

    def _drain(self, now: bool) -> None:
        async def drain_then_exit() -> None:
            await calls.drain(within_s)
            self.should_exit = True

        calls = self._bridge.service.calls
        within_s = 0.0 if now else self._bridge.service.settings.drain_s
        self._draining.append(asyncio.get_running_loop().create_task(drain_then_exit()))
        if len(calls) and not now:
            self._leaving(len(calls), within_s)


def doubts(app: App, settings: Settings, port: int) -> Iterator[str]:
    """What looks like a mistake, and would only show when nobody answers a call."""
    if not app.has_bots:
        yield "no bot is registered: calls that come in are rejected; register one with @app.call"
    public = urlsplit(settings.public_url)
    if is_loopback(public.hostname or "") and (public.port or 80) != port:
        yield (
            f"CALLBRIDGE_PUBLIC_URL is {settings.public_url}, but this server listens on port "
            f"{port}: webhooks and media will not arrive"
        )


def server(
    app: App,
    started: Callable[[], None],
    *,
    leaving: Leaving = tell_nobody,
    asgi: bool = False,
    certificate: Certificate | None = None,
) -> Server:
    """Uvicorn as a media stream wants it; with `asgi` streams go through it, too.

    Raises SettingsError if the app cannot run."""
    if certificate is not None:
        certificate.check()
    doors = app.service.doors
    return Server(
        uvicorn.Config(
            app,
            ws="websockets-sansio" if asgi else dispatcher(doors),
            ssl_certfile=certificate.cert if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
            ws_max_size=max(door.endpoint.max_chars for door in doors),
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
        leaving,
    )


async def serve(
    app: App,
    listener: socket.socket,
    started: Callable[[], None],
    *,
    leaving: Leaving = tell_nobody,
    asgi: bool = False,
    certificate: Certificate | None = None,
) -> None:
    """Run until a signal; the process is ours. Raises SettingsError before anything listens."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)

    def ready() -> None:
        # A full collection looks at all that was ever imported and holds every call up for 15 ms;
        # what is here now stays, and without it there is next to nothing to look at.
        gc.collect()
        gc.freeze()
        started()

    await server(app, ready, leaving=leaving, asgi=asgi, certificate=certificate).serve(
        sockets=[listener]
    )
