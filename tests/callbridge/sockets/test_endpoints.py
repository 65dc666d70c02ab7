"""A second WebSocket needs a path and a stream of its own, and no second server.

Two endpoints of one port, neither of them media streaming: each has its own way in and its own
tokens, on picows and on plain ASGI."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from callbridge.host.bind import bind
from callbridge.sockets.asgi import StreamServer
from callbridge.sockets.closing import TOO_BIG
from callbridge.sockets.door import Door, StreamRefused
from callbridge.sockets.endpoint import Endpoint, SocketTransport, StreamOwner
from callbridge.sockets.picows import dispatcher
from callbridge.sockets.scope import AsgiApp, Receive, Scope, Send, route
from tests.callbridge.platform import eventually
from tests.callbridge.sockets.test_asgi import closed


class Echo:
    """A stream that answers each message with what `answer` makes of it."""

    def __init__(self, transport: SocketTransport, answer: Callable[[str], str]) -> None:
        self._transport, self._answer, self._closed = transport, answer, False

    def feed(self, text: str | bytes) -> None:
        text = text if isinstance(text, str) else text.decode()
        if text == "bye":
            self.close(1000, "bye")
        else:
            self._transport.send(self._answer(text))

    def close(self, code: int = 1000, reason: str = "") -> None:
        if not self._closed:
            self._closed = True
            self._transport.close(code, reason)


class Echoes:
    """The owner of all streams of one endpoint, and who decides about them."""

    def __init__(self, token: str, answer: Callable[[str], str]) -> None:
        self.live: list[Echo] = []
        self.adopted: list[str] = []
        self._token, self._answer = token, answer

    def admit(self, token: str, header: str | None) -> StreamOwner:
        if token != self._token:
            raise StreamRefused(401, f"{token} opens nothing here")
        return self

    def adopt(self, opening: str, /) -> StreamOwner:
        self.adopted.append(opening)
        return self

    def attach(self, transport: SocketTransport) -> Echo:
        self.live.append(Echo(transport, self._answer))
        return self.live[-1]

    def detach(self, stream: Echo) -> None:
        self.live.remove(stream)


def read_hello(text: str | bytes) -> str | None:
    text = text if isinstance(text, str) else text.decode()
    return text.removeprefix("hello ") if text.startswith("hello ") else None


def endpoint(path: str, token_header: str) -> Endpoint[str]:
    return Endpoint(path, token_header, "THE_SETTING", 1000, "hello", read_hello)


def routed(doors: list[Door]) -> AsgiApp:
    servers = {door.endpoint.path: StreamServer(door) for door in doors}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await servers[route(scope)](scope, receive, send)

    return application


class Twin:
    """Both endpoints behind a port: `/loud` with minted tokens, `/quiet` with a shared one."""

    def __init__(self, port: int, loud: Echoes, quiet: Echoes) -> None:
        self.port, self.loud, self.quiet = port, loud, quiet

    def connect(self, path: str, **headers: str) -> connect:
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers={name.replace("_", "-"): value for name, value in headers.items()},
            proxy=None,
        )


@asynccontextmanager
async def serving(asgi: bool) -> AsyncGenerator[Twin]:
    loud, quiet = Echoes("LOUD", str.upper), Echoes("quiet", str.lower)
    doors = [
        Door(endpoint("/loud", "x-loud"), loud),
        Door(endpoint("/quiet", "x-quiet"), quiet, shared_token="sesame"),
    ]
    config = uvicorn.Config(
        routed(doors),
        ws="websockets-sansio" if asgi else dispatcher(doors),
        lifespan="off",
        log_config=None,
    )
    server = uvicorn.Server(config)
    with bind("127.0.0.1", 0) as listener:
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await eventually(lambda: server.started)
        yield Twin(listener.getsockname()[1], loud, quiet)
        server.should_exit = True
        await running


@pytest.fixture(params=["picows", "asgi"])
async def twin(request: pytest.FixtureRequest) -> AsyncIterator[Twin]:
    async with serving(asgi=request.param == "asgi") as twin:
        yield twin


async def answer(socket: ClientConnection, text: str) -> Any:
    await socket.send(text)
    async with asyncio.timeout(5):
        return await socket.recv()


async def test_each_path_has_its_own_stream(twin: Twin) -> None:
    async with (
        twin.connect("/loud?token=LOUD") as loud,
        twin.connect("/quiet?token=quiet") as quiet,
    ):
        assert await answer(loud, "Hello") == "HELLO"
        assert await answer(quiet, "Hello") == "hello"
        await loud.send("bye")
        assert await closed(loud) == (1000, "bye")
        assert await answer(quiet, "Still there?") == "still there?"
    await eventually(lambda: not twin.loud.live and not twin.quiet.live)


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("/loud?token=quiet", 401, "quiet opens nothing here\n"),
        ("/quiet?token=LOUD", 401, "LOUD opens nothing here\n"),
        ("/loud", 401, "the stream's address has no token\n"),
        ("/quiet", 401, "x-quiet is not THE_SETTING\n"),
    ],
)
async def test_no_path_is_opened_by_the_others_token(
    twin: Twin, path: str, status: int, why: str
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with twin.connect(path, x_loud="sesame"):
            pass
    assert caught.value.response.status_code == status
    assert (caught.value.response.body or b"").decode() == why


async def test_a_stream_that_nobody_announced_tells_whose_it_is_in_its_own_words(
    twin: Twin,
) -> None:
    async with twin.connect("/quiet", x_quiet="sesame") as socket:
        await socket.send("SOMETHING BEFORE")
        assert await answer(socket, "hello Mary") == "something before"
        assert twin.quiet.adopted == ["Mary"]


async def test_a_stream_that_never_does_is_closed_for_want_of_that_frame(twin: Twin) -> None:
    async with twin.connect("/quiet", x_quiet="sesame") as socket:
        for _ in range(8):
            await socket.send("who?")
        assert await closed(socket) == (1008, "no hello frame")


async def test_each_endpoint_has_its_own_longest_message(twin: Twin) -> None:
    async with twin.connect("/loud?token=LOUD") as socket:
        await socket.send("x" * 1001)
        assert (await closed(socket))[0] == TOO_BIG
