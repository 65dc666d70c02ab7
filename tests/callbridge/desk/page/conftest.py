"""The desk on the virtual loop: its look-out and its supervisors, with a carrier and a bridge."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from callbridge.carrier.people.script import Step
from callbridge.control.client import connect
from callbridge.desk.desk import Desk
from callbridge.desk.page.board import BoardCall
from callbridge.desk.page.lookout import Lookout
from callbridge.desk.page.supervising import DeskErrand, DeskSupervisors
from callbridge.desk.page.users import DeskUser
from callbridge.serve.account import AccountSettings
from callbridge.testing import CallScript, CarrierConfig, Pair, Wait, says, tone
from callbridge.testing.pair import Rest
from telecodecs import Pcm
from tests.callbridge.hummed import LEAVES_IT

BOSS, AGENT, BUSY, NOBODY = "+13125550199", "+13125550197", "+13125550196", "+13125550195"
BOSS_HZ, AGENT_HZ, CALLER_HZ = 350.0, 500.0, 440.0
ANN = DeskUser("ann", "supervisor", BOSS)
WEBHOOKS = "http://127.0.0.1:9/webhooks"


def hums(hertz: float, seconds: float = 60.0) -> CallScript:
    """Somebody who picks up, hums and stays."""
    steps: tuple[Step, ...] = (Wait("answered"), says(tone(seconds, hertz)), LEAVES_IT)
    return CallScript(steps=steps)


def people(**config: Any) -> pytest.MarkDecorator:
    """A supervisor at BOSS and an agent at AGENT, who hum."""
    numbers: Any = {BOSS: hums(BOSS_HZ), AGENT: hums(AGENT_HZ), BUSY: "busy", NOBODY: "no_answer"}
    made = CarrierConfig(webhook_url=WEBHOOKS, numbers=numbers, ring_s=0.5, **config)
    return pytest.mark.virtual(config=made)


def contains_s(pcm: Pcm, hertz: float) -> float:
    """Seconds in which this tone sounds, also where others sound louder."""
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160).astype(np.float64)
    wave = np.exp(-2j * np.pi * hertz * np.arange(160) / 8000) * np.hanning(160)
    return float((np.abs(frames @ wave) > 50_000).sum()) / 50


class DeskBench:
    """A desk at the carrier of a pair, with somebody who looks at it all the time."""

    def __init__(self, pair: Pair, every_s: float = 2.0) -> None:
        config = pair.switch.config
        account = AccountSettings.load(
            api_key=config.api_key,
            base_url="http://127.0.0.1:9/v2",
            connection_id=config.connection_id,
        )
        self.control = connect(account.base_url, config.api_key, Rest(pair))
        self.desk = Desk(account, self.control)
        self.lookout = Lookout(self.desk, pair.clock, every_s)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: list[BaseException] = []
        self.supervising = DeskSupervisors(self.desk, self.lookout, pair.clock, self.spawn, None)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed.append(error)

    async def call(self, id: str) -> BoardCall:
        """As the desk shows it, by now."""
        self.lookout.nudge()
        await self.lookout.next_board()
        call = self.lookout.board.call(id)
        assert call is not None, self.lookout.board
        return call

    async def to(self, number: str) -> BoardCall:
        """The live leg that was dialled to a number."""
        await self.call_list()
        found = [call for call in self.lookout.board.calls if call.to == number]
        assert found, self.lookout.board
        return found[0]

    async def call_list(self) -> tuple[BoardCall, ...]:
        self.lookout.nudge()
        await self.lookout.next_board()
        return self.lookout.board.calls

    async def settled(self) -> DeskErrand:
        """The last errand, once it is known how it came out."""
        errand = self.supervising.errands[0]
        for _ in range(600):
            if errand.good is not None:
                return errand
            await asyncio.sleep(0.1)
        raise AssertionError(errand.sentence)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.control.aclose()
        assert not self._failed


@asynccontextmanager
async def desk_at(pair: Pair) -> AsyncGenerator[DeskBench]:
    """In the body of a test: an asynchronous fixture would be on the real loop."""
    bench = DeskBench(pair)
    bench.spawn(bench.lookout.run())
    try:
        with bench.lookout.watched(("all", "")):
            yield bench
    finally:
        await bench.close()
