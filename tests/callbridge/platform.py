"""The platform's end by hand, for tests over real sockets: signs webhooks, opens media streams."""

import asyncio
import json
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import trustme
from nacl.signing import SigningKey
from websockets.asyncio.client import ClientConnection, connect

from callbridge.app import App, Surroundings
from callbridge.host.bind import bind
from callbridge.media.wire import TOKEN_HEADER
from callbridge.serve import process as serve
from callbridge.serve.settings import Settings
from tests.callbridge.media import frames

SECRET = "what minted tokens are signed with"
API_KEY = "KEY0123456789ABCDEF_of_the_portal"
WITHIN_S = 10.0


class Platform:
    """What it signs with, and the commands that it was sent: (action, body)."""

    def __init__(self) -> None:
        self.key = SigningKey(b"\x07" * 32)
        self.commands: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    def settings(self, **more: Any) -> Settings:
        others: dict[str, Any] = {"drain_s": 0} | more
        return Settings.load(
            api_key=API_KEY,
            public_key=b64encode(bytes(self.key.verify_key)).decode(),
            base_url="http://127.0.0.1:9/v2",  # the discard port: `surroundings` lead elsewhere
            public_url="http://127.0.0.1:9",
            secret=SECRET,
            **others,
        )

    def surroundings(self) -> Surroundings:
        return Surroundings(transport=httpx.MockTransport(self._obey))

    def _obey(self, request: httpx.Request) -> httpx.Response:
        action = request.url.path.rpartition("/")[2]
        if request.method == "GET":  # asked of a call: it is over
            return httpx.Response(200, json={"data": {"is_alive": False}})
        self.commands.put_nowait((action, json.loads(request.content)))
        return httpx.Response(200, json={"data": {"result": "ok"}})

    async def command(self, action: str) -> dict[str, Any]:
        """The body of the next command of this name."""
        async with asyncio.timeout(WITHIN_S):
            while (got := await self.commands.get())[0] != action:
                pass
        return got[1]

    def signed(self, body: bytes, *, age: float = 0.0) -> dict[str, str]:
        """The headers of a webhook, signed `age` seconds ago."""
        timestamp = str(int(time.time() - age))
        signature = self.key.sign(timestamp.encode() + b"|" + body).signature
        return {
            "telnyx-signature-ed25519": b64encode(signature).decode(),
            "telnyx-timestamp": timestamp,
            "content-type": "application/json",
        }


def event(event_type: str, event_id: str = "", **payload: Any) -> bytes:
    """A webhook's body, of version 2."""
    facts = {"call_control_id": frames.CALL_CONTROL_ID, "from": frames.FROM, "to": frames.TO}
    data = {
        "record_type": "event",
        "event_type": event_type,
        "id": event_id or f"id of {event_type}",
        "occurred_at": "2026-07-16T10:00:00.123456Z",
        "payload": facts | payload,
    }
    return json.dumps({"data": data}).encode()


def initiated(event_id: str = "", **payload: Any) -> bytes:
    return event("call.initiated", event_id, direction="incoming", state="parked", **payload)


class Served:
    """An application behind a real socket, and its platform; `tls` is how that one trusts us."""

    def __init__(
        self, app: App, platform: Platform, port: int, mount: str, tls: ssl.SSLContext | None
    ) -> None:
        self.app, self.platform, self.port = app, platform, port
        address, s = f"127.0.0.1:{port}{mount}", "s" if tls else ""
        self.http = httpx.AsyncClient(
            base_url=f"http{s}://{address}", trust_env=False, verify=tls or False
        )
        self._ws, self._tls = f"ws{s}://{address}", tls

    async def webhook(self, body: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Deliver one, signed unless `headers` say otherwise; returns the status."""
        headers = self.platform.signed(body) if headers is None else headers
        return (await self.http.post("/webhooks", content=body, headers=headers)).status_code

    async def ring(self, **payload: Any) -> dict[str, Any]:
        """A call comes in; returns the answer command, whose URL opens the stream."""
        assert await self.webhook(initiated(**payload)) == 200
        return await self.platform.command("answer")

    @asynccontextmanager
    async def socket(
        self, query: str = "", header: str | None = None, path: str = "/media"
    ) -> AsyncGenerator[ClientConnection]:
        headers = {} if header is None else {TOKEN_HEADER: header}
        url = self._ws + path + (f"?{query}" if query else "")
        async with connect(
            url, additional_headers=headers, proxy=None, compression=None, ssl=self._tls
        ) as connection:
            yield connection

    def stream(self, answer: Mapping[str, str]) -> AbstractAsyncContextManager[ClientConnection]:
        """The socket that the platform opens as this command says."""
        return self.socket(urlsplit(answer["stream_url"]).query, answer["stream_auth_token"])


def certified(folder: Path) -> tuple[serve.Certificate, ssl.SSLContext]:
    """A certificate for 127.0.0.1, its files in `folder`, and a client that trusts its maker."""
    folder.mkdir(exist_ok=True)
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    client = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    return serve.Certificate(folder / "cert.pem", folder / "key.pem"), client


@asynccontextmanager
async def serving(
    app: App,
    *,
    outer: Any = None,
    mount: str = "",
    asgi: bool = False,
    certificate: serve.Certificate | None = None,
    tls: ssl.SSLContext | None = None,
    send_buffer: int = 0,
    **settings: Any,
) -> AsyncGenerator[Served]:
    """Serve an application, as `callbridge serve` does, on a port of loopback.

    With `outer` it is mounted in that one, under `mount`; `asgi` and `certificate` as there. Of
    what a client does not read the kernel keeps some megabytes, or `send_buffer` bytes."""
    platform = Platform()
    app.configure(platform.settings(**settings), platform.surroundings())
    ready = asyncio.Event()
    server = serve.server(app, ready.set, asgi=asgi, certificate=certificate)
    if outer is not None:
        server.config.app = outer
    with bind("127.0.0.1", 0) as listener:
        if send_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.wait(
            {task, waiting := asyncio.create_task(ready.wait())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        waiting.cancel()
        if task.done():
            task.result()
        served = Served(app, platform, listener.getsockname()[1], mount, tls)
        try:
            async with served.http:
                yield served
        finally:
            server.should_exit = True
            await task


async def eventually(condition: Any) -> None:
    """Until it is true, over real sockets: in steps of 5 ms, ten seconds at most."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110  what is waited for is in another task's hands
            await asyncio.sleep(0.005)
