"""Calls of a probe: each is rung up, gets one socket, and is hung up whatever happens."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from callbridge.errors import CallbridgeError
from callbridge.probe.doors import ProbeDoor, Rung
from callbridge.probe.findings import ProbeBook, ProbeOver
from callbridge.probe.line import OnMessage, ProbeLine, open_line
from callbridge.probe.relay_talk import ProbePace


class ProbeCalls:
    def __init__(
        self, door: ProbeDoor, context: ssl.SSLContext | None, book: ProbeBook, pace: ProbePace
    ) -> None:
        self.book, self.pace = book, pace
        self._door, self._context = door, context

    @asynccontextmanager
    async def line(self, on_message: OnMessage) -> AsyncGenerator[tuple[Rung, ProbeLine]]:
        """A call and its open socket. Raises CallbridgeError when not even the first one is to be
        had, and ProbeOver when the endpoint has taken calls before."""
        try:
            rung = await self._door.ring()
        except CallbridgeError as error:
            raise self._not_served(error) from None
        line: ProbeLine | None = None
        try:
            line = await self._opened(rung, on_message)
            yield rung, line
        finally:
            await self._door.hang_up(rung)
            if line is not None:
                await line.close()

    async def _opened(self, rung: Rung, on_message: OnMessage) -> ProbeLine:
        try:
            line = await open_line(rung.url, rung.headers, self._context, on_message)
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
            line = await open_line(url, rung.headers, self._context, ignore)
        except CallbridgeError:
            return False
        for message in rung.opening():
            await line.send(message)
        await line.listen(seconds)
        await line.drop()
        return line.ending is None


async def ignore(message: str | bytes) -> None:
    """What a socket says that should not be there."""
