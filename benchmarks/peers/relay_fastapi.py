"""What one writes first for Conversation Relay: FastAPI, json, a task for each answer.

    python benchmarks/peers/relay_fastapi.py --port 9011

Nothing is tuned; see `fastapi_echo.py`. It keeps no history and no record of what was heard."""

import argparse
import asyncio
import json

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from relay_script import answer

app = FastAPI()


@app.websocket("/relay")
async def relay(websocket: WebSocket) -> None:
    await websocket.accept()
    reply: asyncio.Task[None] | None = None
    try:
        while True:
            message = json.loads(await websocket.receive_text())
            if message["type"] in ("prompt", "interrupt") and reply is not None:
                reply.cancel()
            if message["type"] == "prompt" and message["last"]:
                reply = asyncio.create_task(say(websocket, message["voicePrompt"]))
    except WebSocketDisconnect:
        return
    finally:
        if reply is not None:
            reply.cancel()


async def say(websocket: WebSocket, prompt: str) -> None:
    async for token in answer(prompt):
        await websocket.send_text(json.dumps({"type": "text", "token": token, "last": False}))
    await websocket.send_text(json.dumps({"type": "text", "token": "", "last": True}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    options = parser.parse_args()
    uvicorn.run(app, port=options.port, loop=options.loop, log_level="warning")
