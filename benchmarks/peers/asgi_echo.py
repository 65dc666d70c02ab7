"""The floor of ASGI: no framework, msgspec, audioop and concatenation on bare uvicorn.

    python benchmarks/peers/asgi_echo.py --port 9002

uvicorn's websockets-sansio without permessage-deflate, on uvloop. Modules are frozen out of the
garbage collector's sight, as `callbridge serve` does with its own."""

import argparse
import gc
from binascii import b2a_base64
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvicorn
from g711 import lin2ulaw, ulaw2lin

Message = dict[str, Any]


class Body(msgspec.Struct):
    payload: bytes


class Frame(msgspec.Struct):
    event: str
    media: Body | None = None


decoder = msgspec.json.Decoder(Frame)


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    if scope["type"] != "websocket":
        return
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        frame = decoder.decode(message["text"])
        if frame.media is not None:
            octets = lin2ulaw(ulaw2lin(frame.media.payload, 2), 2)
            payload = b2a_base64(octets, newline=False).decode()
            text = '{"event":"media","media":{"payload":"' + payload + '"}}'
            await send({"type": "websocket.send", "text": text})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    options = parser.parse_args()
    gc.freeze()
    uvicorn.run(
        app,
        port=options.port,
        loop=options.loop,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="warning",
    )
