"""What hand-written endpoints have in common: a house that may die, sockets that may be odd."""

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response


class House:
    """What all sessions of an endpoint have in common."""

    def __init__(self) -> None:
        self.dead = False

    def refuse(self, socket: ServerConnection, request: Request) -> Response | None:
        return socket.respond(500, "dead\n") if self.dead else None


async def put(socket: ServerConnection, message: str | bytes) -> None:
    """Send it; a caller who has gone is no error."""
    with contextlib.suppress(ConnectionClosed):
        await socket.send(message)


def never_send(socket: ServerConnection, opcode: Opcode) -> None:
    """Such a frame of the WebSocket is swallowed from now on."""
    send = socket.protocol.send_frame

    def send_others(frame: Frame) -> None:
        if frame.opcode is not opcode:
            send(frame)

    socket.protocol.send_frame = send_others  # type: ignore[method-assign]


@contextlib.asynccontextmanager
async def served(
    handle: Callable[[ServerConnection], Awaitable[None]],
    path: str,
    house: House,
    max_size: int | None = None,
) -> AsyncGenerator[str]:
    """The URL."""
    async with serve(
        handle, "127.0.0.1", 0, process_request=house.refuse, max_size=max_size
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}{path}"
