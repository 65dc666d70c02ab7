"""A webhook, rung up as the platform does it: signed events, commands answered, and the socket that
the endpoint asked for."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from nacl.signing import SigningKey

from callbridge.bench.doors import ANSWER_S, FROM, POLL_S, refusal, signalling
from callbridge.carrier.config import CarrierConfig
from callbridge.carrier.core.effects import OpenStream
from callbridge.carrier.core.leg import CarrierLeg, Identity
from callbridge.carrier.net.shell import Shell
from callbridge.carrier.parts.relays import RelayPart
from callbridge.carrier.parts.streams import StreamPart
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.shapes import JsonObject
from callbridge.carrier.store.store import Store
from callbridge.carrier.switch import Switch
from callbridge.errors import CallbridgeError
from callbridge.media import wire as media
from callbridge.probe.doors import ProbeKind, Rung
from callbridge.probe.findings import ProbeBook
from callbridge.probe.rules import WEBHOOK_TAKEN
from callbridge.relay import wire as relay
from telecodecs import Pcm

WEBHOOK_S = 2.0  # the platform waits so long for the answer to an event


class ProbeStore(Store):
    """Remembers each call's first event, for it to be delivered once more."""

    def __init__(self) -> None:
        super().__init__()
        self.first_event: dict[str, JsonObject] = {}

    def webhook(self, leg: Identity, event: JsonObject, at: str) -> None:
        self.first_event.setdefault(leg.call_control_id, event)
        super().webhook(leg, event, at)


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
    """A ProbeDoor. Events that are not taken are findings."""

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
