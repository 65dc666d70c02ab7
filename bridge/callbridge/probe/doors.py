"""How a probe's call begins: straight at a WebSocket, or rung up as the platform does."""

import asyncio
import ssl
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import msgspec
from nacl.signing import SigningKey

from callbridge.bench.doors import ANSWER_S, FROM, POLL_S, refusal, signalling
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.effects import OpenStream
from callbridge.carrier.core.leg import CarrierLeg, Identity
from callbridge.carrier.net.shell import Shell
from callbridge.carrier.parts.relays import RelayPart
from callbridge.carrier.parts.stream import StreamParams
from callbridge.carrier.parts.streams import StreamPart
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.shapes import JsonObject
from callbridge.carrier.store.store import Store
from callbridge.carrier.switch import Switch
from callbridge.errors import CallbridgeError
from callbridge.media import wire as media
from callbridge.probe.findings import ProbeBook
from callbridge.probe.line import open_line
from callbridge.probe.rules import WEBHOOK_TAKEN
from callbridge.relay import wire as relay
from telecodecs import Pcm

ProbeKind = Literal["relay", "media"]
WEBHOOK_S = 2.0  # the platform's own timeout, contract of webhooks
TELLING_S = 1.0  # for a socket to show by its first frames which protocol it speaks


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits for its socket, and what the platform says first on it."""

    url: str
    headers: dict[str, str] = {}
    setup: relay.Setup | None = None  # of a relay
    start: media.Start | None = None  # of a media stream ...
    params: StreamParams | None = None  # ... with what was asked for
    call: str = ""  # its call_control_id at the webhook's door

    def opening(self) -> list[str]:
        """The platform's first messages."""
        if self.setup is not None:
            return [relay.encode(self.setup)]
        assert self.start is not None, "it is a relay or a media stream"
        return [media.encode_incoming(media.Connected()), media.encode_incoming(self.start)]


class ProbeDoor(Protocol):
    kind: ProbeKind

    async def ring(self) -> Rung:
        """A call whose socket is to be opened now. Raises CallbridgeError."""
        ...

    async def hang_up(self, rung: Rung) -> None: ...


# ---- straight at a WebSocket --------------------------------------------------------------------


class SocketDoor:
    """Whatever serves WebSockets at a URL. Nothing is signed, nothing is commanded."""

    def __init__(self, url: str, kind: ProbeKind, to: str) -> None:
        self.kind: ProbeKind = kind
        self._url, self._to = url, to

    async def ring(self) -> Rung:
        if self.kind == "relay":
            return Rung(url=self._url, setup=made_up_setup(self._to))
        params = StreamParams(url=self._url, mode="rtp", target="self")
        return Rung(url=self._url, start=made_up_start(self._to), params=params)

    async def hang_up(self, rung: Rung) -> None:
        """There is no signalling."""


def made_up_setup(to: str) -> relay.Setup:
    call = f"v3:probe-{uuid.uuid4().hex}"
    return relay.Setup(
        session_id=str(uuid.uuid4()),
        call_control_id=call,
        account_sid=str(uuid.uuid4()),
        call_sid=call,
        call_session_id=str(uuid.uuid4()),
        call_leg_id=str(uuid.uuid4()),
        from_=FROM,
        to=to,
        direction="inbound",
        call_status="active",
    )


def made_up_start(to: str) -> media.Start:
    body = media.StartBody(
        call_control_id=f"v3:probe-{uuid.uuid4().hex}",
        media_format=media.MediaFormat("PCMU", 8000),
        user_id=str(uuid.uuid4()),
        call_session_id=str(uuid.uuid4()),
        from_=FROM,
        to=to,
        tags=[],
    )
    return media.Start(str(uuid.uuid4()), body)


async def kind_of(url: str, to: str, context: ssl.SSLContext | None) -> ProbeKind:
    """By the path where that says so, else by what the endpoint says to either protocol.

    Raises CallbridgeError when neither tells."""
    path = urlsplit(url).path.lower()
    if "relay" in path:
        return "relay"
    if "media" in path or "stream" in path:
        return "media"
    greeting = relay.encode(relay.Prompt("Hello?", "en", last=True))
    relayed, streamed = (
        await SocketDoor(url, "relay", to).ring(),
        await SocketDoor(url, "media", to).ring(),
    )
    for opening in ([*relayed.opening(), greeting], streamed.opening()):
        if told := await _told(url, context, opening):
            return told
    raise CallbridgeError(
        f"{url.partition('?')[0]} does not show which protocol it speaks: say --relay or --media"
    )


async def _told(url: str, context: ssl.SSLContext | None, opening: list[str]) -> ProbeKind | None:
    said: list[str | bytes] = []

    async def hear(message: str | bytes) -> None:
        said.append(message)

    line = await open_line(url, {}, context)
    line.begin(hear)
    for message in opening:
        await line.send(message)
    await line.until(lambda: bool(said), TELLING_S)
    await line.close()
    text = str(said[0]) if said else ""
    return "relay" if '"type"' in text else "media" if '"event"' in text else None


# ---- as the platform ----------------------------------------------------------------------------


class ProbeStore(Store):
    """Remembers each call's first event, for it to be delivered once more."""

    def __init__(self) -> None:
        super().__init__()
        self.first_event: dict[str, JsonObject] = {}

    def webhook(self, leg: Identity, event: JsonObject) -> None:
        self.first_event.setdefault(leg.call_control_id, event)
        super().webhook(leg, event)


class MuteEngines:
    """The platform speaks and hears nothing by itself here: the probe does."""

    @property
    def synthesiser(self) -> "MuteEngines":
        return self

    @property
    def recogniser(self) -> "MuteEngines":
        return self

    def speak(self, text: str, sample_rate: int) -> list[tuple[str, Pcm]]:
        return []

    def transcribe(self, pcm: Pcm, sample_rate: int) -> str:
        return ""


class WantedSockets:
    """The sockets that the endpoint asked for: noted, and opened by the scenarios themselves."""

    def __init__(self) -> None:
        self.wanted: dict[str, OpenStream] = {}
        self.said: dict[str, list[str]] = {}  # what the switch would have sent, by stream_id

    def of(
        self,
        switch: Switch,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        settle: Callable[[], None],
        now: Callable[[], float],
    ) -> "WantedSockets":
        return self

    def open(self, wish: OpenStream) -> None:
        self.wanted[wish.stream_id] = wish
        self.said[wish.stream_id] = []

    def send(self, stream_id: str, text: str) -> None:
        if (said := self.said.get(stream_id)) is not None:
            said.append(text)

    def close(self, stream_id: str) -> None:
        self.said.pop(stream_id, None)


class WebhookDoor:
    """Signed webhooks, commands answered, and the socket that the endpoint asked for."""

    kind: ProbeKind = "media"  # until the first call has told

    def __init__(
        self,
        url: str,
        to: str,
        shell: Shell,
        sockets: WantedSockets,
        store: ProbeStore,
        book: ProbeBook,
    ) -> None:
        self.url = url
        self._shell, self._sockets, self._store, self._book = shell, sockets, store, book
        self._script = CallScript(from_=FROM, to=to)

    @property
    def key(self) -> SigningKey:
        return self._shell.key

    async def ring(self) -> Rung:
        leg = self._place()
        now = self._shell.now
        deadline = now() + ANSWER_S
        while (wish := self._wanted_by(leg)) is None:
            if why := refusal(leg, too_late=now() > deadline):
                self._shell.switch.hang_up(leg.call_control_id, now())
                self._shell.settle()
                raise CallbridgeError(why)
            await asyncio.sleep(POLL_S)
        self._shell.switch.stream_opened(wish.stream_id, now())
        said = self._sockets.said[wish.stream_id]
        self._shell.settle()
        return self._rung(leg, wish, said)

    def _place(self) -> CarrierLeg:
        switch = self._shell.switch
        leg = switch.find(switch.place_call(self._script, self._shell.now()))
        assert leg is not None, "it was placed just now"
        self._shell.settle()
        return leg

    def _wanted_by(self, leg: CarrierLeg) -> OpenStream | None:
        stream, session = leg.part(StreamPart), leg.part(RelayPart)
        if session is not None:
            return self._sockets.wanted.get(session.session_id)
        return self._sockets.wanted.get(stream.stream_id) if stream is not None else None

    def _rung(self, leg: CarrierLeg, wish: OpenStream, said: list[str]) -> Rung:
        url, headers, call = wish.url, wish.headers, leg.call_control_id
        stream = leg.part(StreamPart)
        if stream is None:
            self.kind = "relay"
            setup = relay.read_setup(said[0])
            return Rung(url=url, headers=headers, setup=setup, call=call)
        self.kind = "media"
        start = media.decode_incoming(said[-1])
        assert isinstance(start, media.Start), "behind `connected` comes `start`"
        params = stream.stream.params
        return Rung(url=url, headers=headers, start=start, params=params, call=call)

    async def hang_up(self, rung: Rung) -> None:
        self._shell.switch.hang_up(rung.call, self._shell.now())
        self._shell.settle()
        await self._shell.quiet(WEBHOOK_S + 1)
        self._judge_deliveries(rung.call)

    def _judge_deliveries(self, call: str) -> None:
        leg = self._shell.switch.find(call)
        for entry in leg.tape.of("webhook delivery") if leg is not None else ():
            if not entry.detail["delivered"]:
                event, said = entry.detail["event_type"], entry.detail["said"]
                self._book.found(WEBHOOK_TAKEN, f"{event}: {said}")

    # ---- for the webhooks' own scenarios ------------------------------------------------------

    def first_event(self, rung: Rung) -> JsonObject:
        """The `data` of its call.initiated, as it was delivered."""
        return self._store.first_event[rung.call]

    def commands(self, rung: Rung) -> list[str]:
        """All that the endpoint has commanded on a call, refused ones included, but not what the
        platform takes for a repetition of the same command."""
        leg = self._shell.switch.find(rung.call)
        entries = leg.tape.entries if leg is not None else []
        kinds = ("command", "command refused")
        return [str(entry.detail["action"]) for entry in entries if entry.kind in kinds]


@asynccontextmanager
async def webhook_door(
    url: str,
    to: str,
    book: ProbeBook,
    *,
    host: str,
    port: int,
    api_key: str,
    context: ssl.SSLContext | None,
) -> AsyncGenerator[WebhookDoor]:
    """The endpoint's commands are taken at `host` and `port`. Raises CallbridgeError."""
    config = CarrierConfig(api_key=api_key, webhook_url=url, record=False, keep_finished=10)
    sockets, store = WantedSockets(), ProbeStore()
    async with signalling(
        config,
        sockets.of,
        host=host,
        port=port,
        context=context,
        webhook_timeout_s=WEBHOOK_S,
        engines=MuteEngines(),
        store=store,
    ) as shell:
        yield WebhookDoor(url, to, shell, sockets, store, book)
