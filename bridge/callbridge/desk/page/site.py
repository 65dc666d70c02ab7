"""The desk as an ASGI application: its routes, and the tasks that live as long as it does."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from callbridge.desk.desk import Desk, at, connection_of
from callbridge.desk.page.acting import DeskActs
from callbridge.desk.page.attempts import LoginAttempts
from callbridge.desk.page.figures import DeskFigures
from callbridge.desk.page.gate import DeskGate, TurnedAway
from callbridge.desk.page.live import DeskLive
from callbridge.desk.page.lookout import Lookout
from callbridge.desk.page.sessions import DeskSession, DeskSessions
from callbridge.desk.page.settings import DeskSettings
from callbridge.desk.page.supervising import DeskSupervisors
from callbridge.desk.page.views import DeskViews, Values, view_of
from callbridge.errors import CallbridgeError
from callbridge.timing.clock import Clock, SystemClock
from callbridge.web.guard import Guarded
from callbridge.web.pages import Pages, assets

log = logging.getLogger("callbridge.desk")


class DeskSite:
    """Made when the application starts: one look-out, and everybody's pages."""

    def __init__(
        self,
        gate: DeskGate,
        settings: DeskSettings,
        lookout: Lookout,
        supervising: DeskSupervisors,
        desk: Desk,
        figures: DeskFigures,
    ) -> None:
        self.gate, self.settings, self.lookout, self.figures = gate, settings, lookout, figures
        self.supervising = supervising
        self.views = DeskViews(lookout, supervising)
        self.acts = DeskActs(desk, lookout, supervising)
        self.live = DeskLive(gate, lookout, self.views)

    def page(
        self, session: DeskSession, template: str, values: Values, kind: str, status: int = 200
    ) -> Response:
        common = {
            "user": session.user,
            "csrf": self.gate.sessions.form_token(session),
            "said": session.told(),
            "kind": kind,
            "read_only": self.gate.read_only,
            "logs_out": self.gate.here is None,
        }
        return self.gate.pages.page(template, status, **{**values, **common})

    # ---- pages ------------------------------------------------------------------------------

    async def seen(self, request: Request) -> Response:
        """A list, or one of them."""
        session = self.gate.seen(request)
        kind, name = request.path_params["kind"], request.path_params.get("name", "")
        view = view_of(kind, name, self.lookout.board)
        if view is None:
            return self._nothing(session)
        await self.lookout.fresh(*view.topics)
        view = view_of(kind, name, self.lookout.board) or view
        values = self.views.values(kind, name, session, acts=self.gate.may_act(session))
        return self.page(session, view.template, values, kind)

    async def charts(self, request: Request) -> Response:
        session = self.gate.seen(request)
        await self.figures.wanted()
        values: Values = {"figures": self.figures, "drawn": self.figures.drawn()}
        return self.page(session, "figures.html", values, "figures")

    async def numbers(self, request: Request) -> Response:
        """What the charts are drawn from."""
        if self.gate.session(request) is None:
            return JSONResponse({"problem": "You are not logged in."}, 401)
        await self.figures.wanted()
        figures = self.figures
        return JSONResponse(
            {"times": figures.times(), "charts": figures.drawn(), "problem": figures.problem}
        )

    async def streamed(self, request: Request) -> Response:
        session = self.gate.session(request)
        if session is None:
            return Response("you are not logged in\n", 401)
        kind, name = request.path_params["kind"], request.path_params.get("name", "")
        if view_of(kind, name, self.lookout.board) is None:
            return Response("there is no such page\n", 404)
        if not self.live.has_room(session):
            return Response("too many pages are open\n", 429)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        events = self.live.events(session, kind, name)
        return StreamingResponse(events, headers=headers, media_type="text/event-stream")

    def _nothing(self, session: DeskSession) -> Response:
        return self.page(session, "nothing.html", {}, "", 404)

    # ---- what is done -----------------------------------------------------------------------

    async def done(self, request: Request) -> Response:
        session, form = await self.gate.commands(request)
        kind, name, act = (request.path_params[key] for key in ("kind", "name", "act"))
        who = session.user.name
        try:
            sentence = await self.acts.carry_out(session.user, kind, name, act, form)
        except CallbridgeError as error:
            log.info("desk: %s: %r of %r %r: not done: %s", who, act, kind, name, error)
            session.tell(str(error), good=False)
        else:
            log.info("desk: %s: %r of %r %r", who, act, kind, name)
            if sentence:
                session.tell(sentence, good=True)
        return RedirectResponse(f"/{quote(kind)}/{quote(name, safe=':')}", 303)


def application(
    settings: DeskSettings,
    *,
    host: str = "127.0.0.1",
    read_only: bool = False,
    tls: bool = False,
    clock: Clock | None = None,
) -> ASGIApp:
    """Raises SettingsError where it would be open to whoever finds it."""
    settings.check(host, tls=tls)
    users = settings.users()
    made = DeskGate(
        users=users,
        sessions=DeskSessions(),
        attempts=LoginAttempts(),
        clock=clock or SystemClock(),
        pages=Pages("callbridge.desk.page"),
        here=None if len(users) else settings.somebody_here(),
        read_only=read_only,
        secure=tls or (settings.desk_url or "").startswith("https:"),
    )
    connection_of(settings)
    app = Starlette(routes=_routes(made), lifespan=_lifespan(made, settings))
    app.add_exception_handler(TurnedAway, _refused)
    return Guarded(app, settings.names(host))


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, TurnedAway)
    return error.response


def _routes(gate: DeskGate) -> list[Any]:
    async def first(request: Request) -> Response:
        return RedirectResponse("/calls", 303)

    def site(request: Request) -> DeskSite:
        made: DeskSite = request.app.state.site
        return made

    async def seen(request: Request) -> Response:
        return await site(request).seen(request)

    async def done(request: Request) -> Response:
        return await site(request).done(request)

    async def streamed(request: Request) -> Response:
        return await site(request).streamed(request)

    async def charts(request: Request) -> Response:
        return await site(request).charts(request)

    async def numbers(request: Request) -> Response:
        return await site(request).numbers(request)

    return [
        assets(),
        Route("/", first),
        Route("/login", gate.login_page),
        Route("/login", gate.login, methods=["POST"]),
        Route("/logout", gate.logout, methods=["POST"]),
        Route("/figures", charts),
        Route("/figures.json", numbers),
        Route("/live/{kind}", streamed),
        Route("/live/{kind}/{name:path}", streamed),
        Route("/{kind}", seen),
        Route("/{kind}/{name:path}", seen),
        Route("/{kind}/{name:path}/{act}", done, methods=["POST"]),
    ]


def _lifespan(gate: DeskGate, settings: DeskSettings) -> Any:
    @asynccontextmanager
    async def living(app: Starlette) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            commanding = await stack.enter_async_context(at(settings))
            looking = await stack.enter_async_context(at(settings, patient=True))
            tasks = _DeskTasks()
            stack.push_async_callback(tasks.end)
            lookout = Lookout(looking, gate.clock, settings.desk_poll_s)
            supervising = DeskSupervisors(
                commanding, lookout, gate.clock, tasks.spawn, settings.desk_from
            )
            figures = DeskFigures(settings.desk_metrics_url, gate.clock)
            app.state.site = DeskSite(gate, settings, lookout, supervising, commanding, figures)
            tasks.spawn(lookout.run())
            tasks.spawn(figures.run())
            yield

    return living


class _DeskTasks:
    """All that runs beside requests; what fails is logged and ends nothing else."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("desk: a task of the desk has failed", exc_info=error)

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
