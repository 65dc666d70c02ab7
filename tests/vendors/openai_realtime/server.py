"""The server: who may connect, and the sessions of those who do."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from callbridge.realtime.socket import LinkListener, LinkRefused, ModelLink
from callbridge.speech.engines import Speech
from callbridge.testing.speech import scripted
from callbridge.timing.jobs import InlineJobs, Jobs
from tests.vendors.openai import answers as a
from tests.vendors.openai_realtime.session import ServedSession

KEY = "sk-local-0123456789"  # what this server takes unless it is told another one
MODEL = "local-realtime"
UNHURRIED_S = 3600.0


@dataclass(slots=True)
class RealtimeServer:
    """`script` says what is answered (`tests.vendors.openai.answers`), `speech` are the engines
    that it hears and speaks with. `pace` is how much faster than it sounds the model speaks, in
    deltas of `delta_s`, the first of them `first_audio_s` after its reply was asked for. A session
    ends by itself after `lasts_s`. `refusals` are HTTP statuses for the next connections."""

    script: a.Script = a.repeats
    speech: Speech = field(default_factory=scripted)
    jobs: Jobs = field(default_factory=InlineJobs)
    key: str = KEY
    model: str = MODEL
    pace: float = 4.0
    delta_s: float = 0.2
    first_audio_s: float = 0.3
    transcript_s: float = 0.4
    lasts_s: float = UNHURRIED_S
    latency_s: float = 0.02  # in memory, each way
    checks_own: bool = True
    wall: Callable[[], float] = lambda: asyncio.get_running_loop().time()
    refusals: list[int] = field(default_factory=list[int])
    sessions: list[ServedSession] = field(default_factory=list[ServedSession])
    heard: list[str] = field(default_factory=list[str])
    understood: dict[str, "asyncio.Future[str]"] = field(
        default_factory=dict[str, "asyncio.Future[str]"]
    )
    octets_heard: int = 0
    rate_limits: Sequence[Mapping[str, Any]] = (
        {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 60},
    )

    @property
    def refused(self) -> list[str]:
        """Every event of a client that was refused, and why."""
        return [why for session in self.sessions for why in session.refused]

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """The events of this type that came, of all sessions."""
        events = (event for session in self.sessions for event in session.events)
        return [event for event in events if event["type"] == kind]

    def _admit(
        self, path: str, authorization: str, send: Callable[[str], None], hang_up: "HangUp"
    ) -> ServedSession | None:
        """A wrong key is told by an event and a close code, as the service does."""
        session = ServedSession(self, send, hang_up)
        self.sessions.append(session)
        model = parse_qs(urlsplit(path).query).get("model", [""])[0]
        if authorization != f"Bearer {self.key}":
            shown = authorization.removeprefix("Bearer ")[:3]
            session.error(f"Incorrect API key provided: {shown}***.", "invalid_api_key")
            session.close(3000, "invalid_request_error.invalid_api_key")
            return None
        if model != self.model:
            session.error(f"The model `{model}` does not exist.", "model_not_found")
            session.close(3000, "invalid_request_error.model_not_found")
            return None
        session.begin()
        return session

    # ---- in memory --------------------------------------------------------------------------

    async def connect(
        self, url: str, headers: Mapping[str, str], listener: LinkListener
    ) -> ModelLink:
        """What the bridge's own `connect` does, with no socket between."""
        await asyncio.sleep(self.latency_s)
        if self.refusals:
            status = self.refusals.pop(0)
            raise LinkRefused(f"HTTP status {status}", status)
        link = MemoryLink(self.latency_s, listener)
        path = url.partition("/realtime")[2]
        link.session = self._admit(path, headers.get("Authorization", ""), link.to_client, link.cut)
        return link

    # ---- on a socket ------------------------------------------------------------------------

    @property
    def routes(self) -> list[WebSocketRoute]:
        return [WebSocketRoute("/v1/realtime", self._serve)]

    async def _serve(self, socket: WebSocket) -> None:
        if self.refusals:
            self.refusals.pop(0)
            await socket.close(1008)  # before it is accepted: an HTTP answer of status 403
            return
        await socket.accept()
        queue: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue()
        authorization = socket.headers.get("authorization", "")
        session = self._admit(
            str(socket.url),
            authorization,
            queue.put_nowait,
            lambda code, reason: queue.put_nowait((code, reason)),
        )
        writing = asyncio.create_task(_write(socket, queue))
        try:
            while session is not None and not session.over:
                session.receive(await socket.receive_text())
            await writing
        except WebSocketDisconnect:
            pass
        finally:
            writing.cancel()
            if session is not None:
                session.ended()


HangUp = Callable[[int, str], None]


async def _write(socket: WebSocket, queue: "asyncio.Queue[str | tuple[int, str]]") -> None:
    while not isinstance(item := await queue.get(), tuple):
        await socket.send_text(item)
    await socket.close(*item)


class FarEnd(Protocol):
    """A session of a server, as far as its socket is concerned."""

    over: bool

    def receive(self, text: str | bytes) -> None: ...

    def ended(self) -> None: ...


class MemoryLink:
    """A socket without a network: everything comes in order, `latency_s` later."""

    def __init__(self, latency_s: float, listener: LinkListener) -> None:
        self.session: FarEnd | None = None
        self._listener: LinkListener | None = listener
        self._latency_s = latency_s
        self._loop = asyncio.get_running_loop()
        # Timers of one instant have no order, so what is on the way has one of its own.
        self._up: deque[Callable[[], None]] = deque()
        self._down: deque[Callable[[], None]] = deque()

    def _later(self, way: deque[Callable[[], None]], action: Callable[[], None]) -> None:
        way.append(action)
        self._loop.call_later(self._latency_s, lambda: way.popleft()())

    # ---- the client's side ------------------------------------------------------------------

    def send(self, text: str, /) -> None:
        if self._listener is not None:
            self._later(self._up, lambda: self._arrive(text))

    def _arrive(self, text: str) -> None:
        if self.session is not None and not self.session.over:
            self.session.receive(text)

    def buffered(self) -> int:
        return 0

    def close(self) -> None:
        self._listener = None
        self._later(self._up, self._left)

    def _left(self) -> None:
        if self.session is not None:
            self.session.ended()

    # ---- the server's side ------------------------------------------------------------------

    def to_client(self, text: str) -> None:
        self._later(self._down, lambda: self._deliver(text))

    def _deliver(self, text: str) -> None:
        if self._listener is not None:
            self._listener.on_text(text.encode())

    def cut(self, code: int, reason: str) -> None:
        """By the server, or by a network that breaks."""
        self._later(self._down, lambda: self._closed(code, reason))

    def _closed(self, code: int, reason: str) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.on_closed(code, reason)
