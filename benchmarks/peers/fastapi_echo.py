"""What one writes first: FastAPI, json, base64, audioop.

    python benchmarks/peers/fastapi_echo.py --port 9001

Nothing is tuned. uvicorn chooses the WebSocket implementation: `auto`, which with `websockets`
installed is websockets-sansio as of uvicorn 0.54, with permessage-deflate for clients that offer
it. The loop is uvloop, as `uvicorn[standard]` gives it."""

import argparse
import base64
import json

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from g711 import lin2ulaw, ulaw2lin

app = FastAPI()


@app.websocket("/media")
async def media(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            message = json.loads(await websocket.receive_text())
            if message["event"] == "media":
                pcm = ulaw2lin(base64.b64decode(message["media"]["payload"]), 2)
                payload = base64.b64encode(lin2ulaw(pcm, 2)).decode()
                echo = {"event": "media", "media": {"payload": payload}}
                await websocket.send_text(json.dumps(echo))
    except WebSocketDisconnect:
        return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    options = parser.parse_args()
    uvicorn.run(app, port=options.port, loop=options.loop, log_level="warning")
