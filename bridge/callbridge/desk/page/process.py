"""Serves the desk: `callbridge desk`."""

import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from callbridge.desk.page.settings import DeskSettings
from callbridge.host.certificate import Certificate


class DeskServer(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    @classmethod
    def of(
        cls,
        app: ASGIApp,
        started: Callable[[], None],
        certificate: Certificate | None = None,
        *,
        proxied: bool = False,
    ) -> "DeskServer":
        """`proxied`: behind a proxy on this machine, who in a header says who comes."""
        config = uvicorn.Config(
            app,
            ssl_certfile=certificate.cert if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
            proxy_headers=proxied,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,  # pages that are open would keep it for ever
        )
        return cls(config, started)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()


async def serve(
    app: ASGIApp,
    settings: DeskSettings,
    listener: socket.socket,
    started: Callable[[], None],
    certificate: Certificate | None = None,
) -> None:
    """Run until a signal."""
    if certificate is not None:
        certificate.check()
    server = DeskServer.of(app, started, certificate, proxied=settings.desk_url is not None)
    await server.serve(sockets=[listener])
