"""Telephones in browsers: the page under /phone, and the WebSocket behind each of them.

Whoever can open the page may call: on this machine, everybody who can run a browser here. What a
foreign page could do is closed. It cannot read ours, which holds the token of its socket; its own
sockets have a foreign Origin; and a name of its own that points here is no name of ours."""

import asyncio
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from callbridge.carrier.net.phone_socket import (
    BAD_FRAME,
    FULL,
    NO_HELLO,
    NO_TOKEN,
    TAKEN_OVER,
    PhoneClosed,
    PhoneSocket,
)
from callbridge.carrier.people.phone_wire import (
    MalformedPhoneFrame,
    PhoneFrame,
    PhoneHello,
    PhoneNews,
    encode_phone_news,
)
from callbridge.carrier.switch import Switch
from callbridge.errors import SettingsError
from callbridge.web.guard import LOOPBACK_NAMES, Guarded
from callbridge.web.pages import MISSING, Pages, assets

PATH = "/phone"
NEEDS_TLS = (
    "There is no phone here: this carrier listens on more than this machine, without TLS, and a "
    "browser gives the microphone only to pages that nobody on the way can have changed (secure "
    "contexts: https, or localhost). Start it with --host 127.0.0.1, or with --ssl-certfile and "
    "--ssl-keyfile."
)
HELLO_WITHIN_S = 5.0
MAX_PHONES = 200
MAX_TOKENS = 1000  # the oldest that no phone uses goes first


class PhoneSockets:
    """All phones of a carrier. The shell hands `tell` and `hear` what the switch wants; `settle`
    carries out what it wants next."""

    def __init__(
        self, switch: Switch, settle: Callable[[], None], now: Callable[[], float]
    ) -> None:
        self._switch, self._settle, self._now = switch, settle, now
        self._sockets: dict[str, PhoneSocket] = {}  # by phone_id
        self._phone_ids: dict[str, str] = {}  # by token, the oldest first

    def mint(self) -> str:
        """A token for one page, which its socket's first frame has to hold. It is good for as long
        as the carrier runs, for one socket at a time."""
        if len(self._phone_ids) >= MAX_TOKENS:
            del self._phone_ids[
                next(
                    token for token, phone in self._phone_ids.items() if phone not in self._sockets
                )
            ]
        token = secrets.token_urlsafe(24)
        self._phone_ids[token] = secrets.token_hex(8)
        return token

    def tell(self, phone_id: str, news: PhoneNews) -> None:
        if (socket := self._sockets.get(phone_id)) is not None:
            socket.tell(encode_phone_news(news))

    def hear(self, phone_id: str, payload: bytes) -> None:
        if (socket := self._sockets.get(phone_id)) is not None:
            socket.hear(payload)

    async def serve(self, websocket: WebSocket) -> None:
        """One phone, from its hello until either side closes."""
        if not is_same_origin(websocket):
            await websocket.close(1008, "only the carrier's own pages have a phone")
            return
        await websocket.accept()
        socket = PhoneSocket(websocket, self._now)
        try:
            hello = await self._hello(socket)
            phone_id = self._admit(hello, socket)
            try:
                self._says(phone_id, hello)
                await self._talk(phone_id, socket)
            finally:
                self._leave(phone_id, socket)
        except PhoneClosed as why:
            await socket.close(why)
        except WebSocketDisconnect:
            return

    async def _hello(self, socket: PhoneSocket) -> PhoneHello:
        try:
            async with asyncio.timeout(HELLO_WITHIN_S):
                return await socket.hello()
        except TimeoutError:
            raise PhoneClosed(NO_HELLO, "no hello came") from None

    def _admit(self, hello: PhoneHello, socket: PhoneSocket) -> str:
        """The phone_id. A page that connects anew may be faster than the end of its old socket."""
        phone_id = self._phone_ids.get(hello.token)
        if phone_id is None:
            raise PhoneClosed(NO_TOKEN, "this page is older than the carrier: load it again")
        before = self._sockets.get(phone_id)
        if before is not None:
            before.end(PhoneClosed(TAKEN_OVER, "this phone has connected anew"))
            self._leave(phone_id, before)
        elif len(self._sockets) >= MAX_PHONES:
            raise PhoneClosed(FULL, f"the carrier has {MAX_PHONES} phones already")
        self._sockets[phone_id] = socket
        return phone_id

    def _leave(self, phone_id: str, socket: PhoneSocket) -> None:
        if self._sockets.get(phone_id) is socket:
            del self._sockets[phone_id]
            self._switch.phone_is_gone(phone_id, self._now())
            self._settle()

    async def _talk(self, phone_id: str, socket: PhoneSocket) -> None:
        """Raises PhoneClosed or WebSocketDisconnect, whichever comes first."""
        both = (
            asyncio.create_task(socket.send_all()),
            asyncio.create_task(self._listen(phone_id, socket)),
        )
        try:
            done, _ = await asyncio.wait((*both, socket.over), return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            socket.over.cancel()
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _listen(self, phone_id: str, socket: PhoneSocket) -> None:
        while self._sockets.get(phone_id) is socket:
            frame = await socket.receive()
            if not isinstance(frame, bytes):
                self._says(phone_id, frame)
                continue
            try:
                self._switch.phone_said(phone_id, frame, self._now())
            except MalformedPhoneFrame as error:
                raise PhoneClosed(BAD_FRAME, str(error)) from None

    def _says(self, phone_id: str, frame: PhoneFrame) -> None:
        self._switch.phone_says(phone_id, frame, self._now())
        self._settle()


def is_same_origin(websocket: WebSocket) -> bool:
    """Of a page of this very server, and of no page that a browser does not name."""
    origin = urlsplit(websocket.headers.get("origin", ""))
    scheme = "https" if websocket.scope["scheme"] == "wss" else "http"
    host = websocket.headers.get("host", "").lower()
    return origin.scheme == scheme and origin.netloc.lower() == host and bool(host)


@dataclass(frozen=True, slots=True)
class PhoneDoor:
    """Who may open the page. Without `invite` whoever asks under a name of this machine; with one,
    whoever has it in their address: there are others than those at this machine then.

    `closed` is why nobody may."""

    invite: str | None = field(default=None, repr=False)
    closed: str | None = None

    def path(self) -> str:
        """Of the page; empty where there is none."""
        if self.closed is not None:
            return ""
        return PATH if self.invite is None else f"{PATH}?invite={self.invite}"

    def refusal(self, request: Request) -> str | None:
        if self.closed is not None:
            return self.closed
        if self.invite is None:
            return None
        given = request.query_params.get("invite", "").encode()
        if hmac.compare_digest(given, self.invite.encode()):
            return None
        return (
            "open the whole address that the carrier printed when it started: it has an invitation"
        )


AT_HOME = PhoneDoor()  # whoever is at this machine


def phone_door(*, here: bool, tls: bool) -> PhoneDoor:
    """`here` is a carrier that only this machine reaches."""
    if here:
        return AT_HOME
    return PhoneDoor(invite=secrets.token_urlsafe(24)) if tls else PhoneDoor(closed=NEEDS_TLS)


class EveryName(frozenset[str]):
    """Under TLS the certificate says which names are ours: a foreign name never gets so far."""

    def __contains__(self, name: object) -> bool:
        return True


class PhonePage:
    """`GET /phone`."""

    def __init__(self, phones: PhoneSockets, door: PhoneDoor) -> None:
        self._phones, self._door = phones, door
        try:
            self._pages: Pages | None = Pages("callbridge.carrier.net")
        except SettingsError:
            self._pages = None

    async def show(self, request: Request) -> Response:
        refused = self._door.refusal(request)
        if refused is not None:
            return PlainTextResponse(f"{refused}\n", 403)
        if self._pages is None:
            return PlainTextResponse(f"{MISSING}\n", 503)
        return self._pages.page("phone.html", token=self._phones.mint())


def phone_routes(phones: PhoneSockets, door: PhoneDoor) -> list[BaseRoute]:
    """The page, its socket and its assets, behind a guard of their own: the rest of the carrier is
    for programs, which ask under any name."""
    names = LOOPBACK_NAMES if door.invite is None else EveryName()
    own = Starlette(
        routes=[
            Route(PATH, PhonePage(phones, door).show),
            WebSocketRoute(f"{PATH}/socket", phones.serve),
        ]
    )
    guarded = Guarded(own, names)
    return [
        Route(PATH, guarded),
        WebSocketRoute(f"{PATH}/socket", guarded),
        Mount("/assets", Guarded(assets().app, names)),
    ]
