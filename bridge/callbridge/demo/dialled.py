"""The calls that a bot makes beside the caller's, followed as the caller's is."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from callbridge.carrier.net import ring
from callbridge.demo.telling import Telling

LINGER_S = 5.0  # a dialled call may be over so long after the caller's


class DialledCalls:
    """Follows each call that the bridge dials, from its first line on the bridge's tape."""

    def __init__(self, exchange: ring.Carrier, telling: Telling) -> None:
        self._exchange, self._telling = exchange, telling
        self._following: list[asyncio.Task[dict[str, Any]]] = []

    @asynccontextmanager
    async def followed(self) -> AsyncGenerator[None]:
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            for task in (looking, *self._following):
                task.cancel()
            await asyncio.gather(looking, *self._following, return_exceptions=True)

    async def reports(self) -> list[dict[str, Any]]:
        """The carrier's, of those that are over. Raises CallbridgeError."""
        if self._following:
            await asyncio.wait(self._following, timeout=LINGER_S)
        return [task.result() for task in self._following if task.done()]

    async def _look(self) -> None:
        while True:
            call = await self._telling.dialled.get()
            self._following.append(asyncio.create_task(self._follow(call)))

    async def _follow(self, call: str) -> dict[str, Any]:
        later_s = self._telling.journal.at_s(began_at(await self._exchange.report(call)))
        async for entry in self._exchange.tape(call):
            self._telling.tape(entry, call, later_s)
        return await self._exchange.finished(call)


def began_at(report: dict[str, Any]) -> float:
    """Of a leg: Unix seconds."""
    return datetime.fromisoformat(report["start_time"]).timestamp()
