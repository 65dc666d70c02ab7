"""A bot with a language model, as one writes it first: FastAPI, json, and the openai SDK.

    OPENAI_BASE_URL=... OPENAI_API_KEY=any python benchmarks/peers/relay_fastapi_llm.py --port 9013

It keeps what both sides said, though not what was heard; a new prompt cancels the answer."""

import argparse
import asyncio
import json
from typing import Any

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from openai import AsyncOpenAI

app = FastAPI()
client = AsyncOpenAI()


@app.websocket("/relay")
async def relay(websocket: WebSocket) -> None:
    await websocket.accept()
    messages: list[Any] = [{"role": "system", "content": "You are on the telephone."}]
    reply: asyncio.Task[None] | None = None
    try:
        while True:
            message = json.loads(await websocket.receive_text())
            if message["type"] in ("prompt", "interrupt") and reply is not None:
                reply.cancel()
            if message["type"] == "prompt" and message["last"]:
                messages.append({"role": "user", "content": message["voicePrompt"]})
                reply = asyncio.create_task(say(websocket, messages))
    except WebSocketDisconnect:
        return
    finally:
        if reply is not None:
            reply.cancel()


async def say(websocket: WebSocket, messages: list[Any]) -> None:
    said: list[str] = []
    stream = await client.chat.completions.create(model="any", messages=messages, stream=True)
    async with stream:
        async for chunk in stream:
            if chunk.choices and (token := chunk.choices[0].delta.content):
                said.append(token)
                text = {"type": "text", "token": token, "last": False}
                await websocket.send_text(json.dumps(text))
    await websocket.send_text(json.dumps({"type": "text", "token": "", "last": True}))
    messages.append({"role": "assistant", "content": "".join(said)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    options = parser.parse_args()
    uvicorn.run(app, port=options.port, loop=options.loop, log_level="warning")
