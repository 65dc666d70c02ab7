"""The carrier's HTTP: the Voice API under /v2, local extras under /carrier, and /phone."""

import asyncio
import hmac
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from callbridge.carrier.api.openapi import document
from callbridge.carrier.api.problems import refused
from callbridge.carrier.api.router import MAX_BODY
from callbridge.carrier.api.stubs import ASKED
from callbridge.carrier.core.links import PATH
from callbridge.carrier.net.downloads import Downloads
from callbridge.carrier.net.files import loader
from callbridge.carrier.net.phones import PhoneDoor, phone_routes
from callbridge.carrier.net.shell import Shell
from callbridge.carrier.people.script import CallScript, parse_script, with_sounds
from callbridge.carrier.people.steps import CallerVoice
from callbridge.errors import CallbridgeError

TAPE_POLL_S = 0.05
# With those that no operation has: the API itself says which are right.
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"]


RoutesBeside = Callable[[Shell], Sequence[BaseRoute]]


def no_routes(shell: Shell) -> Sequence[BaseRoute]:
    return ()


def build(shell: Shell, door: PhoneDoor, beside: RoutesBeside = no_routes) -> Starlette:
    """The ASGI application of a running shell, with what is to be served beside it; `door` says who
    may open its telephones."""
    extras = Extras(shell)
    return Starlette(
        routes=[
            Route("/v2/{path:path}", VoiceApi(shell).handle, methods=METHODS),
            Route(f"{PATH}/{{recording_id}}/{{file_name}}", Downloads(shell).recording),
            Route("/openapi.json", openapi),
            Route("/carrier/public_key", extras.public_key),
            Route(ASKED, extras.asked),
            Route("/carrier/calls", extras.place_call, methods=["POST"]),
            Route("/carrier/calls/{call}", extras.call),
            Route("/carrier/calls/{call}", extras.hang_up, methods=["DELETE"]),
            Route("/carrier/calls/{call}/tape", extras.tape),
            *phone_routes(shell.phones, door),
            *beside(shell),
        ],
        exception_handlers={ClientDisconnect: hung_up, 404: not_here, 405: not_here},
    )


class VoiceApi:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def handle(self, request: Request) -> Response:
        body = await read_body(request)
        scope = request.scope  # a URL of `request` would be made of its Host, whatever that says
        answer = self._shell.switch.request(
            request.method,
            f"{scope['raw_path'].decode('latin-1')}?{scope['query_string'].decode('latin-1')}",
            body,
            request.headers.get("authorization"),
            self._shell.now(),
        )
        self._shell.settle()
        return reply(answer.body, answer.status, answer.headers)


async def openapi(request: Request) -> Response:
    """For every reader: it holds no secret."""
    return reply(await asyncio.to_thread(document))  # made once, which takes a tenth of a second


class Extras:
    """What no platform has: ringing in from outside, and looking at calls."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def public_key(self, request: Request) -> Response:
        key = b64encode(bytes(self._shell.key.verify_key)).decode()
        return reply({"public_key": key, "connection_id": self._shell.switch.config.connection_id})

    async def asked(self, request: Request) -> Response:
        """What stubs of other products were asked for, the latest first."""
        if not self._allowed(request):
            return refusal("the carrier's API key is needed as a bearer token", 401)
        asked, _ = self._shell.switch.store.other_products.asked.find({})
        return reply({"asked": msgspec.to_builtins(asked)})

    async def place_call(self, request: Request) -> Response:
        """The body is a caller script. `?base=` is the folder that its files are relative to."""
        if not self._allowed(request):
            return refusal("the carrier's API key is needed as a bearer token", 401)
        body = await read_body(request)
        base = Path(request.query_params.get("base", "."))
        try:
            script = await asyncio.to_thread(_parse, body, base, self._shell.speak)
        except CallbridgeError as error:
            return refusal(str(error), 422)
        call = self._shell.switch.place_call(script, self._shell.now())
        self._shell.settle()
        return reply({"call_control_id": call}, 201)

    async def call(self, request: Request) -> Response:
        """The report's summary; `files` and `failed` are complete when `finished`."""
        if not self._allowed(request):
            return refusal("the carrier's API key is needed as a bearer token", 401)
        call = request.path_params["call"]
        left = self._shell.switch.store.recording(call)
        if left is not None:
            return reply(left | {"finished": True})
        try:
            report = self._shell.switch.report(call)
        except LookupError as error:
            return refusal(str(error), 404)
        return reply(report.summary() | {"finished": False, "files": None})

    async def hang_up(self, request: Request) -> Response:
        """The caller hangs up, whatever their script says. The report follows as always."""
        if not self._allowed(request):
            return refusal("the carrier's API key is needed as a bearer token", 401)
        try:
            self._shell.switch.hang_up(request.path_params["call"], self._shell.now())
        except LookupError as error:
            return refusal(str(error), 404)
        self._shell.settle()
        return reply({}, 200)

    async def tape(self, request: Request) -> Response:
        """One JSON object per line, as things happen, until the call is over."""
        if not self._allowed(request):
            return refusal("the carrier's API key is needed as a bearer token", 401)
        call = request.path_params["call"]
        if self._shell.switch.find(call) is None:
            return refusal(f"no call {call!r}", 404)
        return StreamingResponse(self._follow(call), media_type="application/x-ndjson")

    async def _follow(self, call: str) -> AsyncIterator[bytes]:
        seen, ended = 0, False
        while not ended:
            try:
                entries, ended = self._shell.switch.tape(call, seen)
            except LookupError:
                return
            seen += len(entries)
            if entries:
                yield b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
            if not ended:
                await asyncio.sleep(TAPE_POLL_S)

    def _allowed(self, request: Request) -> bool:
        expected = f"Bearer {self._shell.switch.config.api_key}".encode()
        given = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, expected)


def _parse(body: bytes, base: Path, speak: CallerVoice | None) -> CallScript:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise CallbridgeError(f"the script is not JSON: {error}") from None
    return with_sounds(parse_script(data), loader(base), speak)


async def read_body(request: Request) -> bytes:
    """The body, but not much more than anybody accepts: the rest is left unread."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            break
    return bytes(body)


async def hung_up(request: Request, error: Exception) -> Response:
    """A client that left in the middle of its request: nothing was carried out."""
    return Response(status_code=400)


async def not_here(request: Request, error: Exception) -> Response:
    """A path or a method that no route has, in the API's own words."""
    assert isinstance(error, HTTPException)
    code = {404: "10005", 405: "10030"}[error.status_code]
    answer = refused(code, f"{request.method} {error.detail}", status=error.status_code).response
    return reply(answer.body, answer.status, error.headers)


def reply(
    body: dict[str, object], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    if status == 204:
        return Response(status_code=status, headers=headers)
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


def refusal(detail: str, status: int) -> Response:
    return reply({"errors": [{"title": "Refused by the local carrier", "detail": detail}]}, status)
