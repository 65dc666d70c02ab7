"""The local carrier's core and an application, joined in memory: whole calls in virtual time.

No sockets, no processes, no waiting: webhooks are signed and handed over as bytes, commands go
through the real HTTP client into the carrier's REST core, and media frames pass as text. What is
left out are only the servers, which have no logic."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
from nacl.signing import SigningKey

from callbridge.app import App, Surroundings
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core import effects as do
from callbridge.carrier.core.report import CallReport
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.switch import Switch
from callbridge.errors import CallbridgeError
from callbridge.media.wire import TOKEN_HEADER
from callbridge.serve.settings import Settings
from callbridge.sockets.endpoint import StreamOwner
from callbridge.testing.callers import hum
from callbridge.testing.loop import VirtualClock, run
from callbridge.timing.jobs import InlineJobs

T = TypeVar("T")

PTIME_S = 0.020
RETRY_S = 1.0
ATTEMPTS = 2
FINISHED_KEPT = 256
ADDRESS = "http://127.0.0.1:9"  # the discard port: nothing here ever connects


def on_time(webhook: do.SendWebhook) -> float:
    """Seconds that a webhook is late."""
    return 0.0


class Pair:
    """An application on one end and a carrier on the other; made inside a virtual loop.

    `delay` is the network's, in seconds each way, for frames and webhooks alike. `lateness` says
    for each webhook how much later it comes; infinity is a webhook that is lost."""

    def __init__(
        self,
        app: App,
        config: CarrierConfig | None = None,
        *,
        delay: float = 0.0,
        seed: int = 1,
        **settings: Any,
    ) -> None:
        config = config or CarrierConfig(webhook_url=f"{ADDRESS}/webhooks", keep_recordings=1000)
        self.app = app
        self.clock = VirtualClock()
        self.switch = Switch(
            config, wall=self.clock.wall(), now=self.clock.now(), seed=seed, speaks=True
        )
        self.refused: list[str] = []  # sockets that were not taken, and why
        self.refuse_sockets = False  # as if the public address took no WebSockets
        self.lateness: Callable[[do.SendWebhook], float] = on_time
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._key = SigningKey(seed.to_bytes(32, "little"))
        self._sockets: dict[str, Socket] = {}
        self._finished: dict[str, asyncio.Future[CallReport]] = {}
        self._on_the_way: deque[tuple[Any, tuple[Any, ...]]] = deque()
        self._draining = False
        self._drain_planned = False
        self._ticks: asyncio.TimerHandle | None = None
        app.configure(
            Settings.load(
                api_key=config.api_key,
                public_key=base64.b64encode(bytes(self._key.verify_key)).decode(),
                base_url=f"{ADDRESS}/v2",
                public_url=ADDRESS,
                connection_id=config.connection_id,
                **settings,
            ),
            Surroundings(self.clock, InlineJobs(), Rest(self)),
        )

    # ---- for tests --------------------------------------------------------------------------

    def place(self, script: CallScript) -> str:
        """A caller rings in; returns the call_control_id."""
        call_control_id = self.switch.place_call(script, self.clock.now())
        self.drain()
        return call_control_id

    async def call(self, script: CallScript) -> CallReport:
        """A whole call: until the carrier has finished it and the bridge has forgotten it."""
        return await self.finished(self.place(script))

    async def finished(self, call_control_id: str) -> CallReport:
        future = self._finished.setdefault(call_control_id, self._loop.create_future())
        report = await future
        del self._finished[call_control_id]
        await self.quiet()
        return report

    async def quiet(self) -> None:
        """Until the bridge has no call left and every frame on the way has arrived."""
        calls = self.app.service.calls
        while len(calls) or self._sockets or self._on_the_way:  # noqa: ASYNC110  time is virtual
            await asyncio.sleep(PTIME_S)

    def drop_sockets(self) -> None:
        """Break every media stream, as a network does."""
        for socket in list(self._sockets.values()):
            socket.break_off()
        self.drain()

    # ---- between the two --------------------------------------------------------------------

    def send(self, stream_id: str, text: str) -> None:
        """A frame of the bridge. The carrier takes it at once; what it answers comes later, as
        the bridge may stand in the middle of its own work."""
        if self._delay:
            self._later(self._arrive, stream_id, text)
            return
        self.switch.stream_received(stream_id, text, self._loop.time())
        if self.switch.has_effects and not self._draining and not self._drain_planned:
            self._drain_planned = True
            self._loop.call_soon(self.drain)

    def _arrive(self, stream_id: str, text: str) -> None:
        self.switch.stream_received(stream_id, text, self._loop.time())

    def drain(self) -> None:
        """Carry out the carrier's effects and deliver frames until both sides rest."""
        self._drain_planned = False
        if self._draining:
            return
        self._draining = True
        try:
            while effects := self.switch.effects():
                for effect in effects:
                    self._carry_out(effect)
        finally:
            self._draining = False
        if self.switch.live_legs and self._ticks is None:
            self._plan_tick()

    def _plan_tick(self) -> None:
        number = int(self.clock.now() / PTIME_S + 1e-6) + 1
        self._ticks = self._loop.call_at(number * PTIME_S, self._tick)

    def _tick(self) -> None:
        self._ticks = None
        self.switch.tick(self.clock.now())
        self.drain()

    def _carry_out(self, effect: do.Effect) -> None:
        match effect:
            case do.SendFrame(stream_id=stream_id, text=text):
                socket = self._sockets.get(stream_id)
                if socket is not None:
                    self._later(socket.stream.feed, text)
            case do.SendWebhook():
                self._deliver_in(self.lateness(effect), effect)
            case do.OpenStream():
                self._later(self._open, effect)
            case do.CloseStream(stream_id=stream_id):
                if stream_id in self._sockets:
                    self._later(self._sockets[stream_id].closed_by_carrier)
            case do.CallFinished(call_control_id=call_control_id):
                future = self._finished.setdefault(call_control_id, self._loop.create_future())
                future.set_result(self.switch.report(call_control_id))
                if len(self._finished) > FINISHED_KEPT:  # of legs that nobody asks for
                    done = (name for name, report in self._finished.items() if report.done())
                    del self._finished[next(done)]
            case do.Synthesise(speak_id=speak_id, text=text, sample_rate=rate):
                self.switch.synthesised(speak_id, hum(text, rate), self.clock.now())

    def _later(self, action: Any, *args: Any) -> None:
        """After the network's delay, in order: timers of one instant have none."""
        if self._delay:
            self._on_the_way.append((action, args))
            self._loop.call_later(self._delay, self._arrived)
        else:
            action(*args)

    def _arrived(self) -> None:
        action, args = self._on_the_way.popleft()
        action(*args)
        self.drain()

    def _deliver_in(self, seconds: float, webhook: do.SendWebhook) -> None:
        """Late, or never if that is infinite."""
        if seconds == 0.0:
            self._later(self._deliver, webhook, 1)
        elif seconds < float("inf"):
            self._loop.call_later(seconds, self._deliver, webhook, 1)

    def _deliver(self, webhook: do.SendWebhook, attempt: int) -> None:
        meta = {"attempt": attempt, "delivered_to": webhook.urls[0]}
        body = json.dumps(webhook.event | {"meta": meta}, sort_keys=True).encode()
        timestamp = str(int(self.clock.wall()))
        signature = self._key.sign(timestamp.encode() + b"|" + body).signature
        response = self.app.service.receive(
            body,
            signature=base64.b64encode(signature).decode(),
            timestamp=timestamp,
            content_type="application/json",
        )
        if response.status_code >= 500 and attempt < ATTEMPTS:
            self._loop.call_later(RETRY_S, self._deliver, webhook, attempt + 1)

    def _open(self, effect: do.OpenStream) -> None:
        token = parse_qs(urlsplit(effect.url).query)["token"][0]
        now = self.clock.now()
        try:
            if self.refuse_sockets:
                raise CallbridgeError("no WebSockets here")
            owner = self.app.service.calls.admit(token, effect.headers.get(TOKEN_HEADER))
            self._sockets[effect.stream_id] = Socket(self, effect.stream_id, owner)
        except CallbridgeError as refused:
            self.refused.append(str(refused))
            self.switch.stream_failed(effect.stream_id, str(refused), now)
            return
        self.switch.stream_opened(effect.stream_id, now)

    def forget(self, stream_id: str) -> None:
        self._sockets.pop(stream_id, None)


class Socket:
    """One media stream between the two; the bridge's `SocketTransport`."""

    def __init__(self, pair: Pair, stream_id: str, owner: StreamOwner) -> None:
        self._pair, self._stream_id, self._owner = pair, stream_id, owner
        self.stream = owner.attach(self)

    def send(self, text: str) -> None:
        self._pair.send(self._stream_id, text)

    def buffered(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        asyncio.get_running_loop().call_soon(self.break_off)

    def closed_by_carrier(self) -> None:
        self._pair.forget(self._stream_id)
        self._owner.detach(self.stream)

    def break_off(self) -> None:
        """Closed by the bridge, or cut: both sides learn of it."""
        self.closed_by_carrier()
        self._pair.switch.stream_closed(self._stream_id, self._pair.clock.now())
        self._pair.drain()


class Rest(httpx.AsyncBaseTransport):
    """The carrier's REST core as a transport of the HTTP client."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        pair = self._pair
        await asyncio.sleep(2 * pair._delay)  # pyright: ignore[reportPrivateUsage]
        answer = pair.switch.request(
            request.method,
            request.url.raw_path.decode(),
            await request.aread(),
            request.headers.get("authorization"),
            pair.clock.now(),
        )
        pair.drain()
        return httpx.Response(answer.status, json=answer.body, headers=answer.headers)


def converse(app: App, script: CallScript, **pair: Any) -> CallReport:
    """One whole call in virtual time: what the caller of `script` and the bots of `app` had."""

    async def whole() -> CallReport:
        joined = Pair(app, **pair)
        try:
            return await joined.call(script)
        finally:
            await app.close()

    return run(whole())
