"""Whatever happens at once: people hang up whenever they like, webhooks are late or lost, and the
network is slow. Afterwards nobody and nothing is left."""

import asyncio
from random import Random
from typing import Any

import pytest

from callbridge import App, Call
from callbridge.calls.leg import VoiceKind
from callbridge.carrier.core.effects import SendWebhook
from callbridge.testing import CallScript, CarrierConfig, HangUp, Pair, caller, run
from callbridge.testing.speech import pitched
from tests.callbridge.handoff.matrix import (
    AGENT,
    OPERATIONS,
    OTHER,
    RING_S,
    SETTLED_S,
    STAYS,
    TEXTS,
    Operation,
    left_behind,
)

STORMS = 100
LOST, LATE = 0.1, 0.3  # shares of the webhooks
LATEST_S = 4.0
LONGEST_S = 9.0  # of what is done, undisturbed


class Storm:
    """One call, with everything that a seed does to it."""

    def __init__(self, seed: int) -> None:
        self._random = random = Random(seed)
        self.operation: Operation = random.choice(OPERATIONS)
        self.voice: VoiceKind = random.choice(["media", "relay"])
        self.delay = random.choice([0.0, 0.02, 0.08])
        self.hangs_up = {
            who: random.uniform(0, LONGEST_S)
            for who in ("caller", "agent")
            if random.random() < 0.5
        }
        self._agents: set[str] = set()
        self._app = App(speech=pitched(TEXTS), voice=self.voice)

    def __repr__(self) -> str:
        return f"{self.operation.name} on {self.voice}, {self.delay} s, {self.hangs_up}"

    async def blows(self) -> None:
        """Raises AssertionError when anybody or anything is left."""
        self._app.call(self._bot)
        config = CarrierConfig(
            webhook_url="http://127.0.0.1:9/webhooks",
            numbers={AGENT: self._person, OTHER: self._person},
            ring_s=RING_S,
        )
        pair = Pair(self._app, config, delay=self.delay)
        pair.lateness = self._lateness
        call = pair.place(caller(*STAYS))
        leaving = [
            asyncio.ensure_future(self._hang_up(pair, who, at, call))
            for who, at in self.hangs_up.items()
        ]
        try:
            async with asyncio.timeout(SETTLED_S):
                await pair.finished(call)
                while pair.switch.live_legs:  # noqa: ASYNC110  time is virtual
                    await asyncio.sleep(0.1)
                await pair.quiet()
        except TimeoutError:
            raise AssertionError(f"somebody waits for ever: {left_behind(pair)}") from None
        finally:
            for each in leaving:
                each.cancel()
            await pair.close()

    @property
    def _person(self) -> CallScript:
        """Who does what the operation wants, and stays until the line is dead."""
        *steps, hang_up = self.operation.person.steps
        assert isinstance(hang_up, HangUp)
        return CallScript(steps=(*steps, *STAYS))

    async def _bot(self, call: Call) -> None:
        await self.operation.act(self._app, call)
        await call.say("That was it.")

    def _lateness(self, webhook: SendWebhook) -> float:
        event: dict[str, Any] = webhook.event
        if event.get("data", event)["payload"].get("to") in (AGENT, OTHER):
            self._agents.add(webhook.call_control_id)
        random = self._random
        if webhook.event_type == "call.initiated":
            return 0.0
        if random.random() < LOST:
            return float("inf")
        return random.uniform(0, LATEST_S) if random.random() < LATE else 0.0

    async def _hang_up(self, pair: Pair, who: str, at: float, call: str) -> None:
        await asyncio.sleep(at)
        for each in [call] if who == "caller" else sorted(self._agents):
            pair.switch.hang_up(each, pair.clock.now())
        pair.drain()


@pytest.mark.parametrize("seed", range(STORMS))
def test_nothing_is_left_after_a_storm(seed: int) -> None:
    run(Storm(seed).blows())
