"""A person at a desk takes the caller over, by commands of their own; what the bridge does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from callbridge import App, Call
from callbridge.control.client import CallControl, connect
from callbridge.control.commands import CallStatus
from callbridge.control.conferences import ConferenceCreate, ConferenceLeave
from callbridge.handoff.takeover import room_of
from callbridge.testing import Pair, tone
from callbridge.testing.pair import ADDRESS, Rest
from callbridge.testing.placed import PlacedCall
from tests.callbridge.calls.test_refer import late
from tests.callbridge.does import Does
from tests.callbridge.hummed import hummed_s, loud_s

BOTH_VOICES = [
    pytest.param(voice, marks=pytest.mark.virtual(voice=voice)) for voice in ("media", "relay")
]


class Begins:
    """A bot that talks until it is stopped."""

    def __init__(self) -> None:
        self.began = 0
        self.remembered: list[int] = []

    async def __call__(self, call: Call) -> None:
        self.began += 1
        self.remembered.append(len(call.history))
        while True:
            await call.say("I talk and talk.")


@pytest.fixture
def bot(app: App) -> Begins:
    bot = Begins()
    app.call(bot)
    return bot


@asynccontextmanager
async def commands(pair: Pair) -> AsyncGenerator[CallControl]:
    """Somebody else's, with the same key."""
    control = connect(f"{ADDRESS}/v2", pair.switch.config.api_key, Rest(pair))
    yield control
    await control.aclose()


async def takes(control: CallControl, call: PlacedCall, name: str = "") -> str:
    """Returns the id of the conference that the caller is in."""
    leg = await control.send(CallStatus(call_control_id=call.call_control_id))
    create = ConferenceCreate(
        call_control_id=call.call_control_id,
        conference_name=name or room_of(str(leg["call_leg_id"])),
    )
    return str((await control.send(create))["id"])


async def gives_back(control: CallControl, call: PlacedCall, conference: str) -> None:
    leave = ConferenceLeave(conference_id=conference, call_control_id=call.call_control_id)
    await control.send(leave)


@pytest.mark.parametrize("voice", BOTH_VOICES)
async def test_the_bot_is_silent_meanwhile_and_then_begins_again(
    pair: Pair, bot: Begins, voice: str
) -> None:
    async with commands(pair) as control:
        call = await pair.ring()
        await asyncio.sleep(3.0)
        conference = await takes(control, call)
        await asyncio.sleep(60.0)
        assert bot.began == 1
        await gives_back(control, call, conference)
        await asyncio.sleep(3.0)
        report = await call.hangs_up()
    assert bot.began == 2
    assert bot.remembered[1] > bot.remembered[0] == 0
    assert 3.0 < hummed_s(report) < 8.0
    assert not report.crashes


async def test_a_conference_of_another_name_is_nobodys_take_over(pair: Pair, bot: Begins) -> None:
    async with commands(pair) as control:
        call = await pair.ring()
        await asyncio.sleep(1.0)
        await takes(control, call, "weekly")
        await asyncio.sleep(30.0)
        report = await call.hangs_up()
    assert bot.began == 1
    assert hummed_s(report) > 20.0


async def test_while_a_person_has_the_caller_nobody_hangs_up_for_a_bot_that_had_ended(
    app: App, pair: Pair
) -> None:
    bot = Does(
        lambda call: call.write(tone(10.0, 600.0))
    )  # and ends, with nearly all of it to be heard
    app.call(bot)
    async with commands(pair) as control:
        call = await pair.ring()
        await asyncio.sleep(3.0)
        assert len(bot.results) == 1
        conference = await takes(control, call)
        await asyncio.sleep(40.0)
        assert pair.switch.live_legs
        await gives_back(control, call, conference)
        report = await call.over()
    assert len(bot.results) == 1
    assert report.hung_up_by == "bot"
    assert 2.5 < loud_s(report.bot, 600.0) < 3.5  # no more is heard of what it had left


async def test_who_hangs_up_while_they_are_taken_over_ends_the_call(
    pair: Pair, bot: Begins
) -> None:
    async with commands(pair) as control:
        call = await pair.ring()
        await takes(control, call)
        await asyncio.sleep(5.0)
        report = await call.hangs_up()
    assert bot.began == 1
    assert report.hung_up_by == "caller"


async def test_a_webhook_that_is_lost_is_made_up_for(pair: Pair, bot: Begins) -> None:
    pair.lateness = late(float("inf"), "conference.participant.left")
    async with commands(pair) as control:
        call = await pair.ring()
        await asyncio.sleep(1.0)
        conference = await takes(control, call)
        await asyncio.sleep(3.0)
        await gives_back(control, call, conference)
        await asyncio.sleep(11.0)
        assert bot.began == 2
        await call.hangs_up()
