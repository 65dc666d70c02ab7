"""Calls of a probe: each is rung up, gets one socket, and is hung up whatever happens."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from callbridge.errors import CallbridgeError
from callbridge.probe.doors import ProbeDoor, Rung
from callbridge.probe.findings import ProbeBook, ProbeOver
from callbridge.probe.line import ProbeLine, open_line


class ProbePace(msgspec.Struct, frozen=True, kw_only=True):
    """How long the probe waits, in seconds."""

    patience: float = 10.0  # for an answer to begin, and for an open turn to go on
    quiet: float = 0.3  # without a word, and an answer of several turns is over
    grace: float = 0.1  # on top of a round trip, for an interrupt to be obeyed
    idle: float = 3.0  # of silence, that a session has to survive
    greeting: float = 3.0  # for a greeting to begin, on the first call


class ProbeCalls:
    def __init__(
        self, door: ProbeDoor, context: ssl.SSLContext | None, book: ProbeBook, pace: ProbePace
    ) -> None:
        self.book, self.pace = book, pace
        self._door, self._context = door, context

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[tuple[Rung, ProbeLine]]:
        """A call and its open socket, which is not read yet.

        Raises CallbridgeError when not even the first one is to be had, and ProbeOver when the
        endpoint has taken calls before."""
        try:
            rung = await self._door.ring()
        except CallbridgeError as error:
            raise self._not_served(error) from None
        line: ProbeLine | None = None
        try:
            line = await self._opened(rung)
            yield rung, line
        finally:
            await self._door.hang_up(rung)
            if line is not None:
                await line.close()

    async def _opened(self, rung: Rung) -> ProbeLine:
        try:
            line = await open_line(rung.url, rung.headers, self._context)
        except CallbridgeError as error:
            raise self._not_served(error) from None
        self.book.served()
        return line

    def _not_served(self, error: CallbridgeError) -> Exception:
        blamed = self.book.last_served
        if blamed is None:
            return error
        self.book.found(blamed.blames, f"after {blamed.name} no call is served: {error}")
        return ProbeOver()

    async def lets_in(self, rung: Rung, url: str, seconds: float) -> bool:
        """Whether another socket at this address is opened, and not closed in so many seconds."""
        try:
            line = await open_line(url, rung.headers, self._context)
        except CallbridgeError:
            return False
        line.begin()
        for message in rung.opening():
            await line.send(message)
        await line.listen(seconds)
        await line.drop()
        return line.ending is None
