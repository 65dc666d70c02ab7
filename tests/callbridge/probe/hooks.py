"""A webhook endpoint written by hand, which answers calls with a relay, and its faulty brothers:
each breaks one rule."""

import asyncio
import contextlib
import json
import time
import uuid
from base64 import b64decode
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit

import httpx
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from starlette.requests import Request
from starlette.responses import Response
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request as Upgrade
from websockets.http11 import Response as Refusal

from tests.callbridge.carrier.live import hooks
from tests.callbridge.probe.endpoints import House
from tests.callbridge.probe.relays import GoodRelay, relay_at

API_KEY = "probe-key"


class GoodHooks(House):
    """Verifies, answers each call once, with an address that opens one socket."""

    def __init__(self, public_key: str, commands: str) -> None:
        super().__init__()
        self.relay_url = ""
        self._key = VerifyKey(b64decode(public_key))
        self.commands = httpx.AsyncClient(
            base_url=commands, headers={"authorization": f"Bearer {API_KEY}"}, trust_env=False
        )
        self._seen: set[str] = set()
        self._tokens: dict[str, bool] = {}  # whether somebody has come with it
        self._answering: set[asyncio.Task[None]] = set()

    # ---- webhooks ---------------------------------------------------------------------------

    async def webhook(self, request: Request) -> Response:
        body, timestamp = await request.body(), request.headers.get("telnyx-timestamp", "")
        signature = request.headers.get("telnyx-signature-ed25519", "")
        if not (self.is_recent(timestamp) and self.is_genuine(body, timestamp, signature)):
            return Response(status_code=401)
        return await self.take(json.loads(body)["data"])

    def is_recent(self, timestamp: str) -> bool:
        return abs(time.time() - int(timestamp or 0)) <= 300

    def is_genuine(self, body: bytes, timestamp: str, signature: str) -> bool:
        try:
            self._key.verify(timestamp.encode() + b"|" + body, b64decode(signature))
        except (BadSignatureError, ValueError):
            return False
        return True

    def is_new(self, event_id: str) -> bool:
        return event_id not in self._seen

    async def take(self, event: dict[str, Any]) -> Response:
        if self.is_new(event["id"]) and event["event_type"] == "call.initiated":
            task = asyncio.create_task(self.answer(event["payload"]["call_control_id"]))
            self._answering.add(task)
        self._seen.add(event["id"])
        return Response()

    async def answer(self, call: str) -> None:
        token = uuid.uuid4().hex
        self._tokens[token] = False
        await self.commands.post(
            f"/calls/{call}/actions/answer",
            json={
                "command_id": uuid.uuid4().hex,
                "conversation_relay_config": {"url": f"{self.relay_url}?token={token}"},
            },
        )

    # ---- sockets ----------------------------------------------------------------------------

    def refuse(self, socket: ServerConnection, request: Upgrade) -> Refusal | None:
        token = urlsplit(request.path).query.removeprefix("token=")
        if not self.knows(token):
            return socket.respond(401, "no such token\n")
        if self.is_taken(token):
            return socket.respond(409, "somebody has come with it\n")
        self._tokens[token] = True
        return super().refuse(socket, request)

    def knows(self, token: str) -> bool:
        return token in self._tokens

    def is_taken(self, token: str) -> bool:
        return self._tokens[token]


# ---- one rule each ------------------------------------------------------------------------------


class BelievesAnybody(GoodHooks):
    def is_recent(self, timestamp: str) -> bool:
        return not timestamp or super().is_recent(timestamp)

    def is_genuine(self, body: bytes, timestamp: str, signature: str) -> bool:
        return True


class BelievesTheOld(GoodHooks):
    def is_recent(self, timestamp: str) -> bool:
        return True


class ActsTwice(GoodHooks):
    def is_new(self, event_id: str) -> bool:
        return True


class HatesTheUnknown(GoodHooks):
    async def take(self, event: dict[str, Any]) -> Response:
        if not event["event_type"].startswith(("call.a", "call.i", "call.h", "call.conversation")):
            return Response(status_code=500)
        return await super().take(event)


class StumblesOnce(GoodHooks):
    async def take(self, event: dict[str, Any]) -> Response:
        if event["event_type"] == "call.answered" and not hasattr(self, "stumbled"):
            self.stumbled = True
            return Response(status_code=500)
        return await super().take(event)


class LetsAnybodyIn(GoodHooks):
    def knows(self, token: str) -> bool:
        return True

    def is_taken(self, token: str) -> bool:
        return self._tokens.get(token, False)


class LetsTwoIn(GoodHooks):
    def is_taken(self, token: str) -> bool:
        return False


BREAKS: dict[type[GoodHooks], str] = {
    BelievesAnybody: "webhook-signature",
    BelievesTheOld: "webhook-age",
    ActsTwice: "webhook-once",
    HatesTheUnknown: "webhook-unknown",
    StumblesOnce: "webhook-taken",
    LetsAnybodyIn: "relay-token",
    LetsTwoIn: "relay-one-socket",
}


@contextlib.asynccontextmanager
async def hooks_at(kind: type[GoodHooks], public_key: str, commands: str) -> AsyncGenerator[str]:
    """Serves it; the webhook's URL. Its commands go to `commands`."""
    house = kind(public_key, commands)
    async with relay_at(GoodRelay, house=house) as house.relay_url, hooks(house.webhook) as web:
        try:
            yield f"{web.url}/webhooks"
        finally:
            await house.commands.aclose()
