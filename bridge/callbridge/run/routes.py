"""The pages of `callbridge run`, on the carrier's own server: a phone in them is its neighbour."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import BaseRoute, Mount, Route

from callbridge.carrier.net.files import loader
from callbridge.carrier.net.ring import read_script
from callbridge.carrier.net.shell import Shell
from callbridge.carrier.people.script import CallScript, parse_script, with_sounds
from callbridge.carrier.people.steps import Press
from callbridge.errors import CallbridgeError
from callbridge.run.bridge import CALLED
from callbridge.run.calls import ListedCall, RunCalls
from callbridge.run.drawing import PictureDrawer
from callbridge.run.key import Keyed
from callbridge.run.stream import BridgesSeen, RunView, events
from callbridge.talk.script import Keys, Quit, UnclearLine, Words, read
from callbridge.web.guard import Guarded
from callbridge.web.pages import Pages, assets

MOST_PAGES = 32  # that are open at the same time
MOST_TEXT = 4000  # characters of a form


class BridgesRung(BridgesSeen, Protocol):
    @property
    def called(self) -> str:
        """A number that the bot answers."""
        ...


class RunPages:
    """`script` is the recorded person; `texts` says that the caller writes instead."""

    def __init__(
        self,
        shell: Shell,
        calls: RunCalls,
        bridges: BridgesRung,
        pages: Pages,
        *,
        bot: str,
        script: Path,
        texts: bool,
        stop: asyncio.Event,
    ) -> None:
        self._shell, self._calls, self._bridges = shell, calls, bridges
        self._bot, self._script, self._texts = bot, script, texts
        self._pages = pages
        self._drawer = PictureDrawer()
        self._stop = stop
        self._open = 0

    def mount(self, key: str, port: int) -> Sequence[BaseRoute]:
        """Their routes, for those who have the key and come from here."""
        call = "/calls/{call}"
        pages = Starlette(
            routes=[
                Route("/", self.now),
                Route("/calls", self.all),
                Route("/calls", self.ring, methods=["POST"]),
                Route("/events", self.events),
                Route(call, self.one),
                Route(f"{call}/text", self.text, methods=["POST"]),
                Route(f"{call}/hang-up", self.hang_up, methods=["POST"]),
                Route(f"{call}/recording.wav", self.recording),
                Route(f"{call}/tape.json", self.tape),
                Route(f"{call}/picture.png", self.picture),
                assets(),
            ],
            exception_handlers={404: self.not_here},
        )
        return [Mount("/", Guarded(Keyed(pages, key, port)))]

    # ---- pages --------------------------------------------------------------------------------

    async def now(self, request: Request) -> Response:
        return await self._page("")

    async def one(self, request: Request) -> Response:
        call = request.path_params["call"]
        if self._calls.find(call) is None:
            return self._pages.page("lost.html", 404)
        return await self._page(call)

    async def _page(self, pinned: str) -> Response:
        view = self._view(pinned)
        return self._pages.page(
            "index.html",
            **await view.values(),
            bot=self._bot,
            pinned=pinned,
            token=self._shell.phones.mint(),
            called=self._bridges.called or CALLED,
            stream="/events" + (f"?call={quote(pinned)}" if pinned else ""),
        )

    async def all(self, request: Request) -> Response:
        return self._pages.page("all.html", calls=self._calls.listed(), bot=self._bot)

    async def not_here(self, request: Request, error: Exception) -> Response:
        return self._pages.page("lost.html", 404)

    async def events(self, request: Request) -> Response:
        if self._open >= MOST_PAGES:
            return PlainTextResponse(f"{MOST_PAGES} pages are open already\n", 503)
        return StreamingResponse(
            self._counted(self._view(request.query_params.get("call", ""))),
            media_type="text/event-stream",
        )

    async def _counted(self, view: RunView) -> AsyncIterator[str]:
        self._open += 1
        try:
            async for each in events(view, self._stop):
                yield each
        finally:
            self._open -= 1

    def _view(self, pinned: str) -> RunView:
        return RunView(self._calls, self._bridges, self._pages, texts=self._texts, pinned=pinned)

    # ---- what the page asks for ---------------------------------------------------------------

    async def ring(self, request: Request) -> Response:
        """Somebody rings in: the recorded person, or in text mode who sits at the page."""
        if not self._bridges.answers:
            return self._answer(request, "No bridge answers yet: see what is wrong above.", 409)
        try:
            script = await asyncio.to_thread(self._caller)
        except CallbridgeError as error:
            return self._answer(request, str(error), 422)
        self._shell.switch.place_call(script, self._shell.now())
        self._shell.settle()
        return self._answer(request)

    def _caller(self) -> CallScript:
        """Blocking. Raises CallbridgeError."""
        if self._texts:
            return CallScript(to=self._bridges.called)
        script = parse_script(read_script(self._script))
        return with_sounds(script, loader(self._script.parent), self._shell.speak)

    async def text(self, request: Request) -> Response:
        """A line of who writes, as `callbridge talk` reads them."""
        fields = parse_qs((await _body(request)).decode(errors="replace"))
        line = " ".join(fields.get("line", [""])[0].split())
        call, switch = request.path_params["call"], self._shell.switch
        try:
            match read(line):
                case Words(words):
                    switch.typed(call, words, self._shell.now())
                case Keys(digits):
                    leg = switch.find(call)
                    if leg is not None and leg.scripted is not None:
                        leg.scripted.carry_on((Press(digits),))
                case Quit():
                    switch.hang_up(call, self._shell.now())
                case _:
                    return self._answer(request, "Words, #5 for a key, ! to interrupt, /quit.")
        except UnclearLine as unclear:
            return self._answer(request, str(unclear), 422)
        except LookupError:
            return self._answer(request, "No bot listens on this call just now.", 409)
        self._shell.settle()
        return self._answer(request)

    async def hang_up(self, request: Request) -> Response:
        try:
            self._shell.switch.hang_up(request.path_params["call"], self._shell.now())
        except LookupError:
            return self._answer(request, "That call is long over.", 404)
        self._shell.settle()
        return self._answer(request)

    def _answer(self, request: Request, hint: str = "", status: int = 200) -> Response:
        """A word for the page; where there is no htmx, the page again."""
        if request.headers.get("hx-request") != "true":
            return RedirectResponse("/", 303) if not hint else PlainTextResponse(hint, status)
        return self._pages.page("hint.html", hint=hint)

    # ---- files of a finished call -------------------------------------------------------------

    async def recording(self, request: Request) -> Response:
        return self._file(self._listed(request), "wav", "audio/wav")

    async def tape(self, request: Request) -> Response:
        return self._file(self._listed(request), "json", "application/json", attached=True)

    async def picture(self, request: Request) -> Response:
        listed = self._listed(request)
        if listed is None or listed.json is None or listed.wav is None:
            return PlainTextResponse("no such file\n", 404)
        drawing = asyncio.create_task(self._drawer.picture(Path(listed.json), Path(listed.wav)))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({drawing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not drawing.done():
            drawing.cancel()
            return PlainTextResponse("callbridge run has been ended\n", 503)
        try:
            return FileResponse(await drawing, media_type="image/png")
        except CallbridgeError as error:
            return PlainTextResponse(f"{error}\n", 404)

    def _listed(self, request: Request) -> ListedCall | None:
        return self._calls.find(request.path_params["call"])

    def _file(
        self, listed: ListedCall | None, kind: str, media_type: str, *, attached: bool = False
    ) -> Response:
        path = getattr(listed, kind) if listed is not None else None
        if path is None or not Path(path).is_file():
            return PlainTextResponse("no such file\n", 404)
        name = Path(path).name if attached else None
        return FileResponse(path, media_type=media_type, filename=name)


async def _body(request: Request) -> bytes:
    """As much of it as a line may be long."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_TEXT:
            break
    return body[:MOST_TEXT]
