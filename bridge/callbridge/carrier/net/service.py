"""Runs the carrier: `callbridge carrier`."""

import asyncio
import contextlib
import hashlib
import logging
import signal
import socket
from base64 import b64encode
from collections.abc import Callable, Collection, Generator
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import httpx
import uvicorn
from nacl.signing import SigningKey

from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.net import server
from callbridge.carrier.net.fetching import FetchDoor, FetchRules
from callbridge.carrier.net.phone_socket import MAX_OCTETS
from callbridge.carrier.net.phones import AT_HOME, PhoneDoor, phone_door
from callbridge.carrier.net.shell import Running, Shell
from callbridge.carrier.net.sounds import SoundLoader
from callbridge.carrier.net.speaking import CarrierVoice, RelayEngines
from callbridge.carrier.net.watching import WatchForm, watch
from callbridge.carrier.store.store import Store
from callbridge.host.bind import bind
from callbridge.host.certificate import Certificate

log = logging.getLogger(__name__)


async def run(
    config: CarrierConfig,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    out_dir: Path | None = None,
    voice: CarrierVoice | None = None,
    engines: RelayEngines | None = None,
    key: SigningKey | None = None,
    media: Path | None = None,
    allow_fetch: Collection[str] = (),
    started: Callable[[Running], None] | None = None,
    watching: WatchForm | None = None,
    stop: asyncio.Event | None = None,
    tls: Certificate | None = None,
    handle_signals: bool = True,
    beside: server.RoutesBeside = server.no_routes,
    webhook_timeout_s: float = 2.0,
    webhook_backoff_s: float = 0.5,
) -> None:
    """Run until SIGTERM, SIGINT, `stop` or cancellation; then all calls end in order.

    Without a `voice` it refuses to speak, without `engines` it refuses Conversation Relays.
    Port 0 chooses a free one; `started` is told which. A `key` makes the public key the same every
    time. `out_dir` gets a WAV file and a JSON file for every finished call, and the database of
    what survives a restart. Sound files are fetched from the public internet, from `allow_fetch`
    (hosts, addresses, networks) and, if it listens on this machine alone, from this machine;
    `media` is a folder of those that commands name. What happens is shown on standard output as
    `watching` says; `beside` are routes of whoever serves more than the API. Raises
    CallbridgeError when the address cannot be listened on or the database cannot be used."""
    key = key or SigningKey.generate()
    stop = stop or asyncio.Event()
    store = _store(out_dir)
    listener = bind(host, port)
    here = ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback
    with (
        contextlib.closing(store),
        contextlib.closing(listener),
        _stopping_signals(stop, wanted=handle_signals),
    ):
        rules = FetchRules(allow_fetch, this_machine=here)
        try:
            # Customers are reached directly: a proxy of the environment knows nothing of loopback.
            # Each call has a webhook on its way at times: new connections would cost more than it.
            limits = httpx.Limits(max_connections=400, max_keepalive_connections=200)
            async with (
                httpx.AsyncClient(trust_env=False, limits=limits) as http,
                asyncio.TaskGroup() as group,
            ):
                door = FetchDoor(http, rules)
                shell = Shell(
                    config,
                    group,
                    http,
                    key,
                    out_dir=out_dir,
                    voice=voice,
                    engines=engines,
                    store=store,
                    sounds=SoundLoader(door, media),
                    address=_address(listener, tls),
                    webhook_timeout_s=webhook_timeout_s,
                    webhook_backoff_s=webhook_backoff_s,
                )
                may_phone = phone_door(here=here, tls=tls is not None)
                http_server = RestServer(shell, may_phone, tls, beside)
                await _serve(shell, http_server, listener, stop, started, watching)
                raise _Stopped  # the group cancels what is left: repetitions, stuck sockets
        except* _Stopped:
            pass


def _address(listener: socket.socket, tls: Certificate | None) -> str:
    """Where this machine reaches it."""
    name: tuple[str, int] = listener.getsockname()[:2]
    host, port = name
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return Running(host, port, "", scheme_of(tls)).address


def _store(folder: Path | None) -> Store:
    """A folder that cannot be written costs what should survive, not the carrier."""
    if folder is None:
        return Store()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        log.error("nothing will survive the end of this carrier: %s", error)
        return Store()
    return Store(folder / "carrier.db")


def signing_key(api_key: str) -> SigningKey:
    """Always the same for an API key, so that a bridge on this machine need not be told of another
    one whenever its carrier starts anew. Whoever knows the API key can make it."""
    return SigningKey(hashlib.sha256(b"callbridge carrier " + api_key.encode()).digest())


def scheme_of(tls: Certificate | None) -> Literal["http", "https"]:
    return "https" if tls is not None else "http"


class _Stopped(Exception):
    """Ends the group of all tasks."""


async def _serve(
    shell: Shell,
    http: "RestServer",
    listener: socket.socket,
    stop: asyncio.Event,
    started: Callable[[Running], None] | None,
    watching: WatchForm | None,
) -> None:
    async with asyncio.TaskGroup() as serving:
        serving.create_task(http.serve(sockets=[listener]))
        clock = serving.create_task(shell.run_clock())
        await http.listening.wait()
        if started is not None:
            host, port = listener.getsockname()[:2]
            public_key = b64encode(bytes(shell.key.verify_key)).decode()
            scheme = scheme_of(http.tls)
            started(Running(host, port, public_key, scheme, http.door.path()))
        watcher = serving.create_task(_watch(shell, watching))
        await stop.wait()
        await shell.say_goodbye()
        watcher.cancel()
        clock.cancel()
        http.should_exit = True


async def _watch(shell: Shell, form: WatchForm | None) -> None:
    """Whatever a terminal may refuse, that costs the view and no call."""
    try:
        if form is not None:
            await watch(shell.switch, shell.now, form)
    except Exception:  # of any kind: a bug in it, too
        log.exception("nothing more is shown of what happens; the carrier goes on")


class RestServer(uvicorn.Server):
    """Uvicorn that says when it listens and leaves signals alone."""

    def __init__(
        self,
        shell: Shell,
        door: PhoneDoor = AT_HOME,
        tls: Certificate | None = None,
        beside: server.RoutesBeside = server.no_routes,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                server.build(shell, door, beside),
                # Of telephones in browsers: small frames, which are there already when packed.
                ws="websockets-sansio",
                ws_max_size=MAX_OCTETS,
                ws_per_message_deflate=False,
                ws_ping_interval=10,
                ws_ping_timeout=10,
                ssl_certfile=tls.cert if tls else None,
                ssl_keyfile=tls.key if tls else None,
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        self.door, self.tls = door, tls
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@contextlib.contextmanager
def _stopping_signals(stop: asyncio.Event, *, wanted: bool) -> Generator[None, None, None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT) if wanted else ()
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
