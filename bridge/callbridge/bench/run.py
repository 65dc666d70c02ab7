"""The three measurements: up to the knee, side by side, and for a long time."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Protocol

from callbridge.bench.figures import measure
from callbridge.bench.ramp import Ramp
from callbridge.bench.results import Figures, Slo
from callbridge.bench.session import Session
from callbridge.errors import CallbridgeError


class Watcher(Protocol):
    """Whoever shows how far it is."""

    def phase(self, target: str, calls: int, phase: str, seconds: float = 0.0) -> None:
        """What is done now, and how long that takes, if it is known."""
        ...

    def step(self, figures: Figures) -> None: ...

    def refused(self, target: str, calls: int, why: str) -> None:
        """The endpoint did not take so many calls."""
        ...


class Run:
    """Windows of one or more endpoints, all by one clock and one standard.

    `windows` are those measured so far, in their order: a run may be broken off at any time."""

    def __init__(self, slo: Slo, watcher: Watcher, settle: float) -> None:
        self.windows: list[Figures] = []
        self.refused: list[tuple[int, str]] = []  # loads that the endpoint did not take, and why
        self._slo, self._watcher = slo, watcher
        self._settle = settle  # seconds from a change of the load to what is measured
        self._began = monotonic()

    async def up_to_the_knee(self, session: Session, ramp: Ramp, seconds: float) -> None:
        """More and more calls until the standard breaks; see `Ramp`."""
        while (calls := ramp.next()) is not None:
            try:
                await self._load(session, calls)
            except CallbridgeError as error:
                if not self.windows:
                    raise
                # A load under which no more calls can begin is a load that was not carried.
                self.refused.append((calls, str(error)))
                ramp.refused(str(error))
                self._watcher.refused(session.name, calls, str(error))
            else:
                ramp.took(await self._window(session, calls, seconds))
            last = self.windows[-1]
            if last.verdict != "ok" or last.calls != calls:
                await self._clear(session)  # a backlog must not spoil what is measured next

    async def side_by_side(
        self, sessions: Sequence[Session], calls: int, seconds: float, rounds: int
    ) -> None:
        """Every endpoint in turn, `rounds` times over."""
        for _ in range(rounds):
            for session in sessions:
                await self._load(session, calls)
                await self._window(session, calls, seconds)
                await self._clear(session)

    async def for_a_time(self, session: Session, calls: int, seconds: float, window: float) -> None:
        """The same calls all the time, window after window."""
        await self._load(session, calls)
        until, window = monotonic() + seconds, min(window, seconds)
        while (left := until - monotonic()) > 0.5 * window:
            await self._window(session, calls, min(window, left))

    async def _clear(self, session: Session) -> None:
        await session.have(0)
        await asyncio.sleep(self._settle)

    async def _load(self, session: Session, calls: int) -> None:
        self._watcher.phase(session.name, calls, "connecting")
        await session.have(calls)
        self._watcher.phase(session.name, calls, "settling", self._settle)
        await asyncio.sleep(self._settle)

    async def _window(self, session: Session, calls: int, seconds: float) -> Figures:
        self._watcher.phase(session.name, calls, "measuring", seconds)
        window, use = await session.measure(seconds)
        figures = await asyncio.to_thread(
            measure, session.name, window, use, self._slo, self._began
        )
        self.windows.append(figures)
        self._watcher.step(figures)
        return figures
