"""The floor of Python: a bare picows server with msgspec, audioop and concatenation.

    python benchmarks/peers/picows_echo.py --port 9003

It decodes a frame, converts it both ways and sends it: no pacing, no order, no ledger, no bot. A
message in fragments it would not understand. Modules are frozen out of the garbage collector's
sight, as `callbridge serve` does with its own."""

import argparse
import asyncio
import gc
from binascii import b2a_base64

import msgspec
import uvloop
from g711 import lin2ulaw, ulaw2lin
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest
from picows import ws_create_server as create  # pyright: ignore[reportUnknownVariableType]


class Body(msgspec.Struct):
    payload: bytes


class Frame(msgspec.Struct):
    event: str
    media: Body | None = None


decoder = msgspec.json.Decoder(Frame)
TEXT, CLOSE = WSMsgType.TEXT, WSMsgType.CLOSE


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == TEXT:
            media = decoder.decode(frame.get_payload_as_memoryview()).media
            if media is not None:
                payload = b2a_base64(lin2ulaw(ulaw2lin(media.payload, 2), 2), newline=False)
                transport.send(TEXT, b'{"event":"media","media":{"payload":"' + payload + b'"}}')
        elif frame.msg_type == CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


def listener(request: WSUpgradeRequest) -> Echo | None:
    return Echo() if request.path == b"/media" else None


async def serve(port: int) -> None:
    server = await create(listener, "127.0.0.1", port)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    options = parser.parse_args()
    factory = uvloop.new_event_loop if options.loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(options.port))
