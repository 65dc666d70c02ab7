"""An endpoint under a load: the server, the generator beside it, and a window of both."""

import asyncio
import json
import os
import shlex
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from callbridge.bench import process
from callbridge.bench.doors import public_key, trust
from callbridge.bench.generator import (
    GeneratorAnswer,
    GeneratorCommand,
    HaveCalls,
    LoadPlan,
    MeasureWindow,
    read_answer,
)
from callbridge.bench.process import Process
from callbridge.bench.relay_script import RelayLoad
from callbridge.bench.results import Use, Window
from callbridge.errors import CallbridgeError
from callbridge.host.bind import free_ports
from callbridge.host.child import Child, of_module, ourselves, running
from callbridge.serve.account import is_loopback

HOST = "127.0.0.1"
NAMED_HOST = "localhost"  # what certificates are made out to
ECHO_BOT = Path(__file__).with_name("echo.py")
TALK_BOT = Path(__file__).with_name("talk.py")
ANSWER_BOT = Path(__file__).with_name("answer.py")
READY_S = 20.0
WARM_S = 0.5
POLL_S = 0.05
ANSWER_S = 60.0  # for the generator to open a batch of calls, whatever the endpoint does
LIMIT = 1 << 16


@dataclass(frozen=True, slots=True)
class LoadSound:
    """What callers send, what comes back, and at which rate our own bot works."""

    codec: str = "PCMU"
    rate: int = 8000
    reply_codec: str = "PCMU"
    reply_rate: int = 8000
    bot_rate: int = 8000


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate and key for our own server; callers believe just this certificate."""

    certfile: str
    keyfile: str


@dataclass(frozen=True, slots=True)
class Seats:
    """Which processor the endpoint gets, and which the generator."""

    endpoint: int
    generator: int


def seats(url: str | None) -> Seats | None:
    """Raises CallbridgeError on a machine where the two would measure each other."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    free = sorted(os.sched_getaffinity(0))
    if len(free) >= 2:
        return Seats(free[0], free[1])
    if url is not None and not is_loopback(urlsplit(url).hostname or ""):
        return Seats(free[0], free[0])  # the endpoint has a machine of its own
    raise CallbridgeError(
        "the endpoint and the load generator need a processor each, and there is only one here: "
        "figures would be those of their quarrel"
    )


@dataclass(slots=True)
class Session:
    """An endpoint and its generator, ready for calls."""

    name: str
    process: Process | None
    metrics_url: str | None
    generator: asyncio.subprocess.Process
    http: httpx.AsyncClient
    idle_rss_mib: float = 0.0
    server: Child | None = None

    async def have(self, calls: int) -> None:
        """Have so many calls, all with a first echo. Raises CallbridgeError if one fails."""
        await self._command(HaveCalls(calls))

    async def warm_up(self) -> None:
        """A few calls come and go, so that what is loaded once is loaded."""
        await self.have(2)
        await asyncio.sleep(WARM_S)
        await self.have(0)
        await asyncio.sleep(WARM_S)
        if self.process is not None:
            self.idle_rss_mib = self.process.rss_mib()

    async def measure(self, seconds: float) -> tuple[Window, Use | None]:
        """A window, and what the endpoint's process used in it, where that can be seen.

        Raises CallbridgeError when the endpoint or the generator ends."""
        try:
            return await self._measure(seconds)
        except process.Gone:
            if self.server is not None:
                await self.server.death()
            raise CallbridgeError(f"the process behind {self.name} has ended") from None

    async def _measure(self, seconds: float) -> tuple[Window, Use | None]:
        before = await process.lag(self.http, self.metrics_url)
        began = self.process.cpu_s() if self.process else 0.0
        window = (await self._command(MeasureWindow(seconds), seconds)).window
        assert window is not None, "a measurement is answered by its window"
        if self.process is None:
            return window, None
        cpu_s, rss_mib = self.process.cpu_s() - began, self.process.rss_mib()
        after = await process.lag(self.http, self.metrics_url)
        return window, process.use(cpu_s, rss_mib, self.idle_rss_mib, before, after)

    async def _command(self, command: GeneratorCommand, seconds: float = 0.0) -> GeneratorAnswer:
        writer, reader = _pipes(self.generator)
        writer.write(msgspec.json.encode(command) + b"\n")
        await writer.drain()
        try:
            return await _answer(reader, seconds + ANSWER_S)
        except CallbridgeError:
            if self.server is not None and not self.server.alive:
                await self.server.death()  # which is why
            raise


async def _answer(reader: asyncio.StreamReader, within: float) -> GeneratorAnswer:
    try:
        async with asyncio.timeout(within):
            answer = await read_answer(reader)
    except TimeoutError:
        raise CallbridgeError(f"the load generator gave no answer within {within:g} s") from None
    except (asyncio.IncompleteReadError, msgspec.DecodeError):
        raise CallbridgeError("the load generator has failed; what it printed says why") from None
    if answer.failed:
        raise CallbridgeError(answer.failed)
    return answer


# ---- the generator ------------------------------------------------------------------------------


@asynccontextmanager
async def _generating(plan: LoadPlan) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The load generator, listening for commands; it hangs up when the block ends."""
    generator = await asyncio.create_subprocess_exec(
        *of_module("callbridge.bench.generator", json.dumps(msgspec.to_builtins(plan))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us: it is ended in order
        limit=LIMIT,
    )
    writer, reader = _pipes(generator)
    try:
        await _answer(reader, READY_S)
        yield generator
    finally:
        writer.close()
        try:
            async with asyncio.timeout(ANSWER_S):
                while await reader.read(LIMIT):
                    pass
                await generator.wait()
        finally:
            if generator.returncode is None:
                generator.kill()
                await generator.wait()


def _pipes(
    process: asyncio.subprocess.Process,
) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "both of them"
    return process.stdin, process.stdout


# ---- endpoints ----------------------------------------------------------------------------------


def _plan(url: str, sound: LoadSound, seat: Seats | None, **more: object) -> LoadPlan:
    fields = {
        "url": url,
        "codec": sound.codec,
        "rate": sound.rate,
        "reply_codec": sound.reply_codec,
        "reply_rate": sound.reply_rate,
        "processor": seat.generator if seat else None,
        "spin": seat is not None,  # without a processor of its own it would be in the way
    }
    return msgspec.convert(fields | more, LoadPlan)


@asynccontextmanager
async def own(
    sound: LoadSound,
    seat: Seats | None,
    *,
    asgi: bool = False,
    talk: bool = False,
    relay: RelayLoad | None = None,
    tls: Tls | None = None,
) -> AsyncGenerator[Session]:
    """`callbridge serve` with a bot that echoes, talks, or answers over a relay, rung up by signed
    webhooks."""
    rest, port = free_ports(HOST, 2)
    api_key = "bench"
    base = f"https://{NAMED_HOST}:{port}" if tls else f"http://{HOST}:{port}"
    env = {
        "TELNYX_API_KEY": api_key,
        "TELNYX_PUBLIC_KEY": public_key(api_key),
        "TELNYX_BASE_URL": f"http://{HOST}:{rest}/v2",
        "CALLBRIDGE_PUBLIC_URL": base,
        "CALLBRIDGE_MAX_CALLS": "100000",
        "CALLBRIDGE_DRAIN_S": "1",
        "CALLBRIDGE_LOG": "text",  # its last words are for people
        "CALLBRIDGE_CODEC": sound.reply_codec,
        "CALLBRIDGE_CODEC_RATE": str(sound.reply_rate),
        "CALLBRIDGE_BENCH_RATE": str(sound.bot_rate),
    }
    bot = ANSWER_BOT if relay else TALK_BOT if talk else ECHO_BOT
    serve = ["serve", str(bot), "--host", HOST, "--port", str(port)]
    serve += ["--asgi"] if asgi else []
    serve += ["--ssl-certfile", tls.certfile, "--ssl-keyfile", tls.keyfile] if tls else []
    kind = (" on ASGI" if asgi else "") + (", talking" if talk else "") + (", TLS" if tls else "")
    name = f"callbridge{kind}"
    cafile = tls.certfile if tls else None
    plan = _plan(
        f"{base}/webhooks",
        sound,
        seat,
        host=HOST,
        port=rest,
        api_key=api_key,
        cafile=cafile,
        echo=not talk,
        relay=relay,
    )
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(_http(cafile))
        server = await stack.enter_async_context(running(name, *ourselves(*serve), env=env))
        await server.ready(http, f"{base}/readyz")
        generator = await stack.enter_async_context(_generating(plan))
        session = Session(name, Process(server.pid), f"{base}/metrics", generator, http)
        await _seat(session, seat, server)
        yield session


@asynccontextmanager
async def peer(
    command: str, sound: LoadSound, seat: Seats | None, *, relay: RelayLoad | None = None
) -> AsyncGenerator[Session]:
    """A program that serves ws://127.0.0.1:N/media, or /relay, when it is run with `--port N`."""
    (port,) = free_ports(HOST, 1)
    words = shlex.split(command)
    program = next((n for n, word in enumerate(words) if word.endswith(".py")), 0)
    name = " ".join((Path(words[program]).stem, *words[program + 1 :]))
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(_http(None))
        server = await stack.enter_async_context(running(name, *words, "--port", str(port), env={}))
        await listens(server, port)
        path = "relay" if relay else "media"
        plan = _plan(f"ws://{HOST}:{port}/{path}", sound, seat, relay=relay)
        generator = await stack.enter_async_context(_generating(plan))
        session = Session(name, Process(server.pid), None, generator, http)
        await _seat(session, seat, server)
        yield session


@asynccontextmanager
async def foreign(
    url: str,
    sound: LoadSound,
    seat: Seats | None,
    *,
    host: str,
    port: int,
    api_key: str,
    cafile: str | None,
    relay: RelayLoad | None = None,
) -> AsyncGenerator[Session]:
    """Somebody else's endpoint, by the URL of its WebSocket or of its webhook."""
    parts = urlsplit(url)
    here = is_loopback(parts.hostname or "")
    standard = {"ws": 80, "http": 80}.get(parts.scheme, 443)
    found = await asyncio.to_thread(process.listener, parts.port or standard) if here else None
    web = "http" + parts.scheme.removeprefix("ws").removeprefix("http")
    plan = _plan(
        url, sound, seat, host=host, port=port, api_key=api_key, cafile=cafile, relay=relay
    )
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(_http(cafile))
        generator = await stack.enter_async_context(_generating(plan))
        session = Session(parts.netloc, found, f"{web}://{parts.netloc}/metrics", generator, http)
        await session.warm_up()
        yield session


def _http(cafile: str | None) -> httpx.AsyncClient:
    """To this machine, past any proxy."""
    return httpx.AsyncClient(trust_env=False, verify=trust(cafile))


async def _seat(session: Session, seat: Seats | None, server: Child) -> None:
    session.server = server
    if seat is not None and session.process is not None:
        session.process.stay_on(seat.endpoint)
    await session.warm_up()


async def listens(server: Child, port: int) -> None:
    """Until something accepts at the port. Raises CallbridgeError with its last words."""
    try:
        async with asyncio.timeout(READY_S):
            while server.alive:
                try:
                    _, writer = await asyncio.open_connection(HOST, port)
                except OSError:
                    await asyncio.sleep(POLL_S)
                else:
                    writer.close()
                    return
    except TimeoutError:
        raise CallbridgeError(
            f"{server.name} does not listen on the port of its --port option within {READY_S:g} s"
        ) from None
    await server.death()
