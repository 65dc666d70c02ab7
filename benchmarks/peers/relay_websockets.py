"""Conversation Relay by hand on the `websockets` library: json, a task for each answer.

    python benchmarks/peers/relay_websockets.py --port 9012

Nothing is tuned but the loop. It keeps no history and no record of what was heard."""

import argparse
import asyncio
import json
import signal

import uvloop
from relay_script import answer
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as websocket_server
from websockets.exceptions import ConnectionClosed


async def relay(socket: ServerConnection) -> None:
    reply: asyncio.Task[None] | None = None
    try:
        async for text in socket:
            message = json.loads(text)
            if message["type"] in ("prompt", "interrupt") and reply is not None:
                reply.cancel()
            if message["type"] == "prompt" and message["last"]:
                reply = asyncio.create_task(say(socket, message["voicePrompt"]))
    finally:
        if reply is not None:
            reply.cancel()


async def say(socket: ServerConnection, prompt: str) -> None:
    try:
        async for token in answer(prompt):
            await socket.send(json.dumps({"type": "text", "token": token, "last": False}))
        await socket.send(json.dumps({"type": "text", "token": "", "last": True}))
    except ConnectionClosed:
        return


async def serve(port: int) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with websocket_server(relay, "127.0.0.1", port):
        await ended.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    options = parser.parse_args()
    factory = uvloop.new_event_loop if options.loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(options.port))
