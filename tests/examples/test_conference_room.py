"""The conference rooms in virtual time: who comes in, what the others hear of it, and who leads."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from callbridge import App
from callbridge.carrier.people.script import CallScript, Step
from callbridge.testing import (
    Conversation,
    HangUp,
    Pair,
    Press,
    Wait,
    caller,
    caller_of,
    says,
    tone,
)
from tests.callbridge.hummed import LEAVES_IT, loud_s

KEY = "a key"
with pytest.MonkeyPatch.context() as environment:
    environment.setenv("ROOM_KEY", KEY)
    from examples import conference_room

ONE, TWO = 2000.0, 3000.0  # the voices of two callers; the bot's is another one
FIRST, NOT_FIRST = "You are the first.", "You are in, with 1 more."


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """Of the example, in which nobody has been yet."""
    monkeypatch.setattr(conference_room, "guests", {})
    monkeypatch.setattr(conference_room, "numbers", count(1))
    return conference_room.app


def guest(hertz: float, *steps: Step, pin: str = "1234") -> CallScript:
    """Keys in a PIN, hums for a name, hears what the bot says then and does these steps."""
    name = (Wait("bot_speaking", 1.0), Wait("bot_silent", 0.3), says(tone(1.0, hertz)))
    entered = (Wait("bot_speaking", 1.0), Wait("bot_silent", 0.5))
    return caller(Wait("bot_speaking", 0.5), Press(pin), *name, *entered, *steps)


def said(call: Conversation) -> list[str]:
    """Behind the question for the PIN and the one for the name."""
    return [turn.text for turn in call.said][2:]


@asynccontextmanager
async def page(key: str = KEY) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(conference_room.web)
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://rooms", headers=headers
    ) as client:
        yield client


async def both_in(pair: Pair) -> tuple[str, str]:
    """The ids of two in the room."""
    one = pair.place(guest(ONE, LEAVES_IT))
    await asyncio.sleep(15.0)
    two = pair.place(guest(TWO, LEAVES_IT))
    await asyncio.sleep(15.0)
    return one, two


async def hang_up(pair: Pair, call_control_id: str) -> None:
    pair.switch.hang_up(call_control_id, pair.clock.now())
    pair.drain()
    await asyncio.sleep(5.0)


# ---- who comes and goes -------------------------------------------------------------------------


async def test_who_comes_and_who_goes_is_told_by_their_names(pair: Pair) -> None:
    one, two = await both_in(pair)
    await hang_up(pair, two)
    await hang_up(pair, one)
    first, second = await pair.finished(one), await pair.finished(two)
    assert said(first) == [FIRST, "has joined.", "has left."]
    assert loud_s(first.bot, TWO) == pytest.approx(2.0, abs=0.3)  # the name, twice
    assert said(second) == [NOT_FIRST]


async def test_who_is_alone_hears_music_until_somebody_comes(pair: Pair) -> None:
    one, two = await both_in(pair)
    await hang_up(pair, two)
    await hang_up(pair, one)
    bot = (await pair.finished(one)).bot
    first, both, last = (bot[8000 * at : 8000 * (at + 2)] for at in (12, 27, -3))
    assert np.abs(first).max() > 500
    assert np.abs(both).max() < 50  # comfort noise
    assert np.abs(last).max() > 500


async def test_a_conference_ends_with_the_last_who_leaves(app: App, pair: Pair) -> None:
    one, two = await both_in(pair)
    conference = await app.conference("standup")
    assert conference is not None
    await hang_up(pair, one)
    assert not conference.ended.done()
    await hang_up(pair, two)
    assert conference.ended.result() == "all_left"


async def test_what_is_said_in_a_room_is_nothing_to_the_bot(pair: Pair) -> None:
    """It neither ends what the bot says nor is it understood."""
    one = pair.place(guest(ONE, says("The figures, please. " * 30), LEAVES_IT))
    await asyncio.sleep(15.0)
    two = pair.place(guest(TWO, LEAVES_IT))
    await asyncio.sleep(15.0)
    await hang_up(pair, two)
    await hang_up(pair, one)
    first = await pair.finished(one)
    assert not first.heard
    assert [turn.text for turn in first.said if not turn.cut][-2:] == ["has joined.", "has left."]


async def test_a_wrong_pin_may_be_tried_again(pair: Pair) -> None:
    again = (
        Wait("bot_speaking", 1.0),
        Press("5678"),
        Wait("bot_speaking", 1.0),
        Wait("bot_silent", 9.0),
    )
    report = await pair.call(caller(Wait("bot_speaking", 0.5), Press("0000"), *again))
    assert [turn.text for turn in report.said][1:3] == [
        "There is no such room. Please key in the PIN again.", "Please say your name.",
    ]  # fmt: skip


async def test_who_knows_no_pin_is_sent_away(pair: Pair) -> None:
    wrong = (Wait("bot_speaking", 0.5), Press("0000"))
    report = await pair.call(caller(*wrong, *wrong, *wrong, LEAVES_IT))
    assert report.said[-1].text == "Goodbye."
    assert not [command for command in report.commands if command.name == "join"]


async def test_no_log_has_the_pin(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "callbridge")
    await pair.call(guest(ONE, HangUp()))
    keys = [vars(line)["digit"] for line in caplog.records if line.message == "key"]
    assert keys == ["•"] * 4


async def test_the_callers_of_readme_talk_to_each_other(pair: Pair) -> None:
    script = caller_of(Path(conference_room.__file__).with_suffix(".json"))
    first = pair.place(script)
    await asyncio.sleep(12.0)
    reports = await pair.call(script), await pair.finished(first)
    assert not any(report.failed for report in reports)
    assert "has joined." in [turn.text for turn in reports[1].said]


async def test_the_caller_of_readme_who_is_alone_hears_music(pair: Pair) -> None:
    folder = Path(conference_room.__file__).parent
    report = await pair.call(caller_of(folder / "conference_room_alone.json"))
    assert not report.failed
    assert "You are the first." in [turn.text for turn in report.said]


# ---- who leads ----------------------------------------------------------------------------------


async def test_the_page_mutes_holds_and_kicks(pair: Pair) -> None:
    one, _ = await both_in(pair)
    async with page() as rooms:
        assert await states(rooms) == [(1, False, False), (2, False, False)]
        for action in ("mute", "hold"):
            (await rooms.post(f"/rooms/standup/2/{action}")).raise_for_status()
        assert await states(rooms) == [(1, False, False), (2, True, True)]
        for action in ("unmute", "unhold"):
            (await rooms.post(f"/rooms/standup/2/{action}")).raise_for_status()
        assert await states(rooms) == [(1, False, False), (2, False, False)]
        (await rooms.post("/rooms/standup/2/kick")).raise_for_status()
        await asyncio.sleep(5.0)
        assert await states(rooms) == [(1, False, False)]
        (await rooms.delete("/rooms/standup")).raise_for_status()
        assert said(await pair.finished(one))[-1] == "has left."
        assert (await rooms.get("/rooms/standup")).status_code == 404


async def states(rooms: httpx.AsyncClient) -> list[tuple[Any, ...]]:
    answer = (await rooms.get("/rooms/standup")).raise_for_status()
    return [(each["number"], each["muted"], each["on_hold"]) for each in answer.json()]


async def test_nobody_leads_without_the_key(pair: Pair) -> None:
    async with page("another key") as rooms:
        assert (await rooms.get("/rooms/standup")).status_code == 401
        assert (await rooms.delete("/rooms/standup")).status_code == 401


async def test_what_nobody_knows_is_not_found(pair: Pair) -> None:
    one, two = await both_in(pair)
    async with page() as rooms:
        assert (await rooms.get("/rooms/board")).status_code == 404
        assert (await rooms.post("/rooms/standup/7/mute")).status_code == 404
        assert (await rooms.post("/rooms/standup/1/sing")).status_code == 422
        await rooms.delete("/rooms/standup")
    await pair.finished(one)
    await pair.finished(two)
