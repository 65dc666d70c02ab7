"""How a probe's call begins, and its plainest form: straight at a WebSocket."""

import ssl
import uuid
from typing import Literal, Protocol
from urllib.parse import urlsplit

import msgspec

from callbridge.bench.doors import FROM
from callbridge.carrier.parts.stream import StreamParams
from callbridge.errors import CallbridgeError
from callbridge.media import wire as media
from callbridge.probe.line import open_line
from callbridge.relay import wire as relay

ProbeKind = Literal["relay", "media"]
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
        connected = media.Connected(connected=self.headers) if self.headers else media.Connected()
        return [media.encode_incoming(connected), media.encode_incoming(self.start)]


class ProbeDoor(Protocol):
    kind: ProbeKind

    async def ring(self) -> Rung:
        """A call whose socket is to be opened now. Raises CallbridgeError."""
        ...

    async def hang_up(self, rung: Rung) -> None: ...


class SocketDoor:
    """Whatever serves WebSockets at a URL. Nothing is signed, nothing is commanded."""

    def __init__(self, url: str, kind: ProbeKind, to: str) -> None:
        self.kind: ProbeKind = kind
        self._url, self._to = url, to

    async def ring(self) -> Rung:
        return self.rung(self.kind)

    def rung(self, kind: ProbeKind) -> Rung:
        if kind == "relay":
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
    door = SocketDoor(url, "relay", to)
    for opening in ([*door.rung("relay").opening(), greeting], door.rung("media").opening()):
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
