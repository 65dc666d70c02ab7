"""What one writes first for webhooks: FastAPI, which verifies the signature and answers 200.

    python benchmarks/peers/fastapi_webhooks.py --port 9001 --key <base64 of the public key>

It reads nothing in the event and does nothing about it. Calls may stream to it meanwhile: it is
`fastapi_echo.py` with one more route, as untuned."""

import argparse
import base64
import time

import uvicorn
from fastapi import Request, Response
from fastapi_echo import app
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

TOLERANCE_S = 300

parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
parser.add_argument("--key", required=True)
options = parser.parse_args()
key = VerifyKey(base64.b64decode(options.key))


@app.post("/webhooks")
async def webhook(request: Request) -> Response:
    body = await request.body()
    timestamp = request.headers.get("telnyx-timestamp", "")
    signature = request.headers.get("telnyx-signature-ed25519", "")
    try:
        fresh = abs(time.time() - int(timestamp)) <= TOLERANCE_S
        key.verify(f"{timestamp}|".encode() + body, base64.b64decode(signature))
    except (ValueError, BadSignatureError):
        return Response(status_code=401)
    return Response(status_code=200 if fresh else 401)


if __name__ == "__main__":
    uvicorn.run(app, port=options.port, loop=options.loop, log_level="warning", access_log=False)
