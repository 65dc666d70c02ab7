"""An endpoint of media streaming written by hand, and its faulty brothers: each breaks one rule."""

import asyncio
import contextlib
import json
from base64 import b64encode
from collections.abc import AsyncGenerator
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import Opcode

from tests.callbridge.probe.endpoints import House, never_send, put, served

KEPT_S = 20  # by the carrier in these tests; else it is an hour
SILENCE = bytes([0xFF])  # PCMU


class GoodStream:
    """Answers audio with as much silence, and marks each tenth answer."""

    def __init__(self, socket: ServerConnection, house: House) -> None:
        self.socket, self.house = socket, house
        self.answers = 0

    async def run(self) -> None:
        async for message in self.socket:
            await self.on_message(json.loads(message))

    async def on_message(self, frame: dict[str, Any]) -> None:
        if frame["event"] == "media":
            self.answers += 1
            await self.play(SILENCE * 160)
            if self.answers % 10 == 0:
                await self.send("mark", mark={"name": str(self.answers)})

    async def play(self, audio: bytes) -> None:
        await self.send("media", media={"payload": b64encode(audio).decode()})

    async def send(self, event: str, **fields: object) -> None:
        await put(self.socket, json.dumps({"event": event, **fields}))


# ---- one rule each ------------------------------------------------------------------------------


class ClosesAtStart(GoodStream):
    async def on_message(self, frame: dict[str, Any]) -> None:
        if frame["event"] == "start":
            await self.socket.close(1011)


class NeverPongs(GoodStream):
    async def run(self) -> None:
        never_send(self.socket, Opcode.PONG)
        await super().run()


class SaysWhat(GoodStream):
    """One bad message among the others."""

    bad: str | bytes = ""

    async def play(self, audio: bytes) -> None:
        if self.answers == 3:
            await put(self.socket, self.bad)
        await super().play(audio)


class UnknownEvent(SaysWhat):
    bad = '{"event": "audio", "audio": "AAAA"}'


class NamelessMark(SaysWhat):
    bad = '{"event": "mark", "mark": {}}'


class NoJson(SaysWhat):
    bad = "hello"


class Binary(SaysWhat):
    bad = SILENCE * 160


class NoBase64(SaysWhat):
    bad = '{"event": "media", "media": {"payload": "*****"}}'


class TooShort(GoodStream):
    async def play(self, audio: bytes) -> None:
        await super().play(audio[:80])
        await super().play(audio)


class TooMuch(GoodStream):
    """More than the carrier keeps, at once."""

    async def on_message(self, frame: dict[str, Any]) -> None:
        if frame["event"] == "start":
            for _ in range(KEPT_S + 2):
                await self.play(SILENCE * 8000)
        await super().on_message(frame)


class Mute(GoodStream):
    async def play(self, audio: bytes) -> None:
        """Nothing."""


class WantsStartAtOnce(GoodStream):
    async def run(self) -> None:
        try:
            for _ in range(2):
                async with asyncio.timeout(1):
                    await self.on_message(json.loads(await self.socket.recv()))
        except (TimeoutError, ConnectionClosed):
            await self.socket.close(1002, "no start")
        await super().run()


class FallsOver(GoodStream):
    """By an exception, at one kind of message."""

    async def on_message(self, frame: dict[str, Any]) -> None:
        if self.hates(frame):
            await self.socket.close(1011, "internal error")
        await super().on_message(frame)

    def hates(self, frame: dict[str, Any]) -> bool:
        raise NotImplementedError


class OnlyPcmu(FallsOver):
    """And L16, so that one rule is left."""

    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(
            frame["event"] == "start" and frame["start"]["media_format"]["encoding"] == "PCMA"
        )


class OnlyG711(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(
            frame["event"] == "start" and frame["start"]["media_format"]["encoding"] == "L16"
        )


class CountsChunks(FallsOver):
    expected = 1

    def hates(self, frame: dict[str, Any]) -> bool:
        if frame["event"] != "media":
            return False
        wrong = int(frame["media"]["chunk"]) != self.expected
        self.expected += 1
        return wrong


class HatesKeys(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(frame["event"] == "dtmf" and frame["dtmf"]["digit"] == "#")


class HatesStrangeMarks(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(frame["event"] == "mark" and frame["mark"]["name"] == "never set")


class HatesTheUnknown(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(frame["event"] == "something_new")


class HatesNulls(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(frame["event"] == "start" and frame["start"]["call_session_id"] is None)


class HatesErrors(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(frame["event"] == "error")


class ReadsFragments(GoodStream):
    """Each by itself."""

    async def run(self) -> None:
        try:
            while True:
                async for fragment in self.socket.recv_streaming(decode=True):
                    await self.on_message(json.loads(fragment))
        except (ConnectionClosed, json.JSONDecodeError):
            await self.socket.close(1011)


class HangsUpWithoutFrames(GoodStream):
    started = False

    async def run(self) -> None:
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            while True:
                async with asyncio.timeout(1.0 if self.started else None):
                    frame = json.loads(await self.socket.recv())
                self.started = self.started or frame["event"] == "media"
                await self.on_message(frame)


class DiesAtStop(GoodStream):
    async def on_message(self, frame: dict[str, Any]) -> None:
        self.house.dead |= frame["event"] == "stop"
        await super().on_message(frame)


class DiesOfHangUps(GoodStream):
    async def run(self) -> None:
        try:
            await super().run()
        except ConnectionClosedError as closed:
            self.house.dead = closed.rcvd is None


class NeverCloses(GoodStream):
    async def run(self) -> None:
        never_send(self.socket, Opcode.CLOSE)
        await super().run()


BREAKS: dict[type[GoodStream], str] = {
    ClosesAtStart: "media-opens",
    NeverPongs: "media-ping",
    UnknownEvent: "media-frames",
    NamelessMark: "media-frames",
    NoJson: "media-frames",
    Binary: "media-frames",
    NoBase64: "media-payload",
    TooShort: "media-payload",
    TooMuch: "media-rate",
    Mute: "media-speaks",
    WantsStartAtOnce: "media-late-start",
    OnlyPcmu: "media-two-codecs",
    OnlyG711: "media-l16",
    CountsChunks: "media-numbering",
    HatesKeys: "media-dtmf",
    HatesStrangeMarks: "media-marks",
    HatesTheUnknown: "media-unknown",
    HatesNulls: "media-nulls",
    HatesErrors: "media-error",
    ReadsFragments: "media-fragments",
    HangsUpWithoutFrames: "media-idle",
    DiesAtStop: "media-stop",
    DiesOfHangUps: "media-hang-up",
    NeverCloses: "media-close",
}


@contextlib.asynccontextmanager
async def stream_at(kind: type[GoodStream], path: str = "/media") -> AsyncGenerator[str]:
    """Serves it; the URL."""
    house = House()

    async def handle(socket: ServerConnection) -> None:
        await kind(socket, house).run()

    async with served(handle, path, house) as url:
        yield url
