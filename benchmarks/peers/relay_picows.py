"""The floor of Python for Conversation Relay: bare picows, msgspec, a task for each answer.

    python benchmarks/peers/relay_picows.py --port 9013

No session, no turn, no history. Modules are frozen out of the garbage collector's sight, as
`callbridge serve` does with its own."""

import argparse
import asyncio
import gc

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest
from picows import ws_create_server as create  # pyright: ignore[reportUnknownVariableType]
from relay_script import answer


class Frame(msgspec.Struct, rename="camel"):
    type: str
    voice_prompt: str = ""
    last: bool = False


decoder = msgspec.json.Decoder(Frame)
TEXT, CLOSE = WSMsgType.TEXT, WSMsgType.CLOSE
END = b'{"type":"text","token":"","last":true}'


class Relay(WSListener):
    def __init__(self) -> None:
        self._reply: asyncio.Task[None] | None = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == TEXT:
            message = decoder.decode(frame.get_payload_as_memoryview())
            if message.type in ("prompt", "interrupt"):
                self._stop()
            if message.type == "prompt" and message.last:
                self._reply = asyncio.create_task(say(transport, message.voice_prompt))
        elif frame.msg_type == CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._reply is not None:
            self._reply.cancel()


async def say(transport: WSTransport, prompt: str) -> None:
    async for token in answer(prompt):
        transport.send(TEXT, b'{"type":"text","token":"' + token.encode() + b'","last":false}')
    transport.send(TEXT, END)


def listener(request: WSUpgradeRequest) -> Relay | None:
    return Relay() if request.path == b"/relay" else None


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
