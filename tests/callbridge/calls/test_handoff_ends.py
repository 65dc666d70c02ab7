"""A person who leaves is noticed whatever becomes of the webhooks, and a process that ends leaves
nobody behind who only it could have connected."""

import asyncio

import pytest

from callbridge import App, Call
from callbridge.carrier.core.effects import SendWebhook
from callbridge.control import conferences as wire
from callbridge.testing import CallScript, Pair, Wait, caller
from tests.callbridge.calls.test_handoff import ACCEPTS, AGENT, OTHER, SILENT, people
from tests.callbridge.hummed import LEAVES_IT

STAYS = CallScript(steps=(*ACCEPTS.steps[:4], LEAVES_IT))
RINGS_ON = CallScript(steps=(Wait("hangup", within_s=60),))


class Sends:
    """Stays beside the two, has the person put out of the conference, and notes when it knows."""

    def __init__(self) -> None:
        self.took_s = 0.0
        self.left = ""

    async def __call__(self, call: Call) -> None:
        handoff = await call.handoff(AGENT, whisper="A caller.", stay=True)
        assert handoff.agent is not None
        assert handoff.conference is not None
        began = asyncio.get_running_loop().time()
        await call.send(
            wire.ConferenceLeave(
                conference_id=handoff.conference.id,
                call_control_id=handoff.agent.call_control_id,
            )
        )
        self.left = await handoff.over()
        self.took_s = asyncio.get_running_loop().time() - began


def lost(webhook: SendWebhook) -> float:
    return float("inf") if webhook.event_type.startswith("conference.") else 0.0


@people(STAYS)
@pytest.mark.parametrize(
    ("lateness", "within_s"), [(None, 0.1), (lost, 11.0)], ids=["told", "lost"]
)
async def test_a_person_who_has_left_the_conference_is_noticed(
    app: App, pair: Pair, lateness: object, within_s: float
) -> None:
    if lateness is not None:
        pair.lateness = lost
    bot = Sends()
    app.call(bot)
    await pair.call(caller(LEAVES_IT))
    assert bot.left == "person"
    assert bot.took_s < within_s


async def hands_off(call: Call) -> None:
    await call.handoff(AGENT, whisper="A caller.", timeout=30)


async def transfers_to_either(call: Call) -> None:
    await call.transfer([AGENT, OTHER], timeout=30)


@people(SILENT, SILENT, ring_s=20.0)
@pytest.mark.parametrize("bot", [hands_off, transfers_to_either])
async def test_a_process_that_ends_leaves_nobody_who_waits_for_it(
    app: App, pair: Pair, bot: object
) -> None:
    app.call(bot)  # type: ignore[call-overload]
    pair.place(caller(LEAVES_IT))
    await asyncio.sleep(2.0)
    await app.service.calls.drain(0.5)
    await asyncio.sleep(1.0)
    assert not pair.switch.live_legs
