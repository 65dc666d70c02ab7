"""How a call begins: straight at a WebSocket, or by ringing in as a carrier does."""

import asyncio
import base64
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httpx

from callbridge.bench.caller import LoadCaller
from callbridge.bench.socket import connect
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.effects import OpenStream
from callbridge.carrier.core.leg import CarrierLeg, LegState
from callbridge.carrier.net.service import RestServer, signing_key
from callbridge.carrier.net.shell import Shell, StreamsOf
from callbridge.carrier.net.speaking import RelayEngines
from callbridge.carrier.parts.relays import RelayPart
from callbridge.carrier.parts.streams import StreamPart
from callbridge.carrier.people.script import CallScript, LegCodec
from callbridge.carrier.store.store import Store
from callbridge.carrier.switch import Switch
from callbridge.errors import CallbridgeError
from callbridge.host.bind import bind
from callbridge.media import wire
from callbridge.relay import wire as relay_wire
from telecodecs import Encoding, Pcm

ANSWER_S = 10.0  # from ringing to a started stream
POLL_S = 0.01
QUIET_S = 30.0  # for the webhooks of a thousand calls
FROM, TO = "+13125550150", "+13125550100"

NewCall = Callable[[], LoadCaller]


class LoadDoor(Protocol):
    async def open(self) -> LoadCaller:
        """A call whose stream has started. Raises CallbridgeError."""
        ...

    async def close(self, call: LoadCaller) -> None: ...

    async def quiet(self) -> None:
        """Until nothing is said any more about calls that began or ended."""
        ...


def trust(cafile: str | None) -> ssl.SSLContext:
    """What wss servers are believed by: the system's authorities, or just those of a file."""
    try:
        return ssl.create_default_context(cafile=cafile)
    except (OSError, ssl.SSLError) as error:
        raise CallbridgeError(f"{cafile} holds no certificates: {error}") from None


# ---- straight at a WebSocket --------------------------------------------------------------------


class WebSocketDoor:
    """A WebSocket at a URL, without signalling."""

    def __init__(self, url: str, new_call: NewCall, context: ssl.SSLContext | None) -> None:
        self._url, self._new_call, self._context = url, new_call, context

    async def open(self) -> LoadCaller:
        call = self._new_call()
        call.client = await connect(self._url, {}, self._context, call)
        self._introduce(call)
        return call

    def _introduce(self, call: LoadCaller) -> None:
        """What the platform sends first."""
        raise NotImplementedError

    async def close(self, call: LoadCaller) -> None:
        call.close()

    async def quiet(self) -> None:
        """There is no signalling."""


class PlainDoor(WebSocketDoor):
    """Whatever speaks media streaming at a URL."""

    def __init__(
        self, url: str, encoding: Encoding, new_call: NewCall, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(url, new_call, context)
        self._format = wire.MediaFormat(encoding.name, encoding.named_rate)

    def _introduce(self, call: LoadCaller) -> None:
        name = f"{call.index:032x}"
        start = wire.StartBody(
            call_control_id=f"v3:bench-{name}",
            media_format=self._format,
            call_session_id=name,
            from_=FROM,
            to=TO,
        )
        call.put(wire.encode_incoming(wire.Connected()))
        call.put(wire.encode_incoming(wire.Start(name, start)))
        call.begin(name)

    async def close(self, call: LoadCaller) -> None:
        call.put(wire.encode_incoming(wire.Stop()))
        await super().close(call)


class PlainRelayDoor(WebSocketDoor):
    """Whatever speaks Conversation Relay at a URL."""

    def _introduce(self, call: LoadCaller) -> None:
        name = f"{call.index:032x}"
        setup = relay_wire.Setup(
            session_id=name, call_control_id=f"v3:bench-{name}", from_=FROM, to=TO
        )
        call.put(relay_wire.encode(setup))


# ---- as a carrier -------------------------------------------------------------------------------


def public_key(api_key: str) -> str:
    """Always the same for an API key, so that an endpoint is told it once."""
    return base64.b64encode(bytes(signing_key(api_key).verify_key)).decode()


START = '"event":"start"'


class LoadStreams:
    """The carrier's sockets, held by the load generator's calls."""

    def __init__(self, new_call: NewCall, context: ssl.SSLContext | None) -> None:
        self.calls: dict[str, LoadCaller] = {}  # by stream_id, from the opened socket on
        self.broken: dict[str, str] = {}  # by stream_id: why it was not opened
        self._new_call, self._context = new_call, context

    def of(
        self,
        switch: Switch,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        settle: Callable[[], None],
        now: Callable[[], float],
    ) -> "LoadStreams":
        """Join the shell that drives them."""
        self._switch, self._spawn, self._settle, self._now = switch, spawn, settle, now
        return self

    def open(self, wish: OpenStream) -> None:
        self._spawn(self._open(wish))

    async def _open(self, wish: OpenStream) -> None:
        call = self._new_call()
        try:
            call.client = await connect(wish.url, wish.headers, self._context, call)
        except CallbridgeError as error:
            self.broken[wish.stream_id] = str(error)
            self._switch.stream_failed(wish.stream_id, str(error), self._now())
        else:
            self.calls[wish.stream_id] = call
            self._switch.stream_opened(wish.stream_id, self._now())
            call.begin(wish.stream_id)
        self._settle()

    def send(self, stream_id: str, text: str) -> None:
        if call := self.calls.get(stream_id):
            if START in text:
                frame = wire.decode_incoming(text)
                assert isinstance(frame, wire.Start), "it is named so"
                call.started(frame.start.media_format.encoding)
            call.put(text)

    def close(self, stream_id: str) -> None:
        if call := self.calls.pop(stream_id, None):
            call.close()


class CarrierDoor:
    """Signed webhooks, commands answered, and then the stream that the endpoint asked for."""

    def __init__(self, shell: Shell, streams: LoadStreams, codec: LegCodec) -> None:
        self._shell, self._streams = shell, streams
        self._script = CallScript(from_=FROM, to=TO, codec=codec)
        self._legs: dict[LoadCaller, CarrierLeg] = {}

    async def open(self) -> LoadCaller:
        shell = self._shell
        leg = shell.switch.find(shell.switch.place_call(self._script, shell.now()))
        assert leg is not None, "it was placed just now"
        shell.settle()
        deadline = shell.now() + ANSWER_S
        while (call := self._started(leg)) is None:
            if why := refusal(leg, too_late=shell.now() > deadline):
                raise CallbridgeError(why)
            await asyncio.sleep(POLL_S)
        self._legs[call] = leg
        return call

    async def close(self, call: LoadCaller) -> None:
        leg = self._legs.pop(call)
        self._shell.switch.hang_up(leg.call_control_id, self._shell.now())
        self._shell.settle()

    async def quiet(self) -> None:
        await self._shell.quiet(QUIET_S)

    def _started(self, leg: CarrierLeg) -> LoadCaller | None:
        if relay := leg.part(RelayPart):
            return self._streams.calls.get(relay.session_id)
        stream = leg.part(StreamPart)
        return self._streams.calls.get(stream.stream_id) if stream and stream.started else None


def refusal(leg: CarrierLeg, *, too_late: bool) -> str:
    """Why a call will get no socket; empty while it still may."""
    for entry in leg.tape.entries:
        if entry.kind == "webhook delivery" and not entry.detail["delivered"]:
            event, said = entry.detail["event_type"], entry.detail["said"]
            return f"the webhook {event} was not taken: {said}"
        if entry.kind in ("stream failed", "relay failed"):
            return f"the call was answered, but its stream failed: {entry.detail['reason']}"
        if entry.kind == "command refused" and entry.detail["action"] == "answer":
            return f"the endpoint's answer was refused: {entry.detail['why']}"
    if leg.state is LegState.ENDED:
        assert leg.ending is not None
        return f"the endpoint refused the call: {leg.ending.cause}"
    if not too_late:
        return ""
    if leg.state is LegState.ANSWERED:
        return "the call was answered without a stream or a relay"
    return (
        f"the webhook was taken, but no answer command came in {ANSWER_S:g} s: the endpoint "
        "must send its commands here, see TELNYX_BASE_URL"
    )


class NeverAsked:
    """The engines of a carrier whose clock stands: nothing is ever spoken or heard."""

    def speak(self, text: str, sample_rate: int) -> Sequence[tuple[str, Pcm]]:
        raise NotImplementedError

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        raise NotImplementedError

    @property
    def synthesiser(self) -> "NeverAsked":
        return self

    @property
    def recogniser(self) -> "NeverAsked":
        return self


@asynccontextmanager
async def carrier_door(
    webhook_url: str,
    *,
    host: str,
    port: int,
    api_key: str,
    codec: LegCodec,
    new_call: NewCall,
    context: ssl.SSLContext | None,
) -> AsyncGenerator[CarrierDoor]:
    """Calls with a stream each, rung up at a webhook; commands are taken at `host` and `port`."""
    config = CarrierConfig(api_key=api_key, webhook_url=webhook_url, record=False, keep_finished=10)
    streams = LoadStreams(new_call, context)
    async with signalling(
        config,
        streams.of,
        host=host,
        port=port,
        context=context,
        webhook_timeout_s=5.0,
        engines=NeverAsked(),
    ) as shell:
        yield CarrierDoor(shell, streams, codec)


@asynccontextmanager
async def signalling(
    config: CarrierConfig,
    streams: StreamsOf,
    *,
    host: str,
    port: int,
    context: ssl.SSLContext | None,
    webhook_timeout_s: float,
    engines: RelayEngines | None = None,
    store: Store | None = None,
) -> AsyncGenerator[Shell]:
    """A carrier's signalling, with its REST API at `host` and `port`, but without its audio.

    Raises CallbridgeError when the address cannot be listened on."""
    limits = httpx.Limits(max_connections=50, max_keepalive_connections=50)
    listener = bind(host, port)
    async with (
        httpx.AsyncClient(trust_env=False, limits=limits, verify=context or True) as http,
        asyncio.TaskGroup() as group,
    ):
        shell = Shell(
            config,
            group,
            http,
            signing_key(config.api_key),
            engines=engines,
            store=store,
            streams=streams,
            webhook_timeout_s=webhook_timeout_s,
        )
        rest = RestServer(shell)
        serving = asyncio.create_task(rest.serve(sockets=[listener]))
        failed: CallbridgeError | None = None
        try:
            yield shell
        except CallbridgeError as error:
            failed = error  # raised outside of the group, which would wrap it
        finally:
            await shell.say_goodbye()
            rest.should_exit = True
            await serving
    if failed is not None:
        raise failed
