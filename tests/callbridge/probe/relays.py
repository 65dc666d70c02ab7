"""A relay endpoint written by hand, and its faulty brothers: each breaks one rule."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import Opcode

from tests.callbridge.probe.endpoints import House, never_send, put, served

WORDS = ("I", "am", "quite", "well", "today,", "thank", "you", "very", "much", "for", "asking.")
TOKEN_S = 0.01


class GoodRelay:
    """Answers final prompts word by word, and stops when it is interrupted."""

    max_size: int | None = None
    words: tuple[str, ...] = WORDS

    def __init__(self, socket: ServerConnection, house: House) -> None:
        self.socket, self.house = socket, house
        self.reply: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            async for message in self.socket:
                await self.on_message(json.loads(message))
        finally:
            await self.stop()

    async def on_message(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "prompt":
            await self.on_prompt(frame["voicePrompt"], last=frame["last"])
        elif frame["type"] == "interrupt":
            await self.on_interrupt()

    async def on_prompt(self, prompt: str, *, last: bool) -> None:
        if last:
            await self.stop()
            self.reply = asyncio.create_task(self.answer(prompt))

    async def on_interrupt(self) -> None:
        await self.stop()

    async def stop(self) -> None:
        if self.reply is not None:
            self.reply.cancel()
            await asyncio.wait((self.reply,))

    async def answer(self, prompt: str) -> None:
        try:
            for word in self.words:
                await self.send(token=word + " ", last=False)
                await asyncio.sleep(TOKEN_S)
        finally:
            await self.send(token="", last=True)

    async def send(self, type: str = "text", **fields: object) -> None:
        await put(self.socket, json.dumps({"type": type, **fields}))


# ---- one rule each ------------------------------------------------------------------------------


class ClosesAtSetup(GoodRelay):
    async def run(self) -> None:
        await self.socket.recv()
        await self.socket.close(1011, "no setup, please")


class NeverPongs(GoodRelay):
    async def run(self) -> None:
        never_send(self.socket, Opcode.PONG)
        await super().run()


class SaysWhat(GoodRelay):
    """One bad message before each answer."""

    bad: str | bytes = ""

    async def answer(self, prompt: str) -> None:
        await put(self.socket, self.bad)
        await super().answer(prompt)


class UnknownType(SaysWhat):
    bad = '{"type": "say", "token": "hello"}'


class NoToken(SaysWhat):
    bad = '{"type": "text", "text": "hello"}'


class WrongType(SaysWhat):
    bad = '{"type": "text", "token": 5, "last": "no"}'


class NoJson(SaysWhat):
    bad = "hello"


class Binary(SaysWhat):
    bad = b'{"type": "text", "token": "hello"}'


class TenBadOnes(GoodRelay):
    async def answer(self, prompt: str) -> None:
        for _ in range(12):
            await put(self.socket, "hello")
        await super().answer(prompt)


class TooLong(GoodRelay):
    async def answer(self, prompt: str) -> None:
        await self.send(token="a" * 1_100_000, last=False)
        await super().answer(prompt)


class NeverAnswers(GoodRelay):
    async def on_prompt(self, prompt: str, *, last: bool) -> None:
        """Nothing."""


class AllAtOnce(GoodRelay):
    async def answer(self, prompt: str) -> None:
        await self.send(token=" ".join(WORDS * 4), last=True)


class NeverLast(GoodRelay):
    async def send(self, type: str = "text", **fields: object) -> None:
        if fields["token"]:
            await super().send(type, token=fields["token"])


class LastTwice(GoodRelay):
    async def answer(self, prompt: str) -> None:
        await super().answer(prompt)
        await self.send(token="", last=True)


class TalksAfterEnd(GoodRelay):
    async def answer(self, prompt: str) -> None:
        await super().answer(prompt)
        await self.send("end")
        await self.send(token="One more thing.", last=True)


class IgnoresInterrupts(GoodRelay):
    words = WORDS * 8  # goes on for longer than an interrupt may take on a busy machine

    async def on_interrupt(self) -> None:
        """Nothing."""


class LeavesCutTurnsOpen(GoodRelay):
    async def answer(self, prompt: str) -> None:
        for word in WORDS:
            await self.send(token=word + " ", last=False)
            await asyncio.sleep(TOKEN_S)
        await self.send(token="", last=True)

    async def on_prompt(self, prompt: str, *, last: bool) -> None:
        """A prompt over an answer waits for it."""
        if last and self.reply is not None and not self.reply.cancelled():
            await asyncio.wait((self.reply,))
        await super().on_prompt(prompt, last=last)


class SulksAfterInterrupts(GoodRelay):
    sulks = False

    async def on_interrupt(self) -> None:
        self.sulks = True
        await self.stop()

    async def on_prompt(self, prompt: str, *, last: bool) -> None:
        if not self.sulks:
            await super().on_prompt(prompt, last=last)


class DeafWhileAnswering(GoodRelay):
    async def on_prompt(self, prompt: str, *, last: bool) -> None:
        if self.reply is None or self.reply.done():
            await super().on_prompt(prompt, last=last)


class AnswersInterims(GoodRelay):
    async def on_prompt(self, prompt: str, *, last: bool) -> None:
        await super().on_prompt(prompt, last=True)


class FallsOver(GoodRelay):
    """By an exception, at one kind of message."""

    async def on_message(self, frame: dict[str, Any]) -> None:
        if self.hates(frame):
            await self.socket.close(1011, "internal error")
        await super().on_message(frame)

    def hates(self, frame: dict[str, Any]) -> bool:
        raise NotImplementedError


class HatesKeys(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return frame == {"type": "dtmf", "digit": "#"}


class HatesTheUnknown(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(frame["type"] == "somethingNew")


class HatesNulls(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(frame["type"] == "setup" and frame["customParameters"] is None)


class HatesErrors(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(frame["type"] == "error")


class HatesEmptyPrompts(FallsOver):
    def hates(self, frame: dict[str, Any]) -> bool:
        return bool(frame["type"] == "prompt" and not frame["voicePrompt"].split())


class ReadsLittle(GoodRelay):
    max_size = 10_000


class ReadsFragments(GoodRelay):
    """Each by itself."""

    async def run(self) -> None:
        try:
            while True:
                async for fragment in self.socket.recv_streaming(decode=True):
                    await self.on_message(json.loads(fragment))
        except (ConnectionClosed, json.JSONDecodeError):
            await self.socket.close(1011)
        finally:
            await self.stop()


class HangsUpInSilence(GoodRelay):
    async def run(self) -> None:
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            while True:
                async with asyncio.timeout(1.5):
                    message = await self.socket.recv()
                await self.on_message(json.loads(message))
        await self.stop()


class DiesOfDisorder(GoodRelay):
    begun = False

    async def on_message(self, frame: dict[str, Any]) -> None:
        self.house.dead |= not self.begun and frame["type"] != "setup"
        self.begun = True
        await super().on_message(frame)


class DiesOfHangUps(GoodRelay):
    async def run(self) -> None:
        try:
            await super().run()
        except ConnectionClosedError as closed:
            self.house.dead = closed.rcvd is None


class NeverCloses(GoodRelay):
    async def run(self) -> None:
        never_send(self.socket, Opcode.CLOSE)
        await super().run()


class Greets(GoodRelay):
    """Correct: it speaks first."""

    async def on_message(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "setup":
            self.reply = asyncio.create_task(self.answer(""))
        await super().on_message(frame)


BREAKS: dict[type[GoodRelay], str] = {
    ClosesAtSetup: "relay-opens",
    NeverPongs: "relay-ping",
    UnknownType: "relay-frames",
    NoToken: "relay-frames",
    WrongType: "relay-frames",
    NoJson: "relay-frames",
    Binary: "relay-frames",
    TenBadOnes: "relay-frames",
    TooLong: "relay-frame-size",
    NeverAnswers: "relay-answers",
    AllAtOnce: "relay-streams",
    NeverLast: "relay-turn-closed",
    LastTwice: "relay-turn-once",
    TalksAfterEnd: "relay-after-end",
    IgnoresInterrupts: "relay-interrupt-stops",
    LeavesCutTurnsOpen: "relay-interrupt-closes",
    SulksAfterInterrupts: "relay-interrupt-answers",
    DeafWhileAnswering: "relay-overlap",
    AnswersInterims: "relay-interim",
    HatesKeys: "relay-dtmf",
    HatesTheUnknown: "relay-unknown",
    HatesNulls: "relay-nulls",
    HatesErrors: "relay-error",
    HatesEmptyPrompts: "relay-empty",
    ReadsLittle: "relay-long",
    ReadsFragments: "relay-fragments",
    HangsUpInSilence: "relay-idle",
    DiesOfDisorder: "relay-order",
    DiesOfHangUps: "relay-hang-up",
    NeverCloses: "relay-close",
}


@contextlib.asynccontextmanager
async def relay_at(
    kind: type[GoodRelay], path: str = "/relay", house: House | None = None
) -> AsyncGenerator[str]:
    """Serves it; the URL."""
    house = house or House()

    async def handle(socket: ServerConnection) -> None:
        await kind(socket, house).run()

    async with served(handle, path, house, kind.max_size) as url:
        yield url
